"""The scores of `metrics` as `evaluate.Metric`s: they add batches, combine, and need no Hub.

    >>> from hf_genomics.evaluation.metrics import MatthewsCorrelation
    >>> MatthewsCorrelation().compute(predictions=[0, 1, 1], references=[0, 1, 0])
    {'matthews_correlation': 0.5}

Each takes a problem (`config_name`) where it has several: "single_label_classification" (the
default), "multi_label_classification" or "regression".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf

from hf_genomics.evaluation import metrics

_CLASS = Value("int64")
_NUMBER = Value("float64")
_CLASSES_OR_LABELS = {
    "single_label_classification": [Features(predictions=_CLASS, references=_CLASS)],
    "multi_label_classification": [Features(predictions=ListOf(_CLASS), references=ListOf(_CLASS))],
}
_SCORES = {
    # Two classes may be scored by one number, that of the second class.
    "single_label_classification": [
        Features(predictions=_NUMBER, references=_CLASS),
        Features(predictions=ListOf(_NUMBER), references=_CLASS),
    ],
    "multi_label_classification": [
        Features(predictions=ListOf(_NUMBER), references=ListOf(_CLASS))
    ],
}
_TARGETS = {"regression": [Features(predictions=_NUMBER, references=_NUMBER)]}


class SequenceMetric(evaluate.Metric):
    """What the metrics below share: a score, its key, and the shapes that each problem takes.

    Args:
        config_name: The problem; the first of `problems` if None.
        kwargs: As for `evaluate.Metric`; `keep_in_memory=True` is the default, so that processes
            of one training run never meet in a cache file.

    Raises:
        ValueError: The metric does not know the problem.
    """

    key: ClassVar[str]
    problems: ClassVar[dict[str, list[Features]]]
    score: ClassVar[Callable[..., Any]]

    def __init__(self, config_name: str | None = None, **kwargs: Any) -> None:
        config_name = config_name or next(iter(self.problems))
        if config_name not in self.problems:
            raise ValueError(
                f"{type(self).__name__} has no problem {config_name!r}; use one of "
                f"{', '.join(self.problems)}."
            )
        super().__init__(config_name=config_name, **{"keep_in_memory": True, **kwargs})

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=(type(self).__doc__ or "").strip(),
            citation="",
            inputs_description="predictions and references, one of each per row",
            features=self.problems[self.config_name],
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {self.key: type(self).score(np.asarray(references), np.asarray(predictions))}


class MatthewsCorrelation(SequenceMetric):
    """Matthews correlation of predicted classes; mean over labels if multi-label."""

    key = "matthews_correlation"
    problems = _CLASSES_OR_LABELS
    score = staticmethod(metrics.matthews_correlation)


class MacroF1(SequenceMetric):
    """F1 score of predicted classes, averaged over classes or labels."""

    key = "f1_macro"
    problems = _CLASSES_OR_LABELS
    score = staticmethod(metrics.f1_macro)


class Accuracy(SequenceMetric):
    """Share of rows predicted right, in every label if multi-label."""

    key = "accuracy"
    problems = _CLASSES_OR_LABELS
    score = staticmethod(metrics.accuracy)


class AUROC(SequenceMetric):
    """Area under the ROC curve of scores or probabilities, one against the rest, averaged."""

    key = "auroc"
    problems = _SCORES
    score = staticmethod(metrics.auroc)


class AUPRC(SequenceMetric):
    """Average precision of scores or probabilities, one against the rest, averaged."""

    key = "auprc"
    problems = _SCORES
    score = staticmethod(metrics.auprc)


class Pearson(SequenceMetric):
    """Pearson correlation of predicted and true values."""

    key = "pearson"
    problems = _TARGETS
    score = staticmethod(metrics.pearson)


class Spearman(SequenceMetric):
    """Spearman rank correlation of predicted and true values."""

    key = "spearman"
    problems = _TARGETS
    score = staticmethod(metrics.spearman)


class MeanSquaredError(SequenceMetric):
    """Mean squared difference of predicted and true values."""

    key = "mse"
    problems = _TARGETS
    score = staticmethod(metrics.mean_squared_error)


class SequenceClassificationMetrics(SequenceMetric):
    """All scores of a problem at once, from logits."""

    problems = {
        "single_label_classification": [Features(predictions=ListOf(_NUMBER), references=_CLASS)],
        "multi_label_classification": [
            Features(predictions=ListOf(_NUMBER), references=ListOf(_NUMBER))
        ],
        **_TARGETS,
    }

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        scores: dict[str, Callable[..., dict[str, float]]] = {
            "single_label_classification": metrics.classification_metrics,
            "multi_label_classification": metrics.multi_label_metrics,
            "regression": metrics.regression_metrics,
        }
        return scores[self.config_name](np.asarray(predictions), np.asarray(references))
