"""Folders of quantizers: what comes back is what was saved, whatever is missing or left over."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForPreTraining

from hf_genomics import VQDNAQuantizerModel
from hf_genomics.models import phylogpn, vqdna
from tests.models.vqdna.tiny_quantizer import random_ids, tiny_config, tiny_quantizer

OPTIONS = [
    {},
    {"downsample_ratio": 4, "residual_rule": "mean"},
    {"codebook_dim": 4, "codebook_distance": "cosine"},
    {"quantizer_type": "fsq", "fsq_levels": [4, 4]},
    {"codebook_sizes": [16], "code_dropout": 0.0},
]


def trained(**options):
    """A quantizer whose codebooks, averages and counters have moved."""
    model = tiny_quantizer(**options).train()
    for _ in range(3):
        model(random_ids(300))
    return model.eval()


def assert_same_state(found, expected):
    found, expected = found.state_dict(), expected.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_loaded_model_is_the_saved_one_to_the_bit(options, tmp_path):
    model = trained(**options)
    assert model.training_steps == 3
    model.save_pretrained(tmp_path)
    for loader in (AutoModel, AutoModelForPreTraining, VQDNAQuantizerModel):
        loaded, info = loader.from_pretrained(tmp_path, output_loading_info=True)
        assert not any(info.values())
        assert type(loaded) is VQDNAQuantizerModel
        assert not loaded.training
        assert_same_state(loaded, model)
    ids = random_ids(60, 33)
    assert torch.equal(loaded(ids).logits, model(ids).logits)
    assert torch.equal(loaded.tokenize(ids), model.tokenize(ids))


def test_no_buffer_is_left_out_of_the_folder():
    """What is not saved would come back as whatever lies in memory."""
    model = tiny_quantizer()
    assert {name for name, _ in model.named_buffers()} <= model.state_dict().keys()


def test_a_loaded_model_trains_on_as_the_saved_one(tmp_path):
    model = trained(kmeans_warmup_steps=4, code_dropout=0.0)
    model.save_pretrained(tmp_path)
    loaded = VQDNAQuantizerModel.from_pretrained(tmp_path)
    for _ in range(4):
        ids = random_ids(300)
        for one in (model, loaded):
            one.train()(ids)
    assert_same_state(loaded, model)
    assert loaded.training_steps == 7


def test_a_missing_level_is_made_anew_and_the_others_left_alone(tmp_path):
    model = trained(codebook_sizes=[32], quantizer_layers=[2])
    model.save_pretrained(tmp_path)
    for seed in (1, 2):
        torch.manual_seed(seed)
        loaded, info = VQDNAQuantizerModel.from_pretrained(
            tmp_path,
            codebook_sizes=[32, 64],
            quantizer_layers=[2, 2],
            output_loading_info=True,
        )
        assert info["missing_keys"]
        assert all(".codebooks.1." in name for name in info["missing_keys"])
        state = loaded.state_dict()
        for name, tensor in model.state_dict().items():
            assert torch.equal(state[name], tensor), name
        fresh = VQDNAQuantizerModel(loaded.config).quantizer.codebooks[1].state_dict()
        for name, tensor in loaded.quantizer.codebooks[1].state_dict().items():
            assert torch.equal(tensor, fresh[name]), name
        assert loaded(random_ids(100)).loss.isfinite()
    loaded.train()(random_ids(300))
    assert loaded.eval()(random_ids(300)).codebook_perplexity[1] > 1


def test_a_level_too_many_is_left_over(tmp_path):
    model = trained()
    model.save_pretrained(tmp_path)
    loaded, info = VQDNAQuantizerModel.from_pretrained(
        tmp_path,
        codebook_sizes=[32],
        quantizer_layers=[2],
        output_loading_info=True,
    )
    assert all(".codebooks.1." in name for name in info["unexpected_keys"])
    assert not info["missing_keys"]
    assert torch.equal(loaded.get_codebook(0), model.get_codebook(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_codebooks_stay_float32_in_a_model_of_half_precision(dtype, tmp_path):
    model = trained()
    model.save_pretrained(tmp_path)
    loaded = VQDNAQuantizerModel.from_pretrained(tmp_path, dtype=dtype)
    assert loaded.dtype == dtype
    for name, tensor in loaded.quantizer.codebooks.state_dict().items():
        expected = model.quantizer.codebooks.state_dict()[name]
        assert tensor.dtype == expected.dtype, name
        assert torch.equal(tensor, expected), name
    assert loaded.training_steps.dtype == torch.int64
    assert loaded.training_steps == 3
    assert all(parameter.dtype == dtype for parameter in loaded.encoder.parameters())
    codes = loaded.tokenize(random_ids(50))
    assert codes.min() >= 0
    loaded.save_pretrained(tmp_path / "half")
    assert_same_state(VQDNAQuantizerModel.from_pretrained(tmp_path / "half", dtype=dtype), loaded)


@pytest.mark.parametrize("options", [{}, {"codebook_dim": 4}], ids=str)
def test_a_frozen_codebook_stays_frozen(options, tmp_path):
    model = trained(**options)
    model.freeze_codebook()
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).train()
    before = {name: value.clone() for name, value in loaded.quantizer.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in loaded.parameters() if p.requires_grad])
    loaded(random_ids(300)).loss.backward()
    optimizer.step()
    for name, value in loaded.quantizer.state_dict().items():
        assert torch.equal(value, before[name]), name
    loaded.unfreeze_codebook()
    loaded.save_pretrained(tmp_path)
    assert not AutoModel.from_pretrained(tmp_path).config.codebook_frozen


def test_weights_of_other_sizes_are_refused(tmp_path):
    tiny_quantizer().save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="size"):
        VQDNAQuantizerModel.from_pretrained(tmp_path, codebook_sizes=[32, 65])


@pytest.mark.parametrize("kmeans_init", [True, False])
@pytest.mark.parametrize(
    ("fields", "changes", "is_new"),
    [
        ({}, {"codebook_sizes": [16, 64]}, [True, False]),
        ({"codebook_dim": 4}, {"codebook_dim": 5}, [True, True]),
    ],
    ids=str,
)
def test_a_codebook_of_another_size_starts_anew_with_its_averages_and_its_count(
    fields, changes, is_new, kmeans_init, tmp_path
):
    """Its count of steps was the checkpoint's, so k-means never set it."""
    model = trained(kmeans_init=kmeans_init, **fields)
    model.save_pretrained(tmp_path)
    loaded = VQDNAQuantizerModel.from_pretrained(tmp_path, ignore_mismatched_sizes=True, **changes)
    fresh = VQDNAQuantizerModel(loaded.config)
    for level, new in enumerate(is_new):
        expected = (fresh if new else model).quantizer.codebooks[level]
        for name, buffer in loaded.quantizer.codebooks[level].named_buffers():
            assert torch.equal(buffer, expected.get_buffer(name)), (level, name)
    assert loaded.training_steps == 3


