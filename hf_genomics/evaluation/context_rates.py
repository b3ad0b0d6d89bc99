"""Substitution rates that depend on a few neighbouring bases: what a network has to beat.

A table gives one vector of four log rates to each context: to every site alike, to each base, to
each 3-mer or 5-mer centred on the site, on its own or together with the position in the codon. The
tables are fitted by maximum conditional likelihood. Contexts that are rare shrink towards the next
smaller context, by a Gaussian prior on the log rates whose width is chosen on validation sites.

Legend: n sites, C cells (contexts of one table), log rates in the order A, C, G, T.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hf_genomics.evaluation.alignment_sites import FLANK, NO_CODON, UNKNOWN, AlignmentSites
from hf_genomics.evaluation.table_fit import TableProblem, fit_table

logger = logging.getLogger(__name__)

ROOT_STD = 10.0  # of the one vector's prior around 0: wide enough not to matter
PRIOR_STDS = (0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 3.0)  # tried from the narrowest on
PATIENCE = 2  # widths without a gain before wider ones are given up
MIN_GAIN = 1e-4  # in natural units per site; less is no gain

SiteLogLikelihood = Callable[[Tensor, Tensor], Tensor]
"""log rates (n, 4), leaf states (n, S) -> conditional log-likelihoods (n,)."""


@dataclass(frozen=True)
class Context:
    """What a site's rates may depend on.

    Attributes:
        size: bases of the k-mer centred on the site: 0 (none), 1, 3 or 5.
        codon: whether the position in the codon counts too.
        both_strands: a k-mer and its reverse complement share one cell, with rates complemented.

    Raises:
        ValueError: The size is another, or codons are combined with both strands or no k-mer.
    """

    size: int
    codon: bool = False
    both_strands: bool = False

    def __post_init__(self) -> None:
        if self.size not in (0, 1, 3, 2 * FLANK + 1):
            raise ValueError(f"a context of {self.size} bases is not offered; take 0, 1, 3 or 5.")
        if self.codon and (self.both_strands or not self.size):
            raise ValueError(
                "a codon position is one of the coding strand and of a k-mer's centre; combine "
                "codon=True with size 1, 3 or 5 and both_strands=False."
            )

    @property
    def name(self) -> str:
        """As tables of results call it."""
        if not self.size:
            return "one vector"
        name = "base" if self.size == 1 else f"{self.size}-mer"
        name = f"codon position x {name}" if self.codon else name
        return f"{name}, both strands" if self.both_strands else name

    @property
    def parent(self) -> Context | None:
        """The next smaller context; None for one vector."""
        if not self.size:
            return None
        if self.size == 1:
            return Context(1) if self.codon else Context(0)
        return Context(self.size - 2, self.codon, self.both_strands)

    @property
    def num_cells(self) -> int:
        """Rows of the table. With both strands every second one stays unused."""
        return int(4**self.size * (3 if self.codon else 1))

    def cells(self, sites: AlignmentSites) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The cell of each site, -1 where its context is not known, and whether the site is read
        on the other strand; both (n,)."""
        margin = (2 * FLANK + 1 - self.size) // 2
        bases = sites.context[:, margin : margin + self.size].astype(np.int64)
        known = (bases < UNKNOWN).all(-1)
        place = 4 ** np.arange(self.size, dtype=np.int64)[::-1]
        cell = bases @ place
        flipped = np.zeros(len(sites), np.bool_)
        if self.both_strands and self.size:
            opposite = (3 - bases[:, ::-1]) @ place
            flipped = opposite < cell
            cell = np.minimum(cell, opposite)
        if self.codon:
            known &= sites.codon_position != NO_CODON
            cell = 3 * cell + sites.codon_position
        return np.where(known, cell, -1), flipped & known


@dataclass(frozen=True, eq=False)
class ContextRates:
    """A fitted table.

    Attributes:
        context: what its cells are.
        table: float64 (C, 4), log rates.
        parent: the table for sites whose context is not known; None for one vector.
        prior_std: width of the prior around the parent's log rates.
    """

    context: Context
    table: Tensor
    parent: ContextRates | None
    prior_std: float

    def log_rates(self, sites: AlignmentSites) -> Tensor:
        """Log rates of each site, float32 (n, 4)."""
        cells, flipped = (torch.from_numpy(array) for array in self.context.cells(sites))
        rates = self.table[cells.clamp(min=0)].float()
        rates = torch.where(flipped[:, None], rates.flip(-1), rates)
        if self.parent is not None and bool((cells < 0).any()):
            rates = torch.where((cells < 0)[:, None], self.parent.log_rates(sites), rates)
        return rates


