"""The names and tensors of songlab's PhyloGPN checkpoints, and ours.

Two generations of the original network have equal shapes and different norms. They are told by
their names: `blocks.0.layers.0.weight` is the one of group norm, `blocks.0.layer_norm1.weight` the
one of layer norm. Either stores a tensor V for each convolution, bias and embedding, and computes
with the mean of V and its reverse complement.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from .reverse_complement import (
    from_symmetric,
    join_embedding,
    merge_bias,
    merge_weight,
    split_bias,
    split_embedding,
    split_weight,
    to_pairs,
)

PREFIX = "_model."
ORIGINAL = ".parametrizations.{}.original"
# our name of a part -> theirs, by generation; the output's has a second spelling
PARTS = {
    "layer_norm": {
        "norm1": "layer_norm1",
        "norm2": "layer_norm2",
        "norm3": "layer_norm3",
        "conv1": "conv1",
        "conv2": "conv2",
        "conv3": "conv3",
    },
    "group_norm": {
        "norm1": "layers.0",
        "norm2": "layers.3",
        "norm3": "layers.6",
        "conv1": "layers.2",
        "conv2": "layers.5",
        "conv3": "layers.8",
    },
}
OUTPUTS = {
    "layer_norm": {"norm": "output_layer_norm", "rate_head": "output_conv"},
    "group_norm": {"norm": "output_layers.0", "rate_head": "output_layers.2"},
}
SPELLINGS = {"output_layer_norm1": "output_layer_norm", "output_conv1": "output_conv"}
MARKERS = {
    "layer_norm": re.compile(r"(_model\.)?blocks\.\d+\.layer_norm1\.weight"),
    "group_norm": re.compile(r"(_model\.)?blocks\.\d+\.layers\.0\.weight"),
}
GENERATIONS = {
    "layer_norm": "the LayerNorm generation of PhyloGPN (songlab, since April 2026)",
    "group_norm": "the GroupNorm generation of PhyloGPN (songlab, before April 2026)",
}


def generation(names: Iterable[str]) -> str | None:
    """`"layer_norm"` or `"group_norm"` for the names of an original checkpoint, else `None`."""
    for name in names:
        for norm, marker in MARKERS.items():
            if marker.fullmatch(name):
                return norm
    return None


def from_original(
    state: Mapping[str, Tensor], *, num_blocks: int
) -> tuple[dict[str, Tensor], str, bool]:
    """Our state dict of a base model, from an original one of either generation.

    Args:
        state: their names, with the prefix `_model.` or without, to their tensors.
        num_blocks: number of blocks.

    Returns:
        Our names and tensors; the generation, which is the norm; and whether all norms are equal
        for a channel and its partner, in which case they are given once for both.

    Raises:
        ValueError: not an original checkpoint, or names are missing or left over.
    """
    theirs = {}
    for name, tensor in state.items():
        part, dot, rest = name.removeprefix(PREFIX).partition(".")
        theirs[SPELLINGS.get(part, part) + dot + rest] = tensor
    norm = generation(theirs)
    if norm is None:
        raise ValueError(
            f"neither generation of songlab's PhyloGPN has these {len(state)} names (the first are "
            f"{sorted(state)[:3]}); give the state dict itself, for checkpoint.pt its entry "
            f"'model_state_dict'."
        )

    def take(name: str) -> Tensor:
        if name not in theirs:
            raise ValueError(f"the original state dict lacks {name!r}.")
        return theirs.pop(name)

    ours: dict[str, Tensor] = {}
    norms: dict[str, Tensor] = {}
    for our_name, their_name in part_names(norm, num_blocks).items():
        if "norm" in our_name:
            for kind in ("weight", "bias"):
                norms[f"{our_name}.{kind}"] = to_pairs(take(f"{their_name}.{kind}"))
        else:
            symmetric, antisymmetric = split_weight(take(their_name + ORIGINAL.format("weight")))
            ours[f"{our_name}.symmetric.weight"] = symmetric
            ours[f"{our_name}.antisymmetric.weight"] = antisymmetric
            bias = take(their_name + ORIGINAL.format("bias"))
            ours[f"{our_name}.symmetric.bias"] = split_bias(bias)
    bases, unknown = split_embedding(take("embedding" + ORIGINAL.format("weight")))
    ours |= {"embedding.bases": bases, "embedding.unknown": unknown}
    if theirs:
        raise ValueError(
            f"the original state dict has {len(theirs)} names too many for {num_blocks} blocks, "
            f"{sorted(theirs)[0]!r} among them; num_stacks * stack_size must be its number of "
            f"blocks."
        )
    tied = all(torch.equal(*tensor.chunk(2)) for tensor in norms.values())
    ours |= {name: tensor.chunk(2)[0] if tied else tensor for name, tensor in norms.items()}
    return {name: tensor.contiguous() for name, tensor in ours.items()}, norm, tied


def to_original(
    state: Mapping[str, Tensor], *, norm: str, num_blocks: int, kernel_size: int
) -> dict[str, Tensor]:
    """An original state dict from ours of a base model: the inverse of [`from_original`].

    Their V is the effective tensor, which their mean with its reverse complement leaves as it is.

    Args:
        state: our names of a base model, with its `rate_head`.
        norm: which generation to write.
        num_blocks: number of blocks.
        kernel_size: taps of the wide convolutions.
    """
    theirs: dict[str, Tensor] = {}
    for our_name, their_name in part_names(norm, num_blocks).items():
        if "norm" in our_name:
            for kind in ("weight", "bias"):
                pairs = state[f"{our_name}.{kind}"]
                channels = state["embedding.bases"].shape[1]
                if ".norm2" in our_name or ".norm3" in our_name:
                    conv1 = f"{our_name.rpartition('.')[0]}.conv1.symmetric.weight"
                    channels = 2 * state[conv1].shape[0]
                if len(pairs) < channels:
                    pairs = pairs.repeat(2)
                theirs[f"{their_name}.{kind}"] = to_pairs(pairs)
        else:
            theirs[their_name + ORIGINAL.format("weight")] = merge_weight(
                state[f"{our_name}.symmetric.weight"],
                state[f"{our_name}.antisymmetric.weight"],
                kernel_size=kernel_size if our_name.endswith("conv2") else 1,
            )
            bias = state[f"{our_name}.symmetric.bias"]
            theirs[their_name + ORIGINAL.format("bias")] = merge_bias(bias)
    table = join_embedding(state["embedding.bases"], state["embedding.unknown"])
    theirs["embedding" + ORIGINAL.format("weight")] = from_symmetric(table)
    return {PREFIX + name: tensor.contiguous() for name, tensor in theirs.items()}


def part_names(norm: str, num_blocks: int) -> dict[str, str]:
    """Our name of every norm and convolution to theirs, without prefix."""
    blocks = {
        f"blocks.{i}.{ours}": f"blocks.{i}.{theirs}"
        for i in range(num_blocks)
        for ours, theirs in PARTS[norm].items()
    }
    return blocks | OUTPUTS[norm]
