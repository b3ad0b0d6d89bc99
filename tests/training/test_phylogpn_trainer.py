"""PhyloGPN's Trainer decays its weights and nothing else, and smooths no labels."""

import pytest
from transformers import TrainingArguments

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.training.phylogpn_trainer import PhyloGPNTrainer
from hf_genomics.training.vqdna_language_trainer import VQDNALanguageModelTrainer

TREE = {"phylogeny": "(a:1,b:1);", "reference_leaf": "a"}


def test_norms_and_biases_do_not_decay(tmp_path):
    model = PhyloGPNForMaskedLM(PhyloGPNConfig(outer_dim=8, inner_dim=4, num_stacks=1, **TREE))
    args = TrainingArguments(str(tmp_path), weight_decay=0.5, use_cpu=True, report_to="none")
    optimizer = PhyloGPNTrainer(model, args).create_optimizer()
    decaying, others = optimizer.param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.5, 0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decays = {names[id(parameter)] for parameter in decaying["params"]}
    assert decays == {
        name for name in names.values() if "norm" not in name and not name.endswith(".bias")
    }
    assert len(decaying["params"]) + len(others["params"]) == len(names)


@pytest.mark.parametrize("trainer", [PhyloGPNTrainer, VQDNALanguageModelTrainer])
def test_labels_of_a_loss_of_its_own_are_not_smoothed(trainer, tmp_path):
    """`Trainer` would put a loss of the logits alone in its place."""
    args = TrainingArguments(str(tmp_path), label_smoothing_factor=0.1, use_cpu=True)
    with pytest.raises(ValueError, match=r"label_smoothing_factor is 0\.1, but .*; set it to 0"):
        trainer(None, args)
