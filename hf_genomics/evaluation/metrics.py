"""Scores of predictions: arrays in, floats out.

`matthews_correlation` and its kin are functions over NumPy arrays. `MatthewsCorrelation` and its
kin are the same scores as `evaluate.Metric`s, made without the Hub; `evaluate` takes seconds to
import, so those are imported when first touched.

An undefined score is NaN, with a warning that says why: AUROC and AUPRC need both positive and
negative rows, a correlation needs targets that differ. Means over classes or labels leave out
those that are undefined. The Matthews correlation is 0 where its formula is 0/0, as everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logsumexp
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    roc_auc_score,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import EvalPrediction

    from hf_genomics.evaluation.evaluate_metrics import (
        AUPRC,
        AUROC,
        Accuracy,
        MacroF1,
        MatthewsCorrelation,
        MeanSquaredError,
        Pearson,
        SequenceClassificationMetrics,
        Spearman,
    )

__all__ = [
    "AUPRC",
    "AUROC",
    "Accuracy",
    "MacroF1",
    "MatthewsCorrelation",
    "MeanSquaredError",
    "Pearson",
    "SequenceClassificationMetrics",
    "Spearman",
    "accuracy",
    "auprc",
    "auroc",
    "classification_metrics",
    "compute_classification_metrics",
    "f1_macro",
    "matthews_correlation",
    "mean_squared_error",
    "multi_label_metrics",
    "pearson",
    "regression_metrics",
    "spearman",
]

MULTI_LABEL_THRESHOLD = 0.5  # a label is predicted where its probability is above this
NOT_COUNTED = -100  # the label of a row that the loss leaves out, too

logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        from hf_genomics.evaluation import evaluate_metrics

        return getattr(evaluate_metrics, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def compute_classification_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """`compute_metrics` for the Trainer, for any sequence classification problem.

    The problem is told by the labels: integers are classes, a matrix is multi-label, other
    floating-point numbers are regression, and so are all that a single logit is for.

    Args:
        prediction: `predictions`: logits (num_rows, num_labels), or a tuple that begins with them;
            `label_ids`: (num_rows,), for regression also (num_rows, 1), or (num_rows, num_labels)
            for multi-label problems. Rows of class -100 are not counted.

    Returns:
        matthews_correlation, f1_macro, accuracy, auroc and auprc; for regression pearson, spearman
        and mse.

    Raises:
        ValueError: The logits hold NaN or infinity, or labels are none that such logits score.
    """
    from hf_genomics.evaluation.evaluate_metrics import SequenceClassificationMetrics

    logits = prediction.predictions
    logits = np.asarray(logits[0] if isinstance(logits, tuple) else logits)
    labels = np.asarray(prediction.label_ids)
    is_number = logits.size == len(logits)
    metric = SequenceClassificationMetrics("regression" if is_number else problem_type_of(labels))
    if metric.config_name == "regression":
        if logits.size != labels.size:
            raise ValueError(
                f"labels {labels.shape} of {labels.dtype} are no classes of logits {logits.shape}, "
                "and regression has one logit a row; give classes as integers."
            )
        logits, labels = logits.reshape(-1), labels.reshape(-1)
    scores: dict[str, float] = metric.compute(predictions=logits, references=labels)
    return scores


def problem_type_of(labels: NDArray[Any]) -> str:
    """The Transformers `problem_type` that labels of this shape and dtype belong to."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        return "multi_label_classification"
    if np.issubdtype(labels.dtype, np.floating):
        return "regression"
    return "single_label_classification"


# What `compute_classification_metrics` names, for classes and several labels, and for regression.
CLASSIFICATION_METRICS = ("matthews_correlation", "f1_macro", "accuracy", "auroc", "auprc")
REGRESSION_METRICS = ("pearson", "spearman", "mse")
# Of these, and of what pretraining reports; the perplexity of a level's codes is their use.
LOWER_IS_BETTER = (
    *("loss", "mse"),
    *("cross_entropy", "nucleotide_loss", "code_loss_<level>", "perplexity"),
)


