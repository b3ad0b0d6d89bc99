"""The same scores as `evaluate.Metric`s, without a network (the whole suite runs offline)."""

import numpy as np
import pytest
from transformers import EvalPrediction

from hf_genomics.evaluation import metrics

evaluate = pytest.importorskip("evaluate")

CLASSES = {"predictions": [0, 1, 1, 0, 1], "references": [0, 1, 0, 0, 1]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MatthewsCorrelation", {"matthews_correlation": 2 / 3}),
        ("MacroF1", {"f1_macro": 0.8}),
        ("Accuracy", {"accuracy": 0.8}),
        ("AUROC", {"auroc": 5 / 6}),
        ("AUPRC", {"auprc": 2 / 3}),
    ],
)
def test_each_metric_computes_and_adds_batches(name, expected):
    metric = getattr(metrics, name)()
    assert isinstance(metric, evaluate.Metric)
    assert metric.compute(**CLASSES) == pytest.approx(expected)
    for start in (0, 2, 4):
        metric.add_batch(**{key: values[start : start + 2] for key, values in CLASSES.items()})
    assert metric.compute() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Pearson", {"pearson": 0.5}),
        ("Spearman", {"spearman": 0.5}),
        ("MeanSquaredError", {"mse": 2 / 3}),
    ],
)
def test_regression_metrics(name, expected):
    metric = getattr(metrics, name)()
    scores = metric.compute(predictions=[1.0, 3.0, 2.0], references=[1.0, 2.0, 3.0])
    assert scores == pytest.approx(expected)


def test_metrics_combine():
    combined = evaluate.combine([metrics.MatthewsCorrelation(), metrics.MacroF1()])
    assert combined.compute(**CLASSES) == pytest.approx(
        {"matthews_correlation": 2 / 3, "f1_macro": 0.8}
    )


def test_multi_label_and_probabilities():
    labels = [[0, 1], [1, 1], [0, 0]]
    assert metrics.Accuracy("multi_label_classification").compute(
        predictions=labels, references=labels
    ) == {"accuracy": 1.0}
    assert metrics.AUROC().compute(predictions=[[0.9, 0.1], [0.2, 0.8]], references=[0, 1]) == {
        "auroc": 1.0
    }


def test_a_problem_that_a_metric_does_not_know():
    with pytest.raises(ValueError, match="Pearson has no problem 'ranking'; use one of regression"):
        metrics.Pearson("ranking")


@pytest.mark.parametrize("as_tuple", [False, True])
def test_compute_metrics_of_the_trainer(as_tuple):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 3)).astype(np.float32)
    labels = generator.integers(0, 3, 50)
    prediction = EvalPrediction((logits, logits) if as_tuple else logits, labels)
    scores = metrics.compute_classification_metrics(prediction)
    assert list(scores) == ["matthews_correlation", "f1_macro", "accuracy", "auroc", "auprc"]
    assert scores == pytest.approx(metrics.classification_metrics(logits, labels))


def test_compute_metrics_tells_the_problem_by_the_labels():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 3)).astype(np.float32)
    multi_label = (logits + generator.normal(size=(50, 3)) > 0).astype(np.float32)
    assert metrics.compute_classification_metrics(
        EvalPrediction(logits, multi_label)
    ) == pytest.approx(metrics.multi_label_metrics(logits, multi_label))
    targets = logits[:, 1]
    assert metrics.compute_classification_metrics(
        EvalPrediction(logits[:, :1], targets)
    ) == pytest.approx(metrics.regression_metrics(logits[:, 0], targets))


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_what_a_single_logit_is_for_is_regression(shape, dtype):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 1)).astype(np.float32)
    targets = generator.integers(0, 5, 50).astype(dtype)
    expected = metrics.regression_metrics(logits[:, 0], targets)
    prediction = EvalPrediction(logits, targets.reshape(shape))
    assert metrics.compute_classification_metrics(prediction) == pytest.approx(expected)


def test_floating_point_numbers_are_no_classes():
    prediction = EvalPrediction(np.zeros((4, 3), np.float32), np.zeros(4, np.float32))
    with pytest.raises(
        ValueError, match=r"labels \(4,\) of float32 are no classes of logits \(4, 3\)"
    ):
        metrics.compute_classification_metrics(prediction)
