"""songlab's PhyloGPN checkpoints to [`PhyloGPNForMaskedLM`].

    python -m hf_genomics.models.phylogpn.convert_phylogpn_checkpoint checkpoint.pt FOLDER

A folder with their `model.safetensors` needs no conversion: `from_pretrained` reads it.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .configuration_phylogpn import PhyloGPNConfig
from .modeling_base import adopt
from .modeling_phylogpn import PhyloGPNForMaskedLM


def convert_state_dict(
    state_dict: Mapping[str, Tensor], config: Mapping[str, Any] | PhyloGPNConfig | None = None
) -> PhyloGPNForMaskedLM:
    """Builds our model from an original state dict of either generation.

    The log rates and embeddings are those of the original network. Its generation, and with it
    `config.norm`, is told from the names; `config.tie_norm_symmetry` is `True` only if all of its
    norms are equal for a channel and its partner.

    Args:
        state_dict: the original's, with the prefix `_model.` or without, in any floating dtype;
            the result has the same dtype. Of the file `checkpoint.pt` it is the entry
            `"model_state_dict"`.
        config: their configuration, of which the fields of [`PhyloGPNConfig`] are read; the
            published one if `None`.

    Raises:
        ValueError: neither generation has these names, or names are missing or left over, or the
            shapes are of another configuration.
    """
    fields = config.to_dict() if isinstance(config, PhyloGPNConfig) else dict(config or {})
    known = PhyloGPNConfig().to_dict()
    ours = PhyloGPNConfig.from_dict({name: x for name, x in fields.items() if name in known})
    state = adopt(dict(state_dict), ours)
    dtype = state["embedding.bases"].dtype
    model = PhyloGPNForMaskedLM(ours).to(dtype)
    expected = {name: tensor.shape for name, tensor in model.model.state_dict().items()}
    for name, tensor in state.items():
        if tensor.shape != expected[name]:
            raise ValueError(
                f"{name} would be {tuple(tensor.shape)}, but outer_dim={ours.outer_dim}, "
                f"inner_dim={ours.inner_dim} and kernel_size={ours.kernel_size} make it "
                f"{tuple(expected[name])}; pass the configuration of the checkpoint."
            )
    model.model.load_state_dict(state)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert songlab's checkpoint.pt to a folder.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--sizes", type=json.loads, default={}, help="JSON of the sizes, if not the published ones"
    )
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)
    model = convert_state_dict(checkpoint.get("model_state_dict", checkpoint), arguments.sizes)
    model.save_pretrained(arguments.folder)
    print(f"{arguments.folder}: {model.num_parameters():,} parameters, norm={model.config.norm}")


if __name__ == "__main__":
    main()
