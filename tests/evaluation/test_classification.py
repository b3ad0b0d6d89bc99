"""Predictions of a model as columns of a table."""

import numpy as np
import pytest
import torch

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.evaluation.classification import SequenceClassifier, model_summary

SEQUENCES = ["ACGTACGTAC", "ACG", "ttnag"]


def classifier(**labels):
    config = HyperbolicCNNConfig(
        num_channels=6, embedding_dim=9, num_layers=1, max_length=12, **labels
    )
    model = HyperbolicCNNForSequenceClassification(config)
    with torch.no_grad():  # far from equal probabilities
        for parameter in model.classifier.parameters():
            parameter.mul_(10)
    return SequenceClassifier(model, DNATokenizer(), "cpu")


def logits_of(classify, sequences):
    """One at a time, with nothing that this package adds."""
    tokenizer = DNATokenizer()
    with torch.inference_mode():
        return np.array(
            [
                classify.model(**tokenizer(sequence, return_tensors="pt")).logits[0].tolist()
                for sequence in sequences
            ]
        )


def probabilities_of(columns):
    return np.array([values for name, values in columns.items() if "probability" in name]).T


def test_classes_by_name_with_their_probabilities():
    classify = classifier(id2label={0: "enhancer", 1: "promoter", 2: "none"})
    columns = classify(SEQUENCES)
    assert list(columns) == [
        "predicted_label",
        "probability_enhancer",
        "probability_promoter",
        "probability_none",
    ]
    logits = torch.tensor(logits_of(classify, SEQUENCES))
    expected = logits.softmax(-1)
    np.testing.assert_allclose(probabilities_of(columns), expected.numpy(), atol=1e-5)
    names = ["enhancer", "promoter", "none"]
    assert columns["predicted_label"] == [names[i] for i in logits.argmax(-1)]


def test_several_labels_of_one_sequence_are_joined():
    classify = classifier(num_labels=4, problem_type="multi_label_classification")
    columns = classify(SEQUENCES)
    probabilities = torch.tensor(logits_of(classify, SEQUENCES)).sigmoid().numpy()
    np.testing.assert_allclose(probabilities_of(columns), probabilities, atol=1e-5)
    assert columns["predicted_label"] == [
        ";".join(f"LABEL_{i}" for i in range(4) if row[i] > 0.5) for row in probabilities
    ]


def test_regression_gives_numbers():
    classify = classifier(num_labels=1, problem_type="regression")
    columns = classify(SEQUENCES)
    assert list(columns) == ["prediction"]
    assert columns["prediction"] == pytest.approx(logits_of(classify, SEQUENCES)[:, 0], abs=1e-5)


def test_bad_sequences_are_named():
    classify = classifier(num_labels=2)
    with pytest.raises(ValueError, match="Sequence 1 of the batch is empty"):
        classify(["ACGT", ""])
    with pytest.raises(ValueError, match="12"):  # the model names its max_length
        classify(["A" * 13])
    with pytest.raises(ValueError, match="X"):
        classify(["ACXT"])


def test_the_summary_counts_every_parameter():
    model = classifier(num_labels=3).model
    assert model_summary(model) == {
        "model_type": "hyperbolic_cnn",
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_labels": 3,
    }
