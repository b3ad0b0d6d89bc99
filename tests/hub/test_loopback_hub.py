"""Models go to a Hub and come back, by real HTTP, to people with and without the package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.hub.loopback_hub import TOKEN, LoopbackHub

CODE = {
    "configuration_hyperbolic_cnn.py",
    "euclidean_layers.py",
    "lorentz.py",
    "lorentz_batch_norm.py",
    "lorentz_layers.py",
    "modeling_hyperbolic_cnn.py",
    "remote_code.py",
}

# What somebody who has the package does, in a process that knows the Hub.
PUBLISH = """
import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, TrainingArguments
from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.trainer import GenomicsTrainer
from tests.hub.stranger import SEQUENCES

torch.manual_seed(7)
tokenizer = DNATokenizer()
config = HyperbolicCNNConfig(num_channels=5, embedding_dim=6, num_layers=2, max_length=16)
model = HyperbolicCNNForSequenceClassification(config).eval()

def logits(model):
    with torch.no_grad():
        return model.eval()(**tokenizer(SEQUENCES, padding=True, return_tensors="pt")).logits

model.push_to_hub("tester/pushed")
tokenizer.push_to_hub("tester/pushed")
model.save_pretrained(
    "saved/by-name", push_to_hub=True, private=True, commit_message="by save", token="TOKEN",
)
tokenizer.save_pretrained("saved/by-name")
model.save_pretrained("saved/elsewhere", push_to_hub=True, repo_id="tester/elsewhere")

rows = [{**tokenizer(text), "labels": i % 2} for i, text in enumerate(SEQUENCES)]
trained = AutoModelForSequenceClassification.from_pretrained("tester/pushed")
arguments = TrainingArguments(
    output_dir="output", max_steps=3, save_steps=2, learning_rate=0.01, use_cpu=True,
    per_device_train_batch_size=2, dataloader_pin_memory=False, report_to="none",
    push_to_hub=True, hub_model_id="tester/trained",
)
trainer = GenomicsTrainer(
    model=trained, args=arguments, train_dataset=rows, processing_class=tokenizer
)
trainer.train()
trainer.push_to_hub()

again = AutoModelForSequenceClassification.from_pretrained("tester/pushed")
again.save_pretrained("saved/again")
tokenizer.save_pretrained("saved/again")
save_file({"pushed": logits(model), "trained": logits(trained)}, "logits.safetensors")
"""


@dataclass
class Published:
    """What is on the Hub after `PUBLISH`, what was saved beside it, and the logits to expect."""

    hub: LoopbackHub
    folder: Path
    logits: dict[str, Tensor]


@pytest.fixture(scope="module")
def published(tmp_path_factory, run_in):
    folder = tmp_path_factory.mktemp("publisher")
    with LoopbackHub().running() as hub:
        run_in(folder, PUBLISH.replace("TOKEN", TOKEN), hub.environment)
        yield Published(hub, folder, load_file(folder / "logits.safetensors"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tester/pushed", "Upload HyperbolicCNNForSequenceClassification"),
        ("tester/by-name", "by save"),
        ("tester/elsewhere", "Upload HyperbolicCNNForSequenceClassification"),
        ("tester/trained", "End of training"),
    ],
)
def test_repository_is_complete(published, name, message):
    repository = published.hub.repositories[name]
    assert repository.files.keys() >= CODE | {"config.json", "model.safetensors"}
    assert not [path for path in repository.files if "/" in path or "saving" in path]
    assert message in repository.messages
    auto_map = json.loads(repository.files["config.json"])["auto_map"]
    assert set(auto_map) == {"AutoConfig", "AutoModel", "AutoModelForSequenceClassification"}
    assert "--" not in str(auto_map)


def test_what_is_pushed_is_what_is_saved(published):
    saved, repository = published.folder / "saved", published.hub.repositories
    for name in ("by-name", "elsewhere"):
        for file in [*CODE, "config.json", "model.safetensors"]:
            assert repository[f"tester/{name}"].files[file] == (saved / name / file).read_bytes()


def test_private_stays_private(published):
    assert published.hub.repositories["tester/by-name"].private
    assert not published.hub.repositories["tester/pushed"].private


def test_a_stranger_loads_from_the_hub_and_saves_a_folder_of_its_own(published, stranger, tmp_path):
    stranger(
        "load",
        tmp_path / "from the hub",
        "tester/pushed",
        "tester/trained",
        environment=published.hub.environment,
    )
    outputs = load_file(tmp_path / "from the hub")
    for name in ("pushed", "trained"):
        assert torch.equal(outputs[f"tester/{name}:logits"], published.logits[name])
    assert not torch.equal(published.logits["pushed"], published.logits["trained"])

    by_stranger, by_owner = tmp_path / "folder", published.folder / "saved" / "again"
    stranger("save-again", "tester/pushed", by_stranger, environment=published.hub.environment)
    stranger("load", tmp_path / "from folders", by_stranger, by_owner)  # no Hub any more
    outputs = load_file(tmp_path / "from folders")
    for folder in (by_stranger, by_owner):
        auto_map: dict[str, Any] = json.loads((folder / "config.json").read_text())["auto_map"]
        assert "--" not in str(auto_map)
        assert torch.equal(outputs[f"{folder}:logits"], published.logits["pushed"])
