"""The VQDNA language model (Li et al., ICML 2024, arXiv 2405.10812): a Transformer over codes.

A frozen quantizer turns nucleotides into code vectors, a linear layer brings these to the width of
a Transformer encoder, and heads predict what was masked, or classify.

Legend: B batch, L nucleotides, r nucleotides per code, T codes (L / r, rounded up), Q levels,
D channels of a code vector, C channels of the Transformer, K codebook size, N labels.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput
from transformers.utils import ModelOutput, can_return_tuple

# Who loads a saved folder may have a Transformers before 5.8, which copies only the files that this
# one names itself: those that it does not use (F401) are needed by those that it does.
from .code_search import nearest  # noqa: F401
from .codebook import Codebook  # noqa: F401
from .configuration_vqdna import NUM_BASES, VQDNAConfig
from .configuration_vqdna_quantizer import VQDNAQuantizerConfig  # noqa: F401
from .convolutional_blocks import Stem  # noqa: F401
from .gradient_estimators import straight_through  # noqa: F401
from .hierarchical_quantization import HierarchicalQuantizer  # noqa: F401
from .linear_layers import RowwiseLinear  # noqa: F401
from .modeling_quantizer_base import check_token_ids
from .modeling_transformer import VQDNAEmbeddings, VQDNALayer
from .modeling_vqdna_base import VQDNAPreTrainedModel
from .modeling_vqdna_quantizer import VQDNAQuantizerEncoderOutput, VQDNAQuantizerModel
from .nucleotide_heads import PerNucleotideHead, PerSequenceHead, mean_over
from .products import product  # noqa: F401
from .remote_code import code_files  # noqa: F401
from .rotary_embedding import turns
from .shared_vectors import SharedVectors  # noqa: F401

IGNORED = -100  # a label that is not counted


@dataclass
class VQDNAModelOutput(ModelOutput):
    """What a [`VQDNAModel`] returns.

    Args:
        last_hidden_state: `(B, T, C)`, after the last norm.
        codes: `(B, Q, T)` int64, what the Transformer read; -1 at padding, N and special tokens.
        hidden_states: `num_hidden_layers + 1` tensors `(B, T, C)`: the embeddings, then the output
            of each layer; the last is `last_hidden_state`.
        attentions: `num_hidden_layers` tensors `(B, heads, T, T)`, with eager attention.
        quantizer_loss: `()`, the weighted commitment loss, if the quantizer is not frozen.
    """

    last_hidden_state: Tensor | None = None
    codes: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    quantizer_loss: Tensor | None = None


@dataclass
class VQDNAMaskedLMOutput(ModelOutput):
    """What a [`VQDNAForMaskedLM`] returns.

    Args:
        loss: `()`, the mean of `nucleotide_loss` and the Q `code_losses` (and the quantizer's loss
            in addition, if it is not frozen).
        logits: `(B, L, vocab_size)`, of the token at each position; ids 0 to 3 are A, C, G, T.
        code_logits: Q tensors `(B, T, K)`, of the code of each level; `None` by
            `config.output_code_logits=False` without labels.
        nucleotide_loss: `()`, mean cross-entropy of the masked nucleotides, in nats.
        code_losses: `(Q,)`, mean cross-entropy of the masked codes of each level, in nats.
        hidden_states: see [`VQDNAModelOutput`].
        attentions: see [`VQDNAModelOutput`].
        masked_codes: `(B,)` int64, the masked codes of each row, of which `code_losses` are means.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    code_logits: tuple[Tensor, ...] | None = None
    nucleotide_loss: Tensor | None = None
    code_losses: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    masked_codes: Tensor | None = None


