"""VQDNA (ICML 2024): a learned vocabulary of DNA by hierarchical residual quantization."""

from typing import TYPE_CHECKING

from hf_genomics.lazy_names import lazy_names

if TYPE_CHECKING:
    from .configuration_vqdna import VQDNAConfig
    from .configuration_vqdna_quantizer import VQDNAQuantizerConfig
    from .modeling_vqdna import (
        VQDNAForMaskedLM,
        VQDNAForSequenceClassification,
        VQDNAForTokenClassification,
        VQDNAModel,
    )
    from .modeling_vqdna_quantizer import VQDNAQuantizerModel

__all__ = [
    "VQDNAConfig",
    "VQDNAForMaskedLM",
    "VQDNAForSequenceClassification",
    "VQDNAForTokenClassification",
    "VQDNAModel",
    "VQDNAQuantizerConfig",
    "VQDNAQuantizerModel",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "VQDNAConfig": f"{__name__}.configuration_vqdna",
        "VQDNAForMaskedLM": f"{__name__}.modeling_vqdna",
        "VQDNAForSequenceClassification": f"{__name__}.modeling_vqdna",
        "VQDNAForTokenClassification": f"{__name__}.modeling_vqdna",
        "VQDNAModel": f"{__name__}.modeling_vqdna",
        "VQDNAQuantizerConfig": f"{__name__}.configuration_vqdna_quantizer",
        "VQDNAQuantizerModel": f"{__name__}.modeling_vqdna_quantizer",
    },
)