def fit_context_rates(
    contexts: Sequence[Context],
    train: AlignmentSites,
    validation: AlignmentSites,
    log_likelihood: SiteLogLikelihood,
    *,
    prior_stds: Sequence[float] = PRIOR_STDS,
) -> dict[str, ContextRates]:
    """Tables for each context and for those they shrink to, by maximum conditional likelihood.

    Args:
        contexts: Which tables; the ones that they shrink to are added.
        train: Sites that the tables are fitted to.
        validation: Sites that choose the width of each table's prior.
        log_likelihood: Of sites, given their rates; see `SiteLogLikelihood`.
        prior_stds: Widths to choose from, from narrow to wide.

    Returns:
        Tables by `Context.name`, the smaller contexts before the larger ones.

    Raises:
        ValueError: There are no widths.
    """
    if not prior_stds:
        raise ValueError("prior_stds is empty; give at least one width, e.g. (1.0,).")
    train_kinds, train_counts = train.distinct()
    validation_kinds, validation_counts = validation.distinct()
    fitted: dict[str, ContextRates] = {}
    for context in _with_parents(contexts):
        parent = fitted[context.parent.name] if context.parent else None
        best, best_score, misses = None, -float("inf"), 0
        start = None
        for std in prior_stds if parent else (ROOT_STD,):
            rates = _fit(context, parent, std, train_kinds, train_counts, log_likelihood, start)
            values = site_log_likelihoods(rates.log_rates(validation_kinds), validation_kinds,
                                          log_likelihood)  # fmt: skip
            score = float(values @ validation_counts / validation_counts.sum())
            logger.info("%s, prior %g: %.5f on validation", context.name, std, score)
            start = rates.table
            misses = 0 if score > best_score + MIN_GAIN else misses + 1
            if score > best_score:
                best, best_score = rates, score
            if misses == PATIENCE:
                break
        assert best is not None  # a score is a finite number
        fitted[context.name] = best
    return fitted


def site_log_likelihoods(
    log_rates: Tensor,
    sites: AlignmentSites,
    log_likelihood: SiteLogLikelihood,
    *,
    chunk_size: int = 8192,
) -> NDArray[np.float64]:
    """Conditional log-likelihood of each site, (n,), given its log rates (n, 4).

    Raises:
        ValueError: one is not finite.
    """
    states = torch.from_numpy(sites.leaf_states)
    with torch.no_grad():
        parts = [
            log_likelihood(rates, columns).double()
            for rates, columns in zip(
                log_rates.split(chunk_size), states.split(chunk_size), strict=True
            )
        ]
    values: NDArray[np.float64] = torch.cat(parts).numpy()
    if not np.isfinite(values).all():
        raise ValueError(
            f"The log-likelihood of {np.sum(~np.isfinite(values))} of {len(values)} sites is not "
            "finite: their log rates are NaN. Fit the table again, or look at the network."
        )
    return values


def _with_parents(contexts: Sequence[Context]) -> list[Context]:
    """The contexts and all that they shrink to, each after its parent and only once."""
    ordered: dict[Context, None] = {}
    for context in contexts:
        line: list[Context] = []
        ancestor: Context | None = context
        while ancestor is not None:
            line.append(ancestor)
            ancestor = ancestor.parent
        ordered |= dict.fromkeys(reversed(line))
    return list(ordered)


def _fit(
    context: Context,
    parent: ContextRates | None,
    prior_std: float,
    sites: AlignmentSites,
    counts: NDArray[np.int64],
    log_likelihood: SiteLogLikelihood,
    start: Tensor | None,
) -> ContextRates:
    cells, flipped = context.cells(sites)
    known = cells >= 0
    prior_mean = torch.zeros(context.num_cells, 4, dtype=torch.float64)
    if parent is not None:
        prior_mean = parent.log_rates(_one_site_per_cell(context, sites.leaf_states)).double()
    problem = TableProblem(
        leaf_states=torch.from_numpy(sites.leaf_states[known]),
        counts=torch.from_numpy(counts[known]).double(),
        cells=torch.from_numpy(cells[known]),
        flipped=torch.from_numpy(flipped[known]),
        prior_mean=prior_mean,
        prior_std=prior_std,
        log_likelihood=log_likelihood,
    )
    return ContextRates(context, fit_table(problem, start), parent, prior_std)


def _one_site_per_cell(context: Context, leaf_states: NDArray[np.int8]) -> AlignmentSites:
    """Sites (C,) whose cells are 0, 1, ..., so that the parent's table can be read for each."""
    cell = np.arange(context.num_cells)
    codon = np.full(len(cell), NO_CODON)
    if context.codon:
        cell, codon = cell // 3, cell % 3
    margin = (2 * FLANK + 1 - context.size) // 2
    bases = np.full((len(cell), 2 * FLANK + 1), UNKNOWN, np.int8)
    for place in range(context.size):
        bases[:, margin + place] = cell // 4 ** (context.size - 1 - place) % 4
    return AlignmentSites(
        leaf_states=np.full((len(cell), leaf_states.shape[1]), UNKNOWN, np.int8),
        context=bases,
        codon_position=codon.astype(np.int8),
        region=np.zeros(len(cell), np.int32),
        position=np.arange(len(cell), dtype=np.int64),
        names=("cells",),
    )
