"""Fast products are products, and a row of one has the same bits wherever it is computed."""

import pytest
import torch

from hf_genomics.models.phylogpn import products
from hf_genomics.models.phylogpn.products import blocks, filled_up, product, product_over_rows


@pytest.mark.parametrize("rows", [0, 1, 16, 17, 300, 512, 1100])
@pytest.mark.parametrize("library", [True, False])
def test_products_are_those_of_matrices(rows, library, monkeypatch):
    if library and not products.has_fast_products(torch.zeros(1, 1)):
        pytest.skip("this build of torch has no oneDNN")
    monkeypatch.setattr(products, "has_fast_products", lambda x: library)
    x, weight, bias, dy = torch.randn(rows, 40), *(torch.randn(24, n) for n in (40, 1, rows))
    expected = (x.double() @ weight.double().T + bias[:, 0].double()).float()
    close = {"rtol": 1e-4, "atol": 1e-3}
    torch.testing.assert_close(product(x, weight, bias[:, 0].contiguous()), expected, **close)
    turned = weight.t().contiguous().t()  # as in the backward pass: no row is contiguous
    torch.testing.assert_close(product(x, turned), expected - bias[:, 0], **close)
    expected = (dy.double() @ x.double()).float()
    torch.testing.assert_close(product_over_rows(dy.t(), x), expected, **close)


@pytest.mark.parametrize("columns", [(4, 8), (15, 3), (40, 8), (480, 240)])
def test_a_row_of_a_product_has_the_same_bits_in_any_batch_and_place(columns):
    """So results do not depend on chunks, and a resumed run writes the same bytes."""
    if not products.has_fast_products(torch.zeros(1, 1)):
        pytest.skip("this build of torch has no oneDNN")
    x, weight = torch.randn(1100, columns[0]), torch.randn(columns[1], columns[0])
    whole = product(x, weight)
    for rows in (1, 2, 15, 16, 17, 33, 500, 513):
        assert torch.equal(product(x[:rows], weight), whole[:rows])
        # 4 bytes past a boundary of 64: other libraries sum in another order there
        moved = [torch.empty(t.numel() + 1)[1:].view_as(t).copy_(t) for t in (x[:rows], weight)]
        assert torch.equal(product(*moved), whole[:rows])
        dy = torch.randn(rows, columns[1])
        moved_dy = torch.empty(dy.numel() + 1)[1:].view_as(dy).copy_(dy)
        assert torch.equal(product_over_rows(dy, x[:rows]), product_over_rows(moved_dy, moved[0]))


def test_products_of_any_number_of_rows_meet_few_numbers_of_rows():
    """oneDNN keeps code for each: a new length of sequences took up to 160 MiB more."""
    sizes = set()
    for rows in range(3000):
        covered = []
        for block in blocks(rows):
            covered += range(block.start, block.stop)
            sizes.add(len(filled_up(torch.zeros(block.stop - block.start, 1))))
        assert covered == list(range(rows))
    assert sizes == set(range(16, 513, 16))


@pytest.mark.filterwarnings("ignore:TF32")  # of the flags' way back
def test_fast_products_can_be_turned_off():
    with torch.backends.mkldnn.flags(enabled=False):
        assert not products.has_fast_products(torch.zeros(1, 1))
