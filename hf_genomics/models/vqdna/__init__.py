"""VQDNA (ICML 2024): a learned vocabulary of DNA by hierarchical residual quantization."""

from typing import TYPE_CHECKING

from hf_genomics.lazy_names import lazy_names

if TYPE_CHECKING:
    from .configuration_vqdna_quantizer import VQDNAQuantizerConfig
    from .modeling_vqdna_quantizer import VQDNAQuantizerModel

__all__ = [
    "VQDNAQuantizerConfig",
    "VQDNAQuantizerModel",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "VQDNAQuantizerConfig": f"{__name__}.configuration_vqdna_quantizer",
        "VQDNAQuantizerModel": f"{__name__}.modeling_vqdna_quantizer",
    },
)
