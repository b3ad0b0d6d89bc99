"""Configuration of the hyperbolic CNN for DNA (HGE, Khan et al., ICLR 2025, arXiv 2507.21648)."""

from math import inf
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

GEOMETRIES = ("lorentz", "euclidean")
BLOCKS = ("plain", "residual")
BATCH_NORMS = ("lorentz", "tangent")
HEADS = ("flatten", "centroid", "parts")
REVERSE_COMPLEMENTS = (None, "average")
MAX_RESIDUAL_LAYERS = 16  # the last has a dilation of 32,768 bases
# Two points at this radius are up to 40 sqrt(k) apart, and a batch norm that moves one of them to
# the origin squares sinh(40): with 1e34 there is room below float32's 3e38, with sinh(45) none.
LARGEST_MAX_RADIUS = 20

# What a preset sets; everything else keeps its default, and the defaults are those of `paper`.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "residual": {
        "block": "residual",
        "batch_norm": "tangent",
        "num_channels": 65,
        "kernel_size": 7,
        "initial_curvature": 64,
        "head": "parts",
        "num_parts": 24,
        "oriented_parts": True,
        "parts_dropout": 0.5,
        "reverse_complement": "average",
        "embedding_dim": None,
        "dropout": 0.3,
    },
}


class ConfigurationError(StrictDataclassError, ValueError):
    """Fields that no model can be built from: also the `ValueError` that callers expect."""


