"""The network of a training run: new, or trained and given another tree."""

from __future__ import annotations

from typing import Any

import torch

from hf_genomics.evaluation.loaded_weights import naming_weights
from hf_genomics.models.phylogpn.configuration_phylogpn import PhyloGPNConfig
from hf_genomics.models.phylogpn.modeling_phylogpn import PhyloGPNForMaskedLM
from hf_genomics.models.phylogpn.phylogeny import Phylogeny
from hf_genomics.training.config_overrides import parse_config_overrides
from hf_genomics.training.phylogpn_arguments import PhyloGPNArguments


def phylogpn_config(args: PhyloGPNArguments) -> PhyloGPNConfig:
    """The configuration that the arguments name; the data set's tree is still to be set.

    Outputs are for positions whose whole window is given, whatever a trained model says: a training
    example brings its flanks.

    Raises:
        ValueError: An override does not fit the configuration, or sets what the data set decides.
    """
    if args.model_name_or_path is not None:
        config = PhyloGPNConfig.from_pretrained(args.model_name_or_path)
        config.token_padding = "valid"
        return config
    overrides: dict[str, Any] = parse_config_overrides(args.config_overrides, PhyloGPNConfig)
    decided = [
        name for name in ("phylogeny", "reference_leaf", "token_padding") if name in overrides
    ]
    if decided:
        raise ValueError(
            f"--config_overrides sets {', '.join(decided)}, which training decides: tree and "
            "reference are the data set's, and the examples bring their own flanks."
        )
    return PhyloGPNConfig(**overrides)


def build_phylogpn(
    args: PhyloGPNArguments, config: PhyloGPNConfig, phylogeny: Phylogeny, reference_leaf: str
) -> PhyloGPNForMaskedLM:
    """The network, with random weights or those of `args.model_name_or_path`.

    Its configuration carries the tree and the reference leaf, so that a saved folder can be trained
    or evaluated further without the data set's files.
    """
    config.phylogeny = phylogeny.to_newick()
    config.reference_leaf = reference_leaf
    if args.model_name_or_path is None:
        return PhyloGPNForMaskedLM(config)
    # small steps vanish in weights of bfloat16, as which a checkpoint may have been saved
    with naming_weights(args.model_name_or_path):
        model: PhyloGPNForMaskedLM = PhyloGPNForMaskedLM.from_pretrained(
            args.model_name_or_path, config=config, dtype=torch.float32
        )
    return model
