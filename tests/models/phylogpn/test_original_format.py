"""songlab's checkpoints of both generations: read to the last digit, and written back."""

import json
import logging
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from hf_genomics import (
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    PhyloGPNModel,
)
from hf_genomics.models.phylogpn.convert_phylogpn_checkpoint import convert_state_dict, main
from hf_genomics.models.phylogpn.modeling_base import ORIGINAL_OPTIONS
from hf_genomics.models.phylogpn.original_format import generation
from tests.models.phylogpn.tiny import random_ids, tiny_model
from tests.references.phylogpn_original import OriginalPhyloGPN, randomize_

GOLDEN = Path(__file__).parents[2] / "golden"
NORMS = ["layer_norm", "group_norm"]
norms = pytest.mark.parametrize("norm", NORMS)
loaders = pytest.mark.parametrize(
    "loader", [PhyloGPNModel, PhyloGPNForMaskedLM, AutoModel, AutoModelForMaskedLM]
)
SIZES = ("outer_dim", "inner_dim", "stack_size", "num_stacks", "kernel_size")
TO_9_DIGITS = {"rtol": 0, "atol": 1e-9}


def golden(norm):
    """Original names and tensors, their sizes, and the input with what came out."""
    tensors = load_file(GOLDEN / f"phylogpn_{norm}.safetensors")
    facts = json.loads((GOLDEN / f"phylogpn_{norm}.json").read_text("utf-8"))
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    return state, {size: facts[size] for size in SIZES}, tensors


def respelt(state, prefix):
    """With the prefix or without, and the output's names as in the maintained code."""
    plain = {name.removeprefix("_model."): tensor for name, tensor in state.items()}
    plain = {
        name.replace("output_conv1.", "output_conv.").replace(
            "output_layer_norm1.", "output_layer_norm."
        ): tensor
        for name, tensor in plain.items()
    }
    return {prefix + name: tensor for name, tensor in plain.items()}