def classification_metrics(
    logits: NDArray[np.floating], labels: NDArray[np.integer]
) -> dict[str, float]:
    """All scores of a classifier from logits (num_rows, num_classes) and labels (num_rows,).

    Rows of label -100 are not counted, as in the loss.

    Raises:
        ValueError: Logits are not finite, no row is counted, or a label is no class.
    """
    require_finite(logits)
    counted = labels != NOT_COUNTED
    if not counted.any():
        raise ValueError(
            f"none of {len(labels)} rows has a label other than {NOT_COUNTED}, which is not "
            "counted; give the labels of some."
        )
    logits, labels = logits[counted], labels[counted]
    wrong = labels[(labels < 0) | (labels >= logits.shape[1])]
    if len(wrong):
        raise ValueError(
            f"label {wrong[0]} is none of the {logits.shape[1]} classes that are scored, 0 to "
            f"{logits.shape[1] - 1}; mend the labels, or score by the model that knows them."
        )
    predicted = logits.argmax(-1)
    scores = log_odds(logits)
    return {
        "matthews_correlation": matthews_correlation(labels, predicted),
        "f1_macro": f1_macro(labels, predicted),
        "accuracy": accuracy(labels, predicted),
        "auroc": auroc(labels, scores),
        "auprc": auprc(labels, scores),
    }


def multi_label_metrics(logits: NDArray[np.floating], labels: NDArray[Any]) -> dict[str, float]:
    """The same for logits and 0/1 labels (num_rows, num_labels); accuracy counts rows with every
    label right, the other scores are means over labels.

    Raises:
        ValueError: Logits are not finite, or a label is neither 0 nor 1.
    """
    require_finite(logits)
    wrong = labels[(labels != 0) & (labels != 1)]
    if len(wrong):
        raise ValueError(
            f"label {wrong[0]} of a multi-label problem is neither 0 nor 1; round soft labels "
            "before they are scored."
        )
    labels = labels.astype(np.int64)
    predicted = (sigmoid(logits) > MULTI_LABEL_THRESHOLD).astype(np.int64)
    return {
        "matthews_correlation": matthews_correlation(labels, predicted),
        "f1_macro": f1_macro(labels, predicted),
        "accuracy": accuracy(labels, predicted),
        "auroc": auroc(labels, logits),
        "auprc": auprc(labels, logits),
    }


def regression_metrics(
    predictions: NDArray[np.floating], targets: NDArray[np.floating]
) -> dict[str, float]:
    """Pearson and Spearman correlation and mean squared error; both arrays (num_rows,)."""
    require_finite(predictions)
    return {
        "pearson": pearson(targets, predictions),
        "spearman": spearman(targets, predictions),
        "mse": mean_squared_error(targets, predictions),
    }


def matthews_correlation(references: NDArray[Any], predictions: NDArray[Any]) -> float:
    """Matthews correlation of classes (num_rows,), or its mean over labels (num_rows, num_labels);
    0 where one side has a single class."""
    if references.ndim == 2:
        columns = zip(references.T, predictions.T, strict=True)
        return float(np.mean([matthews_correlation(*column) for column in columns]))
    if min(len(np.unique(references)), len(np.unique(predictions))) < 2:
        return 0.0  # scikit-learn's value, without its warning about one-class input
    return float(matthews_corrcoef(references, predictions))


def f1_macro(references: NDArray[Any], predictions: NDArray[Any]) -> float:
    """F1 score of classes (num_rows,), averaged over those that occur in either array, or of labels
    (num_rows, num_labels), over those that a row of either array has; 0 for one never right, NaN
    where none occurs."""
    if references.ndim == 2:
        occurs = (references != 0).any(0) | (predictions != 0).any(0)
        if not occurs.any():
            logger.warning("F1 is NaN: no row has a label, and none is predicted.")
            return float("nan")
        columns = zip(references.T[occurs] != 0, predictions.T[occurs] != 0, strict=True)
        return float(np.mean([f1_score(*column, zero_division=0) for column in columns]))
    return float(f1_score(references, predictions, average="macro", zero_division=0))


