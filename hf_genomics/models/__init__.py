"""The model families, and which Auto class of Transformers finds which class of theirs.

One entry of `FAMILIES` is all it takes for a model type to become a public name of `hf_genomics`
and to be known to the Auto classes. Nothing here imports torch or transformers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT_TOKENIZER = "DNATokenizer"


@dataclass(frozen=True)
class Family:
    """Where the classes of one model type live.

    Args:
        model_type: The `model_type` of the configuration. It names the files
            `configuration_<model_type>.py` and `modeling_<model_type>.py`.
        config: Name of the configuration class.
        auto_classes: Name of an Auto class of Transformers to the name of ours behind it.
        folder: Folder under `hf_genomics/models/`; the model type where it is not given.
        tokenizer: Name of the text tokenizer of the family, or None for a family without one.
    """

    model_type: str
    config: str
    auto_classes: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    tokenizer: str | None = TEXT_TOKENIZER

    @property
    def configuration_module(self) -> str:
        return f"{self._package}.configuration_{self.model_type}"

    @property
    def modeling_module(self) -> str:
        return f"{self._package}.modeling_{self.model_type}"

    @property
    def public_names(self) -> dict[str, str]:
        """Each public class of the family to the module that defines it."""
        models = dict.fromkeys(self.auto_classes.values(), self.modeling_module)
        return {self.config: self.configuration_module, **models}

    @property
    def _package(self) -> str:
        return f"{__name__}.{self.folder or self.model_type}"


FAMILIES: tuple[Family, ...] = (
    Family(
        model_type="hyperbolic_cnn",
        config="HyperbolicCNNConfig",
        auto_classes={
            "AutoModel": "HyperbolicCNNModel",
            "AutoModelForSequenceClassification": "HyperbolicCNNForSequenceClassification",
        },
    ),
    Family(
        model_type="phylogpn",
        config="PhyloGPNConfig",
        auto_classes={
            "AutoModel": "PhyloGPNModel",
            "AutoModelForMaskedLM": "PhyloGPNForMaskedLM",
            "AutoModelForSequenceClassification": "PhyloGPNForSequenceClassification",
        },
    ),
    Family(
        model_type="vqdna_quantizer",
        config="VQDNAQuantizerConfig",
        auto_classes={
            "AutoModel": "VQDNAQuantizerModel",
            "AutoModelForPreTraining": "VQDNAQuantizerModel",
        },
        folder="vqdna",
    ),
    Family(
        model_type="vqdna",
        config="VQDNAConfig",
        auto_classes={
            "AutoModel": "VQDNAModel",
            "AutoModelForMaskedLM": "VQDNAForMaskedLM",
            "AutoModelForSequenceClassification": "VQDNAForSequenceClassification",
            "AutoModelForTokenClassification": "VQDNAForTokenClassification",
        },
    ),
)