def hub_folder(folder, state, sizes):
    """A folder as songlab's repository: remote code is named, but none of it is there."""
    config = sizes | {
        "architectures": ["PhyloGPNModel"],
        "auto_map": {
            "AutoConfig": "configuration_phylogpn.PhyloGPNConfig",
            "AutoModel": "modeling_phylogpn.PhyloGPNModel",
        },
        "model_type": "phylogpn",
        "torch_dtype": str(next(iter(state.values())).dtype).removeprefix("torch."),
        "transformers_version": "4.48.3",
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")
    return folder


@norms
def test_a_configuration_may_hold_more_than_fields(norm):
    """As the file beside the golden tensors does, whose receptive field ours derives."""
    facts = json.loads((GOLDEN / f"phylogpn_{norm}.json").read_text("utf-8"))
    state, sizes, _ = golden(norm)
    model = convert_state_dict(state, facts | {"flank": 1, "dilations": [1], "comment": "of 2025"})
    fields = sizes | {"dtype": facts["dtype"]}
    assert model.config.to_dict() == convert_state_dict(state, fields).config.to_dict()
    assert model.config.receptive_field == facts["receptive_field"]


@norms
@pytest.mark.parametrize("prefix", ["", "_model."])
@pytest.mark.parametrize("as_published", [True, False])
def test_a_converted_state_dict_gives_the_original_outputs(norm, prefix, as_published):
    state, sizes, tensors = golden(norm)
    if not as_published:
        state = respelt(state, prefix)
    model = convert_state_dict(state, sizes)
    assert type(model) is PhyloGPNForMaskedLM
    assert model.config.norm == norm
    assert not model.config.tie_norm_symmetry
    assert model.dtype == torch.float64
    output = model(tensors["input_ids"])
    torch.testing.assert_close(output.logits, tensors["logits"], **TO_9_DIGITS)
    torch.testing.assert_close(
        model.get_embeddings(tensors["input_ids"]), tensors["embeddings"], **TO_9_DIGITS
    )


@norms
@loaders
def test_a_folder_as_on_the_hub_gives_the_original_outputs(norm, loader, tmp_path):
    state, sizes, tensors = golden(norm)
    folder = hub_folder(tmp_path / "songlab", state, sizes)
    model, info = loader.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert type(model).__module__.startswith("hf_genomics.")
    assert model.config.norm == norm
    assert model.name_or_path == str(folder)
    assert not model.training
    output = model(tensors["input_ids"])
    torch.testing.assert_close(output["logits"], tensors["logits"], **TO_9_DIGITS)
    torch.testing.assert_close(output["G"], tensors["logits"][..., 2], **TO_9_DIGITS)
    torch.testing.assert_close(
        model.get_embeddings(tensors["input_ids"]), tensors["embeddings"], **TO_9_DIGITS
    )


@norms
def test_what_was_loaded_is_saved_in_our_format_and_loaded_again(norm, tmp_path):
    state, sizes, tensors = golden(norm)
    model = AutoModel.from_pretrained(hub_folder(tmp_path / "theirs", state, sizes))
    model.save_pretrained(tmp_path / "ours")
    names = load_file(tmp_path / "ours" / "model.safetensors").keys()
    assert generation(names) is None
    again = AutoModelForMaskedLM.from_pretrained(tmp_path / "ours")
    assert again.config.norm == norm
    assert not again.config.tie_norm_symmetry
    torch.testing.assert_close(again(tensors["input_ids"]).logits, tensors["logits"], **TO_9_DIGITS)


@norms
def test_one_line_says_which_generation_was_found(norm, tmp_path, caplog):
    state, sizes, _ = golden(norm)
    folder = hub_folder(tmp_path / "songlab", state, sizes)
    with caplog.at_level(logging.WARNING):
        AutoModel.from_pretrained(folder)
    (line,) = [
        record.getMessage()
        for record in caplog.records
        if "generation" in record.msg or "generation" in record.getMessage()
    ]
    word = {"layer_norm": "LayerNorm", "group_norm": "GroupNorm"}[norm]
    assert str(folder) in line
    assert f"the {word} generation" in line
    caplog.clear()
    model = AutoModel.from_pretrained(folder)
    model.save_pretrained(tmp_path / "ours")
    caplog.clear()
    AutoModel.from_pretrained(tmp_path / "ours")
    assert not [r for r in caplog.records if "generation" in r.getMessage()]


@norms
def test_a_classifier_starts_from_an_original_backbone(norm, tmp_path):
    state, sizes, tensors = golden(norm)
    folder = hub_folder(tmp_path / "songlab", state, sizes)
    model, info = PhyloGPNForSequenceClassification.from_pretrained(
        folder, num_labels=3, output_loading_info=True
    )
    assert info["missing_keys"] == {"classifier.weight", "classifier.bias"}
    assert not info["unexpected_keys"]
    assert model(tensors["input_ids"]).logits.shape == (2, 3)
    torch.testing.assert_close(
        model.model.get_embeddings(tensors["input_ids"]), tensors["embeddings"], **TO_9_DIGITS
    )


def test_options_of_loading_reach_an_original_folder(tmp_path):
    state, sizes, _ = golden("layer_norm")
    folder = hub_folder(tmp_path / "songlab", state, sizes)
    model = AutoModelForMaskedLM.from_pretrained(
        folder, dtype=torch.float32, token_padding="same", phylogeny="(a:1,b:1);"
    )
    assert model.dtype == torch.float32
    assert model(random_ids(7)).logits.shape == (1, 7, 4)
    assert model.phylogeny.num_leaves == 2
    config = AutoConfig.from_pretrained(folder)
    config.token_padding = "same"
    assert PhyloGPNModel.from_pretrained(folder, config=config).config.token_padding == "same"
    assert config.norm == "layer_norm", "the caller's own is left alone"
    assert config.tie_norm_symmetry is True


# ---------------------------------------------------------------- the twin, and back


@norms
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("part", ["model", "head"])
def test_the_original_code_reads_what_we_write(norm, tied, part, tmp_path):
    model = tiny_model(norm=norm, tie_norm_symmetry=tied).eval()
    saved = model if part == "head" else model.model
    saved.save_pretrained(tmp_path, original_format=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["PhyloGPNModel"]
    assert config["model_type"] == "phylogpn"

    theirs = OriginalPhyloGPN(norm, **{size: config[size] for size in SIZES}).double()
    theirs.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=True)

    ids = random_ids(30, 30)
    output = model(ids)
    for base, log_rates in theirs(ids).items():
        torch.testing.assert_close(log_rates, output[base], **TO_9_DIGITS)
    torch.testing.assert_close(theirs.get_embeddings(ids), output.last_hidden_state, **TO_9_DIGITS)
    again = PhyloGPNForMaskedLM.from_pretrained(tmp_path)
    assert again.config.tie_norm_symmetry is tied
    torch.testing.assert_close(again(ids).logits, output.logits, **TO_9_DIGITS)


@norms
@pytest.mark.parametrize(
    "sizes",
    [
        {"outer_dim": 6, "inner_dim": 10, "stack_size": 1, "num_stacks": 3, "kernel_size": 1},
        {"outer_dim": 8, "inner_dim": 4, "stack_size": 3, "num_stacks": 1, "kernel_size": 3},
        {"outer_dim": 2, "inner_dim": 2, "stack_size": 2, "num_stacks": 2, "kernel_size": 7},
    ],
    ids=str,
)
def test_any_original_network_is_converted(norm, sizes):
    original = randomize_(OriginalPhyloGPN(norm, **sizes).double())
    model = convert_state_dict(original.state_dict(), sizes)
    ids = torch.randint(0, 6, (3, model.config.receptive_field + 9))
    torch.testing.assert_close(
        model(ids).logits, torch.stack(list(original(ids).values()), 2), **TO_9_DIGITS
    )


@norms
def test_the_golden_numbers_are_those_of_the_twin(norm):
    """So the twin is the original network, as far as these numbers tell."""
    state, sizes, tensors = golden(norm)
    original = OriginalPhyloGPN(norm, **sizes).double()
    original.load_state_dict(respelt(state, "_model."), strict=True)
    logits = torch.stack(list(original(tensors["input_ids"]).values()), 2)
    torch.testing.assert_close(logits, tensors["logits"], **TO_9_DIGITS)


@norms
def test_an_original_network_at_initialisation_has_equal_norms_and_is_loaded_tied(norm):
    sizes = {"outer_dim": 6, "inner_dim": 4, "num_stacks": 1, "kernel_size": 3, "stack_size": 2}
    model = convert_state_dict(OriginalPhyloGPN(norm, **sizes).state_dict(), sizes)
    assert model.config.tie_norm_symmetry
    assert model.dtype == torch.float32


@norms
def test_one_norm_that_differs_between_the_strands_is_enough_to_keep_all_untied(norm):
    sizes = {"outer_dim": 6, "inner_dim": 4, "num_stacks": 1, "kernel_size": 3, "stack_size": 2}
    original = OriginalPhyloGPN(norm, **sizes).double()
    with torch.no_grad():
        next(p for n, p in original.named_parameters() if "original" not in n)[0] += 0.5
    model = convert_state_dict(original.state_dict(), sizes)
    assert not model.config.tie_norm_symmetry
    ids = torch.randint(0, 6, (2, 30))
    expected = torch.stack(list(original(ids).values()), 2)
    torch.testing.assert_close(model(ids).logits, expected, **TO_9_DIGITS)


# ---------------------------------------------------------------- mistakes


def test_a_state_dict_of_neither_generation_is_refused_with_its_names():
    with pytest.raises(ValueError, match=r"neither generation .* \['a.b'\].*'model_state_dict'"):
        convert_state_dict({"a.b": torch.zeros(2)}, {})


@norms
def test_a_missing_name_is_refused(norm):
    state, sizes, _ = golden(norm)
    gone = next(
        name
        for name in state
        if name.endswith("2.parametrizations.bias.original")
        or name.endswith("conv2.parametrizations.bias.original")
    )
    del state[gone]
    with pytest.raises(ValueError, match="lacks '.*bias.original'"):
        convert_state_dict(state, sizes)


def test_another_number_of_blocks_is_refused():
    state, sizes, _ = golden("layer_norm")
    with pytest.raises(ValueError, match="too many for 2 blocks"):
        convert_state_dict(state, sizes | {"num_stacks": 1})
    with pytest.raises(ValueError, match=r"lacks 'blocks\.4\.layer_norm1\.weight'"):
        convert_state_dict(state, sizes | {"num_stacks": 3})


@pytest.mark.parametrize(("field", "value"), [("inner_dim", 32), ("kernel_size", 3)])
def test_other_widths_are_refused_with_both_shapes(field, value):
    state, sizes, _ = golden("layer_norm")
    with pytest.raises(ValueError, match=rf"would be \(.*{field}={value}.* make it \("):
        convert_state_dict(state, sizes | {field: value})


def test_the_original_format_holds_no_classifier_and_takes_no_options(tmp_path):
    classifier = tiny_model(kind=PhyloGPNForSequenceClassification)
    with pytest.raises(ValueError, match="no place for a PhyloGPNForSequenceClassification"):
        classifier.save_pretrained(tmp_path, original_format=True)
    with pytest.raises(ValueError, match=r"no further options, but .*\['max_shard_size'\]"):
        tiny_model().save_pretrained(tmp_path, original_format=True, max_shard_size="1KB")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("field", "value"),
    [("layer_norm_eps", 0.1), ("reverse_complement", "average")],
)
def test_the_original_format_holds_no_option_that_changes_outputs(field, value, tmp_path):
    model = tiny_model(tie_norm_symmetry=False, **{field: value})
    with pytest.raises(ValueError, match=f"no place for {field}={value!r}: .* takes .*; save with"):
        model.save_pretrained(tmp_path, original_format=True)
    assert not list(tmp_path.iterdir())


