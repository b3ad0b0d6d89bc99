"""Configuration of PhyloGPN (Albors et al., RECOMB 2025, arXiv 2503.03773)."""

from math import inf
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

NORMS = ("layer_norm", "group_norm")
TOKEN_PADDINGS = ("valid", "same")
TRANSITIONS = ("exact", "sigmoid")
SUBSTITUTION_MODELS = ("f81", "jc69", "hky85")
REVERSE_COMPLEMENTS = (None, "average")


class ConfigurationError(StrictDataclassError, ValueError):
    """Fields that no model can be built from: also the `ValueError` that callers expect."""


@strict
class PhyloGPNConfig(PreTrainedConfig):
    """Sizes and options of a [`PhyloGPNModel`]; the defaults build the published network.

    The first five fields are those of the original's `config.json`, which is read as it is.

    Args:
        outer_dim: channels of the residual stream, even.
        inner_dim: channels inside a block, even.
        stack_size: blocks of a stack; block i of a stack has dilation `kernel_size ** i`.
        num_stacks: number of stacks.
        kernel_size: width of the one wide convolution of a block, odd.
        norm: `"layer_norm"` normalises each position by itself, so that an output depends on its
            window alone; `"group_norm"` normalises over channels and positions together, as the
            checkpoints published before April 2026 do.
        tie_norm_symmetry: one scale and shift for a channel and its partner on the other strand.
            `True` makes the network exactly equivariant under reverse complement; the original
            checkpoints were trained without and are loaded with `False`.
        token_padding: `"valid"`: `L' = L - 2 * flank` outputs, for the positions whose whole window
            is in the input. `"same"`: `L' = L`; the input is extended by `flank` positions of
            `fill_token_id` on either side.
        fill_token_id: token beyond the ends under `"same"`: 4 (`N`, trained) or 5 (`-`, zero).
        reverse_complement: `None`, or `"average"`: both strands go through the network and their
            outputs are averaged, which makes a network of untied norms equivariant, at twice
            the work. One with tied norms is equivariant without.
        phylogeny: tree of the aligned species as Newick text, with branch lengths; only a loss
            needs it. The path of a file is replaced by the text where [`PhyloGPNForMaskedLM`]
            reads it.
        reference_leaf: leaf of `phylogeny` whose sequence is the input: the loss is conditional on
            its base.
        substitution_model: `"f81"`, `"jc69"` or `"hky85"`.
        transition: `"exact"`, or `"sigmoid"` (F81 only): our reading of the stabilised loss of the
            paper's Eq. 5. It is no bound of the exact one in general; see [`F81`].
        kappa: ratio of the rates of a transition and a transversion under `"hky85"`.
        layer_norm_eps: added to the variance of a norm.
        vocab_size: number of token ids accepted. Ids 0 to 4 are A, C, G, T, N; every other id has
            the zero embedding, as `-` has.
        pad_token_id: id of a padded position.

    Raises:
        ConfigurationError: fields have values that no network is built from; it is a `ValueError`
            and says which, and what is allowed.
        StrictDataclassError: a field has a value of another type.
    """

    model_type = "phylogpn"
    attribute_map = {"hidden_size": "outer_dim", "intermediate_size": "inner_dim"}
    keys_to_ignore_at_inference = ["last_hidden_state", "hidden_states"]

    outer_dim: int = 960
    inner_dim: int = 480
    stack_size: int = 2
    num_stacks: int = 20
    kernel_size: int = 5
    norm: str = "layer_norm"
    tie_norm_symmetry: bool = True
    token_padding: str = "valid"
    fill_token_id: int = 4
    reverse_complement: str | None = None
    phylogeny: str | None = None
    reference_leaf: str | None = None
    substitution_model: str = "f81"
    transition: str = "exact"
    kappa: float | int = 2.0
    layer_norm_eps: float | int = 1e-5
    vocab_size: int = 7
    pad_token_id: int | None = 5

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        try:
            self.validate()
        except StrictDataclassError as error:
            raise ConfigurationError(*error.args) from error.__cause__

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
            ("norm", NORMS),
            ("token_padding", TOKEN_PADDINGS),
            ("fill_token_id", (4, 5)),
            ("reverse_complement", REVERSE_COMPLEMENTS),
            ("substitution_model", SUBSTITUTION_MODELS),
            ("transition", TRANSITIONS),
        ):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} must be one of {allowed}, got {getattr(self, field)!r}.")
        if self.transition == "sigmoid" and self.substitution_model != "f81":
            raise ValueError(
                f"transition='sigmoid' is a form of F81, got substitution_model="
                f"{self.substitution_model!r}; use transition='exact'."
            )

    def validate_sizes(self) -> None:
        minima = {"outer_dim": 2, "inner_dim": 2, "stack_size": 1, "num_stacks": 1}
        for field, minimum in (minima | {"kernel_size": 1, "vocab_size": 5}).items():
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}, got {getattr(self, field)}.")
        for field in ("outer_dim", "inner_dim"):
            if getattr(self, field) % 2:
                raise ValueError(
                    f"{field} must be even, since every channel has a partner on the other strand, "
                    f"got {getattr(self, field)}."
                )
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd to have a centre, got {self.kernel_size}.")

    def validate_numbers(self) -> None:
        for field in ("layer_norm_eps", "kappa"):
            if not 0 < getattr(self, field) < inf:
                raise ValueError(
                    f"{field} must be positive and finite, got {getattr(self, field)}."
                )

    @property
    def num_hidden_layers(self) -> int:
        """Number of blocks."""
        return self.num_stacks * self.stack_size

    @property
    def dilations(self) -> list[int]:
        """Dilation of every block."""
        return [self.kernel_size**i for i in range(self.stack_size)] * self.num_stacks

    @property
    def flank(self) -> int:
        """Bases on either side of a position that its output reads: 240 as published."""
        return (self.kernel_size - 1) // 2 * sum(self.dilations)

    @property
    def receptive_field(self) -> int:
        """Width of the window that one output reads: `2 * flank + 1`, 481 as published."""
        return 2 * self.flank + 1


__all__ = ["PhyloGPNConfig"]
