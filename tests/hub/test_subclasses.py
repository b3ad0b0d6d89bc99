"""A model of someone's own, built on one of ours, is saved as what it is."""

import json

import pytest
from transformers import PreTrainedModel

from hf_genomics import (
    HyperbolicCNNForSequenceClassification,
    PhyloGPNForSequenceClassification,
    VQDNAForMaskedLM,
    VQDNAQuantizerModel,
)
from tests.models.hyperbolic_cnn.tiny import tiny_config as tiny_hyperbolic_cnn
from tests.models.phylogpn.tiny import tiny_config as tiny_phylogpn
from tests.models.vqdna.tiny_language_model import tiny_config as tiny_vqdna
from tests.models.vqdna.tiny_quantizer import tiny_config as tiny_quantizer

FAMILIES = [
    (HyperbolicCNNForSequenceClassification, tiny_hyperbolic_cnn),
    (PhyloGPNForSequenceClassification, tiny_phylogpn),
    (VQDNAForMaskedLM, tiny_vqdna),
    (VQDNAQuantizerModel, tiny_quantizer),
]


@pytest.mark.parametrize(("base", "config"), FAMILIES, ids=lambda value: value.__name__)
def test_a_subclass_with_a_type_of_its_own_claims_none_of_our_code(tmp_path, base, config):
    """The folder said that it was of the base class, whose configuration refuses its type."""
    ours = config()
    theirs = type("TheirConfig", (type(ours),), {"model_type": "theirs"})
    model = type("TheirModel", (base,), {"config_class": theirs})(theirs(**fields_of(ours)))
    assert saved(model, tmp_path / "theirs")["model_type"] == "theirs"
    assert "auto_map" not in saved(model, tmp_path / "theirs")
    assert "AutoModel" in " ".join(saved(base(ours), tmp_path / "ours")["auto_map"])


def fields_of(config) -> dict:
    fields = config.to_dict()
    del fields["model_type"]
    return fields


def saved(model: PreTrainedModel, folder) -> dict:
    model.save_pretrained(folder)
    return json.loads((folder / "config.json").read_text())


def test_a_subclass_of_a_classifier_claims_no_rates(tmp_path):
    """Loaded by such a class, its head for rates would be random."""
    theirs = type("TheirClassifier", (PhyloGPNForSequenceClassification,), {})
    auto_map = saved(theirs(tiny_phylogpn()), tmp_path / "theirs")["auto_map"]
    ours = PhyloGPNForSequenceClassification(tiny_phylogpn())
    assert auto_map == saved(ours, tmp_path / "ours")["auto_map"]
    assert not {"AutoModel", "AutoModelForMaskedLM"} & auto_map.keys()
