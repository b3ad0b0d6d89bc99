"""Hyperbolic CNNs for DNA (HGE, ICLR 2025) and their Euclidean twin."""

from typing import TYPE_CHECKING

from hf_genomics.lazy_names import lazy_names

if TYPE_CHECKING:
    from .configuration_hyperbolic_cnn import HyperbolicCNNConfig
    from .modeling_hyperbolic_cnn import (
        HyperbolicCNNForSequenceClassification,
        HyperbolicCNNModel,
    )

__all__ = [
    "HyperbolicCNNConfig",
    "HyperbolicCNNForSequenceClassification",
    "HyperbolicCNNModel",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "HyperbolicCNNConfig": f"{__name__}.configuration_hyperbolic_cnn",
        "HyperbolicCNNForSequenceClassification": f"{__name__}.modeling_hyperbolic_cnn",
        "HyperbolicCNNModel": f"{__name__}.modeling_hyperbolic_cnn",
    },
)
