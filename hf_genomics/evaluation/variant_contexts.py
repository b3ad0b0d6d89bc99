"""Rates by context at the variants of an assay: the company of a network's scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.alignment_sites import (
    FLANK,
    UNKNOWN,
    AlignmentSites,
    contexts,
    reference_states,
)
from hf_genomics.evaluation.context_rates import ContextRates
from hf_genomics.evaluation.variant_assays import VariantAssay

_REMEDY = "give the FASTA that belongs to the table."


def context_scores(
    fitted: Mapping[str, ContextRates], assay: VariantAssay, sequences: Mapping[str, str]
) -> dict[str, NDArray[np.float64]]:
    """Minus the log-likelihood ratio of each variant by each table, larger for more damage.

    A table of one strand is one of coding sequence: it is read on the assay's coding strand, and
    left out where there is none. A table by codon position scores coding variants only.

    Args:
        fitted: Tables by name, as `fit_context_rates` returns them.
        assay: The n variants.
        sequences: FASTA record to its bases.

    Returns:
        Name of the table to (n,), NaN where there is no score.

    Raises:
        ValueError: A variant's record or position is not in the sequences, or its reference base
            is not the one there.
    """
    plus = _sites(assay, sequences)
    other = _other_strand(plus)
    bases = [reference_states(text) for text in (assay.reference, assay.alternative)]
    wrong = np.flatnonzero(plus.reference != bases[0])
    if len(wrong):
        at = f"{assay.record[wrong[0]]}, position {assay.position[wrong[0]]} (from 0)"
        raise ValueError(
            f"The reference bases of {len(wrong)} of {len(assay)} variants are not those of the "
            f"FASTA, first at {at}; {_REMEDY}"
        )
    scores = {}
    for name, rates in fitted.items():
        if rates.context.both_strands or assay.coding_strand == "+":
            scores[name] = _minus_ratio(rates, plus, bases[0], bases[1])
        elif assay.coding_strand == "-":
            scores[name] = _minus_ratio(rates, other, 3 - bases[0], 3 - bases[1])
        if name in scores and rates.context.codon:
            scores[name][assay.codon_position < 0] = np.nan
    return scores


def _minus_ratio(
    rates: ContextRates,
    sites: AlignmentSites,
    reference: NDArray[np.int8],
    alternative: NDArray[np.int8],
) -> NDArray[np.float64]:
    log_rates = rates.log_rates(sites).double().numpy()
    row = np.arange(len(sites))
    ratio: NDArray[np.float64] = log_rates[row, reference] - log_rates[row, alternative]
    return ratio


def _sites(assay: VariantAssay, sequences: Mapping[str, str]) -> AlignmentSites:
    around = {}
    for name in dict.fromkeys(assay.record):
        if name not in sequences:
            raise ValueError(f"There is no sequence {name!r}, which the variants are of; {_REMEDY}")
        around[name] = contexts(reference_states(sequences[name]))
    for name, at in zip(assay.record, assay.position, strict=True):
        if not 0 <= at < len(around[name]):
            raise ValueError(
                f"A variant is at position {at} (0-based) of {name!r}, which has "
                f"{len(around[name])} bases; {_REMEDY}"
            )
    context = np.array(
        [around[name][at] for name, at in zip(assay.record, assay.position, strict=True)], np.int8
    ).reshape(-1, 2 * FLANK + 1)
    return AlignmentSites(
        leaf_states=np.empty((len(assay), 0), np.int8),
        context=context,
        codon_position=assay.codon_position,
        region=np.zeros(len(assay), np.int32),
        position=assay.position,
        names=("variants",),
    )


def _other_strand(sites: AlignmentSites) -> AlignmentSites:
    opposite = sites.context[:, ::-1]
    return AlignmentSites(
        leaf_states=sites.leaf_states,
        context=np.where(opposite == UNKNOWN, UNKNOWN, 3 - opposite).astype(np.int8),
        codon_position=sites.codon_position,
        region=sites.region,
        position=sites.position,
        names=sites.names,
    )
