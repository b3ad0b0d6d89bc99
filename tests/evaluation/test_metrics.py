"""Scores against values worked out by hand and against scikit-learn."""

import logging
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from hf_genomics.evaluation import metrics

# 3 true positives, 1 false positive, 2 false negatives, 4 true negatives
REFERENCES = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
PREDICTIONS = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0])


def random_problem(num_classes, rows=200, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, rows)
    logits = generator.normal(size=(rows, num_classes)).astype(np.float32)
    logits[np.arange(rows), labels] += 1
    return logits, labels


def test_matthews_correlation_by_hand():
    expected = (3 * 4 - 1 * 2) / math.sqrt((3 + 1) * (3 + 2) * (4 + 1) * (4 + 2))
    assert metrics.matthews_correlation(REFERENCES, PREDICTIONS) == pytest.approx(expected)


def test_f1_macro_and_accuracy_by_hand():
    positive, negative = 2 * 3 / (2 * 3 + 1 + 2), 2 * 4 / (2 * 4 + 2 + 1)
    assert metrics.f1_macro(REFERENCES, PREDICTIONS) == pytest.approx((positive + negative) / 2)
    assert metrics.accuracy(REFERENCES, PREDICTIONS) == pytest.approx(0.7)


def test_auroc_and_auprc_by_hand():
    references, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.35, 0.4, 0.8])
    assert metrics.auroc(references, scores) == pytest.approx(
        3 / 4
    )  # of four pairs, three in order
    assert metrics.auprc(references, scores) == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)


def test_correlations_and_mean_squared_error_by_hand():
    targets, predictions = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    assert metrics.pearson(targets, predictions) == pytest.approx(0.5)
    assert metrics.spearman(targets, predictions) == pytest.approx(0.5)
    assert metrics.spearman(targets, np.exp(predictions)) == pytest.approx(0.5)
    assert metrics.mean_squared_error(targets, predictions) == pytest.approx(2 / 3)


@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_classification_metrics_equal_scikit_learn(num_classes):
    logits, labels = random_problem(num_classes)
    predicted, scores = logits.argmax(1), metrics.softmax(logits)
    one_hot = np.eye(num_classes)[labels]
    expected = {
        "matthews_correlation": sklearn_metrics.matthews_corrcoef(labels, predicted),
        "f1_macro": sklearn_metrics.f1_score(labels, predicted, average="macro"),
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "auroc": sklearn_metrics.roc_auc_score(labels, scores, multi_class="ovr")
        if num_classes > 2
        else sklearn_metrics.roc_auc_score(labels, scores[:, 1]),
        "auprc": sklearn_metrics.average_precision_score(one_hot, scores, average="macro")
        if num_classes > 2
        else sklearn_metrics.average_precision_score(labels, scores[:, 1]),
    }
    assert metrics.classification_metrics(logits, labels) == pytest.approx(expected)


