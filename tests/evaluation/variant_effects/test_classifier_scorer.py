"""Scores by classifiers: the difference between two windows."""

import numpy as np
import pytest
import torch

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForSequenceClassification,
)
from hf_genomics.evaluation.variant_effects.alleles import confirm, parse_alleles
from hf_genomics.evaluation.variant_effects.classifier_scorer import ClassifierScorer

EXACT = {"rtol": 0, "atol": 1e-10}
SMALL = {
    "num_channels": 4,
    "embedding_dim": 6,
    "num_layers": 1,
    "kernel_size": 5,
    "initializer_range": 0.5,
}


def hyperbolic_cnn(num_labels=2, **options):
    torch.manual_seed(0)
    labels = {i: f"class {i}" for i in range(num_labels)}
    config = HyperbolicCNNConfig(max_length=20, id2label=labels, **SMALL | options)
    return HyperbolicCNNForSequenceClassification(config).double().eval()


@pytest.fixture
def substitutions(genome, snvs):
    alleles = [one for row in snvs(25) for one in parse_alleles(*row)]
    return confirm(alleles, genome, context=(10, 9))[0]


def logits_of(model, substitutions, sequences, length=20):
    """Logits `(n, N)` of the references and of the alternatives, a window at a time."""
    both = []
    for changed in (False, True):
        rows = []
        for site, alt in zip(substitutions.position, substitutions.alternative, strict=True):
            left = length // 2
            window = sequences["chr1"][site - left : site - left + length]
            if changed:
                window = window[:left] + "ACGT"[alt] + window[left + 1 :]
            batch = DNATokenizer()([window], return_tensors="pt")
            with torch.no_grad():
                rows.append(model(**batch).logits[0])
        both.append(torch.stack(rows))
    return both


def test_two_labels_have_one_score(genome, substitutions, sequences):
    model = hyperbolic_cnn()
    scorer = ClassifierScorer(model, batch_size=4)
    assert list(scorer.columns) == ["delta_class_1"]
    assert scorer.context == (10, 9)
    reference, alternative = logits_of(model, substitutions, sequences)
    by_hand = (alternative[:, 1] - alternative[:, 0]) - (reference[:, 1] - reference[:, 0])
    np.testing.assert_allclose(scorer(substitutions, genome)[:, 0], by_hand, **EXACT)
    assert by_hand.abs().min() > 1e-3


def test_three_labels_have_the_change_of_their_log_odds(genome, substitutions, sequences):
    model = hyperbolic_cnn(3)
    scorer = ClassifierScorer(model)
    assert list(scorer.columns) == ["delta_class_0", "delta_class_1", "delta_class_2"]
    odds = [logits.softmax(1).logit() for logits in logits_of(model, substitutions, sequences)]
    np.testing.assert_allclose(scorer(substitutions, genome), odds[1] - odds[0], **EXACT)


@pytest.mark.parametrize(
    ("problem_type", "num_labels"),
    [("multi_label_classification", 2), ("regression", 1), ("regression", 2), (None, 1)],
)
def test_independent_outputs_have_their_own_change(
    problem_type, num_labels, genome, substitutions, sequences
):
    model = hyperbolic_cnn(num_labels, problem_type=problem_type)
    reference, alternative = logits_of(model, substitutions, sequences)
    scores = ClassifierScorer(model)(substitutions, genome)
    np.testing.assert_allclose(scores, alternative - reference, **EXACT)


def test_distance_of_pooled_outputs(genome, substitutions):
    model = hyperbolic_cnn()
    scores = ClassifierScorer(model, embeddings=True)(substitutions, genome)
    site = int(substitutions.position[0])
    window = torch.from_numpy(genome.states("chr1", site - 10, site + 10)).long()
    changed = window.clone()
    changed[10] = int(substitutions.alternative[0])
    with torch.no_grad():
        x, y = model.model(torch.stack([window, changed])).pooler_output
    assert scores[0, 2] == pytest.approx(float((x - y).norm()), abs=1e-10)
    assert (scores[:, 1] >= 0).all()


def test_averaged_strands_are_the_mean_of_both(genome, substitutions):
    model = hyperbolic_cnn(head="centroid", reverse_complement="average")
    options = {"window": 21}  # odd, so that the variant stays in the middle
    once = ClassifierScorer(model, **options)(substitutions, genome)
    twice = ClassifierScorer(model, rc_average=True, **options)(substitutions, genome)
    np.testing.assert_allclose(twice, once, **EXACT)
    plain = hyperbolic_cnn(head="centroid")
    once = ClassifierScorer(plain, **options)(substitutions, genome)
    twice = ClassifierScorer(plain, rc_average=True, **options)(substitutions, genome)
    assert np.abs(twice - once).max() > 1e-4


def test_phylogpn_with_a_classification_head(genome, substitutions, sequences):
    torch.manual_seed(0)
    sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1, "num_labels": 3}
    model = PhyloGPNForSequenceClassification(PhyloGPNConfig(**sizes)).double().eval()
    scorer = ClassifierScorer(model, window=31, embeddings=True)
    scores = scorer(substitutions, genome)
    odds = [logits.softmax(1).logit() for logits in logits_of(model, substitutions, sequences, 31)]
    np.testing.assert_allclose(scores[:, :3], odds[1] - odds[0], **EXACT)
    assert (scores[:, 4] > 0).all()


@pytest.mark.parametrize(
    "model",
    [
        lambda: hyperbolic_cnn(head="centroid"),
        lambda: PhyloGPNForSequenceClassification(PhyloGPNConfig(outer_dim=4, inner_dim=2)),
    ],
)
def test_model_for_any_length_needs_a_window(model):
    with pytest.raises(ValueError, match="give window, the number of bases"):
        ClassifierScorer(model())


@pytest.mark.parametrize("window", [0, -5])
def test_a_window_has_a_base(window):
    with pytest.raises(ValueError, match=f"window is {window}; give 1 or more"):
        ClassifierScorer(hyperbolic_cnn(head="centroid"), window=window)


def test_labels_that_become_one_name_are_refused():
    model = hyperbolic_cnn(3)
    model.config.id2label = {0: "a b", 1: "a-b", 2: "c"}
    with pytest.raises(ValueError, match="do not differ in their letters"):
        ClassifierScorer(model)


def test_one_position_of_two_contigs_has_two_references(genome, sequences):
    scorer = ClassifierScorer(hyperbolic_cnn(), batch_size=4)
    alleles = []
    for name in ("chr1", "chr2"):
        base = sequences[name][100]
        alleles += parse_alleles(name, 101, base, "TGCA"["ACGT".index(base)])
    together = confirm(alleles, genome, context=scorer.context)[0]
    apart = [confirm([one], genome, context=scorer.context)[0] for one in alleles]
    assert len(together) == 2
    expected = np.concatenate([scorer(one, genome) for one in apart])
    np.testing.assert_allclose(scorer(together, genome), expected, **EXACT)