def test_token_padding_is_given_again_when_the_original_format_is_loaded(tmp_path):
    """Their code leaves padding to its caller, so the folder is as good as any."""
    model = tiny_model(token_padding="same").eval()
    model.save_pretrained(tmp_path, original_format=True)
    ids = random_ids(30)
    assert PhyloGPNForMaskedLM.from_pretrained(tmp_path)(ids).logits.shape == (1, 14, 4)
    again = PhyloGPNForMaskedLM.from_pretrained(tmp_path, token_padding="same")
    torch.testing.assert_close(again(ids).logits, model(ids).logits, **TO_9_DIGITS)


@norms
def test_what_the_original_code_computes_with_are_our_defaults(norm):
    original = OriginalPhyloGPN(norm, outer_dim=4, inner_dim=4)
    eps = {module.eps for module in original.modules() if hasattr(module, "eps")}
    assert eps == {ORIGINAL_OPTIONS["layer_norm_eps"]}
    defaults = PhyloGPNConfig().to_dict()
    assert {field: defaults[field] for field in ORIGINAL_OPTIONS} == ORIGINAL_OPTIONS


def test_the_old_checkpoint_file_is_converted_by_a_command(tmp_path, monkeypatch, capsys):
    original = randomize_(OriginalPhyloGPN("group_norm", outer_dim=6, inner_dim=4))
    sizes = {"outer_dim": 6, "inner_dim": 4}
    file = tmp_path / "checkpoint.pt"
    torch.save({"model_state_dict": original._model.state_dict(), "epoch": 3}, file)
    command = ["convert", str(file), str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*command, "--sizes", json.dumps(sizes)])
    main()
    assert "norm=group_norm" in capsys.readouterr().out
    model = PhyloGPNModel.from_pretrained(tmp_path / "out")
    ids = random_ids(500)
    torch.testing.assert_close(
        model(ids).logits, torch.stack(list(original(ids).values()), 2), rtol=1e-3, atol=1e-4
    )


