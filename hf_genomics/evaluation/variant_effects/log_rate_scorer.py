"""Scores by the log rates of the bases at a site: PhyloGPN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hf_genomics.data.indexed_genome import UNKNOWN, IndexedGenome
from hf_genomics.evaluation.variant_effects.alleles import Substitutions
from hf_genomics.evaluation.variant_effects.model_identity import identity_of, precision_of
from hf_genomics.evaluation.variant_effects.model_windows import (
    COMPLEMENT,
    WindowReader,
    opposite,
    run_model,
)
from hf_genomics.evaluation.variant_effects.scores import (
    EMBEDDING_SCORES,
    LOG_RATE_SCORES,
    Floats,
    embedding_distances,
    log_rate_scores,
)
from hf_genomics.evaluation.variant_effects.windows import Budget, plan_chunks


class LogRateScorer:
    """Scores by log rates: `log_rates (B, L) -> (B, L', 4)`, one for each site of the reference.

    One pass over the reference gives the scores of all alternatives of all its sites, so near
    sites share a window. Distances of embeddings need a window for each alternative besides.

    Args:
        model: `PhyloGPNForMaskedLM` or a model with the same outputs.
        batch_size: Lone windows, or as many bases in longer ones, in one forward pass.
        rc_average: Average the log rates of both strands.
        embeddings: Add distances between the embeddings of reference and alternative.
        window: Bases of the window, odd; the model's receptive field if None. Only a model whose
            values depend on more than the receptive field (`norm="group_norm"`) needs another.
        share: Whether near sites may share a window; `None` for what the model allows.

    Raises:
        ValueError: The window is even or shorter than the receptive field, sharing was asked of
            a model whose values depend on the whole window, or the model's substitution model
            does not tell bases apart.
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_size: int = 32,
        rc_average: bool = False,
        embeddings: bool = False,
        window: int | None = None,
        share: bool | None = None,
    ) -> None:
        flank = int(model.config.flank)
        window = 2 * flank + 1 if window is None else window
        if window % 2 == 0 or window < 2 * flank + 1:
            raise ValueError(
                f"window is {window}; this model needs an odd number of at least {2 * flank + 1}."
            )
        strict = getattr(model.config, "norm", "layer_norm") == "layer_norm"
        if share and not strict:
            raise ValueError(
                f"norm={model.config.norm!r} makes a value depend on the whole window, so sites "
                "cannot share one; leave share=None."
            )
        substitution_model = getattr(model.config, "substitution_model", "f81")
        if substitution_model not in ("f81", "hky85"):
            raise ValueError(
                f"Under substitution_model={substitution_model!r} the four log rates of a site say "
                "nothing of its bases, so no variant score is defined; f81 and hky85 have one."
            )
        self.kappa = float(model.config.kappa) if substitution_model == "hky85" else 1.0
        self.model = model
        self.share = strict if share is None else share
        self.rc_average = rc_average
        self.embeddings = embeddings
        self.flank = window // 2
        self.context = (self.flank, self.flank)
        # The layers shrink by the receptive field from first to last, so on the average each of
        # them works on `flank` positions more than come out; two flanks more if it pads inside.
        overhead = 2 * self.flank - flank
        if getattr(model.config, "token_padding", "valid") == "same":
            overhead += 2 * flank
        self.budget = Budget(overhead, batch_size * (1 + overhead))
        self.batch_size = batch_size
        self.columns = LOG_RATE_SCORES | (EMBEDDING_SCORES if embeddings else {})
        self.precision = precision_of(model)
        self.identity = identity_of(model) | {
            "batch_size": batch_size,
            "rc_average": rc_average,
            "embeddings": embeddings,
            "window": window,
            "share": self.share,
        }

    def __call__(self, substitutions: Substitutions, genome: IndexedGenome) -> Floats:
        """Scores `(n, 4)` or, with embeddings, `(n, 6)`."""
        rates = self.log_rates(substitutions, genome)
        states = substitutions.reference, substitutions.alternative
        columns = [log_rate_scores(rates, *states, kappa=self.kappa)]
        if self.embeddings:
            read = WindowReader(substitutions, genome, self.context)
            outputs = read.both(self._embeddings, self.batch_size)
            columns.append(embedding_distances(*outputs))
        return np.concatenate(columns, 1)

    def log_rates(self, substitutions: Substitutions, genome: IndexedGenome) -> Floats:
        """Log rates `(n, 4)` of the reference at the site of each substitution."""
        out = np.empty((len(substitutions), 4), np.float64)
        chunks = self.chunks(substitutions)
        for size, batch in self.budget.batches(chunks[:, 2] - chunks[:, 1]):
            windows = []
            for contig, start, end in chunks[batch, :3]:
                name = substitutions.contig_names[contig]
                windows.append(genome.states(name, start - self.flank, end + self.flank))
            rates = self._rates(windows, size)
            for (_, start, _, first, last), values in zip(chunks[batch], rates, strict=True):
                out[first:last] = values[substitutions.position[first:last] - start]
        return out

    def chunks(self, substitutions: Substitutions) -> NDArray[np.int64]:
        """What is computed: shared chunks, or one window for each site, whichever is cheaper.

        Returns:
            Rows `(contig, start, end, first, last)`: the sites of a chunk, and its substitutions.
        """
        alone = self._chunks(substitutions, share=False)
        if not self.share:
            return alone
        shared = self._chunks(substitutions, share=True)
        return shared if self.cost(shared) < self.cost(alone) else alone

    def cost(self, chunks: NDArray[np.int64]) -> float:
        """What the rows of `chunks` cost, in positions computed."""
        return self.budget.cost(chunks[:, 2] - chunks[:, 1])

    def _chunks(self, substitutions: Substitutions, *, share: bool) -> NDArray[np.int64]:
        rows: list[tuple[int, int, int, int, int]] = []
        costs = {"overhead": self.budget.overhead, "max_sites": self.budget.max_sites}
        begin = 0
        for contig in range(len(substitutions.contig_names)):
            end = begin + int(np.sum(substitutions.contig == contig))
            positions = substitutions.position[begin:end]
            if share:
                chunks = plan_chunks(positions, **costs)
            else:
                chunks = np.unique(positions)[:, None] + np.array([0, 1])
            first = begin + np.searchsorted(positions, chunks[:, 0])
            last = begin + np.searchsorted(positions, chunks[:, 1])
            rows += zip([contig] * len(chunks), *chunks.T, first, last, strict=True)
            begin = end
        return np.array(rows, np.int64).reshape(-1, 5)

    def _rates(self, windows: list[NDArray[np.uint8]], size: int) -> list[Floats]:
        """Log rates `(sites, 4)` of each window, which lie in one batch, padded to `size` sites."""
        rates = self._forward(windows, size)
        if self.rc_average:
            other = self._forward([opposite(window) for window in windows], size)
            rates = [(w + rc[::-1, COMPLEMENT[:4]]) / 2 for w, rc in zip(rates, other, strict=True)]
        return rates

    def _forward(self, windows: list[NDArray[np.uint8]], size: int) -> list[Floats]:
        padded = np.full((len(windows), size + 2 * self.flank), UNKNOWN, np.uint8)
        for row, window in zip(padded, windows, strict=True):
            row[: len(window)] = window
        values = run_model(self.model, padded, self._centre_rates)
        return [
            row[: len(window) - 2 * self.flank] for row, window in zip(values, windows, strict=True)
        ]

    def _centre_rates(self, input_ids: Tensor) -> Tensor:
        """Log rates `(B, L - 2 flank, 4)`, whatever the model pads inside."""
        return self._centre(self.model(input_ids).logits, input_ids)

    def _embeddings(self, windows: NDArray[np.uint8]) -> Floats:
        """Embeddings of the sites in the middle: windows `(B, L)` to `(B, D)`."""

        def run(input_ids: Tensor) -> Tensor:
            return self._centre(self.model.get_embeddings(input_ids), input_ids)[:, 0]

        embeddings = run_model(self.model, windows, run)
        if self.rc_average:
            # The other strand numbers the channels backwards.
            embeddings = (embeddings + run_model(self.model, opposite(windows), run)[:, ::-1]) / 2
        return embeddings

    def _centre(self, values: Tensor, input_ids: Tensor) -> Tensor:
        sites = input_ids.shape[1] - 2 * self.flank
        skip = (values.shape[1] - sites) // 2
        return values[:, skip : skip + sites]
