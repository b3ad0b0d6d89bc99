"""A saved VQDNA model runs, with its quantizer, where the package is not installed."""

import json

import pytest
import torch
from safetensors.torch import load_file

from hf_genomics import (
    DNATokenizer,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
)
from tests.models.vqdna.tiny_language_model import tiny_model

SEQUENCES = ["ACGTNACGTT[MASK]CACCGGTACGTTTGACCA", "TTAGGGACGTAC"]
VARIANTS = {
    "plain": {},
    "four nucleotides to a code": {
        "quantizer": {"codebook_sizes": [16], "downsample_ratio": 4},
        "mask_mode": "code",
    },
    "grid, trained": {
        "quantizer": {"quantizer_type": "fsq", "fsq_levels": [4, 4]},
        "freeze_quantizer": False,
    },
}

STRANGER = """
import json
import torch
from safetensors.torch import save_file
from transformers import (
    AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification,
    AutoModelForTokenClassification, AutoTokenizer
)

trust = {{"trust_remote_code": True}}
reports = {{}}
for folder in {folders!r}:
    batch = AutoTokenizer.from_pretrained(folder)({sequences!r}, padding=True, return_tensors="pt")
    model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True, **trust)
    base = AutoModel.from_pretrained(folder, **trust)
    sequence = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, **trust)
    token = AutoModelForTokenClassification.from_pretrained(folder, num_labels=4, **trust)
    config = AutoConfig.from_pretrained(folder, **trust)
    labels = batch["input_ids"].masked_fill(batch["input_ids"] != 6, -100)
    labels[:, 10] = 2
    with torch.no_grad():
        outputs = model(**batch, labels=labels)
        assert sequence(**batch).logits.shape == (2, 3)
        assert token(**batch).logits.shape == (*batch["input_ids"].shape, 4)
    saved = {{"logits": outputs.logits, "loss": outputs.loss, "codes": base.tokenize(**batch)}}
    save_file({{name: value.contiguous() for name, value in saved.items()}}, f"{{folder}}/outputs")
    model.train()(**batch, labels=labels).loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    model.eval().save_pretrained(f"{{folder}}/by a stranger")
    with torch.no_grad():
        later = model(**batch).logits
    save_file({{"logits": later.contiguous()}}, f"{{folder}}/later")
    parts = (model, base, sequence, token, config, config.quantizer_config, base.quantizer_model)
    reports[folder] = {{
        "modules": [type(part).__module__ for part in parts],
        "info": {{name: sorted(keys) for name, keys in info.items()}},
    }}
with open("report.json", "w", encoding="utf-8") as file:
    json.dump(reports, file)
"""


def batch():
    return dict(DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt"))


def test_a_stranger_gets_the_same_and_can_train_and_save(tmp_path, run_python):
    models = {name: tiny_model(**options) for name, options in VARIANTS.items()}
    folders = [str(tmp_path / name) for name in models]
    for folder, model in zip(folders, models.values(), strict=True):
        model.save_pretrained(folder)
        DNATokenizer().save_pretrained(folder)

    code = STRANGER.format(sequences=SEQUENCES, folders=folders)
    run_python(code, with_package=False, folder=tmp_path)

    reports = json.loads((tmp_path / "report.json").read_text("utf-8"))
    labels = batch()["input_ids"].masked_fill(batch()["input_ids"] != 6, -100)
    labels[:, 10] = 2
    for folder, model in zip(folders, models.values(), strict=True):
        report, found = reports[folder], load_file(f"{folder}/outputs")
        assert all(module.startswith("transformers_modules.") for module in report["modules"])
        assert not any(report["info"].values())
        with torch.no_grad():
            expected = model(**batch(), labels=labels)
        torch.testing.assert_close(found["logits"], expected.logits)
        torch.testing.assert_close(found["loss"], expected.loss)
        assert torch.equal(found["codes"], model.tokenize(**batch()))

        again = VQDNAForMaskedLM.from_pretrained(f"{folder}/by a stranger")
        later = load_file(f"{folder}/later")["logits"]
        with torch.no_grad():
            torch.testing.assert_close(again(**batch()).logits, later)
        assert not torch.equal(later, expected.logits)
        trained = any(p.requires_grad for p in again.quantizer_model.parameters())
        assert trained is not model.config.freeze_quantizer


@pytest.mark.parametrize(
    ("cls", "task"),
    [
        (VQDNAForMaskedLM, "fill-mask"),
        (VQDNAForSequenceClassification, "text-classification"),
        (VQDNAForTokenClassification, "token-classification"),
    ],
)
def test_a_stranger_runs_a_pipeline(cls, task, tmp_path, run_python):
    tiny_model(cls).save_pretrained(tmp_path / "saved")
    DNATokenizer().save_pretrained(tmp_path / "saved")
    run_python(
        f"""
from transformers import pipeline
answers = pipeline({task!r}, model="saved", trust_remote_code=True)({SEQUENCES[0]!r})
assert len(answers) >= 1 and 0 <= answers[0]["score"] <= 1, answers
""",
        with_package=False,
        folder=tmp_path,
    )