class VQDNAModel(VQDNAPreTrainedModel):
    """A Transformer encoder that reads the codes of a quantizer.

    One feature for each code, which for `downsample_ratio=1` is one for each token.

    Args:
        config: sizes and options.

    Example:
        >>> from hf_genomics import DNATokenizer, VQDNAConfig, VQDNAModel
        >>> sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
        >>> model = VQDNAModel(VQDNAConfig(**sizes)).eval()
        >>> inputs = DNATokenizer()(["ACGTN", "TTAGGG"], padding=True, return_tensors="pt")
        >>> model(**inputs).last_hidden_state.shape, model.tokenize(**inputs).shape
        (torch.Size([2, 6, 64]), torch.Size([2, 2, 6]))
    """

    quantizer_is_frozen = True

    def __init__(self, config: VQDNAConfig):
        super().__init__(config)
        self.embeddings = VQDNAEmbeddings(config)
        self.layers = nn.ModuleList(VQDNALayer(config, i) for i in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        # it has no attention, so it must not be asked for one that it does not know
        config.quantizer_config._attn_implementation = "eager"
        # last, because the first parameter of a model says which dtype it is of
        self.quantizer_model = VQDNAQuantizerModel(config.quantizer_config)
        self._keep_in_fp32_modules_strict = float32_parts(self.quantizer_model)
        self.post_init()
        self._set_frozen(config.freeze_quantizer)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        code_mask: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> VQDNAModelOutput:
        """Features of sequences.

        Args:
            input_ids: token ids `(B, L)`: 0 to 3 are A, C, G, T. The quantizer reads nothing at all
                others; the Transformer has an embedding for each.
            attention_mask: `(B, L)`, 0 for a position that is not there; by default those that
                hold `config.pad_token_id`.
            code_mask: `(B, T)` bool, True where `[MASK]`'s embedding replaces the code, which its
                neighbours were yet computed with; see `mask_mode="code"`.
            output_attentions: whether to return the attention weights.
            output_hidden_states: whether to return the features of each layer.

        Raises:
            ValueError: no input, no rows or positions, wrong shapes, an id outside the vocabulary
                (checked on the CPU outside compiled code), or with several nucleotides to a code
                left padding.
        """
        self._check(input_ids, attention_mask)
        if input_ids.shape[0] == 0:
            raise ValueError(
                f"input_ids have the shape {tuple(input_ids.shape)}, but attention needs at least "
                f"one row; leave empty batches out."
            )
        input_ids = input_ids.long()
        if attention_mask is None:
            pad = self.config.pad_token_id
            attention_mask = input_ids.ne(-1 if pad is None else pad)
        is_there = attention_mask != 0
        is_base = input_ids.lt(NUM_BASES) & is_there
        quantized = self._encode(input_ids, attention_mask, is_base)

        ids, is_base, is_there = (self.per_code(x) for x in (input_ids, is_base, is_there))
        if code_mask is not None:
            self._check_code_mask(code_mask, ids)
            hidden = code_mask.bool()[:, :, None]
            ids = torch.where(hidden, self.config.mask_token_id, ids)
            is_base = is_base & ~hidden
        x = self.embeddings(quantized.quantized_representation, ids, is_base, is_there)
        return self._transform(
            x,
            is_there.any(2),
            quantized,
            self._wanted("output_attentions", output_attentions),
            self._wanted("output_hidden_states", output_hidden_states),
        )

    @torch.no_grad()
    def tokenize(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        chunk_size: int | None = None,
    ) -> Tensor:
        self._check(input_ids, attention_mask)
        ids = self._known_to_quantizer(input_ids)
        with full_precision(ids):
            codes: Tensor = self.quantizer_model.tokenize(ids, attention_mask, chunk_size)
        return codes

    def train(self, mode: bool = True) -> "VQDNAModel":
        """Sets training or evaluation mode; a frozen quantizer stays in evaluation mode."""
        super().train(mode)
        if self.quantizer_is_frozen:
            self.quantizer_model.eval()
        return self

    def per_code(self, x: Tensor) -> Tensor:
        """What is known of positions, `(B, L)`, as `(B, T, r)`; zeros fill up the last code."""
        ratio = self.quantizer_model.config.downsample_ratio
        padded = F.pad(x, (0, -x.shape[1] % ratio))
        return padded.unflatten(1, (padded.shape[1] // ratio, ratio))

    def get_input_embeddings(self) -> nn.Embedding:
        """The embeddings of tokens; those of A, C, G and T, which enter by codes, are not read."""
        return self.embeddings.tokens

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.embeddings.tokens = value

    def _encode(
        self, input_ids: Tensor, attention_mask: Tensor, is_base: Tensor
    ) -> VQDNAQuantizerEncoderOutput:
        ids = self._known_to_quantizer(input_ids)
        frozen = self.quantizer_is_frozen
        with (
            full_precision(ids),
            torch.set_grad_enabled(torch.is_grad_enabled() and not frozen),
        ):
            return self.quantizer_model.encode(ids, attention_mask, return_dict=True)

    def _known_to_quantizer(self, input_ids: Tensor) -> Tensor:
        """Ids in which N stands for every token that is no nucleotide: it may know fewer tokens."""
        return input_ids.clamp_max(NUM_BASES)

    def _transform(
        self,
        x: Tensor,
        is_there: Tensor,
        quantized: VQDNAQuantizerEncoderOutput,
        want_attentions: bool,
        want_states: bool,
    ) -> VQDNAModelOutput:
        mask = create_bidirectional_mask(self.config, x, is_there)
        layer = self.layers[0].attention
        positions = turns(
            x.shape[1],
            layer.head_dim,
            theta=float(self.config.rope_theta),
            dtype=x.dtype,
            device=x.device,
        )
        states: list[Tensor] = [x]
        attentions: list[Tensor] = []
        for layer in self.layers:
            x, weights = layer(x, mask, positions, output_attentions=want_attentions)
            states.append(x)
            if weights is not None:  # fused attention has none to show
                attentions.append(weights)
        x = states[-1] = self.norm(x)
        return VQDNAModelOutput(
            last_hidden_state=x,
            codes=quantized.codes,
            hidden_states=tuple(states) if want_states else None,
            attentions=tuple(attentions) if want_attentions and attentions else None,
            quantizer_loss=None if self.quantizer_is_frozen else quantized.loss,
        )

    def _wanted(self, name: str, given: bool | None) -> bool:
        return bool(getattr(self.config, name, False) if given is None else given)

    def _check(self, input_ids: Tensor | None, attention_mask: Tensor | None) -> None:
        check_token_ids(input_ids)
        if attention_mask is not None and attention_mask.shape != input_ids.shape:
            raise ValueError(
                f"attention_mask must have the shape {tuple(input_ids.shape)} of the input, got "
                f"{tuple(attention_mask.shape)}."
            )
        size = self.config.vocab_size
        if torch.compiler.is_compiling() or input_ids.device.type != "cpu" or not input_ids.numel():
            return
        low, high = (bound.item() for bound in input_ids.aminmax())
        if low < 0 or high >= size:
            raise ValueError(
                f"input_ids hold {low if low < 0 else high}, but the model knows the ids 0 to "
                f"{size - 1}; use the tokenizer saved with the model, or make room for more by "
                f"resize_token_embeddings."
            )

    def _check_code_mask(self, code_mask: Tensor, ids: Tensor) -> None:
        if code_mask.shape != ids.shape[:2]:
            raise ValueError(
                f"code_mask must have the shape {tuple(ids.shape[:2])} of the codes, got "
                f"{tuple(code_mask.shape)}."
            )


def float32_parts(quantizer: VQDNAQuantizerModel) -> list[str]:
    """Patterns of the quantizer's tensors that are float32 in a model of half precision.

    All of them, so that the vocabulary is the same; named so as not to meet the integer counters,
    of which Transformers would make floats.
    """
    names = {name for name, _ in quantizer.named_parameters()}
    parts = ["quantizer_model.encoder", "quantizer_model.decoder"]
    if "dropped_code" in names:
        parts.append("quantizer_model.dropped_code")
    if any("project_in" in name for name in names):
        parts += [r"codebooks.\d+.project_in", r"codebooks.\d+.project_out"]
    return parts


def full_precision(ids: Tensor) -> torch.autocast:
    """No autocast: a code is the nearest of many vectors, and a rounded feature has another one."""
    # where the input is: weights that are offloaded are nowhere
    return torch.autocast(ids.device.type, enabled=False)


class VQDNAWithHead(VQDNAPreTrainedModel):
    """A [`VQDNAModel`] as `model`, to put a head on."""

    def __init__(self, config: VQDNAConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = VQDNAModel(config)

    @property
    def quantizer_model(self) -> VQDNAQuantizerModel:
        """The quantizer inside."""
        return self.model.quantizer_model

    def _per_nucleotide_head(self, num_logits: int) -> PerNucleotideHead:
        config = self.config
        return PerNucleotideHead(
            config.hidden_size,
            config.quantizer_config.downsample_ratio,
            num_logits,
            eps=config.layer_norm_eps,
            dropout=config.hidden_dropout_prob,
        )

    def _with_quantizer_loss(self, loss: Tensor | None, outputs: VQDNAModelOutput) -> Tensor | None:
        if loss is None or outputs.quantizer_loss is None:
            return loss
        return loss + outputs.quantizer_loss

    def _check_labels(self, labels: Tensor, shape: tuple[int, ...] | None, size: int) -> None:
        if shape is not None and labels.shape != shape:
            raise ValueError(
                f"labels must have the shape {tuple(shape)} of the input, got "
                f"{tuple(labels.shape)}."
            )
        if labels.is_floating_point():
            raise ValueError(f"labels must be integers, got {labels.dtype}; pass labels.long().")
        if torch.compiler.is_compiling() or labels.device.type != "cpu":
            return
        wrong = labels[((labels < 0) & (labels != IGNORED)) | (labels >= size)]
        if wrong.numel():
            raise ValueError(
                f"label {wrong[0].item()} is outside the range 0..{size - 1} of the logits; "
                f"{IGNORED} stands for a label that is not counted."
            )


class VQDNAForMaskedLM(VQDNAWithHead):
    """The language model of stage 2: predicts masked nucleotides, and their codes at every level.

    Input and labels are as for any masked language model: `[MASK]` in `input_ids`, the token that
    was there in `labels`, -100 elsewhere. The codes to predict are those of the sequence that the
    labels complete. What the Transformer reads depends on `config.mask_mode`:

    - `"nucleotide"`: the codes of the sequence with the masked nucleotides hidden. A code
      reads `receptive_radius` nucleotides on either side (20 by default), and none of them has seen
      what is to be predicted.
    - `"code"`: the codes of the complete sequence, `[MASK]` in place of the masked ones. Their
      neighbours were computed from the masked nucleotides, and tell of them. Without labels there
      is no complete sequence, and the codes are those of the other mode.

    Args:
        config: sizes and options.
    """

    def __init__(self, config: VQDNAConfig):
        super().__init__(config)
        self.nucleotide_head = self._per_nucleotide_head(config.vocab_size)
        self.code_heads = nn.ModuleList(
            nn.Linear(config.hidden_size, size) for size in config.quantizer_config.codebook_sizes
        )
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> VQDNAMaskedLMOutput:
        """Predicts tokens and codes; see [`VQDNAModel.forward`] for the inputs.

        Args:
            labels: `(B, L)`, the nucleotide that was there, or -100. Labels other than A, C, G, T
                are not counted.

        Raises:
            ValueError: an input that the base model refuses, or labels of another shape or outside
                the vocabulary.
        """
        seen, code_mask = input_ids, None
        if labels is not None and input_ids is not None:
            self._check_labels(labels, input_ids.shape, self.config.vocab_size)
            labels = labels.long()  # -100 is no uint8
            labels = torch.where((labels >= 0) & (labels < NUM_BASES), labels, IGNORED)
            if self.config.mask_mode == "code":
                hidden = (input_ids == self.config.mask_token_id) & (labels != IGNORED)
                seen = torch.where(hidden, labels, input_ids)
                code_mask = self.model.per_code(hidden).any(2)
        outputs = self.model(
            seen,
            attention_mask=attention_mask,
            code_mask=code_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        x = outputs.last_hidden_state
        logits = self.nucleotide_head(x, seen.shape[1])
        code_logits = None
        if labels is not None or self.config.output_code_logits:
            code_logits = tuple(head(x) for head in self.code_heads)

        loss = nucleotide_loss = code_losses = masked_codes = None
        if labels is not None:
            nucleotide_loss = mean_cross_entropy(logits, labels)
            targets = self._code_targets(input_ids, attention_mask, labels)
            masked_codes = (targets[:, 0] != IGNORED).sum(1)
            code_losses = torch.stack(
                [
                    mean_cross_entropy(level, target)
                    for level, target in zip(code_logits, targets.unbind(1), strict=True)
                ]
            )
            loss = torch.cat([nucleotide_loss[None], code_losses]).mean()
            loss = self._with_quantizer_loss(loss, outputs)
        return VQDNAMaskedLMOutput(
            loss=loss,
            logits=logits,
            code_logits=code_logits,
            nucleotide_loss=nucleotide_loss,
            code_losses=code_losses,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            masked_codes=masked_codes,
        )

    def get_output_embeddings(self) -> nn.Linear:
        """The last layer of the nucleotide head."""
        return self.nucleotide_head.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.nucleotide_head.decoder = value

    def _code_targets(
        self, input_ids: Tensor, attention_mask: Tensor | None, labels: Tensor
    ) -> Tensor:
        """The codes `(B, Q, T)` of the complete sequence where something was masked, else -100."""
        is_masked = labels != IGNORED
        complete = torch.where(is_masked, labels, input_ids)
        codes = self.model.tokenize(complete, attention_mask)
        counts = self.model.per_code(is_masked).any(2)[:, None] & (codes >= 0)
        return torch.where(counts, codes, IGNORED)


def mean_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """`()`: over the targets `(B, T)` that are not -100, of logits `(B, T, K)`; 0 for none."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    targets = targets.long()
    total = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / (targets != IGNORED).sum().clamp_min(1)


class VQDNAForSequenceClassification(VQDNAWithHead):
    """A classifier on the mean of the features of A, C, G and T.

    Single-label, multi-label and regression losses as `config.problem_type` says (told from the
    labels if it is `None`).

    Args:
        config: sizes and options; `config.num_labels` logits.
    """

    def __init__(self, config: VQDNAConfig):
        super().__init__(config)
        self.classifier = PerSequenceHead(
            config.hidden_size, config.num_labels, dropout=config.hidden_dropout_prob
        )
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Classifies sequences; see [`VQDNAModel.forward`] for the inputs.

        Args:
            labels: `(B,)` class indices (-100: not counted), `(B,)` values for regression, or
                `(B, N)` zeros and ones for several labels at once; of any dtype, but for classes
                whole numbers.

        Returns:
            `logits (B, N)`, `loss` if labels are given, and on request `hidden_states` and
            `attentions`.

        Raises:
            ValueError: an input that the base model refuses, or a class index outside the range
                (checked on the CPU outside compiled code).
        """
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        is_base = input_ids.lt(NUM_BASES)
        if attention_mask is not None:
            is_base = is_base & (attention_mask != 0)
        is_base = self.model.per_code(is_base).any(2)
        logits = self.classifier(mean_over(outputs.last_hidden_state, is_base))
        loss = None
        if labels is not None:
            labels = self._labels_of_loss(labels, logits.dtype)
            if labels.dtype == torch.long and self.num_labels > 1:
                self._check_labels(labels, None, self.num_labels)
            precise = torch.promote_types(logits.dtype, torch.float32)
            loss = self.loss_function(labels, logits.to(precise), self.config)
            loss = self._with_quantizer_loss(loss, outputs)
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _labels_of_loss(self, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Labels in the dtype that their loss takes: int64 for classes, else that of the logits.

        Without `config.problem_type`, whole numbers are classes unless there is one per logit.
        """
        classes = self.config.problem_type == "single_label_classification"
        if self.config.problem_type is None:
            one_per_logit = labels.dim() == 2 and labels.shape[1] == self.num_labels
            classes = self.num_labels > 1 and not one_per_logit
        if not classes:
            # float32 at least: under autocast logits may be of half precision, and losses are not
            return labels.to(torch.promote_types(dtype, torch.float32))
        # a fraction is no class: the loss refuses what a cast would cut off
        return labels if labels.is_floating_point() else labels.long()


class VQDNAForTokenClassification(VQDNAWithHead):
    """A classifier of every nucleotide.

    Args:
        config: sizes and options; `config.num_labels` logits for each nucleotide.
    """

    def __init__(self, config: VQDNAConfig):
        super().__init__(config)
        self.classifier = self._per_nucleotide_head(config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        """Classifies nucleotides; see [`VQDNAModel.forward`] for the inputs.

        Args:
            labels: `(B, L)` class indices, -100 where there is none.

        Returns:
            `logits (B, L, N)`, `loss` if labels are given (the mean cross-entropy of those that
            count), and on request `hidden_states` and `attentions`.

        Raises:
            ValueError: an input that the base model refuses, or labels of another shape or outside
                the range (checked on the CPU outside compiled code).
        """
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.classifier(outputs.last_hidden_state, input_ids.shape[1])
        loss = None
        if labels is not None:
            self._check_labels(labels, input_ids.shape, self.num_labels)
            loss = self._with_quantizer_loss(mean_cross_entropy(logits, labels), outputs)
        return TokenClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = [
    "VQDNAForMaskedLM",
    "VQDNAForSequenceClassification",
    "VQDNAForTokenClassification",
    "VQDNAModel",
    "VQDNAPreTrainedModel",
]
