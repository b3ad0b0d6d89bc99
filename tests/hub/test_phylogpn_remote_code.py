"""A saved PhyloGPN runs where the package is not installed, loss and all, whoever saved it."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save, save_file

from hf_genomics import (
    DNATokenizer,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
)
from tests.hub.loopback_hub import LoopbackHub, Repository

SEQUENCES = ["ACGTNACGTTGCACCGGT", "TTAGGGACGT"]
VARIANTS = {
    "plain": {},
    "group norm": {"norm": "group_norm", "tie_norm_symmetry": False},
    "every option": {
        "tie_norm_symmetry": False,
        "fill_token_id": 5,
        "reverse_complement": "average",
        "substitution_model": "hky85",
    },
}

STRANGER = """
import json
import torch
from safetensors.torch import save_file
from transformers import (
    AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer
)

sequences = {sequences!r}
reports = {{}}
for folder in {folders!r}:
    batch = AutoTokenizer.from_pretrained(folder)(sequences, padding=True, return_tensors="pt")
    labels = torch.arange(2 * 18 * 3).view(2, 18, 3) % 4
    model, info = AutoModelForMaskedLM.from_pretrained(
        folder, trust_remote_code=True, output_loading_info=True
    )
    with torch.no_grad():
        output = model(**batch, labels=labels)
        embeddings = model.get_embeddings(**batch)
    base = AutoModel.from_pretrained(folder, trust_remote_code=True)
    classifier = AutoModelForSequenceClassification.from_pretrained(
        folder, trust_remote_code=True, num_labels=3
    )
    assert classifier(**batch).logits.shape == (2, 3)
    assert torch.equal(base(**batch)["A"], output["A"])
    save_file(
        {{"logits": output.logits, "loss": output.loss, "embeddings": embeddings}},
        f"{{folder}}/outputs",
    )
    model.train()(**batch, labels=labels).loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    model.eval().save_pretrained(f"{{folder}}/by a stranger")
    AutoTokenizer.from_pretrained(folder).save_pretrained(f"{{folder}}/by a stranger")
    save_file({{"logits": model(**batch).logits.detach()}}, f"{{folder}}/later")
    modules = [type(part).__module__ for part in (model, base, classifier)]
    reports[folder] = {{"modules": modules, "info": {{k: sorted(v) for k, v in info.items()}}}}
with open("report.json", "w", encoding="utf-8") as file:
    json.dump(reports, file)
"""


def tiny(**options) -> PhyloGPNForMaskedLM:
    sizes = {"outer_dim": 8, "inner_dim": 6, "num_stacks": 1, "kernel_size": 3}
    tree = {"phylogeny": "((a:0.1,b:0.2):0.1,c:0.3);", "reference_leaf": "b"}
    model = PhyloGPNForMaskedLM(
        PhyloGPNConfig(**sizes | tree | {"token_padding": "same"} | options)
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def batch() -> dict[str, torch.Tensor]:
    return dict(DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt"))


def test_a_stranger_gets_the_same_and_can_train_and_save(tmp_path, run_python):
    models = {name: tiny(**options) for name, options in VARIANTS.items()}
    folders = [str(tmp_path / name) for name in models]
    for folder, model in zip(folders, models.values(), strict=True):
        model.save_pretrained(folder)
        DNATokenizer().save_pretrained(folder)

    code = STRANGER.format(sequences=SEQUENCES, folders=folders)
    run_python(code, with_package=False, folder=tmp_path)

    reports = json.loads((tmp_path / "report.json").read_text("utf-8"))
    for folder, model in zip(folders, models.values(), strict=True):
        report = reports[folder]
        assert all(module.startswith("transformers_modules.") for module in report["modules"])
        assert not any(report["info"].values())
        labels = torch.arange(2 * 18 * 3).view(2, 18, 3) % 4
        with torch.no_grad():
            expected = model(**batch(), labels=labels)
        found = load_file(f"{folder}/outputs")
        assert torch.equal(found["logits"], expected.logits)
        assert torch.equal(found["embeddings"], expected.last_hidden_state)
        torch.testing.assert_close(found["loss"], expected.loss)

        again = PhyloGPNForMaskedLM.from_pretrained(f"{folder}/by a stranger")
        later = load_file(f"{folder}/later")["logits"]
        with torch.no_grad():
            assert torch.equal(again(**batch()).logits, later)
        assert not torch.equal(later, expected.logits)


def test_a_stranger_reads_a_classifier(tmp_path, run_python):
    sizes = {"outer_dim": 8, "inner_dim": 6, "num_stacks": 1, "kernel_size": 3, "num_labels": 3}
    model = PhyloGPNForSequenceClassification(PhyloGPNConfig(**sizes, token_padding="same")).eval()
    model.save_pretrained(tmp_path / "saved")
    DNATokenizer().save_pretrained(tmp_path / "saved")
    run_python(
        f"""
import torch
from safetensors.torch import save_file
from transformers import pipeline
classify = pipeline("text-classification", model="saved", trust_remote_code=True)
rows = classify({SEQUENCES!r}, top_k=None, batch_size=2)
scores = [[x["score"] for x in sorted(row, key=lambda x: x["label"])] for row in rows]
save_file({{"scores": torch.tensor(scores)}}, "scores")
""",
        with_package=False,
        folder=tmp_path,
    )
    with torch.no_grad():
        expected = model(**batch()).logits.softmax(1)
    torch.testing.assert_close(load_file(tmp_path / "scores")["scores"], expected)


def test_songlabs_repository_is_read_by_its_name(tmp_path, run_in):
    """By real HTTP: no trust is asked for, and the code that its config names is not run."""
    golden = Path(__file__).parents[1] / "golden"
    tensors = load_file(golden / "phylogpn_layer_norm.safetensors")
    facts = json.loads((golden / "phylogpn_layer_norm.json").read_text("utf-8"))
    sizes = ("outer_dim", "inner_dim", "stack_size", "num_stacks", "kernel_size")
    config = {size: facts[size] for size in sizes} | {
        "model_type": "phylogpn",
        "architectures": ["PhyloGPNModel"],
        "auto_map": {"AutoModel": "modeling_phylogpn.PhyloGPNModel"},
    }
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    files = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": save(state, metadata={"format": "pt"}),
        "modeling_phylogpn.py": b"raise SystemExit('somebody ran the code of the repository')",
    }
    save_file({"input_ids": tensors["input_ids"]}, tmp_path / "input")
    with LoopbackHub().running() as hub:
        hub.repositories["songlab/PhyloGPN"] = Repository()
        hub.repositories["songlab/PhyloGPN"].commit(files, "LayerNorm")
        run_in(tmp_path, BY_NAME, hub.environment)
    for name, logits in load_file(tmp_path / "logits").items():
        torch.testing.assert_close(logits, tensors["logits"], rtol=0, atol=1e-9, msg=name)


BY_NAME = """
import hf_genomics
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForMaskedLM

input_ids, logits = load_file("input")["input_ids"], {}
for auto in (AutoModel, AutoModelForMaskedLM):
    model = auto.from_pretrained("songlab/PhyloGPN")
    assert model.name_or_path == "songlab/PhyloGPN"
    with torch.no_grad():
        logits[auto.__name__] = model(input_ids).logits
save_file(logits, "logits")
"""
