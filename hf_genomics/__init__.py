"""Hyperbolic CNNs for DNA, PhyloGPN and VQDNA as models of Hugging Face Transformers.

Importing the package makes `AutoModel` and its kin know the models; it imports no torch and no
transformers itself. Every public name is imported when it is first touched.
"""

from typing import TYPE_CHECKING

from hf_genomics.lazy_names import lazy_names
from hf_genomics.models import FAMILIES
from hf_genomics.registration import register_when_imported

if TYPE_CHECKING:
    from hf_genomics.benchmarks.loading import load_benchmark
    from hf_genomics.benchmarks.registry import list_benchmarks
    from hf_genomics.evaluation.variant_effects.scoring import score_variants
    from hf_genomics.models.hyperbolic_cnn.configuration_hyperbolic_cnn import HyperbolicCNNConfig
    from hf_genomics.models.hyperbolic_cnn.modeling_hyperbolic_cnn import (
        HyperbolicCNNForSequenceClassification,
        HyperbolicCNNModel,
    )
    from hf_genomics.models.phylogpn.configuration_phylogpn import PhyloGPNConfig
    from hf_genomics.models.phylogpn.modeling_phylogpn import (
        PhyloGPNForMaskedLM,
        PhyloGPNForSequenceClassification,
        PhyloGPNModel,
    )
    from hf_genomics.models.phylogpn.phylogenetic_likelihood import f81_log_likelihood
    from hf_genomics.models.phylogpn.phylogeny import Phylogeny
    from hf_genomics.models.vqdna.configuration_vqdna import VQDNAConfig
    from hf_genomics.models.vqdna.configuration_vqdna_quantizer import VQDNAQuantizerConfig
    from hf_genomics.models.vqdna.modeling_vqdna import (
        VQDNAForMaskedLM,
        VQDNAForSequenceClassification,
        VQDNAForTokenClassification,
        VQDNAModel,
    )
    from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel
    from hf_genomics.tokenization_dna import DNATokenizer

__version__ = "0.1.0"

# Type checkers and `from hf_genomics import *` read this list; a test holds it to the table below.
__all__ = [
    "DNATokenizer",
    "HyperbolicCNNConfig",
    "HyperbolicCNNForSequenceClassification",
    "HyperbolicCNNModel",
    "PhyloGPNConfig",
    "PhyloGPNForMaskedLM",
    "PhyloGPNForSequenceClassification",
    "PhyloGPNModel",
    "Phylogeny",
    "VQDNAConfig",
    "VQDNAForMaskedLM",
    "VQDNAForSequenceClassification",
    "VQDNAForTokenClassification",
    "VQDNAModel",
    "VQDNAQuantizerConfig",
    "VQDNAQuantizerModel",
    "f81_log_likelihood",
    "list_benchmarks",
    "load_benchmark",
    "score_variants",
]

_MODULES = {
    "DNATokenizer": "hf_genomics.tokenization_dna",
    "Phylogeny": "hf_genomics.models.phylogpn.phylogeny",
    "f81_log_likelihood": "hf_genomics.models.phylogpn.phylogenetic_likelihood",
    "list_benchmarks": "hf_genomics.benchmarks.registry",
    "load_benchmark": "hf_genomics.benchmarks.loading",
    "score_variants": "hf_genomics.evaluation.variant_effects.scoring",
}
for _family in FAMILIES:
    _MODULES.update(_family.public_names)

__getattr__, __dir__ = lazy_names(__name__, _MODULES)

register_when_imported()
