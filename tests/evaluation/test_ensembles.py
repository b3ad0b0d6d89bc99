"""Several models that answer as one."""

import numpy as np
import pytest
import torch

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.evaluation.classification import SequenceClassifier
from hf_genomics.evaluation.ensembles import SequenceClassifierEnsemble

SEQUENCES = ["ACGTACGTAC", "ACG", "ttnag"]
NAMES = {0: "enhancer", 1: "promoter", 2: "none"}


def member(seed, scale=3.0, **labels):
    torch.manual_seed(seed)
    config = HyperbolicCNNConfig(num_channels=6, embedding_dim=9, num_layers=1, **labels)
    model = HyperbolicCNNForSequenceClassification(config)
    with torch.no_grad():  # far from equal probabilities
        for parameter in model.classifier.parameters():
            parameter.mul_(scale)
    return SequenceClassifier(model, DNATokenizer(), "cpu")


def numbers(columns):
    return np.array([values for name, values in columns.items() if name != "predicted_label"]).T


@pytest.mark.parametrize(
    "labels",
    [
        {"id2label": NAMES},
        {"num_labels": 4, "problem_type": "multi_label_classification"},
        {"num_labels": 1, "problem_type": "regression"},
        {"num_labels": 3, "problem_type": "regression"},
    ],
)
def test_an_ensemble_gives_the_mean_of_what_its_members_give(labels):
    members = [member(seed, **labels) for seed in range(3)]
    columns = SequenceClassifierEnsemble(members)(SEQUENCES)
    alone = [one(SEQUENCES) for one in members]
    assert list(columns) == list(alone[0])
    np.testing.assert_allclose(numbers(columns), np.mean([*map(numbers, alone)], 0), rtol=1e-6)


def test_the_label_is_that_of_the_mean_and_not_of_the_majority():
    """0.9 and 0.1 against twice 0.4 and 0.6: the first label, by a mean of 0.57."""
    members = [member(seed, id2label={0: "yes", 1: "no"}) for seed in range(3)]
    for one, p in zip(members, (0.9, 0.4, 0.4), strict=True):
        one.scores = lambda sequences, names, p=p: np.array([[p, 1 - p]] * len(sequences))
    columns = SequenceClassifierEnsemble(members)(["ACGT"])
    assert columns["predicted_label"] == ["yes"]
    assert columns["probability_yes"] == pytest.approx([1.7 / 3])


def test_one_model_predicts_what_it_does_by_itself():
    alone = member(0, id2label=NAMES)
    assert SequenceClassifierEnsemble([alone])(SEQUENCES) == alone(SEQUENCES)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"id2label": {0: "promoter", 1: "enhancer", 2: "none"}}, "promoter, enhancer, none"),
        ({"num_labels": 2}, "LABEL_0, LABEL_1"),
        (
            {"id2label": NAMES, "problem_type": "multi_label_classification"},
            "enhancer, promoter, none .multi label classification.",
        ),
    ],
)
def test_models_for_other_labels_are_refused(labels, message):
    expected = f"same order, got enhancer, promoter, none .single label .* and {message}"
    with pytest.raises(ValueError, match=expected):
        SequenceClassifierEnsemble([member(0, id2label=NAMES), member(0, **labels)])


def test_no_model_is_no_ensemble():
    with pytest.raises(ValueError, match="at least one model, got none"):
        SequenceClassifierEnsemble([])
