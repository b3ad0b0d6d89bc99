"""Weights to start from that are damaged are named in one sentence, before anything is trained."""

import sys
from pathlib import Path

import pytest

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    VQDNAForMaskedLM,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)
from hf_genomics.training.arguments import ModelArguments
from hf_genomics.training.finetuning import build_model
from hf_genomics.training.phylogpn_arguments import PhyloGPNArguments
from hf_genomics.training.phylogpn_models import build_phylogpn, phylogpn_config
from hf_genomics.training.vqdna_arguments import QuantizerArguments
from hf_genomics.training.vqdna_language_arguments import LanguageModelArguments
from tests.training.test_finetuning import CLASSES, dataset_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

from pretrain_vqdna import build_language_model  # noqa: E402  (found by the line above)
from train_vqdna_tokenizer import build_quantizer  # noqa: E402


def classifier():
    config = HyperbolicCNNConfig(num_layers=1, num_channels=4, embedding_dim=6, num_labels=3)
    return HyperbolicCNNForSequenceClassification(config)


def phylogpn():
    config = PhyloGPNConfig(
        num_layers=1, outer_dim=8, inner_dim=4, phylogeny="(a:1,b:1);", reference_leaf="a"
    )
    return PhyloGPNForMaskedLM(config)


def quantizer():
    sizes = {"stem_dim": 8, "hidden_size": 16, "num_layers": 2, "quantizer_layers": [1, 2]}
    return VQDNAQuantizerModel(VQDNAQuantizerConfig(codebook_sizes=[8, 16], **sizes))


def language_model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return VQDNAForMaskedLM.from_quantizer(quantizer(), intermediate_size=32, **sizes)


def finetuned(folder):
    arguments = ModelArguments(model_name_or_path=folder)
    return build_model(arguments, dataset_of(CLASSES, 0), None)


def pretrained_further(folder):
    arguments = PhyloGPNArguments(model_name_or_path=folder)
    config = phylogpn_config(arguments)
    return build_phylogpn(arguments, config, phylogpn().phylogeny, "a")


def quantizer_trained_further(folder):
    return build_quantizer(QuantizerArguments(model_name_or_path=folder))


def codes_modelled_further(folder):
    return build_language_model(LanguageModelArguments(model_name_or_path=folder))


def codes_modelled(folder):
    return build_language_model(LanguageModelArguments(quantizer=folder))


@pytest.mark.parametrize(
    ("model", "start"),
    [
        (classifier, finetuned),
        (phylogpn, pretrained_further),
        (quantizer, quantizer_trained_further),
        (quantizer, codes_modelled),
        (language_model, codes_modelled_further),
    ],
)
def test_weights_that_are_cut_off_are_named(model, start, tmp_path):
    model().save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(ValueError, match=f"The weights of {tmp_path} cannot be read .* again"):
        start(str(tmp_path))