def test_multi_label_metrics_are_means_over_labels():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, (100, 3))
    logits = generator.normal(size=(100, 3)) + labels
    predicted = (logits > 0).astype(int)
    scores = metrics.multi_label_metrics(logits, labels.astype(np.float32))
    assert scores["matthews_correlation"] == pytest.approx(
        np.mean(
            [sklearn_metrics.matthews_corrcoef(labels[:, i], predicted[:, i]) for i in range(3)]
        )
    )
    assert scores["f1_macro"] == pytest.approx(
        sklearn_metrics.f1_score(labels, predicted, average="macro")
    )
    assert scores["accuracy"] == pytest.approx(np.mean((labels == predicted).all(1)))
    assert scores["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, logits))
    assert scores["auprc"] == pytest.approx(sklearn_metrics.average_precision_score(labels, logits))


def test_with_one_class_areas_are_nan_with_a_reason_and_the_rest_is_defined(caplog):
    logits = np.array([[1.0, 0.0], [0.0, 1.0]])
    with caplog.at_level(logging.WARNING, logger=metrics.__name__):
        scores = metrics.classification_metrics(logits, np.array([0, 0]))
    assert math.isnan(scores["auroc"])
    assert math.isnan(scores["auprc"])
    assert scores["matthews_correlation"] == 0.0
    assert scores["accuracy"] == 0.5
    assert scores["f1_macro"] == pytest.approx((2 / 3 + 0) / 2)
    assert "AUROC is NaN: all 2 rows are of one class." in caplog.text


def test_a_class_that_does_not_occur_is_left_out_of_the_mean():
    logits, labels = random_problem(3)
    present = labels != 2
    scores = metrics.softmax(logits[present])
    expected = np.mean(
        [sklearn_metrics.roc_auc_score(labels[present] == c, scores[:, c]) for c in (0, 1)]
    )
    assert metrics.auroc(labels[present], scores) == pytest.approx(expected)


def test_correlation_with_a_constant_is_nan_with_a_reason(caplog):
    with caplog.at_level(logging.WARNING, logger=metrics.__name__):
        assert math.isnan(metrics.pearson(np.array([1.0, 1.0]), np.array([0.0, 1.0])))
        assert math.isnan(metrics.spearman(np.array([0.0, 1.0]), np.array([2.0, 2.0])))
    assert "Pearson correlation is NaN: the targets do not differ." in caplog.text
    assert "Spearman correlation is NaN: the predictions do not differ." in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_diverged_predictions_are_an_error(value):
    logits, labels = random_problem(2, rows=4)
    logits[1, 0] = value
    with pytest.raises(
        ValueError, match="predictions of 1 of 4 rows are NaN or infinite: training"
    ):
        metrics.classification_metrics(logits, labels)


def test_rows_of_label_minus_100_are_not_counted():
    logits, labels = random_problem(3)
    some = np.where(np.arange(len(labels)) % 4 == 0, -100, labels)
    counted = some != -100
    expected = metrics.classification_metrics(logits[counted], labels[counted])
    assert metrics.classification_metrics(logits, some) == expected
    with pytest.raises(ValueError, match="has a label other than -100"):
        metrics.classification_metrics(logits, np.full(len(logits), -100))


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_an_error(label):
    logits, labels = random_problem(3)
    labels[5] = label
    with pytest.raises(ValueError, match=f"label {label} is none of the 3 classes .* 0 to 2"):
        metrics.classification_metrics(logits, labels)


def test_a_soft_label_among_several_is_an_error():
    with pytest.raises(ValueError, match=r"label 0\.7 of a multi-label problem is neither 0 nor 1"):
        metrics.multi_label_metrics(np.zeros((2, 2)), np.array([[0, 1], [0.7, 0]]))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_areas_tell_rows_apart_whose_probabilities_round_to_one(num_classes):
    logits, labels = random_problem(num_classes)
    scores = metrics.classification_metrics(logits, labels)
    sure = metrics.classification_metrics(1e3 * logits, labels)
    assert len(np.unique(metrics.softmax(1e3 * logits)[:, 1])) < len(np.unique(logits[:, 1]))
    if num_classes == 2:  # the order of more depends on the scale
        assert (sure["auroc"], sure["auprc"]) == (scores["auroc"], scores["auprc"])
    margins = 1e3 * (
        logits - np.stack([np.delete(logits, c, 1).max(1) for c in range(num_classes)], 1)
    )
    areas = [sklearn_metrics.roc_auc_score(labels == c, margins[:, c]) for c in range(num_classes)]
    assert sure["auroc"] == pytest.approx(
        areas[1] if num_classes == 2 else np.mean(areas), abs=1e-3
    )


def test_areas_tell_labels_apart_whose_probabilities_round():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, (100, 3))
    logits = generator.normal(size=(100, 3)) + labels
    scores = metrics.multi_label_metrics(logits, labels)
    for sure in (metrics.multi_label_metrics(logits + shift, labels) for shift in (-50, 50)):
        assert (sure["auroc"], sure["auprc"]) == (scores["auroc"], scores["auprc"])


def test_a_label_that_no_row_has_is_left_out_of_f1(caplog):
    references, predictions = np.array([[0, 1], [0, 0], [0, 1]]), np.array([[0, 1], [0, 1], [0, 1]])
    assert metrics.f1_macro(references, references) == 1.0
    assert metrics.f1_macro(references, predictions) == pytest.approx(2 * 2 / 5)
    predictions[0, 0] = 1
    assert metrics.f1_macro(references, predictions) == pytest.approx((0 + 2 * 2 / 5) / 2)
    with caplog.at_level(logging.WARNING, logger=metrics.__name__):
        assert math.isnan(metrics.f1_macro(np.zeros((3, 2)), np.zeros((3, 2))))
    assert "no row has a label" in caplog.text


def test_softmax_and_sigmoid_survive_large_logits():
    assert metrics.softmax(np.array([[1e4, 0.0], [-1e4, 0.0]])).tolist() == [[1, 0], [0, 1]]
    assert metrics.sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert metrics.sigmoid(np.array([1.0])) == pytest.approx(1 / (1 + math.exp(-1)))


def test_the_functions_do_not_import_evaluate(run_python):
    run_python(
        "import sys; from hf_genomics.evaluation import metrics; metrics.auroc; "
        "assert 'evaluate' not in sys.modules"
    )


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'Perplexity'"):
        metrics.Perplexity  # noqa: B018


def test_a_label_of_even_odds_is_not_predicted():
    logits, labels = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0, 1], [1, 0]])
    assert metrics.multi_label_metrics(logits, labels)["accuracy"] == 1
