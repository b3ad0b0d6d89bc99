"""Matrix products that are fast in float32 on any processor, and the same bits in every batch."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

# oneDNN makes and keeps code for every number of rows that it meets, half a megabyte each, so it
# gets multiples of STEP up to BLOCK, the last rows filled up with zeros.
STEP, BLOCK = 16, 512


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x weight^T + bias`, `(N, I)` to `(N, O)`.

    On processors other than Intel's, the library behind `F.linear` leaves half of the speed in
    float32; oneDNN, behind the function that compiled code uses for linear layers, does not. Its
    sums are made in the same order for any number of rows, threads and place in memory, so a row
    has the same bits in every batch and every process.
    """
    if not has_fast_products(x):
        return F.linear(x, weight, bias)
    if len(x) in range(STEP, BLOCK + 1, STEP):
        return onednn(x, weight, bias)
    out = x.new_empty(len(x), len(weight))
    for rows in blocks(len(x)):
        block = filled_up(x[rows])
        out[rows] = onednn(block, weight, bias)[: rows.stop - rows.start]
    return out


def product_over_rows(dy: Tensor, x: Tensor) -> Tensor:
    """`dy^T x`, `(N, O)` and `(N, I)` to `(O, I)`: the derivative by a weight."""
    if not has_fast_products(x):
        return dy.t() @ x
    out = x.new_zeros(dy.shape[1], x.shape[1])
    for rows in blocks(len(x)):
        out += onednn(filled_up(dy[rows]).t(), filled_up(x[rows]).t(), None)
    return out


def has_fast_products(x: Tensor) -> bool:
    """Whether oneDNN is there; `torch.backends.mkldnn.flags(enabled=False)` turns it off.

    Compilers and exporters choose for themselves.
    """
    return (
        not torch.compiler.is_compiling()
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and torch._C._get_mkldnn_enabled()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


def filled_up(x: Tensor) -> Tensor:
    """Rows of zeros below the given ones, up to a multiple of STEP."""
    return F.pad(x, (0, 0, 0, -len(x) % STEP)) if len(x) % STEP else x


def blocks(rows: int) -> Iterator[slice]:
    """Rows in blocks: of BLOCK, then of a multiple of STEP, then what is left over."""
    ends = [*range(BLOCK, rows + 1, BLOCK), rows - rows % STEP, rows]
    start = 0
    for end in ends:
        if end > start:
            yield slice(start, end)
            start = end
