"""A codebook of vector quantization that learns by moving averages, and one that is a fixed grid.

VQ-VAE (van den Oord et al., 2017, arXiv 1711.00937) with the averages of its appendix A. Around it:
a start by k-means and the revival of dead codes (SoundStream, arXiv 2107.03312), look-up of unit
vectors in few dimensions (ViT-VQGAN, arXiv 2110.04627), the rotation trick (arXiv 2410.06424), and
finite scalar quantization (arXiv 2309.15505).

Legend: N vectors, d channels, c channels of the look-up, K codes; h what is quantized, e a code's
vector.
"""

from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .code_search import kmeans, nearest
from .gradient_estimators import rotate, straight_through
from .shared_vectors import SharedVectors, sum_over_processes

# Numbers of vectors that k-means works on at most, per code.
KMEANS_VECTORS_PER_CODE = 64


@dataclass
class CodebookOutput:
    """What a codebook makes of vectors `(..., d)`.

    Args:
        quantized: `(..., d)` float32 (float64 for float64), the vector of each one's code, with a
            gradient to the input; zero where the mask is False.
        codes: `(...)` int64, 0 to K - 1; -1 where the mask is False.
        commitment_loss: `()`, mean of `(h - sg(e))^2` over counted vectors and the channels of the
            look-up; 0 without vectors.
    """

    quantized: Tensor
    codes: Tensor
    commitment_loss: Tensor


