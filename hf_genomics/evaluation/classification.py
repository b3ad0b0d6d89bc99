"""From a fine-tuned model to the scores of a split, and to predictions for new sequences."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    Trainer,
)

from hf_genomics.data.collators import SequenceClassificationCollator, length_limit
from hf_genomics.evaluation.devices import usable_device
from hf_genomics.evaluation.loaded_weights import drawn_at_random, naming_weights
from hf_genomics.evaluation.metrics import MULTI_LABEL_THRESHOLD, require_finite, sigmoid, softmax
from hf_genomics.evaluation.predictions import write_predictions

logger = logging.getLogger(__name__)

_NO_LIMIT = 1e29  # the `model_max_length` of a tokenizer without a limit is 1e30
QUANTIZER = "vqdna_quantizer"  # a model type without a classifier
LABEL_SEPARATOR = ";"  # between the names of several predicted labels of one sequence


def score_splits(
    trainer: Trainer,
    dataset: DatasetDict,
    splits: Iterable[str],
    *,
    predictions_folder: str | Path | None = None,
) -> dict[str, float]:
    """One result row: `<split>_loss` and `<split>_<metric>` of the trainer's model, as it is now.

    Splits that `dataset` does not have are left out. Each is predicted once. A classifier that
    predicts one class for all rows of a split is reported by a warning. With `predictions_folder`
    the first process leaves the logits there, in `<split>_predictions.parquet`.
    """
    row: dict[str, float] = {}
    for split in splits:
        if split in dataset:
            # `predict`, not `evaluate`: the latter calls back to early stopping, which looks for
            # the metrics of training.
            output = trainer.predict(dataset[split], metric_key_prefix=split)
            metrics = output.metrics or {}
            logits = output.predictions
            logits = np.asarray(logits[0] if isinstance(logits, tuple) else logits)
            _warn_of_one_class(logits, output.label_ids, split)
            if predictions_folder is not None and trainer.is_world_process_zero():
                file = Path(predictions_folder) / f"{split}_predictions.parquet"
                write_predictions(file, logits, output.label_ids)
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


def require_model(name_or_path: str) -> None:
    """Raises ValueError if `name_or_path` can only be a folder, and there is none."""
    path = Path(name_or_path).expanduser()
    is_path = path.is_absolute() or name_or_path.startswith((".", "~")) or len(path.parts) > 2
    if is_path and not path.is_dir():
        raise ValueError(
            f"There is no folder {name_or_path}; give that of a saved model, or the id of a model "
            "on the Hub (user/name)."
        )


def require_classifier(config: PreTrainedConfig, name: str) -> None:
    """Raises ValueError if a model is of a type that has no classifier, which it says."""
    if config.model_type == QUANTIZER:
        raise ValueError(
            f"{name} is a VQDNA quantizer, and no classifier; pretrain a language model on it "
            f"first (examples/pretrain_vqdna.py --quantizer {name}), then fine-tune that."
        )


def require_trained(loading: Mapping[str, Any], name: str) -> None:
    """Raises ValueError if a loaded model has weights that its checkpoint had none for.

    Transformers draws those at random, also where the checkpoint has them in another shape.

    Args:
        loading: What `from_pretrained` gives with `output_loading_info=True`.
        name: Of the model.
    """
    random = drawn_at_random(loading)
    if random:
        raise ValueError(
            f"{name} has no trained classifier of sequences: {random[0]}, and would be random. "
            "Fine-tune it first (examples/finetune.py --model_name_or_path)."
        )


def set_on_invalid(tokenizer: Any, on_invalid: str | None) -> None:
    """Sets what a letter that is no nucleotide code leads to, "error" or "n"; None changes nothing.

    Raises:
        ValueError: The tokenizer is none of ours, and has no such setting.
    """
    if on_invalid is None:
        return
    if not hasattr(tokenizer, "on_invalid"):
        raise ValueError(
            "on_invalid (--on_invalid) is a setting of DNATokenizer, but the model's tokenizer is "
            f"{type(tokenizer).__name__}; leave it out, and correct the sequences."
        )
    tokenizer.on_invalid = on_invalid
    tokenizer.init_kwargs["on_invalid"] = on_invalid  # so that it is saved


def _warn_of_one_class(logits: Any, labels: Any, split: str) -> None:
    if labels is None or not np.issubdtype(np.asarray(labels).dtype, np.integer):
        return
    predicted = np.unique(logits.argmax(-1))
    if len(predicted) == 1 and len(np.unique(labels)) > 1:
        logger.warning(
            "All %d rows of split %r are predicted to be of class %d: the model has learned "
            "nothing. Train for more epochs or steps, or with another learning rate.",
            len(logits),
            split,
            predicted[0],
        )


class SequenceClassifier:
    """A fine-tuned model and its tokenizer: DNA strings in, columns of a table out.

    Args:
        model: Any sequence classification model.
        tokenizer: Its tokenizer.
        device: Where to run; the first GPU if there is one, else the CPU.
        truncation: Cut sequences that are longer than a model of fixed length reads; for a model of
            any length, than the tokenizer's `model_max_length`, if it has one.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        device: str | torch.device | None = None,
        *,
        truncation: bool = False,
    ) -> None:
        self.device = usable_device(device)
        self.model = model.eval()
        self.model.to(device=self.device)
        self.limit = length_limit(model.config)
        if truncation and self.limit is None and tokenizer.model_max_length < _NO_LIMIT:
            self.limit = tokenizer.model_max_length  # at which its training sequences were cut
        self.collate = SequenceClassificationCollator(
            tokenizer, self.limit, truncation=truncation and self.limit is not None
        )
        self.seconds = 0.0  # spent in tokenizer and model, for a report of the speed

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        *,
        trust_remote_code: bool = False,
        device: str | torch.device | None = None,
        truncation: bool = False,
        on_invalid: str | None = None,
    ) -> SequenceClassifier:
        """Loads a saved folder or a model of the Hub.

        Args:
            name_or_path: Folder or Hub id.
            trust_remote_code: Run the code that comes with the model.
            device: See the class.
            truncation: See the class.
            on_invalid: "n" reads letters that are no nucleotide codes as N, "error" refuses them;
                None for what the tokenizer was saved with.

        Raises:
            ValueError: There is no such folder, the model in it has no trained classifier, or the
                tokenizer has no setting `on_invalid`.
        """
        require_model(name_or_path)
        require_classifier(
            AutoConfig.from_pretrained(name_or_path, trust_remote_code=trust_remote_code),
            name_or_path,
        )
        with naming_weights(name_or_path):
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                name_or_path,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, in one sentence
            )
        require_trained(loading, name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, trust_remote_code=trust_remote_code)
        set_on_invalid(tokenizer, on_invalid)
        return cls(model, tokenizer, device, truncation=truncation)

    def __call__(
        self, sequences: list[str], names: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Predictions for a batch.

        Args:
            sequences: DNA strings.
            names: What an error calls each of them; "Sequence 0 of the batch" and so on if None.

        Returns:
            Columns with one value for each sequence, see `columns`.

        Raises:
            ValueError: See `scores`.
        """
        return self.columns(self.scores(sequences, names))

    def scores(
        self, sequences: list[str], names: Sequence[str] | None = None
    ) -> NDArray[np.floating]:
        """Probabilities `(sequences, labels)`, in [0, 1]; for regression `(sequences, targets)`.

        Args:
            sequences: DNA strings.
            names: What an error calls each of them; "Sequence 0 of the batch" and so on if None.

        Raises:
            ValueError: There is no sequence; one is empty or white space, holds a character that is
                no nucleotide code, or is too long for the model (the message has its name); or a
                prediction is not finite.
        """
        if not len(sequences):
            raise ValueError("there is no sequence to classify; give one or more.")
        started = time.perf_counter()
        names = names or [f"Sequence {row} of the batch" for row in range(len(sequences))]
        for name, sequence in zip(names, sequences, strict=True):
            if not sequence or str(sequence).isspace():  # of which no token would be left
                raise ValueError(f"{name} is empty; remove it or fill it in.")
        try:
            batch = self.collate([{"sequence": sequence} for sequence in sequences])
        except Exception as error:
            # The one that is to blame, alone: its own name, and its own position.
            for name, sequence in zip(names, sequences, strict=True):
                self._read_one(name, sequence)
            raise error
        inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            logits = self.model(**inputs).logits.float().cpu().numpy()
        self.seconds += time.perf_counter() - started
        require_finite(logits)
        if self.problem == "regression":
            return logits
        return sigmoid(logits) if self.problem == "multi_label_classification" else softmax(logits)

    def _read_one(self, name: str, sequence: str) -> None:
        try:
            tokens = len(self.collate.tokenizer(sequence)["input_ids"])
        except Exception as error:  # that of `tokenizers` has no class of its own
            raise ValueError(
                f"{name} cannot be read: {error} --on_invalid n reads such characters as N."
            ) from error
        if self.limit is not None and tokens > self.limit and not self.collate.truncation:
            raise ValueError(
                f"{name} has {tokens} bases, but the model reads at most {self.limit}: shorten it, "
                "or cut all longer ones with truncation (--truncation)."
            )

    @property
    def labels(self) -> list[str]:
        """Names of the labels or targets, in the order of the columns of `scores`."""
        return [str(name) for _, name in sorted(self.model.config.id2label.items())]

    @property
    def problem(self) -> str:
        """ "regression", "multi_label_classification" or "single_label_classification"."""
        if len(self.labels) == 1:
            return "regression"
        return self.model.config.problem_type or "single_label_classification"

    def columns(self, scores: NDArray[np.floating]) -> dict[str, list[Any]]:
        """What `scores` says, as columns of a table with one value for each sequence.

        Args:
            scores: `(sequences, labels)` as from `scores`.

        Returns:
            `predicted_label` and `probability_<label>` of every label (labels above probability
            0.5, joined by ";", if the model is multi-label); `prediction` for regression with one
            target, `prediction_<label>` for several.
        """
        names = self.labels
        if self.problem == "regression":
            heads = [f"prediction_{name}" for name in names] if len(names) > 1 else ["prediction"]
            return {head: scores[:, i].tolist() for i, head in enumerate(heads)}
        if self.problem == "multi_label_classification":
            chosen = [
                LABEL_SEPARATOR.join(
                    name for name, p in zip(names, row, strict=True) if p > MULTI_LABEL_THRESHOLD
                )
                for row in scores
            ]
        else:
            chosen = [names[i] for i in scores.argmax(-1)]
        probabilities = {
            f"probability_{name}": scores[:, i].tolist() for i, name in enumerate(names)
        }
        return {"predicted_label": chosen, **probabilities}
