"""Folders of models: what comes back is what was saved, and a bad folder is refused."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from accelerate import cpu_offload
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
)

from hf_genomics import (
    Phylogeny,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    PhyloGPNModel,
)
from hf_genomics.models import hyperbolic_cnn, phylogpn
from tests.models.phylogpn.tiny import PAD, TREE, random_ids, random_labels, tiny_config, tiny_model

OPTIONS = [
    {},
    {"norm": "group_norm", "tie_norm_symmetry": False},
    {"token_padding": "same", "fill_token_id": 5, "reverse_complement": "average"},
    {"stack_size": 1, "kernel_size": 1, "phylogeny": None, "reference_leaf": None},
]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def assert_same_state(found, expected):
    found, expected = found.state_dict(), expected.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_loaded_model_is_the_saved_one_to_the_bit(options, dtype, tmp_path):
    model = tiny_model(dtype, **options)
    model.save_pretrained(tmp_path)
    for loader in (AutoModelForMaskedLM, PhyloGPNForMaskedLM):
        loaded, info = loader.from_pretrained(tmp_path, output_loading_info=True)
        assert not any(info.values())
        assert type(loaded) is PhyloGPNForMaskedLM
        assert not loaded.training
        assert_same_state(loaded, model)
    ids = random_ids(30, 30)
    assert torch.equal(loaded(ids).logits, model.eval()(ids).logits)
    for field in ("norm", "tie_norm_symmetry", "token_padding", "phylogeny", "kernel_size"):
        assert getattr(loaded.config, field) == getattr(model.config, field)


def test_a_loaded_model_has_the_loss_of_the_saved_one(tmp_path):
    model = tiny_model().eval()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path)
    ids, labels = random_ids(30, 30), random_labels(2, 14)
    assert torch.equal(loaded(ids, labels=labels).loss, model(ids, labels=labels).loss)
    assert loaded.config.phylogeny == TREE


@pytest.mark.parametrize("build", [PhyloGPNForMaskedLM, AutoModelForMaskedLM.from_config])
def test_the_path_of_a_tree_is_saved_as_the_tree(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("species.nwk").write_text(f"[of five]\n{TREE}\n")
    model = build(tiny_config(phylogeny="species.nwk"))
    model.save_pretrained("model")
    Path("species.nwk").unlink()
    config = json.loads(Path("model/config.json").read_text("utf-8"))
    assert Phylogeny.from_newick(config["phylogeny"]) == Phylogeny.from_newick(TREE)
    assert PhyloGPNForMaskedLM.from_pretrained("model").phylogeny == model.phylogeny


def test_the_text_of_a_tree_stays_as_it_is():
    text = f"[of five] {TREE}"
    assert PhyloGPNForMaskedLM(tiny_config(phylogeny=text)).config.phylogeny == text


def test_a_tree_that_is_nowhere_is_an_error_that_says_what_to_give():
    message = r"no file 'species\.nwk' to read a phylogeny from; give the path .* Newick text"
    with pytest.raises(FileNotFoundError, match=message):
        PhyloGPNForMaskedLM(tiny_config(phylogeny="species.nwk"))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_kept_elsewhere_are_fetched_when_they_are_used(options, tmp_path):
    model = tiny_model(torch.float32, **options).eval()
    ids = random_ids(30, 24)
    inputs = {"input_ids": ids, "attention_mask": (ids != PAD).long()}
    expected = model(**inputs).logits
    model.save_pretrained(tmp_path / "model")
    on_disk = PhyloGPNForMaskedLM.from_pretrained(
        tmp_path / "model", device_map={"": "disk"}, offload_folder=tmp_path / "weights"
    )
    in_memory = cpu_offload(model, execution_device=torch.device("cpu"))
    for offloaded in (on_disk, in_memory):
        assert {p.device.type for p in offloaded.parameters()} == {"meta"}
        torch.testing.assert_close(offloaded(**inputs).logits, expected)
        bases = F.one_hot(ids, 6)[..., :5].float()
        found = offloaded(inputs_embeds=bases, attention_mask=inputs["attention_mask"]).logits
        torch.testing.assert_close(found, expected)


def test_a_backbone_goes_from_one_head_to_the_others(tmp_path):
    model = tiny_model(torch.float32)
    model.save_pretrained(tmp_path / "rates")
    classifier, info = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "rates", num_labels=5, output_loading_info=True
    )
    assert type(classifier) is PhyloGPNForSequenceClassification
    assert info["missing_keys"] == {"classifier.weight", "classifier.bias"}
    assert all(".rate_head." in name for name in info["unexpected_keys"])
    assert classifier(random_ids(30)).logits.shape == (1, 5)
    assert 0 < classifier.classifier.weight.abs().max() <= 12**-0.5

    backbone, info = AutoModel.from_pretrained(tmp_path / "rates", output_loading_info=True)
    assert type(backbone) is PhyloGPNModel
    assert not any(info.values())
    assert_same_state(backbone, model.model)
    backbone.save_pretrained(tmp_path / "backbone")
    again, info = PhyloGPNForMaskedLM.from_pretrained(
        tmp_path / "backbone", output_loading_info=True
    )
    assert not any(info.values())
    assert_same_state(again, model)

    classifier.save_pretrained(tmp_path / "classifier")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "classifier")
    assert_same_state(again, classifier)


@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, PhyloGPNModel])
def test_a_folder_holds_the_code_of_the_family_and_the_full_auto_map(kind, tmp_path):
    tiny_model(kind=kind).save_pretrained(tmp_path)
    names = set(contents(tmp_path))
    assert {
        "configuration_phylogpn.py",
        "modeling_phylogpn.py",
        "modeling_base.py",
        "symmetric_layers.py",
        "phylogenetic_likelihood.py",
        "phylogeny.py",
    } <= names
    assert not any(name.startswith(("convert", "test", "__init__")) for name in names)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config["model_type"] == "phylogpn"
    assert set(config["auto_map"]) == {
        "AutoConfig",
        "AutoModel",
        "AutoModelForMaskedLM",
        "AutoModelForSequenceClassification",
    }
    for target in config["auto_map"].values():
        assert f"{target.partition('.')[0]}.py" in names


def test_both_families_write_their_code_in_the_same_way():
    """A model folder imports siblings only, so the file lies in each; this keeps them equal."""
    files = [
        Path(family.__file__).with_name("remote_code.py") for family in (hyperbolic_cnn, phylogpn)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_both_families_check_their_inputs_in_the_same_way():
    """As above: one file in two folders."""
    files = [
        Path(family.__file__).with_name("input_checks.py") for family in (hyperbolic_cnn, phylogpn)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_saving_twice_writes_the_same_bytes(tmp_path):
    model = tiny_model(torch.float32)
    for name in ("a", "b"):
        model.save_pretrained(tmp_path / name)
        model.save_pretrained(tmp_path / f"{name} original", original_format=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a original") == contents(tmp_path / "b original")


def test_a_model_loads_in_bfloat16_and_trains(tmp_path):
    tiny_model(torch.float32).save_pretrained(tmp_path)
    model = AutoModelForMaskedLM.from_pretrained(tmp_path, dtype=torch.bfloat16).train()
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    model(random_ids(30), labels=random_labels(1, 14)).loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# ---------------------------------------------------------------- folders that do not fit


def test_weights_of_untied_norms_are_refused_by_a_tied_configuration(tmp_path):
    tiny_model(torch.float32, tie_norm_symmetry=False).save_pretrained(tmp_path)
    with pytest.raises((RuntimeError, ValueError), match="norm|mismatch"):
        PhyloGPNForMaskedLM.from_pretrained(tmp_path, config=tiny_config())


def test_a_folder_without_weights_is_refused(tmp_path):
    tiny_config().save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"model\.safetensors"):
        PhyloGPNForMaskedLM.from_pretrained(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        PhyloGPNModel.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("loader", [PhyloGPNConfig, PhyloGPNModel])
def test_a_folder_of_another_family_is_refused_with_both_names(loader, tmp_path):
    BertConfig(hidden_size=8, num_attention_heads=1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="type 'bert'.*'phylogpn'"):
        loader.from_pretrained(tmp_path)


# ---------------------------------------------------------------- saves that fail


@pytest.mark.parametrize("original_format", [False, True])
def test_a_save_into_a_file_is_refused(original_format, tmp_path):
    file = tmp_path / "model"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is a file, but a model is saved into a folder"):
        tiny_model().save_pretrained(file, original_format=original_format)
    assert file.read_text() == "mine"


def test_a_config_that_cannot_be_written_leaves_the_old_folder_as_it_was(tmp_path):
    tiny_model(torch.float32).save_pretrained(tmp_path)
    before = contents(tmp_path)
    other = tiny_model(torch.float32)
    other.config.favourite_function = print  # not JSON
    with pytest.raises(TypeError, match="JSON"):
        other.save_pretrained(tmp_path)
    assert contents(tmp_path) == before
    assert {p.name for p in tmp_path.iterdir()} == set(before), "something is left behind"


def test_an_upload_that_cannot_follow_its_options_is_refused(tmp_path):
    with pytest.raises(ValueError, match="push_to_hub=True uploads the model as it is"):
        tiny_model().save_pretrained(tmp_path, push_to_hub=True, variant="late")
    with pytest.raises(ValueError, match="save, then upload the folder"):
        tiny_model().save_pretrained(tmp_path, push_to_hub=True, original_format=True)


@pytest.mark.parametrize("original_format", [False, True])
def test_a_process_that_is_not_the_main_one_writes_no_weights(original_format, tmp_path):
    tiny_model(torch.float32).save_pretrained(
        tmp_path / "saved", is_main_process=False, original_format=original_format
    )
    assert not list(tmp_path.glob("saved/*.safetensors"))
