"""Official HGE checkpoints to [`HyperbolicCNNForSequenceClassification`].

The official network (rrkhan/HGE f76ee3e) carries 32-wide points, keeps rows of its weights that it
never uses, reads bases in the order A, C, T, G, N and flattens positions before channels; ours does
neither, so the conversion drops, permutes and reshapes, and adds nothing.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .configuration_hyperbolic_cnn import HyperbolicCNNConfig
from .modeling_hyperbolic_cnn import HyperbolicCNNForSequenceClassification

OFFICIAL_BASES = "ACTGN"
OUR_BASES = "ACGTN"
WRAPPERS = ("state_dict", "model_state_dict", "model")  # what training scripts save weights under
PARALLEL_PREFIX = "module."  # of torch.nn.DataParallel and DistributedDataParallel
CONV_WEIGHT = "conv_layers.{}.{}.linearized_kernel.weight.weight"


def convert_state_dict(
    state_dict: Mapping[str, Any],
    *,
    num_labels: int,
    max_length: int,
    multi_curvature: bool | None = None,
) -> HyperbolicCNNForSequenceClassification:
    """Builds our model from the state dict of an official HCNN-S or HCNN-M.

    The logits are those of the official network, in evaluation and in training mode, while all k
    are 1. For another k the official flatten leaves the hyperboloid; ours is the right one there.

    Args:
        state_dict: official state dict, in any floating dtype; the result has the same dtype. Also
            a checkpoint that holds it under "state_dict", "model_state_dict" or "model", or one of
            `torch.nn.DataParallel`, whose keys begin with "module.".
        num_labels: number of classes it was trained for.
        max_length: length of the sequences it was trained on.
        multi_curvature: whether it is HCNN-M; `None` tells it by unequal curvatures (a state dict
            holds one entry per block for either).

    Raises:
        ValueError: a key is missing, or a shape does not fit `num_labels` or `max_length`.
    """
    state = _unwrapped(state_dict)
    num_layers = sum(CONV_WEIGHT.format(i, 0) in state for i in range(len(state)))
    if num_layers == 0:
        raise ValueError(
            f"not an official HGE state dict: {CONV_WEIGHT.format(0, 0)!r} is not among its "
            f"{len(state)} keys (first ones: {sorted(state)[:3]})."
        )
    first, last = state[CONV_WEIGHT.format(0, 0)], _get(state, "fc_layer.weight.weight")
    num_channels, space = first.shape[0], first.shape[0] - 1
    kernel_size = (first.shape[1] - 1) // len(OFFICIAL_BASES)
    if last.shape[1] != 1 + space * max_length:
        raise ValueError(
            f"fc_layer reads {(last.shape[1] - 1) // space} positions, but max_length={max_length} "
            f"was given; pass the length the checkpoint was trained on."
        )
    z = _get(state, "mlr.z")
    if z.shape[0] != num_labels:
        raise ValueError(
            f"the checkpoint has {z.shape[0]} classes, but num_labels={num_labels} was given."
        )

    k = torch.stack([_get(state, f"manifolds.{i}.k") for i in range(num_layers + 1)])
    if multi_curvature is None:
        multi_curvature = bool((k != k[0]).any())
    if not multi_curvature:
        if (k != k[0]).any():
            raise ValueError(
                f"the curvatures {k.tolist()} differ, so this is HCNN-M: pass multi_curvature=True."
            )
        k = k[:1]
    if not (k > 0).all():
        raise ValueError(f"curvatures must be positive, got {k.tolist()}.")

    config = HyperbolicCNNConfig(
        multi_curvature=multi_curvature,
        num_channels=num_channels,
        embedding_dim=last.shape[0],
        num_layers=num_layers,
        kernel_size=kernel_size,
        max_length=max_length,
        num_labels=num_labels,
        mask_padding=False,
    )
    converted = {"model.curvature.raw_curvature": k.log()}
    for i in range(num_layers):
        for j, (conv, norm) in enumerate(((0, 1), (3, 4))):
            old, new = f"conv_layers.{i}", f"model.blocks.{i}.layers.{j}"
            weight = _get(state, CONV_WEIGHT.format(i, conv))[1:]
            window = weight[:, 1:].reshape(space, -1, kernel_size)
            if (i, j) == (0, 0):
                window = window[:, [OFFICIAL_BASES.index(base) for base in OUR_BASES]]
            bias = _get(state, f"{old}.{conv}.linearized_kernel.weight.bias")
            converted[f"{new}.conv.time_weight"] = weight[:, 0]
            converted[f"{new}.conv.space.weight"] = window
            converted[f"{new}.conv.space.bias"] = bias[1:]
            for name, cut in (("beta", 1), ("gamma", 0), ("running_mean", 1), ("running_var", 0)):
                value = _get(state, f"{old}.{norm}.{name}")
                converted[f"{new}.norm.{name}"] = value.reshape(-1)[cut:]
    converted["model.pooler.linear.time_weight"] = last[1:, 0]
    converted["model.pooler.linear.space.weight"] = (
        last[1:, 1:].unflatten(1, (max_length, space)).transpose(1, 2).flatten(1)
    )  # (E, L, C) -> (E, C, L)
    converted["model.pooler.linear.space.bias"] = _get(state, "fc_layer.weight.bias")[1:]
    converted["classifier.a"] = _get(state, "mlr.a")
    converted["classifier.z"] = z

    model = HyperbolicCNNForSequenceClassification(config).to(first.dtype)
    model.load_state_dict({name: tensor.contiguous() for name, tensor in converted.items()})
    return model.eval()


def _unwrapped(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    for name in WRAPPERS:
        if isinstance(checkpoint.get(name), Mapping):
            checkpoint = checkpoint[name]
            break
    if all(key.startswith(PARALLEL_PREFIX) for key in checkpoint):
        return {key.removeprefix(PARALLEL_PREFIX): value for key, value in checkpoint.items()}
    return dict(checkpoint)


def _get(state: Mapping[str, Tensor], key: str) -> Tensor:
    if key not in state:
        raise ValueError(f"the official state dict lacks the key {key!r}.")
    return state[key]
