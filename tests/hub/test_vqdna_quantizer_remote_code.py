"""A saved quantizer runs where the package is not installed, and trains there too."""

import json

import torch
from safetensors.torch import load_file

from hf_genomics import DNATokenizer, VQDNAQuantizerModel
from tests.models.vqdna.tiny_quantizer import tiny_quantizer

SEQUENCES = ["ACGTNACGTTGCACCGGTACGTTTGACCA", "TTAGGGACGT"]
VARIANTS = {
    "plain": {},
    "one level, four nucleotides to a code": {"codebook_sizes": [16], "downsample_ratio": 4},
    "three levels": {"codebook_sizes": [8, 8, 16], "num_layers": 3, "residual_rule": "mean"},
    "narrow, cosine": {"codebook_dim": 4, "codebook_distance": "cosine"},
    "grid": {"quantizer_type": "fsq", "fsq_levels": [4, 4]},
}

STRANGER = """
import json
import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForPreTraining, AutoTokenizer

reports = {{}}
for folder in {folders!r}:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer({sequences!r}, padding=True, return_tensors="pt")
    model, info = AutoModel.from_pretrained(
        folder, trust_remote_code=True, output_loading_info=True
    )
    other = AutoModelForPreTraining.from_pretrained(folder, trust_remote_code=True)
    codes = model.tokenize(**batch)
    assert torch.equal(other.tokenize(**batch, chunk_size=8), codes)
    with torch.no_grad():
        logits = model(**batch).logits
    save_file({{"codes": codes, "logits": logits.contiguous()}}, f"{{folder}}/outputs")
    strings = model.detokenize(codes)
    model.train()(**batch).loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    model.eval().save_pretrained(f"{{folder}}/by a stranger")
    save_file({{"codes": model.tokenize(**batch)}}, f"{{folder}}/later")
    reports[folder] = {{
        "modules": [type(part).__module__ for part in (model, other, model.config)],
        "info": {{name: sorted(keys) for name, keys in info.items()}},
        "strings": strings,
    }}
with open("report.json", "w", encoding="utf-8") as file:
    json.dump(reports, file)
"""


def test_a_stranger_gets_the_same_codes_and_can_train_and_save(tmp_path, run_python):
    models = {name: tiny_quantizer(**options) for name, options in VARIANTS.items()}
    folders = [str(tmp_path / name) for name in models]
    for folder, model in zip(folders, models.values(), strict=True):
        model.save_pretrained(folder)
        DNATokenizer().save_pretrained(folder)

    code = STRANGER.format(sequences=SEQUENCES, folders=folders)
    run_python(code, with_package=False, folder=tmp_path)

    reports = json.loads((tmp_path / "report.json").read_text("utf-8"))
    batch = dict(DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt"))
    for folder, model in zip(folders, models.values(), strict=True):
        report, found = reports[folder], load_file(f"{folder}/outputs")
        assert all(module.startswith("transformers_modules.") for module in report["modules"])
        assert not any(report["info"].values())
        assert torch.equal(found["codes"], model.tokenize(**batch))
        with torch.no_grad():
            assert torch.equal(found["logits"], model(**batch).logits)
        assert report["strings"] == model.detokenize(found["codes"])

        again = VQDNAQuantizerModel.from_pretrained(f"{folder}/by a stranger")
        assert again.training_steps == 1
        assert torch.equal(again.tokenize(**batch), load_file(f"{folder}/later")["codes"])
