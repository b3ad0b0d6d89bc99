"""Windows of the reference through a model, and their alternatives and opposite strands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.evaluation.variant_effects.alleles import Substitutions
from hf_genomics.evaluation.variant_effects.scores import Floats

COMPLEMENT = (3, 2, 1, 0, 4)  # state to state: A-T, C-G, N


class WindowReader:
    """Windows with the variant in the middle, of the reference and of each alternative.

    Args:
        substitutions: What to read, `n` of them.
        genome: Where to read.
        context: Bases to the left and right of the variant.
    """

    def __init__(
        self, substitutions: Substitutions, genome: IndexedGenome, context: tuple[int, int]
    ) -> None:
        self.substitutions = substitutions
        self.genome = genome
        self.context = context
        # Alternatives of one site have their reference in common.
        sites = np.stack([substitutions.contig, substitutions.position], 1)
        _, self.first, self.site = np.unique(sites, axis=0, return_index=True, return_inverse=True)
        self.site = self.site.reshape(-1)

    def both(
        self, run: Callable[[NDArray[np.uint8]], Floats], batch_size: int
    ) -> tuple[Floats, Floats]:
        """`run` on all windows: values `(n, D)` of the references and `(n, D)` of alternatives."""
        reference = self._run(run, self.first, batch_size, alternative=False)
        everyone = np.arange(len(self.substitutions))
        alternative = self._run(run, everyone, batch_size, alternative=True)
        return reference[self.site], alternative

    def _run(
        self,
        run: Callable[[NDArray[np.uint8]], Floats],
        rows: NDArray[np.integer],
        batch_size: int,
        *,
        alternative: bool,
    ) -> Floats:
        return np.concatenate(
            [
                run(np.stack([self._window(row, alternative) for row in rows[i : i + batch_size]]))
                for i in range(0, len(rows), batch_size)
            ]
        )

    def _window(self, row: int, alternative: bool) -> NDArray[np.uint8]:
        subs, (left, right) = self.substitutions, self.context
        site = int(subs.position[row])
        name = subs.contig_names[subs.contig[row]]
        window = self.genome.states(name, site - left, site + right + 1)
        if alternative:
            window[left] = subs.alternative[row]
        return window


def without_adapters(model: Any) -> Any:
    """The model inside PEFT's wrapper, its layers with their adapters; others as they are."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def run_model(model: Any, windows: NDArray[np.uint8], run: Callable[[Tensor], Tensor]) -> Floats:
    """Windows of states `(B, L)` through a function of `input_ids`, back as float64."""
    with torch.inference_mode():
        input_ids = torch.from_numpy(windows).to(model.device).long()
        values: Floats = run(input_ids).double().cpu().numpy()
        return values


def opposite(windows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The reverse complement of windows of states `(..., L)`."""
    return np.array(COMPLEMENT, np.uint8)[windows][..., ::-1].copy()
