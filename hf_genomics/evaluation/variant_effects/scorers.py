"""From a model to the scores of substitutions.

`VariantScorer` is all the rest of the package knows of a model. `scorer_of` finds the one for a
model of the families; a class of your own with the same attributes can be passed in its place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hf_genomics.evaluation.variant_effects.alleles import Substitutions
from hf_genomics.evaluation.variant_effects.reference import ReferenceGenome
from hf_genomics.evaluation.variant_effects.scores import (
    EMBEDDING_SCORES,
    LOG_RATE_SCORES,
    Floats,
    embedding_distances,
    log_rate_scores,
)
from hf_genomics.evaluation.variant_effects.windows import MAX_CHUNK, batches_of, plan_chunks
from hf_genomics.models import FAMILIES

COMPLEMENT = (3, 2, 1, 0, 4)  # state to state: A-T, C-G, N
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@runtime_checkable
class VariantScorer(Protocol):
    """What scores substitutions.

    Attributes:
        columns: Name of each score to a sentence that describes it, in the order of the scores.
        context: Bases to the left and right of a site that its scores depend on.
        precision: numpy dtype of the scores in the output.
        identity: What tells this scorer from another one; a resumed run has to find it unchanged.
    """

    @property
    def columns(self) -> Mapping[str, str]: ...

    @property
    def context(self) -> tuple[int, int]: ...

    @property
    def precision(self) -> np.dtype[Any]: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def __call__(self, substitutions: Substitutions, genome: ReferenceGenome) -> Floats:
        """Scores `(n, len(columns))` of the substitutions, in their order."""
        ...


class LogRateScorer:
    """Scores by log rates: `log_rates (B, L) -> (B, L', 4)`, one for each site of the reference.

    One pass over the reference gives the scores of all alternatives of all its sites, so near
    sites share a window. Distances of embeddings need a window for each alternative besides.

    Args:
        model: `PhyloGPNForMaskedLM` or a model with the same outputs.
        batch_size: Lone windows, or as many bases in longer ones, in one forward pass.
        rc_average: Average the log rates of both strands.
        embeddings: Add distances between the embeddings of reference and alternative.
        window: Bases of the window, odd; the model's receptive field if None. Only a model whose
            values depend on more than the receptive field (`norm="group_norm"`) needs another.
        share: Whether near sites may share a window; `None` for what the model allows.

    Raises:
        ValueError: The window is even or shorter than the receptive field, sharing was asked of
            a model whose values depend on the whole window, or the model's substitution model
            does not tell bases apart.
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_size: int = 32,
        rc_average: bool = False,
        embeddings: bool = False,
        window: int | None = None,
        share: bool | None = None,
    ) -> None:
        flank = int(model.config.flank)
        window = 2 * flank + 1 if window is None else window
        if window % 2 == 0 or window < 2 * flank + 1:
            raise ValueError(
                f"window is {window}; this model needs an odd number of at least {2 * flank + 1}."
            )
        strict = getattr(model.config, "norm", "layer_norm") == "layer_norm"
        if share and not strict:
            raise ValueError(
                f"norm={model.config.norm!r} makes a value depend on the whole window, so sites "
                "cannot share one; leave share=None."
            )
        substitution_model = getattr(model.config, "substitution_model", "f81")
        if substitution_model not in ("f81", "hky85"):
            raise ValueError(
                f"Under substitution_model={substitution_model!r} the four log rates of a site say "
                "nothing of its bases, so no variant score is defined; f81 and hky85 have one."
            )
        self.kappa = float(model.config.kappa) if substitution_model == "hky85" else 1.0
        self.model = model
        self.share = strict if share is None else share
        self.rc_average = rc_average
        self.embeddings = embeddings
        self.flank = window // 2
        self.context = (self.flank, self.flank)
        self.max_positions = batch_size * window
        # The layers shrink by the receptive field from first to last, so on the average each of
        # them works on `flank` positions more than come out; two flanks more if it pads inside.
        self.overhead = 2 * self.flank - flank
        if getattr(model.config, "token_padding", "valid") == "same":
            self.overhead += 2 * flank
        self.columns = LOG_RATE_SCORES | (EMBEDDING_SCORES if embeddings else {})
        self.precision = precision_of(model)
        self.identity = identity_of(model) | {
            "batch_size": batch_size,
            "rc_average": rc_average,
            "embeddings": embeddings,
            "window": window,
            "share": self.share,
        }

    def __call__(self, substitutions: Substitutions, genome: ReferenceGenome) -> Floats:
        """Scores `(n, 4)` or, with embeddings, `(n, 6)`."""
        rates = self.log_rates(substitutions, genome)
        states = substitutions.reference, substitutions.alternative
        columns = [log_rate_scores(rates, *states, kappa=self.kappa)]
        if self.embeddings:
            read = WindowReader(substitutions, genome, self.context)
            outputs = read.both(self._embeddings, self.max_positions)
            columns.append(embedding_distances(*outputs))
        return np.concatenate(columns, 1)

    def log_rates(self, substitutions: Substitutions, genome: ReferenceGenome) -> Floats:
        """Log rates `(n, 4)` of the reference at the site of each substitution."""
        out = np.empty((len(substitutions), 4), np.float64)
        chunks = self._chunks(substitutions)
        lengths = chunks[:, 2] - chunks[:, 1] + 2 * self.flank
        for batch in batches_of(lengths, max_positions=self.max_positions):
            windows = []
            for contig, start, end in chunks[batch, :3]:
                name = substitutions.contig_names[contig]
                windows.append(genome.states(name, start - self.flank, end + self.flank))
            rates = self._rates(windows)
            for (_, start, _, first, last), values in zip(chunks[batch], rates, strict=True):
                out[first:last] = values[substitutions.position[first:last] - start]
        return out

    def _chunks(self, substitutions: Substitutions) -> NDArray[np.int64]:
        """Rows `(contig, start, end, first, last)`: sites of a chunk, and its substitutions."""
        rows: list[tuple[int, int, int, int, int]] = []
        max_sites = max(1, min(MAX_CHUNK, self.max_positions - 2 * self.flank))
        begin = 0
        for contig in range(len(substitutions.contig_names)):
            end = begin + int(np.sum(substitutions.contig == contig))
            positions = substitutions.position[begin:end]
            if self.share:
                chunks = plan_chunks(positions, overhead=self.overhead, max_sites=max_sites)
            else:
                chunks = np.unique(positions)[:, None] + np.array([0, 1])
            first = begin + np.searchsorted(positions, chunks[:, 0])
            last = begin + np.searchsorted(positions, chunks[:, 1])
            rows += zip([contig] * len(chunks), *chunks.T, first, last, strict=True)
            begin = end
        return np.array(rows, np.int64).reshape(-1, 5)

    def _rates(self, windows: list[NDArray[np.uint8]]) -> list[Floats]:
        """Log rates `(sites, 4)` of each window, which lie padded with N in one batch."""
        rates = self._forward(windows, self._centre_rates)
        if self.rc_average:
            other = self._forward([opposite(window) for window in windows], self._centre_rates)
            rates = [(w + rc[::-1, COMPLEMENT[:4]]) / 2 for w, rc in zip(rates, other, strict=True)]
        return rates

    def _forward(
        self, windows: list[NDArray[np.uint8]], run: Callable[[Tensor], Tensor]
    ) -> list[Floats]:
        longest = max(len(window) for window in windows)
        padded = np.full((len(windows), longest), 4, np.uint8)
        for row, window in zip(padded, windows, strict=True):
            row[: len(window)] = window
        values = run_model(self.model, padded, run)
        return [
            row[: len(window) - 2 * self.flank] for row, window in zip(values, windows, strict=True)
        ]

    def _centre_rates(self, input_ids: Tensor) -> Tensor:
        """Log rates `(B, L - 2 flank, 4)`, whatever the model pads inside."""
        return self._centre(self.model(input_ids).logits, input_ids)

    def _embeddings(self, windows: NDArray[np.uint8]) -> Floats:
        """Embeddings of the sites in the middle: windows `(B, L)` to `(B, D)`."""

        def run(input_ids: Tensor) -> Tensor:
            return self._centre(self.model.get_embeddings(input_ids), input_ids)[:, 0]

        embeddings = run_model(self.model, windows, run)
        if self.rc_average:
            # The other strand numbers the channels backwards.
            embeddings = (embeddings + run_model(self.model, opposite(windows), run)[:, ::-1]) / 2
        return embeddings

    def _centre(self, values: Tensor, input_ids: Tensor) -> Tensor:
        sites = input_ids.shape[1] - 2 * self.flank
        skip = (values.shape[1] - sites) // 2
        return values[:, skip : skip + sites]


