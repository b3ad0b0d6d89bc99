"""Which model is scored how, and which is not."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM

from hf_genomics import (
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    HyperbolicCNNModel,
    PhyloGPNForMaskedLM,
    VQDNAForSequenceClassification,
    score_variants,
)
from hf_genomics.evaluation.variant_effects.classifier_scorer import ClassifierScorer
from hf_genomics.evaluation.variant_effects.log_rate_scorer import LogRateScorer
from hf_genomics.evaluation.variant_effects.model_identity import identity_of
from hf_genomics.evaluation.variant_effects.scorers import load_model, scorer_of
from tests.evaluation.variant_effects.conftest import tiny_phylogpn
from tests.models.vqdna.tiny_language_model import tiny_config as tiny_vqdna

CNN = {"num_channels": 4, "embedding_dim": 6, "num_layers": 1, "max_length": 20}


class Constant:
    """A scorer of one's own: the reference state, whatever the context."""

    columns = {"state": "the state of the reference"}
    context = (0, 0)
    precision = np.dtype(np.float32)
    identity = {"name": "constant"}

    def __call__(self, substitutions, genome):
        return substitutions.reference[:, None].astype(float)


def test_each_head_has_its_scorer(model):
    classifier = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**CNN))
    assert isinstance(scorer_of(model), LogRateScorer)
    assert isinstance(scorer_of(classifier), ClassifierScorer)


def test_scorer_of_your_own_is_taken_as_it_is():
    scorer = Constant()
    assert scorer_of(scorer) is scorer


@pytest.mark.parametrize("options", [{"batch_size": 3}, {"embeddings": True}, {"window": 9}])
def test_options_for_a_scorer_of_your_own_are_refused(options):
    with pytest.raises(ValueError, match="are options of a model"):
        scorer_of(Constant(), **options)


@pytest.mark.parametrize(
    "model",
    [
        lambda: HyperbolicCNNModel(HyperbolicCNNConfig(**CNN)),
        lambda: BertForMaskedLM(
            BertConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, vocab_size=8)
        ),
    ],
)
def test_model_without_a_score_says_what_to_load(model):
    with pytest.raises(ValueError, match="No variant score is defined for .* Load PhyloGPNFor"):
        scorer_of(model())


def test_a_base_model_is_scored_by_the_log_rates_it_has(model, fasta, snvs):
    variants = pd.DataFrame(snvs(9), columns=["chrom", "pos", "ref", "alt"])
    scores = score_variants(model.model, fasta, variants)
    pd.testing.assert_frame_equal(scores, score_variants(model, fasta, variants))
    assert scores["llr"].notna().all()
    without = type(model.model)(model.config, add_rate_head=False)
    with pytest.raises(ValueError, match="No variant score is defined for PhyloGPNModel"):
        scorer_of(without)


def test_object_that_is_neither_model_nor_scorer():
    with pytest.raises(ValueError, match="dict is neither a model nor a scorer"):
        scorer_of({})


def test_folder_is_loaded_with_the_head_it_was_saved_with(model_folder, tmp_path):
    assert type(load_model(str(model_folder))) is PhyloGPNForMaskedLM
    classifier = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**CNN))
    classifier.save_pretrained(tmp_path)
    loaded = load_model(str(tmp_path), dtype="float64", device="cpu")
    assert type(loaded) is HyperbolicCNNForSequenceClassification
    assert loaded.dtype == torch.float64
    assert not loaded.training


def test_folder_without_a_score_is_refused_before_it_is_loaded(tmp_path):
    HyperbolicCNNModel(HyperbolicCNNConfig(**CNN)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="No variant score is defined for HyperbolicCNNModel"):
        load_model(str(tmp_path))


def test_a_model_whose_weights_would_be_random_is_refused(model, tmp_path):
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "rate_head" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 3 of the weights .*rate_head\.\S+ is missing"):
        load_model(str(tmp_path))


def test_weights_of_another_shape_than_configured_are_refused(model, tmp_path):
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"outer_dim": 10}))
    with pytest.raises(ValueError, match="has the shape .* where its configuration needs"):
        load_model(str(tmp_path))


def test_weights_that_are_cut_off_are_named(model, tmp_path):
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"The weights of {tmp_path} cannot be read"):
        load_model(str(tmp_path))


def test_unknown_dtype_names_the_known_ones(model_folder):
    with pytest.raises(ValueError, match="dtype is 'int8'; give one of float32, float64"):
        load_model(str(model_folder), dtype="int8")


def test_identity_follows_weights_and_configuration():
    one, two = tiny_phylogpn(), tiny_phylogpn()
    assert identity_of(one) == identity_of(two)
    with torch.no_grad():
        next(two.parameters()).flatten()[0] += 1e-6
    assert identity_of(one)["weights"] != identity_of(two)["weights"]
    assert identity_of(tiny_phylogpn(norm="group_norm"))["config"] != identity_of(one)["config"]
    assert identity_of(one.double())["dtype"] != identity_of(two)["dtype"]


def test_a_subclass_is_scored_as_what_it_is_of(model):
    rates = type("MyOwn", (PhyloGPNForMaskedLM,), {})(model.config)
    classifier = type("Mine", (HyperbolicCNNForSequenceClassification,), {})
    assert isinstance(scorer_of(rates), LogRateScorer)
    assert isinstance(scorer_of(classifier(HyperbolicCNNConfig(**CNN))), ClassifierScorer)


# peft 0.21 asks for what transformers 5.23 calls deprecated
PEFT_WARNS = "ignore:`is_gradient_checkpointing`:FutureWarning"


def lora(model, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return get_peft_model(model, LoraConfig(init_lora_weights=False, **options)).eval()


@pytest.mark.filterwarnings(PEFT_WARNS)
def test_a_model_with_adapters_is_scored_as_the_merged_one(fasta, snvs):
    variants = pd.DataFrame(snvs(9), columns=["chrom", "pos", "ref", "alt"])
    adapted = lora(tiny_phylogpn().double(), target_modules=["symmetric"])
    scores = score_variants(adapted, fasta, variants)
    plain = score_variants(tiny_phylogpn().double(), fasta, variants)
    assert not np.allclose(scores["llr"], plain["llr"], rtol=0.01)
    merged = score_variants(adapted.merge_and_unload(), fasta, variants)
    pd.testing.assert_frame_equal(scores, merged, rtol=1e-9)


@pytest.mark.filterwarnings(PEFT_WARNS)
@pytest.mark.parametrize("embeddings", [False, True])
def test_a_classifier_with_adapters_is_scored_as_the_merged_one(fasta, snvs, embeddings):
    variants = pd.DataFrame(snvs(9), columns=["chrom", "pos", "ref", "alt"])
    torch.manual_seed(0)
    classifier = VQDNAForSequenceClassification(tiny_vqdna()).double().eval()
    adapted = lora(classifier, target_modules=["q_proj"], task_type="SEQ_CLS")
    options = {"window": 41, "embeddings": embeddings}
    scores = score_variants(adapted, fasta, variants, **options)
    merged = score_variants(adapted.merge_and_unload(), fasta, variants, **options)
    assert scores.filter(like="delta_").notna().all(axis=None)
    pd.testing.assert_frame_equal(scores, merged, rtol=1e-6)
