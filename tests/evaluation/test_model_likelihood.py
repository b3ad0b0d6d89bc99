"""Likelihoods of a model over an alignment: the model that is measured stays as it was."""

import numpy as np
import torch

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.evaluation.model_likelihood import model_log_likelihoods, site_log_likelihoods
from hf_genomics.training.alignment_loading import load_alignment
from tests.examples.small_alignment import LOCI, TREE, write_alignment


def test_a_model_in_float64_is_measured_in_float64():
    torch.manual_seed(0)
    sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1, "stack_size": 2}
    config = PhyloGPNConfig(phylogeny=TREE, reference_leaf="Homo", **sizes)
    model = PhyloGPNForMaskedLM(config).double().eval()
    labels = torch.randint(0, 4, (1, 5, len(model.phylogeny.leaf_names)))
    ids = torch.randint(0, 4, (1, 5 + 2 * config.flank))
    outputs = model(ids, labels=labels)
    values = site_log_likelihoods(model, outputs.logits, labels)
    torch.testing.assert_close(-values.mean(), outputs.loss.detach(), rtol=1e-13, atol=0)


def test_a_model_in_training_is_measured_in_evaluation_mode_and_trains_on(tmp_path):
    torch.manual_seed(0)
    sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1, "stack_size": 2}
    model = PhyloGPNForMaskedLM(PhyloGPNConfig(phylogeny=TREE, reference_leaf="Homo", **sizes))
    alignment = str(write_alignment(tmp_path / "alignment"))
    rows = load_alignment(alignment, held_out=LOCI[7:], flank=model.config.flank).splits["test"]
    modes = []
    model.register_forward_pre_hook(lambda model, inputs: modes.append(model.training))
    values = model_log_likelihoods(model.train(), rows)
    assert np.isfinite(values).all()
    assert set(modes) == {False}
    assert all(part.training for part in model.modules())