# ---------------------------------------------------------------- the published weights

# github.com/songlab-cal/gpn: their fixture for songlab/PhyloGPN at this revision, six sequences
# between 240 `-` on either side, padded on the right with `-`; the first is TATAAA
REVISION = "3556db4c469e67d25f0f7a0a6653b48be3eebf51"
SEQUENCES = ["TATAAA", "GGCCAATCT", "CACGTG", "AGGTCACGT", "GCCAGCC", "GGGGATTTCC"]
PUBLISHED = [
    [1.657669, 1.171594, -0.179195, 4.094409],
    [4.017792, 0.463724, 1.136853, 1.259214],
    [1.011185, 0.940591, -0.048990, 3.854289],
    [3.950595, 0.423619, 0.872953, 1.416643],
    [3.710705, 0.893681, 0.360885, 1.847284],
    [3.684630, 0.739991, 0.777203, 1.458866],
]


def cached_repository() -> Path | None:
    """The folder of songlab/PhyloGPN in the user's own cache, which the tests do not use else."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = home / "huggingface" / "hub" / "models--songlab--PhyloGPN" / "snapshots"
    found = sorted(root.glob("*/model.safetensors"))
    return next((f.parent for f in found if f.parent.name == REVISION), None)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_published_weights_give_the_published_log_rates():
    folder = cached_repository()
    if folder is None:
        pytest.skip(f"songlab/PhyloGPN at {REVISION[:7]} is not in the cache of the Hub")
    model = AutoModelForMaskedLM.from_pretrained(folder)
    width = max(map(len, SEQUENCES)) + 480
    ids = torch.full((6, width), 5)
    for row, sequence in zip(ids, SEQUENCES, strict=True):
        row[240 : 240 + len(sequence)] = torch.tensor(["ACGT".index(base) for base in sequence])
    with torch.inference_mode():
        logits = model(ids).logits[0, :6]
    torch.testing.assert_close(logits, torch.tensor(PUBLISHED), rtol=0, atol=1e-4)
    assert (logits[1, 3] - logits[1, 1]).item() == pytest.approx(0.7954897, abs=1e-4)


def test_the_published_configuration_needs_nothing_more():
    assert PhyloGPNConfig().to_dict().items() >= {"outer_dim": 960, "inner_dim": 480}.items()
