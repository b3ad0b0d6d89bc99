"""PhyloGPN (RECOMB 2025): rates of evolution predicted from a sequence, trained on a phylogeny."""

from typing import TYPE_CHECKING

from hf_genomics.lazy_names import lazy_names

if TYPE_CHECKING:
    from .configuration_phylogpn import PhyloGPNConfig
    from .modeling_phylogpn import (
        PhyloGPNForMaskedLM,
        PhyloGPNForSequenceClassification,
        PhyloGPNModel,
    )

__all__ = [
    "PhyloGPNConfig",
    "PhyloGPNForMaskedLM",
    "PhyloGPNForSequenceClassification",
    "PhyloGPNModel",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "PhyloGPNConfig": f"{__name__}.configuration_phylogpn",
        "PhyloGPNForMaskedLM": f"{__name__}.modeling_phylogpn",
        "PhyloGPNForSequenceClassification": f"{__name__}.modeling_phylogpn",
        "PhyloGPNModel": f"{__name__}.modeling_phylogpn",
    },
)
