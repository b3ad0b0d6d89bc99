"""Scores by what a classifier says of the alternative and of the reference."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.evaluation.variant_effects.alleles import Substitutions
from hf_genomics.evaluation.variant_effects.model_identity import identity_of, precision_of
from hf_genomics.evaluation.variant_effects.model_windows import (
    WindowReader,
    opposite,
    run_model,
    without_adapters,
)
from hf_genomics.evaluation.variant_effects.scores import (
    EMBEDDING_SCORES,
    Floats,
    embedding_distances,
)


class ClassifierScorer:
    """Scores by a classifier: its output for the alternative minus that for the reference.

    Each alternative has a window of its own, with the variant in the middle. The difference is of
    the log odds of each label (single-label), or of the logits (multi-label, regression).

    Args:
        model: A sequence classification model of the families.
        batch_size: Windows in one forward pass.
        rc_average: Average the logits, and the pooled outputs, of both strands.
        embeddings: Add distances between the pooled outputs of reference and alternative (the mean
            over the positions, where the model has no pooled output).
        window: Bases of the window. None is enough for a model made for one length only.

    Raises:
        ValueError: The window is below 1, the model does not say how long its sequences are and no
            window is given, or two labels have one name in letters, digits and underscores.
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_size: int = 32,
        rc_average: bool = False,
        embeddings: bool = False,
        window: int | None = None,
    ) -> None:
        self.model = model
        if window is not None and window < 1:
            raise ValueError(
                f"window is {window}; give 1 or more, as many bases as the model was trained on."
            )
        window = _native_window(model.config) if window is None else window
        left = window // 2
        self.context = (left, window - 1 - left)
        self.rc_average = rc_average
        self.embeddings = embeddings
        self.batch_size = batch_size
        labels = [str(model.config.id2label[i]) for i in range(model.config.num_labels)]
        self.kind = "logit" if _independent(model.config) else "log odds"
        if self.kind == "log odds" and len(labels) == 2:
            labels = labels[1:]  # the other one's are the same with the opposite sign
        self.columns = {
            f"delta_{_identifier(label)}": f"{self.kind} of {label}, alternative minus reference"
            for label in labels
        }
        if len(self.columns) < len(labels):
            raise ValueError(
                f"The labels {labels} do not differ in their letters, digits and underscores; "
                "give the model's id2label distinct names."
            )
        self.columns |= EMBEDDING_SCORES if embeddings else {}
        self.precision = precision_of(model)
        self.identity = identity_of(model) | {
            "batch_size": batch_size,
            "rc_average": rc_average,
            "embeddings": embeddings,
            "window": window,
        }

    def __call__(self, substitutions: Substitutions, genome: IndexedGenome) -> Floats:
        """Scores `(n, len(columns))`."""
        read = WindowReader(substitutions, genome, self.context)
        reference, alternative = read.both(self._outputs, self.batch_size)
        n = self.model.config.num_labels
        columns = [self._scale(alternative[:, :n]) - self._scale(reference[:, :n])]
        if self.embeddings:
            columns.append(embedding_distances(reference[:, n:], alternative[:, n:]))
        return np.concatenate(columns, 1)

    def _scale(self, logits: Floats) -> Floats:
        if self.kind == "logit":
            return logits
        if logits.shape[1] == 2:
            return logits[:, 1:] - logits[:, :1]
        # log p_k - log(1 - p_k) = logit of k minus the log-sum-exp of the others
        others = [np.delete(logits, k, 1) for k in range(logits.shape[1])]
        return logits - np.stack([np.logaddexp.reduce(other, axis=1) for other in others], 1)

    def _outputs(self, windows: NDArray[np.uint8]) -> Floats:
        """Logits, and the pooled output beside them: windows `(B, L)` to `(B, num_labels + D)`."""
        outputs = run_model(self.model, windows, self._run)
        if self.rc_average:
            outputs = (outputs + run_model(self.model, opposite(windows), self._run)) / 2
        return outputs

    def _run(self, input_ids: Tensor) -> Tensor:
        mask = torch.ones_like(input_ids)
        if not self.embeddings:
            logits: Tensor = self.model(input_ids, attention_mask=mask).logits
            return logits
        pooled: list[Tensor] = []

        def keep(module: Any, inputs: Any, outputs: Any) -> None:
            found = outputs.get("pooler_output")
            pooled.append(outputs["last_hidden_state"].mean(1) if found is None else found)

        with without_adapters(self.model).base_model.register_forward_hook(keep):
            logits = self.model(input_ids, attention_mask=mask).logits
        return torch.cat([logits.double(), pooled[0].double()], 1)


def _native_window(config: Any) -> int:
    if getattr(config, "head", None) == "flatten":
        return int(config.max_length)
    raise ValueError(
        f"The configuration of this {config.model_type} does not say how long its sequences are; "
        "give window, the number of bases of the sequences it was trained on."
    )


def _independent(config: Any) -> bool:
    kinds = ("multi_label_classification", "regression")
    return config.problem_type in kinds or config.num_labels == 1


def _identifier(label: str) -> str:
    return re.sub(r"\W", "_", label, flags=re.ASCII)
