"""What somebody does who has Transformers but not this package: a program, run in its own process.

    python -I stranger.py load RESULT SOURCE...           every Auto class; outputs into RESULT
    python -I stranger.py fine-tune RESULT SOURCE TARGET  some steps of Trainer, saved into TARGET
    python -I stranger.py save-again SOURCE TARGET        load, save
    python -I stranger.py classify SOURCE                 a pipeline on it

RESULT is a safetensors file.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
    pipeline,
)

SEQUENCES = ["ACGTNACGTTGCA", "TTAGGG", "acguacg", "CCGCGGTACCAT"]


def load(result: str, *sources: str) -> None:
    """Writes logits and embeddings by source; what loading reported into `RESULT.json`."""
    outputs: dict[str, Tensor] = {}
    reports: dict[str, dict[str, Any]] = {}
    for source in sources:
        config = AutoConfig.from_pretrained(source, trust_remote_code=True)
        tokenizer = AutoTokenizer.from_pretrained(source)  # is data, needs no trust
        inputs = tokenizer(SEQUENCES, padding=True, return_tensors="pt")
        reports[source] = {
            "config": type(config).__module__,
            "tokenizer": type(tokenizer).__module__,
        }
        for auto in (AutoModel, AutoModelForSequenceClassification):
            model, info = auto.from_pretrained(
                source, trust_remote_code=True, output_loading_info=True
            )
            with torch.no_grad():
                output = model(**inputs)
            name = "pooler_output" if auto is AutoModel else "logits"
            outputs[f"{source}:{name}"] = output[name]
            reports[source][auto.__name__] = type(model).__module__
            reports[source][name] = {key: sorted(map(str, value)) for key, value in info.items()}
    save_file(outputs, result)
    Path(f"{result}.json").write_text(json.dumps(reports), encoding="utf-8")


def fine_tune(result: str, source: str, target: str) -> None:
    """Trains on two made-up classes, and writes the logits of the trained model."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, trust_remote_code=True)
    inputs = tokenizer(SEQUENCES, padding=True, return_tensors="pt")
    rows = [
        {"input_ids": ids, "attention_mask": mask, "labels": i % 2}
        for i, (ids, mask) in enumerate(
            zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
        )
    ]
    arguments = TrainingArguments(
        output_dir=target,
        max_steps=3,
        save_steps=2,
        learning_rate=0.01,
        per_device_train_batch_size=2,
        use_cpu=True,
        dataloader_pin_memory=False,
        report_to="none",
    )
    trainer = Trainer(model, arguments, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    with torch.no_grad():
        save_file({"logits": model.eval()(**inputs).logits}, result)


def save_again(source: str, target: str) -> None:
    auto = AutoModelForSequenceClassification
    auto.from_pretrained(source, trust_remote_code=True).save_pretrained(target)
    AutoTokenizer.from_pretrained(source).save_pretrained(target)


def classify(source: str) -> None:
    classes = pipeline("text-classification", model=source, trust_remote_code=True)
    assert len(classes(SEQUENCES)) == len(SEQUENCES)


if __name__ == "__main__":
    sys.modules["hf_genomics"] = None  # type: ignore[assignment]  # not there, if installed or not
    match sys.argv[1:]:
        case ["load", *arguments]:
            load(*arguments)
        case ["fine-tune", *arguments]:
            fine_tune(*arguments)
        case ["save-again", *arguments]:
            save_again(*arguments)
        case ["classify", *arguments]:
            classify(*arguments)
