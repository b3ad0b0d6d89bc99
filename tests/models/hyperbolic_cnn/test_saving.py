"""Folders of models: what comes back is what was saved, and a bad folder is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, BertConfig

from hf_genomics import (
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    HyperbolicCNNModel,
)
from tests.models.hyperbolic_cnn.tiny import (
    RESIDUAL,
    random_ids,
    set_curvatures_,
    tiny_config,
    tiny_model,
)

geometries = pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def assert_same_state(found, expected):
    found, expected = found.state_dict(), expected.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@geometries
@pytest.mark.parametrize(
    "network",
    [{"head": "flatten"}, {"head": "centroid"}, RESIDUAL],
    ids=["flatten", "centroid", "residual"],
)
@pytest.mark.parametrize("multi", [False, True])
def test_a_loaded_model_is_the_saved_one_to_the_bit(geometry, network, multi, tmp_path):
    model = tiny_model(torch.float32, geometry=geometry, multi_curvature=multi, **network)
    if geometry == "lorentz":
        set_curvatures_(model, [0.5, 2.0, 0.8, 1.6] if multi else [0.7])
    ids = random_ids(14, 9)
    model(ids)  # moves the running statistics
    model.save_pretrained(tmp_path)

    loaded = HyperbolicCNNForSequenceClassification.from_pretrained(tmp_path)

    assert not loaded.training
    assert_same_state(loaded, model)
    assert torch.equal(loaded(ids).logits, model.eval()(ids).logits)
    fields = ("geometry", "head", "multi_curvature", "num_channels", "max_length", "num_labels")
    for field in (*fields, *RESIDUAL):
        assert getattr(loaded.config, field) == getattr(model.config, field)
    for loader in (AutoModelForSequenceClassification, AutoModel):
        again = loader.from_pretrained(tmp_path)
        assert_same_state(again, loaded if loader is not AutoModel else model.model)
    assert type(again) is HyperbolicCNNModel


def test_saving_twice_writes_the_same_weights(tmp_path):
    model = tiny_model(torch.float32)
    for name in ("a", "b"):
        model.save_pretrained(tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_folder_holds_the_code_of_the_family_and_the_full_auto_map(tmp_path):
    for folder, model in (("head", tiny_model()), ("body", tiny_model().model)):
        model.save_pretrained(tmp_path / folder)
        names = set(contents(tmp_path / folder))
        assert {"configuration_hyperbolic_cnn.py", "modeling_hyperbolic_cnn.py"} <= names
        assert {"lorentz.py", "lorentz_layers.py", "lorentz_batch_norm.py"} <= names
        assert not any(name.startswith(("convert", "test")) for name in names)
        config = json.loads((tmp_path / folder / "config.json").read_text())
        assert set(config["auto_map"]) == {
            "AutoConfig",
            "AutoModel",
            "AutoModelForSequenceClassification",
        }
        assert config["model_type"] == "hyperbolic_cnn"


@geometries
def test_a_backbone_and_a_classifier_load_into_each_other(geometry, tmp_path):
    model = tiny_model(torch.float32, geometry=geometry)
    model.save_pretrained(tmp_path / "classifier")
    backbone = HyperbolicCNNModel.from_pretrained(tmp_path / "classifier")
    assert_same_state(backbone, model.model)
    backbone.save_pretrained(tmp_path / "backbone")
    classifier = HyperbolicCNNForSequenceClassification.from_pretrained(
        tmp_path / "backbone", num_labels=5
    )
    assert_same_state(classifier.model, model.model)
    assert classifier(random_ids(14)).logits.shape == (1, 5)
    for parameter in classifier.classifier.parameters():
        assert parameter.isfinite().all()
        assert parameter.abs().max() > 0


def test_a_head_of_another_size_is_replaced_only_on_request(tmp_path):
    model = tiny_model(torch.float32)
    model.save_pretrained(tmp_path)
    with pytest.raises((RuntimeError, ValueError), match="classifier|mismatch"):
        HyperbolicCNNForSequenceClassification.from_pretrained(tmp_path, num_labels=5)
    loaded = HyperbolicCNNForSequenceClassification.from_pretrained(
        tmp_path, num_labels=5, ignore_mismatched_sizes=True
    )
    assert_same_state(loaded.model, model.model)
    assert loaded.classifier.a.abs().max() <= 11**-0.5


@geometries
def test_bfloat16_loading_keeps_norms_curvatures_and_classifier_in_float32(geometry, tmp_path):
    model = tiny_model(torch.float32, geometry=geometry, initial_curvature=0.7)
    model.save_pretrained(tmp_path)
    loaded = HyperbolicCNNForSequenceClassification.from_pretrained(tmp_path, dtype=torch.bfloat16)
    for name, tensor in loaded.state_dict().items():
        exact = any(part in name for part in ("norm.", "raw_curvature", "classifier"))
        assert tensor.dtype == (torch.float32 if exact else torch.bfloat16), name
        assert torch.equal(tensor, model.state_dict()[name].to(tensor.dtype)), name
    logits = loaded(random_ids(14, 9)).logits
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_bfloat16_model_trains_with_finite_gradients(tmp_path):
    tiny_model(torch.float32, multi_curvature=True).save_pretrained(tmp_path)
    model = HyperbolicCNNForSequenceClassification.from_pretrained(
        tmp_path, dtype=torch.bfloat16
    ).train()
    model(random_ids(14, 9), labels=torch.tensor([0, 1])).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.dtype == parameter.dtype


# ---------------------------------------------------------------- folders that do not fit


@pytest.mark.parametrize(("saved", "wanted"), [(False, True), (True, False)])
def test_weights_of_another_number_of_curvatures_are_refused(saved, wanted, tmp_path):
    tiny_model(torch.float32, multi_curvature=saved).save_pretrained(tmp_path)
    with pytest.raises((RuntimeError, ValueError), match="raw_curvature|mismatch"):
        HyperbolicCNNForSequenceClassification.from_pretrained(
            tmp_path, config=tiny_config(multi_curvature=wanted)
        )


def test_a_truncated_weight_file_is_refused(tmp_path):
    tiny_model(torch.float32).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(Exception, match="(?i)safetensors|incomplete|metadata|header"):
        HyperbolicCNNForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize("loader", [HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification])
def test_a_folder_of_another_family_is_refused_with_both_names(loader, tmp_path):
    BertConfig(hidden_size=8, num_attention_heads=1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="type 'bert'.*'hyperbolic_cnn'"):
        loader.from_pretrained(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    tiny_config().save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"model\.safetensors"):
        HyperbolicCNNForSequenceClassification.from_pretrained(tmp_path)


# ---------------------------------------------------------------- saves that fail


def test_a_save_into_a_file_is_refused(tmp_path):
    file = tmp_path / "model"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is a file, but a model is saved into a folder"):
        tiny_model().save_pretrained(file)
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


DISK_FULL = """
import resource
from hf_genomics import HyperbolicCNNForSequenceClassification as Model

