"""From a fine-tuned model to the scores of a split, and to predictions for new sequences."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from datasets import DatasetDict
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    Trainer,
)

from hf_genomics.data.collators import SequenceClassificationCollator
from hf_genomics.evaluation.metrics import MULTI_LABEL_THRESHOLD, require_finite, sigmoid, softmax

LABEL_SEPARATOR = ";"  # between the names of several predicted labels of one sequence


def score_splits(trainer: Trainer, dataset: DatasetDict, splits: Iterable[str]) -> dict[str, float]:
    """One result row: `<split>_loss` and `<split>_<metric>` of the trainer's model, as it is now.

    Splits that `dataset` does not have are left out. Each is predicted once.
    """
    row: dict[str, float] = {}
    for split in splits:
        if split in dataset:
            # `predict`, not `evaluate`: the latter calls back to early stopping, which looks for
            # the metrics of training.
            metrics = trainer.predict(dataset[split], metric_key_prefix=split).metrics or {}
            speed = ("_runtime", "_per_second", "_preparation_time")
            row |= {key: value for key, value in metrics.items() if not key.endswith(speed)}
    return row


def model_summary(model: PreTrainedModel) -> dict[str, Any]:
    """Type, size and shape of a model, for a result row."""
    return {
        "model_type": model.config.model_type,
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "num_labels": model.config.num_labels,
    }


class SequenceClassifier:
    """A fine-tuned model and its tokenizer: DNA strings in, columns of a table out.

    Args:
        model: Any sequence classification model.
        tokenizer: Its tokenizer.
        device: Where to run; the first GPU if there is one, else the CPU.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Any, device: str | torch.device | None = None
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.eval()
        self.model.to(device=self.device)
        self.collate = SequenceClassificationCollator(tokenizer)
        self.seconds = 0.0  # spent in tokenizer and model, for a report of the speed

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        *,
        trust_remote_code: bool = False,
        device: str | torch.device | None = None,
    ) -> SequenceClassifier:
        """Loads a saved folder or a model of the Hub."""
        model = AutoModelForSequenceClassification.from_pretrained(
            name_or_path, trust_remote_code=trust_remote_code
        )
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, trust_remote_code=trust_remote_code)
        return cls(model, tokenizer, device)

    def __call__(self, sequences: list[str]) -> dict[str, list[Any]]:
        """Predictions for a batch.

        Returns:
            Columns with one value for each sequence: `predicted_label` and `probability_<label>`
            of every label (labels above probability 0.5, joined by ";", if the model is
            multi-label); `prediction` for regression with one target, `prediction_<label>` for
            several.

        Raises:
            ValueError: A sequence is empty, holds a character that is no nucleotide code, or is
                too long for the model; or a prediction is not finite.
        """
        started = time.perf_counter()
        for row, sequence in enumerate(sequences):
            if not sequence:
                raise ValueError(f"Sequence {row} of the batch is empty; remove it or fill it in.")
        batch = self.collate([{"sequence": sequence} for sequence in sequences])
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            logits = self.model(**inputs).logits.float().cpu().numpy()
        self.seconds += time.perf_counter() - started
        require_finite(logits)
        return self._columns(logits)

    def _columns(self, logits: Any) -> dict[str, list[Any]]:
        names = [str(self.model.config.id2label[i]) for i in range(logits.shape[1])]
        if self.model.config.problem_type == "regression" or len(names) == 1:
            if len(names) == 1:
                return {"prediction": logits[:, 0].tolist()}
            return {f"prediction_{name}": logits[:, i].tolist() for i, name in enumerate(names)}
        if self.model.config.problem_type == "multi_label_classification":
            probabilities = sigmoid(logits)
            chosen = [
                LABEL_SEPARATOR.join(
                    name for name, p in zip(names, row, strict=True) if p > MULTI_LABEL_THRESHOLD
                )
                for row in probabilities
            ]
        else:
            probabilities = softmax(logits)
            chosen = [names[i] for i in probabilities.argmax(-1)]
        columns: dict[str, list[Any]] = {"predicted_label": chosen}
        for i, name in enumerate(names):
            columns[f"probability_{name}"] = probabilities[:, i].tolist()
        return columns
