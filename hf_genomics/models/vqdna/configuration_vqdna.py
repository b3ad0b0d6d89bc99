"""Configuration of the VQDNA language model (Li et al., ICML 2024, arXiv 2405.10812)."""

from math import inf
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

from .configuration_vqdna_quantizer import (
    ConfigurationError,
    VQDNAQuantizerConfig,
    check_fields,
)

MASK_MODES = ("nucleotide", "code")
NUM_BASES = 4  # token ids 0 to 3

# What a preset sets besides the quantizer's preset of the same name.
PRESETS: dict[str, dict[str, Any]] = {
    "robust": {},
    "paper": {"mask_mode": "code", "mean_span_length": 1.0, "max_span_length": 1},
    "vq": {},
}


@strict
class VQDNAConfig(PreTrainedConfig):
    """Sizes and options of a [`VQDNAModel`] and its heads; the defaults are BERT-Base's sizes.

    Args:
        quantizer_config: the quantizer inside, a [`VQDNAQuantizerConfig`] or its fields as a dict;
            by default the preset `"robust"`.
        hidden_size: channels of the Transformer.
        num_hidden_layers: its layers.
        num_attention_heads: heads per layer; `hidden_size` is an even multiple of it.
        intermediate_size: hidden channels of a layer's feed-forward network.
        rope_theta: base of the rotary position embedding's wavelengths.
        hidden_dropout_prob: dropout of the embeddings, of each layer's two outputs, and of heads.
        attention_probs_dropout_prob: dropout of the attention weights. 0 by default: PyTorch has no
            fused attention with dropout for CPUs.
        layer_norm_eps: added to the variance of a norm.
        initializer_range: standard deviation of the initial weights.
        freeze_quantizer: the quantizer is a fixed vocabulary: no gradient reaches it, and its
            codebooks do not move, in training mode neither.
        mask_mode: what [`VQDNAForMaskedLM`] hides at a masked position: `"nucleotide"`, the
            nucleotide, before the quantizer sees the sequence; or `"code"`, the code alone (the
            paper's, as far as it is known), whose neighbours tell what it was.
        mlm_probability: share of the nucleotides that the span collator masks.
        mean_span_length: mean length of a masked span in nucleotides, before the cut at
            `max_span_length`.
        max_span_length: longest span drawn.
        output_code_logits: whether [`VQDNAForMaskedLM`] returns `code_logits`.
        vocab_size: number of token ids. Ids 0 to 3 are A, C, G, T; each other has an embedding.
        pad_token_id: id of a padded position.
        mask_token_id: id of a masked nucleotide.

    Raises:
        ConfigurationError: fields have values that no model can be built from; it is a `ValueError`
            and says which, and what is allowed.
        StrictDataclassError: a field has a value of another type.

    Example:
        >>> config = VQDNAConfig.preset("paper", num_hidden_layers=6)
        >>> config.mask_mode, config.quantizer_config.codebook_sizes
        ('code', [1024, 2048])
    """

    model_type = "vqdna"
    sub_configs = {"quantizer_config": VQDNAQuantizerConfig}
    keys_to_ignore_at_inference = [
        "code_logits",
        "code_losses",
        "nucleotide_loss",
        "masked_codes",
        "hidden_states",
        "attentions",
    ]

    quantizer_config: dict[str, Any] | PreTrainedConfig | None = None
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    rope_theta: float | int = 10_000.0
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.0
    layer_norm_eps: float | int = 1e-6
    initializer_range: float | int = 0.02
    freeze_quantizer: bool = True
    mask_mode: str = "nucleotide"
    mlm_probability: float | int = 0.25
    mean_span_length: float | int = 6.0
    max_span_length: int = 20
    output_code_logits: bool = True
    vocab_size: int = 7
    pad_token_id: int | None = 5
    mask_token_id: int = 6

    def __post_init__(self, **kwargs: Any) -> None:
        given = self.quantizer_config
        if given is None:
            given = VQDNAQuantizerConfig()
        elif not isinstance(given, VQDNAQuantizerConfig):
            fields = given.to_dict() if isinstance(given, PreTrainedConfig) else given
            # of a quantizer that was saved alone: its code travels with ours
            fields = {name: value for name, value in fields.items() if name != "auto_map"}
            given = VQDNAQuantizerConfig.from_dict(fields)
        self.quantizer_config = given
        super().__post_init__(**kwargs)
        try:
            self.validate()
        except StrictDataclassError as error:
            raise ConfigurationError(*error.args) from error.__cause__

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "VQDNAConfig":
        """A named configuration, with the quantizer's preset of that name.

        Args:
            name: `"robust"`: the defaults. `"paper"`: the paper's codebooks, and single codes
                masked (`mask_mode="code"`). `"vq"`: one codebook, all else as `"robust"`.
            overrides: fields that differ from the preset.

        Raises:
            ValueError: there is no such preset, or no such field.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {name!r}.")
        check_fields(cls, overrides)
        quantizer = {"quantizer_config": VQDNAQuantizerConfig.preset(name)}
        return cls(**quantizer | PRESETS[name] | overrides)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        given = config_dict.get("model_type", cls.model_type)
        if given != cls.model_type:
            raise ValueError(
                f"the configuration is of a model of type {given!r}, but {cls.__name__} builds "
                f"{cls.model_type!r}; load it with AutoConfig and AutoModel, or with the classes "
                f"of its own family. {cls.__name__}(quantizer_config=...) puts a language model "
                f"on top of a quantizer."
            )
        return super().from_dict(config_dict, **kwargs)

    def validate_choices(self) -> None:
        if self.mask_mode not in MASK_MODES:
            raise ValueError(f"mask_mode must be one of {MASK_MODES}, got {self.mask_mode!r}.")

    def validate_sizes(self) -> None:
        minima = {"hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1}
        minima |= {"intermediate_size": 1, "max_span_length": 1, "vocab_size": 5}
        for field, minimum in minima.items():
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {getattr(self, field)}.")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"hidden_size={self.hidden_size} must be an even multiple of num_attention_heads="
                f"{self.num_attention_heads}: rotary embeddings turn pairs of channels of a head."
            )

    def validate_numbers(self) -> None:
        for field in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must be from 0 to under 1, got {getattr(self, field)}.")
        if not 0 < self.mlm_probability < 1:
            raise ValueError(f"mlm_probability must lie in (0, 1), got {self.mlm_probability}.")
        if not 1 <= self.mean_span_length < inf:
            raise ValueError(f"mean_span_length must be at least 1, got {self.mean_span_length}.")
        for field in ("rope_theta", "layer_norm_eps", "initializer_range"):
            if not 0 < getattr(self, field) < inf:
                raise ValueError(f"{field} must be positive and finite: {getattr(self, field)}.")

    def validate_token_ids(self) -> None:
        for field in ("pad_token_id", "mask_token_id"):
            token_id = getattr(self, field)
            if token_id is not None and not NUM_BASES <= token_id < self.vocab_size:
                raise ValueError(
                    f"{field} must be from {NUM_BASES} (0 to 3 are A, C, G, T) to vocab_size - 1 = "
                    f"{self.vocab_size - 1}, got {token_id}."
                )


__all__ = ["VQDNAConfig"]