def test_a_folder_without_the_counter_starts_it_at_nought(tmp_path):
    model = trained()
    model.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["training_steps"], state["dropped_code"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = VQDNAQuantizerModel.from_pretrained(tmp_path)
    assert loaded.training_steps == 0
    assert 0 < loaded.dropped_code.abs().max() < 1


def test_a_saved_folder_is_complete(tmp_path):
    tiny_quantizer().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert set(config["auto_map"]) == {"AutoConfig", "AutoModel", "AutoModelForPreTraining"}
    for target in config["auto_map"].values():
        module, name = target.split(".")
        assert f"class {name}" in (tmp_path / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize("name", ["remote_code.py", "products.py"])
def test_code_that_families_share_is_the_same_in_both(name):
    """A model folder imports siblings only, so the file lies in each; this keeps them equal."""
    one, other = (
        Path(family.__file__).with_name(name).read_text("utf-8") for family in (phylogpn, vqdna)
    )
    assert one == other


def test_a_failed_save_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    model = tiny_quantizer()
    model.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(type(model.config), "save_pretrained", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny_quantizer(codebook_sizes=[8, 8]).save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="name a folder"):
        tiny_quantizer().save_pretrained(tmp_path / "file")


def test_an_upload_that_cannot_follow_its_options_is_refused(tmp_path):
    with pytest.raises(ValueError, match="push_to_hub=True uploads the model as it is"):
        tiny_quantizer().save_pretrained(tmp_path, push_to_hub=True, variant="late")


def test_initial_weights_are_those_of_the_configuration():
    model = VQDNAQuantizerModel(tiny_config(hidden_size=256, stem_dim=64, initializer_range=0.05))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            assert 0.03 < parameter.std() < 0.06, name
