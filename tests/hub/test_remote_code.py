"""A saved folder runs where the package is not installed, whoever saved it and however often."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel, TrainingArguments

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    HyperbolicCNNModel,
)
from hf_genomics.training.trainer import GenomicsTrainer
from tests.hub.stranger import SEQUENCES

VARIANTS: dict[str, dict[str, Any]] = {
    "HCNN-S": {},
    "HCNN-M": {"multi_curvature": True, "initial_curvature": 0.7},
    "Euclidean twin": {"geometry": "euclidean"},
    "every option": {
        "head": "centroid",
        "max_length": None,
        "reverse_complement": "average",
        "learnable_curvature": False,
    },
    "residual": {
        **{"block": "residual", "batch_norm": "tangent", "head": "parts", "embedding_dim": None},
        **{"num_parts": 3, "reverse_complement": "average", "oriented_parts": True, "dropout": 0.3},
    },
}


def tiny(**options: Any) -> HyperbolicCNNForSequenceClassification:
    """A model of two blocks whose norms have seen data."""
    sizes = {"num_channels": 5, "embedding_dim": 6, "num_layers": 2, "max_length": 16}
    model = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**sizes | options))
    model(**DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt"))
    return model.eval()


def outputs(model: PreTrainedModel) -> dict[str, Tensor]:
    inputs = DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        return {
            "logits": model(**inputs).logits,
            "pooler_output": model.base_model(**inputs).pooler_output,
        }


def save(model: PreTrainedModel, folder: Path, **options: Any) -> dict[str, Tensor]:
    model.save_pretrained(folder, **options)
    DNATokenizer().save_pretrained(folder)
    return outputs(model)


def fine_tune(folder: Path, target: Path) -> HyperbolicCNNForSequenceClassification:
    """What a user of the package does with a folder: load, train, save."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert type(model) is HyperbolicCNNForSequenceClassification
    tokenizer = DNATokenizer.from_pretrained(folder)
    rows = [{**tokenizer(text), "labels": i % 2} for i, text in enumerate(SEQUENCES)]
    arguments = TrainingArguments(
        output_dir=str(target),
        max_steps=3,
        save_steps=2,
        learning_rate=0.01,
        per_device_train_batch_size=2,
        use_cpu=True,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = GenomicsTrainer(
        model=model, args=arguments, train_dataset=rows, processing_class=tokenizer
    )
    trainer.train()
    trainer.save_model()
    return model.eval()


@dataclass
class Loaded:
    """What a stranger got from one folder, and what it has to be (`None`: not known)."""

    report: dict[str, Any]
    outputs: dict[str, Tensor]
    expected: dict[str, Tensor]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, stranger) -> dict[str, Loaded]:
    """Folders saved in every way, loaded by strangers in one process."""
    home = tmp_path_factory.mktemp("folders")
    torch.manual_seed(3)
    expected = {name: save(tiny(**options), home / name) for name, options in VARIANTS.items()}

    expected["sharded"] = save(tiny(), home / "sharded", max_shard_size="2KB")
    save(tiny(), home / "saved over", max_shard_size="1KB")
    expected["saved over"] = save(tiny(), home / "saved over")

    trained = fine_tune(home / "HCNN-M", home / "fine-tuned")
    expected["fine-tuned"] = outputs(trained)
    expected["fine-tuned/checkpoint-2"] = {}

    stranger("fine-tune", home / "logits", home / "HCNN-M", home / "by a stranger")
    expected["by a stranger"] = load_file(home / "logits")
    expected["by a stranger/checkpoint-2"] = {}
    expected["again"] = outputs(fine_tune(home / "by a stranger", home / "again"))

    stranger("load", home / "outputs", *(home / name for name in expected))
    reports = json.loads((home / "outputs.json").read_text(encoding="utf-8"))
    got = load_file(home / "outputs")
    return {
        name: Loaded(
            report=reports[str(home / name)],
            outputs={kind: got[f"{home / name}:{kind}"] for kind in ("logits", "pooler_output")},
            expected=wanted,
        )
        for name, wanted in expected.items()
    }


SAVED = [
    *VARIANTS,
    "sharded",
    "saved over",
    "fine-tuned",
    "fine-tuned/checkpoint-2",
    "by a stranger",
    "by a stranger/checkpoint-2",
    "again",
]


@pytest.mark.parametrize("name", SAVED)
def test_a_stranger_gets_the_same_to_the_bit(loaded, name):
    for kind, expected in loaded[name].expected.items():
        assert torch.equal(loaded[name].outputs[kind], expected), kind


@pytest.mark.parametrize("name", SAVED)
def test_every_auto_class_runs_the_code_in_the_folder(loaded, name):
    report = loaded[name].report
    for auto in ("config", "AutoModel", "AutoModelForSequenceClassification"):
        assert report[auto].startswith("transformers_modules.")
    assert report["tokenizer"].startswith("transformers.")


@pytest.mark.parametrize("name", SAVED)
def test_no_weight_is_missing_or_left_over(loaded, name):
    nothing = dict.fromkeys(loaded[name].report["logits"], [])
    assert loaded[name].report["logits"] == nothing
    unused = loaded[name].report["pooler_output"]["unexpected_keys"]
    assert unused
    assert all(key.startswith("classifier.") for key in unused)  # AutoModel has no head
    assert loaded[name].report["pooler_output"] == nothing | {"unexpected_keys": unused}


def test_training_moved_the_weights(loaded):
    """So the folders above are not all the same model."""
    logits = [
        loaded[name].outputs["logits"]
        for name in ("HCNN-M", "fine-tuned/checkpoint-2", "fine-tuned", "by a stranger", "again")
    ]
    for i, one in enumerate(logits):
        for other in logits[:i]:
            assert not torch.equal(one, other)


def test_stale_shards_are_removed(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path, max_shard_size="1KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 3
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text(encoding="utf-8"))
    shards = {file.name for file in tmp_path.glob("model-*.safetensors")}
    assert shards == set(index["weight_map"].values())
    model.save_pretrained(tmp_path)
    assert sorted(file.name for file in tmp_path.glob("model[.-]*")) == ["model.safetensors"]


def test_base_model_saves_complete(tmp_path):
    model = tiny()
    model.base_model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert set(config["auto_map"]) == {
        "AutoConfig",
        "AutoModel",
        "AutoModelForSequenceClassification",
    }
    _, info = HyperbolicCNNModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())


def test_files_of_the_user_stay(tmp_path):
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / "model_notes.txt").write_text("mine too", encoding="utf-8")
    tiny().save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "model_notes.txt").exists()


def test_failed_save_leaves_the_folder_as_it_was(tmp_path):
    tiny().save_pretrained(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="rubbish"):
        tiny(num_channels=7).save_pretrained(tmp_path, max_shard_size="rubbish")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_other_processes_than_the_first_write_nothing(tmp_path):
    tiny().save_pretrained(tmp_path / "folder", is_main_process=False)
    assert not list(tmp_path.rglob("*.*"))