class ClassifierScorer:
    """Scores by a classifier: its output for the alternative minus that for the reference.

    Each alternative has a window of its own, with the variant in the middle. The difference is of
    the log odds of each label (single-label), or of the logits (multi-label, regression).

    Args:
        model: A sequence classification model of the families.
        batch_size: Windows in one forward pass.
        rc_average: Average the logits of both strands.
        embeddings: Add distances between the pooled outputs of reference and alternative (the mean
            over the positions, where the model has no pooled output).
        window: Bases of the window. None is enough for a model made for one length only.

    Raises:
        ValueError: The model does not say how long its sequences are and no window is given.
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
        window = window or _native_window(model.config)
        left = window // 2
        self.context = (left, window - 1 - left)
        self.rc_average = rc_average
        self.embeddings = embeddings
        self.max_positions = batch_size * window
        self.problem = model.config.problem_type
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

    def __call__(self, substitutions: Substitutions, genome: ReferenceGenome) -> Floats:
        """Scores `(n, len(columns))`."""
        read = WindowReader(substitutions, genome, self.context)
        reference, alternative = read.both(self._outputs, self.max_positions)
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

        with self.model.base_model.register_forward_hook(keep):
            logits = self.model(input_ids, attention_mask=mask).logits
        return torch.cat([logits.double(), pooled[0].double()], 1)


class WindowReader:
    """Windows with the variant in the middle, of the reference and of each alternative.

    Args:
        substitutions: What to read, `n` of them.
        genome: Where to read.
        context: Bases to the left and right of the variant.
    """

    def __init__(
        self, substitutions: Substitutions, genome: ReferenceGenome, context: tuple[int, int]
    ) -> None:
        self.substitutions = substitutions
        self.genome = genome
        self.context = context
        # Alternatives of one site have their reference in common.
        sites = np.stack([substitutions.contig, substitutions.position], 1)
        _, self.first, self.site = np.unique(sites, axis=0, return_index=True, return_inverse=True)
        self.site = self.site.reshape(-1)

    def both(
        self, run: Callable[[NDArray[np.uint8]], Floats], max_positions: int
    ) -> tuple[Floats, Floats]:
        """`run` on all windows: values `(n, D)` of the references and `(n, D)` of alternatives."""
        reference = self._run(run, self.first, max_positions, alternative=False)
        everyone = np.arange(len(self.substitutions))
        alternative = self._run(run, everyone, max_positions, alternative=True)
        return reference[self.site], alternative

    def _run(
        self,
        run: Callable[[NDArray[np.uint8]], Floats],
        rows: NDArray[np.integer],
        max_positions: int,
        *,
        alternative: bool,
    ) -> Floats:
        size = max(1, max_positions // (sum(self.context) + 1))
        return np.concatenate(
            [
                run(np.stack([self._window(row, alternative) for row in rows[i : i + size]]))
                for i in range(0, len(rows), size)
            ]
        )

    def _window(self, row: int, alternative: bool) -> NDArray[np.uint8]:
        subs, (left, right) = self.substitutions, self.context
        site = int(subs.position[row])
        name = subs.contig_names[subs.contig[row]]
        window = self.genome.states(name, site - left, site + right + 1)
        if alternative:
            window[left] = subs.alternative[row]
        return window


def run_model(model: Any, windows: NDArray[np.uint8], run: Callable[[Tensor], Tensor]) -> Floats:
    """Windows of states `(B, L)` through a function of `input_ids`, back as float64."""
    with torch.inference_mode():
        input_ids = torch.from_numpy(windows).to(model.device).long()
        values: Floats = run(input_ids).double().cpu().numpy()
        return values


def opposite(windows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The reverse complement of windows of states `(..., L)`."""
    return np.array(COMPLEMENT, np.uint8)[windows][..., ::-1].copy()


