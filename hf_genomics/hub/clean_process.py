"""What somebody without this package gets from an exported folder: a program, run by `proof.py`.

    python -P clean_process.py FOLDER REPO_ID INPUTS OUTPUTS

Loads FOLDER through every Auto class that its config.json names, on the token ids in INPUTS, then
runs its example.py. Writes outputs by `<Auto class>:<name>` to OUTPUTS, what loading reported to
OUTPUTS.json. It imports nothing of this package, whose name it makes impossible to import.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file


def main(folder: str, repo_id: str, inputs_file: str, outputs_file: str) -> None:
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)  # is data
    inputs = load_file(inputs_file)
    outputs: dict[str, torch.Tensor] = {}
    reports: dict[str, dict[str, Any]] = {}
    for auto in config.auto_map:
        if auto in ("AutoConfig", "AutoTokenizer"):
            continue
        model, info = getattr(transformers, auto).from_pretrained(
            folder, trust_remote_code=True, dtype="auto", output_loading_info=True
        )
        reports[auto] = {key: sorted(map(str, value)) for key, value in info.items()}
        reports[auto] |= {
            "class": type(model).__name__,
            "module": type(model).__module__,
            "base": None if model.base_model is model else model.base_model_prefix,
        }
        found = outputs_of(model, inputs)
        reports[auto]["outputs"] = list(found)
        outputs |= {f"{auto}:{name}": tensor for name, tensor in found.items()}
    save_file(outputs, outputs_file)
    Path(f"{outputs_file}.json").write_text(json.dumps(reports), encoding="utf-8")
    example = (Path(folder) / "example.py").read_text(encoding="utf-8")
    example = example.replace(f'"{repo_id}"', json.dumps(folder))
    exec(compile(example, "example.py", "exec"), {"__name__": "__main__"})


def outputs_of(model: Any, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Logits, where there are any, and everything that the model without its head gives."""
    model = model.eval()
    with torch.no_grad():
        whole = dict(model(**inputs))
        base = whole if model.base_model is model else dict(model.base_model(**inputs))
    found = {f"base.{name}": value for name, value in base.items()}
    if "logits" in whole:
        found["logits"] = whole["logits"]
    return {k: v.clone().contiguous() for k, v in found.items() if isinstance(v, torch.Tensor)}


if __name__ == "__main__":
    sys.modules["hf_genomics"] = None  # type: ignore[assignment]  # not there, if installed or not
    torch.set_num_threads(1)
    main(*sys.argv[1:])