def accuracy(references: NDArray[Any], predictions: NDArray[Any]) -> float:
    """Share of rows predicted right, in every label."""
    return float(accuracy_score(references, predictions))


def auroc(references: NDArray[Any], scores: NDArray[np.floating]) -> float:
    """Area under the receiver operating characteristic, see `_one_versus_rest`."""
    return _one_versus_rest("AUROC", roc_auc_score, references, scores)


def auprc(references: NDArray[Any], scores: NDArray[np.floating]) -> float:
    """Area under the precision-recall curve as average precision, see `_one_versus_rest`."""
    return _one_versus_rest("AUPRC", average_precision_score, references, scores)


def pearson(targets: NDArray[np.floating], predictions: NDArray[np.floating]) -> float:
    """Pearson correlation of two arrays (num_rows,)."""
    return _correlation("Pearson", pearsonr, targets, predictions)


def spearman(targets: NDArray[np.floating], predictions: NDArray[np.floating]) -> float:
    """Spearman rank correlation of two arrays (num_rows,)."""
    return _correlation("Spearman", spearmanr, targets, predictions)


def mean_squared_error(targets: NDArray[np.floating], predictions: NDArray[np.floating]) -> float:
    """Mean squared difference, in the targets' unit squared."""
    return float(np.mean((np.asarray(targets, np.float64) - predictions) ** 2))


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Class probabilities from logits (num_rows, num_classes)."""
    shifted = np.exp(np.asarray(logits, np.float64) - logits.max(-1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(-1, keepdims=True)
    return probabilities


def log_odds(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithm of p / (1 - p) for the class probabilities p of logits (num_rows, num_classes).

    In the order of the probabilities, without the ties of those that round to 0 or 1.
    """
    odds: NDArray[np.float64] = np.array(logits, np.float64)
    if odds.shape[1] > 1:
        columns = range(odds.shape[1])
        odds -= np.stack([logsumexp(np.delete(odds, c, 1), axis=1) for c in columns], 1)
    return odds


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Label probabilities from logits of any shape."""
    probabilities: NDArray[np.float64] = expit(np.asarray(logits, np.float64))
    return probabilities


def require_finite(predictions: NDArray[np.floating]) -> None:
    """Raises ValueError if a prediction is NaN or infinite."""
    bad = ~np.isfinite(predictions).all(axis=tuple(range(1, predictions.ndim)))
    if bad.any():
        raise ValueError(
            f"The predictions of {bad.sum()} of {len(bad)} rows are NaN or infinite: training has "
            "diverged; lower the learning rate or clip gradients (max_grad_norm)."
        )


def _one_versus_rest(
    name: str,
    score: Callable[[NDArray[Any], NDArray[Any]], float],
    references: NDArray[Any],
    scores: NDArray[np.floating],
) -> float:
    """`score` of scores (num_rows,) or (num_rows, 2) for the second of two classes, otherwise the
    mean over the columns of scores (num_rows, num_labels), each label against the rest."""
    if references.ndim == 2:
        truths, columns = list(references.T), list(scores.T)
    elif scores.ndim == 1 or scores.shape[1] == 2:
        truths, columns = [references == 1], [scores if scores.ndim == 1 else scores[:, 1]]
    else:
        truths, columns = [references == c for c in range(scores.shape[1])], list(scores.T)
    values = [
        float(score(truth, column))
        for truth, column in zip(truths, columns, strict=True)
        if 0 < np.sum(truth) < len(truth)
    ]
    if not values:
        logger.warning("%s is NaN: all %d rows are of one class.", name, len(references))
        return float("nan")
    return float(np.mean(values))


def _correlation(
    name: str,
    statistic: Callable[..., Any],
    targets: NDArray[np.floating],
    predictions: NDArray[np.floating],
) -> float:
    targets, predictions = np.asarray(targets, np.float64), np.asarray(predictions, np.float64)
    for what, values in (("targets", targets), ("predictions", predictions)):
        if len(values) < 2 or np.ptp(values) == 0:
            logger.warning("%s correlation is NaN: the %s do not differ.", name, what)
            return float("nan")
    return float(statistic(targets, predictions).statistic)