def scorer_of(model: Any, **options: Any) -> VariantScorer:
    """The scorer of a model, or the scorer that was given.

    Args:
        model: A model of the families, or a `VariantScorer`.
        **options: As `LogRateScorer` and `ClassifierScorer` have them.

    Raises:
        ValueError: No score is defined for the model.
    """
    if not isinstance(model, torch.nn.Module):
        if isinstance(model, VariantScorer):
            return model
        raise ValueError(
            f"{type(model).__name__} is neither a model nor a scorer: a scorer has columns, "
            "context, precision, identity and __call__(substitutions, genome), see VariantScorer."
        )
    name, model_type = type(model).__name__, getattr(model.config, "model_type", "")
    if model_type == "phylogpn" and name.endswith("ForMaskedLM"):
        return LogRateScorer(model, **options)
    families = [family.model_type for family in FAMILIES]
    if model_type in families and name.endswith("ForSequenceClassification"):
        return ClassifierScorer(model, **options)
    raise ValueError(
        f"No variant score is defined for {name} (model_type {model_type!r}). Load "
        "PhyloGPNForMaskedLM (log rates) or a sequence classification model of "
        f"{', '.join(families)} (log odds), or pass an object with the attributes of VariantScorer."
    )


def load_model(
    name_or_path: str,
    *,
    device: str | None = None,
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> Any:
    """The model of a folder or of the Hub with the head that its scores need, ready to run.

    Raises:
        ValueError: The dtype is not one of `DTYPES`.
        OSError: There is no such model.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSequenceClassification

    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; give one of {', '.join(DTYPES)}.")
    trust = {"trust_remote_code": trust_remote_code}
    config = AutoConfig.from_pretrained(name_or_path, **trust)
    names = config.architectures or [""]
    classifier = names[0].endswith("ForSequenceClassification")
    if not classifier and config.model_type != "phylogpn":
        raise ValueError(
            f"No variant score is defined for {names[0] or 'the model'} in {name_or_path} "
            f"(model_type {config.model_type!r}): give a PhyloGPN, or a model fine-tuned for "
            "sequence classification."
        )
    auto = AutoModelForSequenceClassification if classifier else AutoModelForMaskedLM
    model = auto.from_pretrained(name_or_path, dtype=DTYPES[dtype], **trust)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return model.to(device).eval()


def precision_of(model: Any) -> np.dtype[Any]:
    """float64 for the scores of a float64 model, else float32."""
    return np.dtype(np.float64 if model.dtype == torch.float64 else np.float32)


def identity_of(model: Any) -> dict[str, Any]:
    """Class, configuration, weights, dtype and device: what the bits of a score depend on."""
    config = {
        key: value
        for key, value in model.config.to_dict().items()
        if not key.startswith("_") and key != "transformers_version"
    }
    weights = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        weights.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        weights.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return {
        "model": type(model).__name__,
        "config": json.loads(json.dumps(config, default=str, sort_keys=True)),
        "weights": weights.hexdigest(),
        "dtype": str(model.dtype),
        "device": model.device.type,
    }


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