@strict
class HyperbolicCNNConfig(PreTrainedConfig):
    """Sizes and options of a [`HyperbolicCNNModel`]; the defaults, which are the preset
    `"paper"`, build the paper's HCNN-S but for `mask_padding`, which is `False` there.

    Convention: a point lies on the hyperboloid `{x : <x, x>_L = -x_0^2 + |x_s|^2 = -k, x_0 > 0}` of
    curvature parameter `k > 0`. This is geoopt's k; the sectional curvature is `-1/k`, which the
    papers call K.

    Args:
        geometry: `"lorentz"`, or `"euclidean"` for the twin of the same graph in flat space.
        multi_curvature: `False` is HCNN-S, one k for the whole network; `True` is HCNN-M, one k per
            block and one for the head.
        num_channels: width of a feature, counted as in the official code: one time component and
            `num_channels - 1` space components (all `num_channels` are free in the Euclidean twin).
        embedding_dim: width of the embedding, counted in the same way; `None` for no linear layer
            and no ReLU between the points that the head joins and the classifier: the joined point
            is the embedding, see `embedding_width`.
        num_layers: number of blocks.
        kernel_size: width of every convolution in bases, odd.
        block: `"plain"` is the paper's: two convolutions, each followed by its norm. `"residual"`
            is one convolution that follows its norm, with a dilation of `2^i` in the i-th block,
            on features that a wide first convolution (the stem) makes and each block adds to.
        stem_kernel_size: width of the stem in bases, odd; not used by `"plain"` blocks.
        batch_norm: `"lorentz"` is the paper's, with one scale for all directions; `"tangent"` has
            one for every channel, in the tangent space at the origin. Not used by the twin.
        max_length: number of positions the `"flatten"` head reads; shorter input is padded with
            the origin, longer input is an error. Not used by the other heads.
        head: `"flatten"` keeps the position of every feature (the paper's); `"centroid"` takes the
            Lorentz centroid over the positions of a sequence, for any length; `"parts"` joins that
            centroid, the maximum of every channel and the centroids of `num_parts` equal parts of
            the sequence, also for any length.
        num_parts: see `head`; 0 for the centroid and the maximum alone.
        parts_dropout: share of the sequences for which all parts are dropped (see `head`) while
            training, so that the centroid and the maximum have to suffice for these.
        dropout: share of the embedding's components that are set to 0 before the classifier while
            training.
        initial_curvature: k of every layer before training.
        learnable_curvature: whether k is trained.
        max_radius: largest distance from the origin, in units of sqrt(k), to which an exponential
            map reaches (10 in the official code), at most 20. A point at distance `r sqrt(k)` has
            `|x_s| = sqrt(k) sinh(r)`; a batch norm, which moves a point to the origin, takes
            others to up to twice the distance. So squares reach `sinh(40)^2 = 1.4e34` in units of
            k, whatever k is, and `k sinh(40)^2` themselves: float32 holds both up to k = 2e4, and
            up to k = 5e21 where no two points lie opposite one another.
        mask_padding: keep padded positions at the origin throughout and out of the batch
            statistics, so that padding changes nothing. The official network does not
            (`False`).
        reverse_complement: `None`, or `"average"`: both strands are embedded and the pooled
            embedding is the Lorentz centroid of the two (their mean in the Euclidean twin).
        oriented_parts: with `head="parts"` and `reverse_complement="average"`, average the centroid
            and the maximum of the two strands, but take the parts of the given strand alone: for
            labels that depend on the direction, as a promoter's do. The logits of the other strand
            are then others. An error with any other head or with one strand.
        batch_norm_eps: added to the spread of a batch norm.
        batch_norm_momentum: weight of the newest batch in the running statistics.
        initializer_range: convolution and linear weights of the Lorentz layers start uniform in
            `[-initializer_range, initializer_range]` with `"plain"` blocks. With `"residual"`
            blocks those of either geometry start alike (He et al. 2015), with time weights of 0,
            but for the classifier: the twin's starts as its other layers do, the Lorentz one
            uniform within `1 / sqrt(embedding_width - 1)`.
        vocab_size: number of token ids accepted. Ids 0 to 4 are A, C, G, T, N; every other id is
            embedded at the origin, as padding is.
        pad_token_id: id of a padded position.

    Raises:
        ConfigurationError: fields have values that no network is built from; it is a `ValueError`
            and says which, and what is allowed.
        StrictDataclassError: a field has a value of another type.

    Example:
        >>> HyperbolicCNNConfig.preset("residual", multi_curvature=True).num_curvatures
        4
    """

    model_type = "hyperbolic_cnn"
    attribute_map = {"hidden_size": "num_channels", "num_hidden_layers": "num_layers"}
    keys_to_ignore_at_inference = ["hidden_states"]

    geometry: str = "lorentz"
    multi_curvature: bool = False
    num_channels: int = 32
    embedding_dim: int | None = 528
    num_layers: int = 3
    kernel_size: int = 9
    block: str = "plain"
    stem_kernel_size: int = 15
    batch_norm: str = "lorentz"
    max_length: int | None = 512
    head: str = "flatten"
    num_parts: int = 8
    parts_dropout: float | int = 0.0
    dropout: float | int = 0.0
    initial_curvature: float | int = 1.0
    learnable_curvature: bool = True
    max_radius: float | int = 10.0
    mask_padding: bool = True
    reverse_complement: str | None = None
    oriented_parts: bool = False
    batch_norm_eps: float | int = 1e-5
    batch_norm_momentum: float | int = 0.1
    initializer_range: float | int = 0.02
    vocab_size: int = 7
    pad_token_id: int | None = 5

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        try:
            self.validate()
        except StrictDataclassError as error:
            raise ConfigurationError(*error.args) from error.__cause__

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "HyperbolicCNNConfig":
        """A named configuration.

        Args:
            name: `"paper"`: HCNN-S, the defaults. `"residual"`: the stronger network of
                docs/hyperbolic_cnn.md, for sequences of any length.
            overrides: fields that differ from the preset.

        Raises:
            ValueError: there is no such preset, or no such field.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {name!r}.")
        known = cls()
        for field in overrides:
            if not hasattr(known, field):
                raise ValueError(
                    f"{cls.__name__} has no field {field!r}; help({cls.__name__}) lists them."
                )
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
            ("geometry", GEOMETRIES),
            ("block", BLOCKS),
            ("batch_norm", BATCH_NORMS),
            ("head", HEADS),
            ("reverse_complement", REVERSE_COMPLEMENTS),
        ):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} must be one of {allowed}, got {getattr(self, field)!r}.")

    def validate_sizes(self) -> None:
        minima = {"num_channels": 2, "embedding_dim": 2, "num_layers": 1, "kernel_size": 1}
        minima |= {"stem_kernel_size": 1, "num_parts": 0, "vocab_size": 5}
        for field, minimum in minima.items():
            if field == "embedding_dim" and self.embedding_dim is None:
                continue
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {getattr(self, field)}.")
        for field in ("kernel_size", "stem_kernel_size"):
            if getattr(self, field) % 2 == 0:
                raise ValueError(
                    f"{field} must be odd to keep the sequence length, got {getattr(self, field)}."
                )
        if self.block == "residual" and self.num_layers > MAX_RESIDUAL_LAYERS:
            raise ValueError(
                f"block='residual' takes num_layers up to {MAX_RESIDUAL_LAYERS}, got "
                f"{self.num_layers}: the dilation doubles with every block."
            )
        if self.oriented_parts and (self.head, self.reverse_complement) != ("parts", "average"):
            raise ValueError(
                f"oriented_parts=True needs head='parts' and reverse_complement='average', got "
                f"head={self.head!r} and reverse_complement={self.reverse_complement!r}."
            )
        if self.head == "flatten" and (self.max_length is None or self.max_length < 1):
            raise ValueError(
                f"head='flatten' needs max_length, the number of positions it reads, got "
                f"{self.max_length}; pass max_length, or head='centroid' or 'parts' for any length."
            )

    def validate_geometry(self) -> None:
        for field in ("initial_curvature", "max_radius", "batch_norm_eps", "initializer_range"):
            if not 0 < getattr(self, field) < inf:
                raise ValueError(
                    f"{field} must be positive and finite, got {getattr(self, field)}."
                )
        if self.max_radius > LARGEST_MAX_RADIUS:
            raise ValueError(
                f"max_radius must be at most {LARGEST_MAX_RADIUS}, got {self.max_radius}: points "
                f"farther out, at |x| = sqrt(k) sinh(max_radius), have distances whose squares "
                f"overflow float32; leave max_radius at 10, or pass at most {LARGEST_MAX_RADIUS}."
            )
        for field in ("dropout", "parts_dropout"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must lie in [0, 1), got {getattr(self, field)}.")
        if not 0 <= self.batch_norm_momentum <= 1:
            raise ValueError(
                f"batch_norm_momentum must lie in [0, 1], got {self.batch_norm_momentum}."
            )

    @property
    def joined_points(self) -> int:
        """Number of points that the head joins into one."""
        if self.head == "flatten":
            assert self.max_length is not None  # by validation
            return self.max_length
        return self.num_parts + 2 if self.head == "parts" else 1

    @property
    def embedding_width(self) -> int:
        """Width E of `pooler_output`: `embedding_dim`, or that of the joined point."""
        if self.embedding_dim is not None:
            return self.embedding_dim
        time = int(self.geometry == "lorentz")
        return (self.num_channels - time) * self.joined_points + time

    @property
    def num_curvatures(self) -> int:
        """Number of curvature parameters: 0 (Euclidean), 1 (HCNN-S) or num_layers + 1 (HCNN-M)."""
        if self.geometry == "euclidean":
            return 0
        return self.num_layers + 1 if self.multi_curvature else 1


__all__ = ["HyperbolicCNNConfig"]
