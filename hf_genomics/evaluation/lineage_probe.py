"""A linear probe of lineages on genomes of other Pango lineages than it was fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier

from hf_genomics.evaluation.bootstrap import NUM_RESAMPLES, Estimate, percentile_interval
from hf_genomics.evaluation.lineages import group_folds, repeated_labels

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

NUM_FOLDS = 5
INNER_FOLDS = 4
# Of the L2 penalty, the strongest first, for features whose variances sum to 1.
STRENGTHS = tuple(10.0**power for power in range(3, -6, -1))


@dataclass(frozen=True)
class Probe:
    """What a linear probe said of genomes whose Pango lineage it had not seen.

    Args:
        labels: `(n,)` the true labels.
        predictions: `(n,)`.
        groups: `(n,)` Pango lineages, one label each.
        strengths: Of the penalty, as chosen in each outer fold.
    """

    labels: Names
    predictions: Names
    groups: Names
    strengths: list[float]


def linear_probe(features: Floats, labels: Names, groups: Names, *, seed: int = 0) -> Probe:
    """A ridge classifier on genomes of other Pango lineages than it was fitted to.

    It regresses the labels, as 1 and -1, on the features, with an L2 penalty. The solution is
    exact: no probe is ahead because another has not converged. Labels weigh the same, however many
    genomes they have. Features are standardised, and the strength of the penalty is chosen, on the
    genomes of the training folds alone; the choice is made by folds that keep Pango lineages apart
    too.

    Args:
        features: `(n, D)`.
        labels: `(n,)`; only those with at least two groups are used.
        groups: `(n,)`, one label each.
        seed: Of the folds; the same for all features.

    Raises:
        ValueError: Fewer than two labels have two groups.
    """
    tested = repeated_labels(labels, groups)
    if len(tested) < 2:
        raise ValueError(
            f"{len(tested)} labels have two lineages or more; a probe with lineages kept apart "
            "needs two such labels."
        )
    used = np.isin(labels, tested)
    features, labels, groups = features[used], labels[used], groups[used]
    folds = group_folds(labels, groups, NUM_FOLDS, seed)
    predictions = np.empty_like(labels)
    strengths = []
    for fold in np.unique(folds):
        inside = folds != fold
        strength = _best_strength(features[inside], labels[inside], groups[inside], seed)
        predictions[~inside] = _predict(
            features[inside], labels[inside], features[~inside], [strength]
        )[0]
        strengths.append(strength)
    return Probe(labels, predictions, groups, strengths)


def macro_f1_of_resamples(probe: Probe, counts: Floats) -> Floats:
    """Macro-F1 `(R,)` where each genome counts as often as `counts` `(R, n)` says."""
    scores = []
    for label in np.unique(probe.labels):
        true, said = probe.labels == label, probe.predictions == label
        both = counts[:, true & said].sum(1)
        either = counts[:, true].sum(1) + counts[:, said].sum(1)
        scores.append(2 * both / np.maximum(either, 1))
    return np.mean(scores, 0)


def resampled_groups(
    labels: Names, groups: Names, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Floats:
    """How often each genome is in each bootstrap sample `(R, n)`: whole Pango lineages are drawn.

    As many lineages of each label are drawn as there are. The same labels, groups and seed give
    the same samples, so whatever is scored on them is paired.
    """
    generator = np.random.default_rng(seed)
    counts = np.zeros((num_resamples, len(labels)))
    for label in np.unique(labels):
        names, number = np.unique(groups[labels == label], return_inverse=True)
        drawn = generator.multinomial(
            len(names), np.full(len(names), 1 / len(names)), num_resamples
        )
        counts[:, labels == label] = drawn[:, number]
    return counts


def probe_scores(probes: Mapping[str, Probe], baseline: str) -> dict[str, dict[str, Any]]:
    """Macro-F1 of each probe, and by how much it is ahead of the one named `baseline`.

    Intervals are of 95 %, over Pango lineages; those of the leads are paired.
    """
    scores: dict[str, dict[str, Any]] = {}
    reference = probes[baseline]
    counts = resampled_groups(reference.labels, reference.groups)
    once = np.ones((1, len(reference.labels)))
    value_there = macro_f1_of_resamples(reference, once)[0]
    samples_there = macro_f1_of_resamples(reference, counts)
    for name, probe in probes.items():
        value, samples = macro_f1_of_resamples(probe, once)[0], macro_f1_of_resamples(probe, counts)
        lead: Estimate | None = None
        if name != baseline:
            lead = percentile_interval(value - value_there, samples - samples_there)
        scores[name] = {"macro_f1": percentile_interval(value, samples), "lead": lead}
    return scores


def _best_strength(features: Floats, labels: Names, groups: Names, seed: int) -> float:
    """The strength with the best macro-F1 on inner folds, the strongest penalty of several.

    A label that only the tested inner fold has cannot be told, whatever the penalty: its genomes
    are left out of the score.
    """
    folds = group_folds(labels, groups, INNER_FOLDS, seed)
    predictions = np.empty((len(STRENGTHS), len(labels)), labels.dtype)
    scored = np.zeros(len(labels), bool)
    for fold in np.unique(folds):
        inside = folds != fold
        if len(np.unique(labels[inside])) < 2:
            continue
        scored |= ~inside & np.isin(labels, labels[inside])
        predictions[:, ~inside] = _predict(
            features[inside], labels[inside], features[~inside], STRENGTHS
        )
    if not scored.any():
        return 1.0
    once = np.ones((1, int(scored.sum())))
    scores = [
        macro_f1_of_resamples(Probe(labels[scored], said[scored], groups[scored], []), once)[0]
        for said in predictions
    ]
    return STRENGTHS[int(np.argmax(scores))]


def _predict(train: Floats, labels: Names, test: Floats, strengths: Sequence[float]) -> Names:
    """Predictions `(strengths, tests)` of probes fitted to `train`.

    The L2-penalised solution lies in the span of the training rows, so rotating into that span
    changes nothing but the cost: at most as many channels as rows are left.
    """
    mean, spread = train.mean(0), train.std(0)
    # A feature that is constant but for rounding must not be blown up.
    scale = np.where(spread > 1e-12 * np.abs(train).max(), spread, np.inf)
    # Total variance 1, spread over about n directions of n rows: penalties then mean the same for
    # two features and for fifty thousand.
    scale *= np.sqrt(max(1, np.isfinite(scale).sum()))
    train, test = (train - mean) / scale, (test - mean) / scale
    directions = np.linalg.svd(train, full_matrices=False)[2]
    train, test = train @ directions.T, test @ directions.T
    probes = (RidgeClassifier(alpha=strength, class_weight="balanced") for strength in strengths)
    return np.stack([probe.fit(train, labels).predict(test) for probe in probes])