model = Model.from_pretrained("saved")
for parameter in model.parameters():
    parameter.data += 1
_, unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in (100, 4096, 20_000):  # no file may be longer: the disk is full while the config,
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited))  # weights or code are written
    try:
        model.save_pretrained("saved")
    except Exception as error:
        print("failed at", limit, type(error).__name__)
"""


def test_a_full_disk_leaves_the_old_folder_as_it_was(tmp_path, run_python):
    folder = tmp_path / "saved"
    model = tiny_model(torch.float32, max_length=60)
    model.save_pretrained(folder)
    assert (folder / "model.safetensors").stat().st_size > 20_000
    before = contents(folder)

    printed = run_python(DISK_FULL, folder=tmp_path)

    for limit in (100, 4096, 20_000):
        assert f"failed at {limit}" in printed
    assert contents(folder) == before
    assert {p.name for p in folder.iterdir()} == set(before), "something is left behind"
    assert_same_state(type(model).from_pretrained(folder), model)


def test_other_files_in_the_folder_are_kept_and_old_shards_are_removed(tmp_path):
    model = tiny_model(torch.float32)
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / "tokenizer.json").write_text("{}")
    for name in ("model.json", "model-00001-of-00002.json", "model.notes.json"):
        (tmp_path / name).write_text("mine")
    model.save_pretrained(tmp_path, max_shard_size="10KB")
    shards = list(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert_same_state(type(model).from_pretrained(tmp_path), model)

    model.save_pretrained(tmp_path)

    assert [p.name for p in tmp_path.glob("*.safetensors*")] == ["model.safetensors"]
    assert (tmp_path / "README.md").read_text() == "a card"
    assert (tmp_path / "tokenizer.json").read_text() == "{}"
    assert not (tmp_path / "model.safetensors.index.json").exists()
    for name in ("model.json", "model-00001-of-00002.json", "model.notes.json"):
        assert (tmp_path / name).read_text() == "mine"
    assert load_file(tmp_path / "model.safetensors").keys() == model.state_dict().keys()


def test_a_variant_is_saved_beside_the_plain_weights(tmp_path):
    plain, other = tiny_model(torch.float32), tiny_model(torch.float32)
    plain.save_pretrained(tmp_path)
    other.save_pretrained(tmp_path, variant="late")
    assert_same_state(type(plain).from_pretrained(tmp_path), plain)
    assert_same_state(type(plain).from_pretrained(tmp_path, variant="late"), other)


def test_a_process_that_is_not_the_main_one_writes_no_weights(tmp_path):
    tiny_model(torch.float32).save_pretrained(tmp_path / "saved", is_main_process=False)
    assert not list(tmp_path.glob("saved/*.safetensors"))


def test_a_config_survives_its_folder(tmp_path):
    config = tiny_config(
        geometry="euclidean",
        head="centroid",
        reverse_complement="average",
        max_length=None,
        mask_padding=False,
        initial_curvature=0.3,
        learnable_curvature=False,
    )
    config.save_pretrained(tmp_path)
    for loader in (HyperbolicCNNConfig, AutoConfig):
        loaded = loader.from_pretrained(tmp_path)
        assert type(loaded) is HyperbolicCNNConfig
        assert loaded.to_dict() | {"_name_or_path": ""} == config.to_dict()


def test_a_folder_can_be_moved(tmp_path):
    model = tiny_model(torch.float32)
    model.save_pretrained(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert_same_state(type(model).from_pretrained(tmp_path / "there"), model)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({}, {"max_length": 30}),
        ({}, {"kernel_size": 5}),
        (RESIDUAL, {"kernel_size": 5}),
        (RESIDUAL, {"stem_kernel_size": 7}),
        ({"geometry": "euclidean"}, {"kernel_size": 5}),
    ],
)
def test_weights_that_a_checkpoint_has_in_another_shape_are_drawn_anew(
    options, change, tmp_path, monkeypatch
):
    """Also where the checkpoint fits one part of a Lorentz layer and not the other."""
    family = HyperbolicCNNForSequenceClassification
    family(tiny_config(**options)).save_pretrained(tmp_path)
    torch.manual_seed(1)
    fresh = family(tiny_config(**options | change)).state_dict()
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True, warn_only=True)  # memory not written to is NaN then
    try:
        model, loading = family.from_pretrained(
            tmp_path, **change, ignore_mismatched_sizes=True, output_loading_info=True
        )
    finally:
        torch.use_deterministic_algorithms(False)
    assert loading["mismatched_keys"]
    for name, _, _ in loading["mismatched_keys"]:
        drawn = model.state_dict()[name]
        assert drawn.std() == pytest.approx(float(fresh[name].std()), rel=0.5), name
