"""The command line of pre-training: defaults, contradictions, weights; and the network it names."""

import pytest
import torch

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.models.phylogpn.phylogeny import Phylogeny
from hf_genomics.training.phylogpn_arguments import (
    AlignmentArguments,
    PhyloGPNArguments,
    parse_phylogpn_arguments,
)
from hf_genomics.training.phylogpn_models import build_phylogpn, phylogpn_config

TREE = Phylogeny.from_newick("((a:0.1,b:0.2):0.1,c:0.3);")


def parse(folder, *command):
    return parse_phylogpn_arguments(
        ["--dataset_name", "data", "--output_dir", str(folder), *command]
    )


def test_the_best_checkpoint_is_the_most_likely_one(tmp_path):
    _, data, training = parse(tmp_path, "--validation", "a", "b:0-10", "--held_out", "c")
    assert (data.validation, data.held_out) == (["a", "b:0-10"], ["c"])
    assert training.load_best_model_at_end
    assert training.metric_for_best_model == "log_likelihood_per_site"
    assert training.greater_is_better
    assert not training.remove_unused_columns


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([], "name loci or stretches to select the best checkpoint on"),
        (["--validation", "a", "--window", "0"], "an example has at least one site"),
        (
            ["--validation", "a", "--model_name_or_path", "m", "--config_overrides", "outer_dim=2"],
            "a trained network keeps its shape",
        ),
    ],
)
def test_contradictions_end_with_a_message(tmp_path, capsys, command, message):
    with pytest.raises(SystemExit):
        parse(tmp_path, *command)
    assert message in capsys.readouterr().err


def test_training_without_evaluation_needs_no_validation_loci(tmp_path):
    options = ["--eval_strategy", "no", "--load_best_model_at_end", "false"]
    assert parse(tmp_path, *options)[1].validation == []


def test_weights_are_numbers_by_name():
    arguments = AlignmentArguments("data", name_weights=["chrX=0.75", "a=b=2"])
    assert arguments.weights() == {"chrX": 0.75, "a=b": 2.0}


@pytest.mark.parametrize("pair", ["chrX", "chrX=", "=2", "chrX=-1", "chrX=nan", "chrX=inf"])
def test_other_weights_are_refused(pair):
    with pytest.raises(ValueError, match="write NAME=WEIGHT"):
        AlignmentArguments("data", name_weights=[pair]).weights()


def test_a_name_has_one_weight():
    with pytest.raises(ValueError, match="names a twice"):
        AlignmentArguments("data", name_weights=["a=1", "a=2"]).weights()


def test_a_new_network_carries_the_tree_of_the_data():
    arguments = PhyloGPNArguments(config_overrides="outer_dim=8,inner_dim=4,num_stacks=1")
    model = build_phylogpn(arguments, phylogpn_config(arguments), TREE, "b")
    assert model.phylogeny == TREE
    assert model.config.reference_leaf == "b"
    assert model.config.outer_dim == 8


def test_what_the_data_decide_cannot_be_overridden():
    arguments = PhyloGPNArguments(config_overrides="reference_leaf=a,token_padding=same")
    with pytest.raises(ValueError, match="sets reference_leaf, token_padding, which training"):
        phylogpn_config(arguments)


def test_a_trained_network_of_same_length_outputs_is_trained_on_whole_windows(tmp_path):
    first = PhyloGPNArguments(config_overrides="outer_dim=8,inner_dim=4,num_stacks=1")
    model = build_phylogpn(first, phylogpn_config(first), TREE, "b")
    model.config.token_padding = "same"
    model.save_pretrained(tmp_path)
    further = PhyloGPNArguments(model_name_or_path=str(tmp_path))
    config = phylogpn_config(further)
    assert config.token_padding == "valid"
    other_tree = Phylogeny.from_newick("(a:1,b:2,d:0.3);")
    again = build_phylogpn(further, config, other_tree, "d")
    assert again.phylogeny == other_tree
    assert again.config.token_padding == "valid"
    for name, tensor in model.state_dict().items():
        assert tensor.equal(again.state_dict()[name])


def test_a_network_saved_in_bfloat16_goes_on_in_float32(tmp_path):
    sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1}
    PhyloGPNForMaskedLM(PhyloGPNConfig(**sizes)).to(torch.bfloat16).save_pretrained(tmp_path)
    arguments = PhyloGPNArguments(model_name_or_path=str(tmp_path))
    model = build_phylogpn(arguments, phylogpn_config(arguments), TREE, "a")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
