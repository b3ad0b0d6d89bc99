"""Configuration of the VQDNA quantizer (Li et al., ICML 2024, arXiv 2405.10812)."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import inf, prod
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

DISTANCES = ("euclidean", "cosine")
GRADIENTS = ("straight_through", "rotation")
QUANTIZER_TYPES = ("vq", "fsq")
RESIDUAL_RULES = ("paper", "mean")
DOWNSAMPLE_RATIOS = (1, 2, 4)

# What a preset sets; everything else keeps its default, and the defaults are those of `robust`.
PRESETS: dict[str, dict[str, Any]] = {
    "robust": {},
    "paper": {
        "codebook_sizes": [1024, 2048],
        "kmeans_init": False,
        "kmeans_warmup_steps": 0,
        "revival_threshold": 0.0,
        "code_dropout": 0.0,
    },
    "vq": {"codebook_sizes": [512]},
}


class ConfigurationError(StrictDataclassError, ValueError):
    """Fields that no model can be built from: also the `ValueError` that callers expect."""


@strict
class VQDNAQuantizerConfig(PreTrainedConfig):
    """Sizes and options of a [`VQDNAQuantizerModel`]; the defaults are the preset `"robust"`.

    Args:
        stem_dim: channels of the first convolution.
        hidden_size: channels of the blocks, and of a code vector as the decoder sees it.
        num_layers: blocks of the encoder, and of the decoder.
        kernel_size: width of a block's depthwise convolution, in codes, odd.
        stem_kernel_size: width of the first and of the last convolution, in nucleotides, odd.
        expansion: a block's hidden layer has `expansion * hidden_size` channels.
        codebook_sizes: vectors of each level's codebook, coarse to fine.
        quantizer_layers: the encoder block (from 1) after which each level reads, never falling;
            the last is `num_layers`. `None`: evenly spread, blocks 3 and 6 of six for two levels.
        codebook_dim: channels in which codes are looked up, behind a linear layer there and back;
            `None`: `hidden_size`, without these layers.
        codebook_distance: `"euclidean"`, or `"cosine"`: vectors of length 1.
        codebook_gradient: what the encoder learns through a look-up: `"straight_through"` or
            `"rotation"` (arXiv 2410.06424).
        quantizer_type: `"vq"`, learned vectors; or `"fsq"`, a fixed grid (arXiv 2309.15505): one
            level after the last block, so `codebook_sizes` and `quantizer_layers` follow from
            `fsq_levels`.
        fsq_levels: values per channel of the grid.
        codebook_decay: decay of the moving averages that codebooks are made of.
        kmeans_init: start each codebook by k-means on encoder outputs.
        kmeans_warmup_steps: training steps (forward passes in training mode) at the start in which
            nothing is quantized, so that k-means meets an encoder that has learned something.
        revival_threshold: a vector whose average count falls under this share of an even count is
            replaced by an encoder output; 0 for never.
        code_dropout: share of the codes that the decoder does not see in training: a learned vector
            stands there, so that each code has to tell of its neighbours too.
        commitment_weight: weight of the commitment loss beside the reconstruction loss.
        residual_rule: what level n quantizes: `"paper"`, `2 Z_n - e_(n-1)`; or `"mean"`,
            `n Z_n - (e_1 + ... + e_(n-1))`, which makes the mean over all levels the last feature.
            The same for two levels.
        downsample_ratio: nucleotides per code: 1, 2 or 4.
        codebook_seed: k-means and revival draw from generators of this seed.
        codebook_frozen: codebooks do not change in training (see `freeze_codebook`).
        layer_norm_eps: added to the variance of a norm.
        initializer_range: standard deviation of the initial weights.
        vocab_size: number of token ids accepted. Ids 0 to 3 are A, C, G, T; all others are read as
            nothing and get the code -1.
        pad_token_id: id of a padded position.

    Raises:
        ConfigurationError: fields have values that no model can be built from; it is a `ValueError`
            and says which, and what is allowed.
        StrictDataclassError: a field has a value of another type.

    Example:
        >>> VQDNAQuantizerConfig.preset("paper", num_layers=4).quantizer_layers
        [2, 4]
    """

    model_type = "vqdna_quantizer"
    attribute_map = {"num_hidden_layers": "num_layers"}
    keys_to_ignore_at_inference = [
        "reconstruction_loss",
        "commitment_loss",
        "quantized_representation",
        "codebook_perplexity",
    ]

    stem_dim: int = 256
    hidden_size: int = 384
    num_layers: int = 6
    kernel_size: int = 7
    stem_kernel_size: int = 5
    expansion: int = 4
    codebook_sizes: list[int] | tuple[int, ...] = (512, 1024)
    quantizer_layers: list[int] | tuple[int, ...] | None = None
    codebook_dim: int | None = None
    codebook_distance: str = "euclidean"
    codebook_gradient: str = "straight_through"
    quantizer_type: str = "vq"
    fsq_levels: list[int] | tuple[int, ...] = (8, 8, 8)
    codebook_decay: float | int = 0.99
    kmeans_init: bool = True
    kmeans_warmup_steps: int = 100
    revival_threshold: float | int = 0.1
    code_dropout: float | int = 0.5
    commitment_weight: float | int = 0.5
    residual_rule: str = "paper"
    downsample_ratio: int = 1
    codebook_seed: int = 0
    codebook_frozen: bool = False
    layer_norm_eps: float | int = 1e-6
    initializer_range: float | int = 0.02
    vocab_size: int = 7
    pad_token_id: int | None = 5

    def __post_init__(self, **kwargs: Any) -> None:
        self.num_layers = kwargs.pop("num_hidden_layers", self.num_layers)  # by its other name
        # as JSON gives them back
        self.fsq_levels = list(self.fsq_levels)
        if self.quantizer_type == "fsq":
            self.codebook_sizes = [prod(self.fsq_levels)]
            self.quantizer_layers = [self.num_layers]
            self.kmeans_warmup_steps = 0
        self.codebook_sizes = list(self.codebook_sizes)
        if self.quantizer_layers is None:
            levels = max(len(self.codebook_sizes), 1)
            self.quantizer_layers = [
                max(1, round(self.num_layers * (n + 1) / levels)) for n in range(levels)
            ]
        self.quantizer_layers = list(self.quantizer_layers)
        super().__post_init__(**kwargs)
        try:
            self.validate()
        except StrictDataclassError as error:
            raise ConfigurationError(*error.args) from error.__cause__

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "VQDNAQuantizerConfig":
        """A named configuration.

        Args:
            name: `"robust"`: codebooks of 512 and 1,024 with k-means start, revival of dead codes
                and code dropout. `"paper"`: 1,024 and 2,048, and none of these, which the sources
                do not name. `"vq"`: one codebook of 512, trained as `"robust"`.
            overrides: fields that differ from the preset.

        Raises:
            ValueError: there is no such preset, or no such field.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {name!r}.")
        check_fields(cls, overrides)
        return cls(**PRESETS[name] | overrides)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        given = config_dict.get("model_type", cls.model_type)
        if given != cls.model_type:
            raise ValueError(
                f"the configuration is of a model of type {given!r}, but {cls.__name__} builds "
                f"{cls.model_type!r}; load it with AutoConfig and AutoModel, or with the classes "
                f"of its own family."
            )
        return super().from_dict(config_dict, **kwargs)

    def validate_choices(self) -> None:
        for field, allowed in (
            ("codebook_distance", DISTANCES),
            ("codebook_gradient", GRADIENTS),
            ("quantizer_type", QUANTIZER_TYPES),
            ("residual_rule", RESIDUAL_RULES),
            ("downsample_ratio", DOWNSAMPLE_RATIOS),
        ):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} must be one of {allowed}, got {getattr(self, field)!r}.")

    def validate_sizes(self) -> None:
        minima = {"stem_dim": 1, "hidden_size": 1, "num_layers": 1, "expansion": 1}
        minima |= {"kernel_size": 1, "stem_kernel_size": 1, "vocab_size": 5}
        for field, minimum in (minima | {"kmeans_warmup_steps": 0}).items():
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {getattr(self, field)}.")
        for field in ("kernel_size", "stem_kernel_size"):
            if getattr(self, field) % 2 == 0:
                raise ValueError(
                    f"{field} must be odd to have a centre, got {getattr(self, field)}."
                )
        if self.codebook_dim is not None and self.codebook_dim < 1:
            raise ValueError(f"codebook_dim must be at least 1 or None, got {self.codebook_dim}.")
        for field in ("codebook_sizes", "fsq_levels"):
            sizes = getattr(self, field)
            if not sizes or min(sizes) < 2:
                raise ValueError(f"{field} must name sizes of at least 2, got {sizes}.")

    def validate_taps(self) -> None:
        layers, levels = self.quantizer_layers, len(self.codebook_sizes)
        rising = layers == sorted(layers) and min(layers, default=0) >= 1
        if len(layers) != levels or not rising or layers[-1] != self.num_layers:
            raise ValueError(
                f"quantizer_layers must name one block from 1 to num_layers={self.num_layers} for "
                f"each of the {levels} codebook_sizes, never falling and the last one "
                f"{self.num_layers}, got {layers}."
            )

    def validate_numbers(self) -> None:
        for field in ("code_dropout", "codebook_decay", "revival_threshold"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must be from 0 to under 1, got {getattr(self, field)}.")
        if not 0 <= self.commitment_weight < inf:
            raise ValueError(
                f"commitment_weight must not be negative or infinite: {self.commitment_weight}."
            )
        for field in ("layer_norm_eps", "initializer_range"):
            if not 0 < getattr(self, field) < inf:
                raise ValueError(f"{field} must be positive and finite: {getattr(self, field)}.")

    @property
    def num_quantizers(self) -> int:
        """Number of levels, Q."""
        return len(self.codebook_sizes)

    @property
    def receptive_radius(self) -> int:
        """Nucleotides that a code of the last level reads on either side of its own, 20."""
        return self.radius_of_level(-1)

    def radius_of_level(self, level: int) -> int:
        """Nucleotides that a code of a level reads on either side of its own: 11, 20."""
        layers: Any = self.quantizer_layers
        blocks = layers[level] * (self.kernel_size // 2) * self.downsample_ratio
        return int(self.stem_kernel_size // 2 + blocks)


def check_fields(config_class: type[PreTrainedConfig], names: Iterable[str]) -> None:
    """Raises a `ValueError` for a name that is no field: a configuration would keep it, unread."""
    known = {*dir(config_class()), *config_class.attribute_map, "attn_implementation"}
    known |= {"torch_dtype"}
    for name in names:
        if name not in known:
            public = [field for field in sorted(known) if not field.startswith("_")]
            close = get_close_matches(name, public) or ["one of its documented fields"]
            raise ValueError(
                f"{config_class.__name__} has no field {name!r}; did you mean {', '.join(close)}?"
            )


__all__ = ["VQDNAQuantizerConfig"]
