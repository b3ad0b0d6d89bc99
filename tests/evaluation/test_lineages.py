"""Scores of embedded genomes: values worked by hand, and lineages that stay apart."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import f1_score

from hf_genomics.evaluation.lineage_probe import (
    Probe,
    linear_probe,
    macro_f1_of_resamples,
    probe_scores,
    resampled_groups,
)
from hf_genomics.evaluation.lineage_probe import _predict as predict
from hf_genomics.evaluation.lineages import (
    group_folds,
    nearest_apart,
    neighbour_scores,
    purity,
    repeated_labels,
    variance_explained,
    variance_in_axes,
)

# Four items on a line at 0, 1, 3 and 7.
PLACES = np.array([0.0, 1.0, 3.0, 7.0])
LINE = np.abs(PLACES[:, None] - PLACES)


def names(text: str) -> np.ndarray:
    return np.array(text.split())


def test_purity_of_four_items_on_a_line():
    # Nearest two of 0: 1, 3; of 1: 0, 3; of 3: 1, 0; of 7: 3, 1.
    labels = names("A A B B")
    assert purity(LINE, labels, 1) == pytest.approx((1 + 1 + 0 + 1) / 4)
    assert purity(LINE, labels, 2) == pytest.approx((0.5 + 0.5 + 0 + 0.5) / 4)


def test_purity_asks_for_no_more_neighbours_than_there_are():
    assert purity(LINE, names("A A B B"), 10) == pytest.approx(1 / 3)


def test_nearest_of_another_lineage():
    labels, groups = names("A A B B"), names("a1 a2 b1 b1")
    # B has one lineage and is left out; of A, 0 finds 1, and 1 finds 0.
    assert nearest_apart(LINE, labels, groups) == 1
    # With 0 and 1 of one lineage, both find 3, which is of B.
    groups = names("a1 a1 b1 b2")
    assert nearest_apart(LINE, labels, groups) == pytest.approx(0.5)  # of B: 3 finds 1, 7 finds 3


def test_nearest_of_another_lineage_without_any():
    assert np.isnan(nearest_apart(LINE, names("A A B B"), names("a a b b")))


def test_labels_with_one_lineage_are_not_tested():
    labels, groups = names("A A B B C"), names("a1 a2 b1 b1 c1")
    assert repeated_labels(labels, groups).tolist() == ["A"]


def test_variance_by_covariates_and_in_axes():
    covariate = np.array([[-1.0], [1], [-1], [1]])
    features = np.array([[-2.0, -1], [2, -1], [-2, 1], [2, 1]]) + 7
    assert variance_explained(features, covariate + 3) == pytest.approx(16 / 20)
    assert variance_in_axes(features, axes=1) == pytest.approx(16 / 20)
    assert variance_in_axes(features) == pytest.approx(1)
    assert (variance_explained(features * 0, covariate), variance_in_axes(features * 0)) == (0, 1)


def test_directions_far_from_the_origin_are_told_after_centring():
    features = np.array([[1, 0], [2, 0], [0, 1], [0, 2], [-3.0, -3]]) * 1e-6 + 1
    labels = names("A A B B C")
    scores = neighbour_scores(features, labels, labels, neighbours=1)
    assert scores["purity_centred"] == pytest.approx(4 / 5)
    assert scores["silhouette_centred"] > 0.5


def test_scores_of_one_lineage_are_refused():
    with pytest.raises(ValueError, match="all genomes are 'A'"):
        neighbour_scores(np.eye(3), names("A A A"), names("a b c"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_folds_keep_groups_whole_and_spread_labels(seed):
    generator = np.random.default_rng(seed)
    groups = np.array([f"g{i:02d}" for i in generator.integers(0, 30, 200)])
    labels = np.array([f"label{int(g[1:]) % 7}" for g in groups])
    folds = group_folds(labels, groups, 5, seed)
    for group in np.unique(groups):
        assert len(np.unique(folds[groups == group])) == 1
    for label in np.unique(labels):
        several = min(5, len(np.unique(groups[labels == label])))
        assert len(np.unique(folds[labels == label])) == several


def lineages(num_groups: int, per_group: int, generator) -> tuple[np.ndarray, np.ndarray]:
    number = np.repeat(np.arange(3 * num_groups), per_group)
    return np.array([f"v{i % 3}" for i in number]), np.array([f"g{i:02d}" for i in number])


def test_probe_finds_what_lineages_of_a_variant_share():
    generator = np.random.default_rng(0)
    labels, groups = lineages(4, 5, generator)
    features = np.eye(3)[[int(label[1]) for label in labels]]
    features = features + 0.1 * generator.normal(size=features.shape)
    probe = linear_probe(features, labels, groups)
    assert (probe.predictions == probe.labels).all()
    assert len(probe.strengths) == 5


def test_probe_finds_nothing_in_what_only_one_lineage_has():
    """Each genome is a copy of its lineage: with lineages mixed any probe would be perfect."""
    generator = np.random.default_rng(0)
    labels, groups = lineages(6, 6, generator)
    of_group = generator.normal(size=(18, 40))
    features = of_group[[int(group[1:]) for group in groups]]
    probe = linear_probe(features, labels, groups)
    assert (probe.predictions == probe.labels).mean() < 0.6


def test_probe_leaves_out_variants_of_one_lineage():
    labels, groups = names("A A B B C"), names("a1 a2 b1 b2 c1")
    features = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [5, 5]])
    assert linear_probe(features, labels, groups).labels.tolist() == ["A", "A", "B", "B"]


def test_probe_needs_two_variants_with_two_lineages():
    with pytest.raises(ValueError, match="1 labels have two lineages or more"):
        linear_probe(np.eye(3), names("A A B"), names("a1 a2 b1"))


def test_rotation_into_the_span_of_the_rows_changes_no_prediction():
    generator = np.random.default_rng(3)
    train, test = generator.normal(size=(30, 80)), generator.normal(size=(200, 80))
    labels = names("A B C")[generator.integers(0, 3, 30)]
    scaled = [(part - train.mean(0)) / train.std(0) / np.sqrt(80) for part in (train, test)]
    for strength in (0.001, 0.1, 10.0):
        (found,) = predict(train, labels, test, [strength])
        plain = RidgeClassifier(alpha=strength, class_weight="balanced").fit(scaled[0], labels)
        assert (found == plain.predict(scaled[1])).all()


def test_features_that_are_constant_do_no_harm():
    generator = np.random.default_rng(3)
    train, labels = generator.normal(size=(20, 2)), names("A B")[np.arange(20) % 2]
    train[:, 0] += 5 * (labels == "A")
    constant = np.full((20, 3), 0.1) + 1e-17 * generator.normal(size=(20, 3))
    wide = np.concatenate([train, constant], 1)
    (plain,) = predict(train, labels, train, [1.0])
    (found,) = predict(wide, labels, wide, [1.0])
    assert (plain == found).all()


def test_macro_f1_is_that_of_the_repeated_genomes():
    generator = np.random.default_rng(1)
    labels = names("A B C")[generator.integers(0, 3, 60)]
    said = names("A B C")[generator.integers(0, 3, 60)]
    counts = generator.integers(0, 3, (20, 60)).astype(float)
    found = macro_f1_of_resamples(Probe(labels, said, labels, []), counts)
    for score, of_sample in zip(found, counts.astype(int), strict=True):
        rows = np.repeat(np.arange(60), of_sample)
        expected = f1_score(labels[rows], said[rows], average="macro", labels=["A", "B", "C"])
        assert score == pytest.approx(expected)


def test_resamples_draw_whole_lineages_of_each_variant():
    labels, groups = names("A A A B B"), names("a1 a1 a2 b1 b1")
    counts = resampled_groups(labels, groups, num_resamples=50, seed=0)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 0] + counts[:, 2] == 2).all()  # two lineages drawn from two
    assert (counts[:, 3:] == 1).all()
    assert len(np.unique(counts[:, 0])) == 3


def test_lead_over_the_baseline_is_paired():
    labels = names("A A A A B B B B")
    groups = names("a1 a2 a3 a4 b1 b2 b3 b4")
    right = Probe(labels, labels, groups, [])
    wrong = Probe(labels, names("A A A B B B B A"), groups, [])
    scores = probe_scores({"base": wrong, "other": right, "same": wrong}, "base")
    assert scores["base"]["lead"] is None
    assert scores["other"]["macro_f1"].value == 1
    assert scores["base"]["macro_f1"].value == pytest.approx(0.75)
    assert scores["other"]["lead"].value == pytest.approx(0.25)
    assert scores["other"]["lead"].low >= 0
    assert (scores["same"]["lead"].low, scores["same"]["lead"].high) == (0, 0)