class Codebook(nn.Module):
    """K vectors, each the moving average of what was quantized to it.

    A forward pass in training mode with gradients is one step: `n <- g n + (1 - g) count`,
    `m <- g m + (1 - g) sum`, `e = m / n'` with `n' = (n + eps) / (N + K eps) N` and `N` the sum of
    n. It looks codes up before it moves them. Nothing moves in evaluation mode, without gradients,
    when frozen, or during a backward pass, where checkpointing runs a forward pass once more; so a
    codebook under *reentrant* checkpointing, whose first pass has no gradients, never moves.

    In distributed training every process must make each step, if without vectors: counts and sums
    are added up over the processes, and all hold the same codebook. Tell DDP not to broadcast
    buffers. The arithmetic is float32, whatever the dtype of the module (float64 for float64
    input); draws depend on the seed, the level and the number of the step alone.

    Args:
        codebook_size: K.
        dim: d.
        codebook_dim: c, the channels in which codes are looked up, behind a linear map there and
            back; d itself, without maps, if None.
        distance: `"euclidean"`, or `"cosine"`: h and e have length 1.
        gradient: `"straight_through"`, or `"rotation"`: the gradient turns with the rotation that
            takes h to e.
        decay: g, from 0 up to 1.
        epsilon: eps.
        kmeans_init: start from the centres of the first step's vectors; else from uniform numbers
            within 1/K of 0 (Euclidean) or unit vectors (cosine).
        kmeans_iterations: rounds of Lloyd's algorithm.
        revival_threshold: a code whose n is less than this share of N / K is dead: a vector of the
            step takes its place, with that share of N / K, so that one which the next step does not
            use is replaced again. 0: codes stay dead.
        seed: of k-means, revival and the start.
        level: told apart from the other levels' draws by this.
    """

    embed: Tensor
    ema_count: Tensor
    ema_sum: Tensor
    num_updates: Tensor

    def __init__(
        self,
        codebook_size: int,
        dim: int,
        *,
        codebook_dim: int | None = None,
        distance: str = "euclidean",
        gradient: str = "straight_through",
        decay: float = 0.99,
        epsilon: float = 1e-5,
        kmeans_init: bool = True,
        kmeans_iterations: int = 10,
        revival_threshold: float = 0.1,
        seed: int = 0,
        level: int = 0,
    ):
        super().__init__()
        self.codebook_size = codebook_size
        self.dim = dim
        self.lookup_dim = codebook_dim or dim
        self.distance = distance
        self.gradient = gradient
        self.decay = decay
        self.epsilon = epsilon
        self.kmeans_init = kmeans_init
        self.kmeans_iterations = kmeans_iterations
        self.revival_threshold = revival_threshold
        self.seed = seed
        self.level = level
        self.frozen = False
        self.project_in = ExactLinear(dim, codebook_dim) if codebook_dim else None
        self.project_out = ExactLinear(codebook_dim, dim) if codebook_dim else None
        for name, values in self.initial_buffers().items():
            self.register_buffer(name, values)

    def initial_buffers(self) -> dict[str, Tensor]:
        """What the buffers are at first, by name."""
        size, dim = self.codebook_size, self.lookup_dim
        embed = torch.empty(size, dim, dtype=torch.float32, device="cpu")
        embed.uniform_(-1 / size, 1 / size, generator=self._generator(0))
        if self.distance == "cosine":
            embed = F.normalize(embed, dim=1)
        return {
            "embed": embed,
            # as if every code had been used once: one that is not used yet stays where it is
            "ema_count": torch.ones(size, dtype=torch.float32, device="cpu"),
            "ema_sum": embed.clone(),
            "num_updates": torch.zeros((), dtype=torch.int64, device="cpu"),
        }

    def forward(
        self, vectors: Tensor, mask: Tensor | None = None, update: bool | None = None
    ) -> CodebookOutput:
        """Quantizes vectors, and in training moves the codebook.

        Args:
            vectors: `(..., d)`.
            mask: `(...)` bool, False for a vector that is not there; all are by default.
            update: move the codebook or not, instead of as described at the class.
        """
        if update is None:
            update = self.training and torch.is_grad_enabled() and not self.frozen
            # during a backward pass this is a forward pass made again
            update = update and torch._C._current_graph_task_id() == -1
        with torch.autocast(vectors.device.type, enabled=False):
            h = self._to_lookup(vectors)
            flat = h.detach().reshape(-1, self.lookup_dim)
            counted = None if mask is None else mask.reshape(-1)
            if update:
                shared = SharedVectors(flat if counted is None else flat[counted])
                self._start(shared)
            embed = self.embed.to(h.dtype)
            codes = nearest(flat, embed).view(vectors.shape[:-1])
            e = F.embedding(codes, embed)
            if update:
                flat_codes = codes.view(-1)
                self._move(shared, flat_codes if counted is None else flat_codes[counted])
            loss = mean_square(h - e, mask)
            quantized = straight_through(h, e) if self._is_plain() else rotate(h, e)
            quantized = self._from_lookup(quantized)
            if mask is not None:
                quantized = quantized * mask[..., None]
                codes = torch.where(mask, codes, -1)
        return CodebookOutput(quantized, codes, loss)

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors `(..., d)` float32 of codes `(...)`; zero for -1."""
        with torch.autocast(codes.device.type, enabled=False):
            vectors = self._from_lookup(F.embedding(codes.clamp_min(0), self.embed.float()))
            return vectors * (codes >= 0)[..., None]

    def _is_plain(self) -> bool:
        return self.gradient == "straight_through"

    def _to_lookup(self, vectors: Tensor) -> Tensor:
        h = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
        if self.project_in is not None:
            h = self.project_in(h)
        return F.normalize(h, dim=-1) if self.distance == "cosine" else h

    def _from_lookup(self, vectors: Tensor) -> Tensor:
        return vectors if self.project_out is None else self.project_out(vectors)

    @torch.no_grad()
    def _start(self, shared: "SharedVectors") -> None:
        """K-means on the vectors of the first step."""
        if not self.kmeans_init or self.num_updates.item() > 0 or shared.total == 0:
            return
        generator = self._generator(1)
        wanted = min(shared.total, KMEANS_VECTORS_PER_CODE * self.codebook_size)
        vectors = shared.draw(wanted, generator).float()
        centres, counts = kmeans(
            vectors, self.codebook_size, self.kmeans_iterations, generator, self.distance
        )
        # A centre that nothing is nearest to counts as one, so that it stays where it is. What one
        # step adds to averages that start from zero: they follow an encoder that learns fast.
        counts = (counts * (shared.total / wanted)).clamp_min(1) * (1 - self.decay)
        for values in (centres, counts):
            shared.from_first_process(values)
        self._set(centres, counts, centres * counts[:, None])

    @torch.no_grad()
    def _move(self, shared: "SharedVectors", codes: Tensor) -> None:
        """One step of the moving averages, then of revival."""
        step = torch.zeros(
            self.codebook_size, self.lookup_dim + 1, dtype=torch.float32, device=codes.device
        )
        step[:, 0] = torch.bincount(codes, minlength=self.codebook_size)
        sums = torch.zeros_like(self.embed, dtype=torch.float32)
        step[:, 1:] = sums.index_add_(0, codes, shared.own.float())
        sum_over_processes(step)
        if shared.total == 0:
            return
        count = self.ema_count.float().lerp(step[:, 0], 1 - self.decay)
        total = self.ema_sum.float().lerp(step[:, 1:], 1 - self.decay)
        everything = count.sum()
        smoothed = (count + self.epsilon) / (everything + self.codebook_size * self.epsilon)
        embed = total / (smoothed * everything)[:, None]
        if self.distance == "cosine":
            embed = F.normalize(embed, dim=1)
        expected = everything / self.codebook_size
        dead = count < self.revival_threshold * expected
        if dead.any():
            new = shared.draw(int(dead.sum()), self._generator(2)).float()
            kept = self.revival_threshold * expected
            embed[dead], count[dead], total[dead] = new, kept, new * kept
        self._set(embed, count, total)
        self.num_updates += 1

    def _set(self, embed: Tensor, count: Tensor, total: Tensor) -> None:
        self.embed.copy_(embed)
        self.ema_count.copy_(count)
        self.ema_sum.copy_(total)

    def _generator(self, purpose: int) -> torch.Generator:
        """Draws for one purpose in one step of one level; on the CPU, the same on every device."""
        step = 0 if purpose == 0 else int(self.num_updates)
        key = (self.seed, self.level, step, purpose)
        return torch.Generator("cpu").manual_seed(mixed(key))

    def extra_repr(self) -> str:
        return f"{self.codebook_size}, {self.dim}, lookup_dim={self.lookup_dim}"


class FiniteScalarCodebook(nn.Module):
    """A grid: each of a few channels is rounded to one of a few values. It has nothing to learn.

    Codes are numbers in mixed radix, the first channel counting ones. Two maps lead to the channels
    of the grid and back; the commitment loss is 0.

    Args:
        levels: values of each channel, at least 2 each; K is their product.
        dim: d.
    """

    def __init__(self, levels: list[int], dim: int):
        super().__init__()
        self.levels = list(levels)
        self.codebook_size = prod(levels)
        self.dim = dim
        self.lookup_dim = len(levels)
        self.frozen = False
        self.project_in = ExactLinear(dim, len(levels))
        self.project_out = ExactLinear(len(levels), dim)

    def forward(
        self, vectors: Tensor, mask: Tensor | None = None, update: bool | None = None
    ) -> CodebookOutput:
        """See [`Codebook.forward`]."""
        with torch.autocast(vectors.device.type, enabled=False):
            h = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
            bounded = self._bound(self.project_in(h))
            digits = bounded.round()
            half = self._tensor([n // 2 for n in self.levels], bounded)
            codes = ((digits + half).long() * self._radix(digits.device)).sum(-1)
            quantized = self.project_out(straight_through(bounded, digits) / half)
            if mask is not None:
                quantized = quantized * mask[..., None]
                codes = torch.where(mask, codes, -1)
        return CodebookOutput(quantized, codes, vectors.new_zeros((), dtype=torch.float32))

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors `(..., d)` float32 of codes `(...)`; zero for -1."""
        with torch.autocast(codes.device.type, enabled=False):
            sizes = torch.tensor(self.levels, device=codes.device)
            digits = codes.clamp_min(0)[..., None] // self._radix(codes.device) % sizes
            half = sizes // 2
            vectors = self.project_out((digits - half).float() / half)
            return vectors * (codes >= 0)[..., None]

    def _bound(self, z: Tensor) -> Tensor:
        """Into the range in which rounding gives each channel's number of values (Eq. 2)."""
        width = self._tensor([(n - 1) * (1 + 1e-3) / 2 for n in self.levels], z)
        offset = self._tensor([0.5 if n % 2 == 0 else 0.0 for n in self.levels], z)
        return torch.tanh(z + torch.atanh(offset / width)) * width - offset

    def _radix(self, device: torch.device) -> Tensor:
        return torch.tensor([prod(self.levels[:i]) for i in range(len(self.levels))], device=device)

    @staticmethod
    def _tensor(values: list[float] | list[int], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)

    def extra_repr(self) -> str:
        return f"{self.levels}, {self.dim}"


def mean_square(difference: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of squares over the vectors `(..., c)` that count, and their channels; `h - sg(e)`."""
    if mask is None:
        return difference.square().sum() / max(1, difference.numel())
    squares = (difference * mask[..., None]).square().sum()
    return squares / (mask.sum() * difference.shape[-1]).clamp_min(1)


class ExactLinear(nn.Linear):
    """`nn.Linear` in the precision of its input, whatever that of its weights."""

    def forward(self, input: Tensor) -> Tensor:
        """`(..., I)` to `(..., O)`."""
        return F.linear(input, self.weight.to(input.dtype), self.bias.to(input.dtype))


def mixed(numbers: tuple[int, ...]) -> int:
    """One seed from several numbers, different for neighbouring ones (as FNV-1a mixes bytes)."""
    state = 0xCBF29CE484222325
    for number in numbers:
        state = ((state ^ (number & 0xFFFFFFFFFFFFFFFF)) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state & 0x7FFFFFFFFFFFFFFF
