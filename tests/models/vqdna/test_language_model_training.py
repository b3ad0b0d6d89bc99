"""Runs with Trainer: losses without a word of ours, evaluation, and batches of like lengths."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from hf_genomics import DNATokenizer, VQDNAForMaskedLM, VQDNAForSequenceClassification
from hf_genomics.data.collators import SequenceClassificationCollator
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
from tests.models.vqdna.tiny_language_model import tiny_model

SETTINGS = {
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 4,
    "use_cpu": True,
    "dataloader_pin_memory": False,
    "report_to": "none",
    "disable_tqdm": True,
    "remove_unused_columns": False,
    "save_strategy": "no",
}


def rows(number=24, shortest=20, longest=80):
    generator = np.random.default_rng(0)
    lengths = generator.integers(shortest, longest, number).tolist()
    return [{"sequence": "".join(generator.choice(list("ACGT"), n)), "length": n} for n in lengths]


def test_masked_modelling_with_trainer(tmp_path):
    model = tiny_model()
    collator = SpanMaskingCollator.from_config(DNATokenizer(), model.config)
    before = model.quantizer_model.quantizer.codebooks[0].embed.clone()
    seen = []

    def measure(prediction):
        logits, labels = prediction.predictions, prediction.label_ids
        seen.append((logits.shape, labels.shape))
        asked = labels != -100
        return {"accuracy": float((logits.argmax(-1)[asked] == labels[asked]).mean())}

    trainer = Trainer(
        model,
        TrainingArguments(str(tmp_path), max_steps=4, **SETTINGS),
        train_dataset=rows(),
        eval_dataset=rows(6, 30, 31),
        data_collator=collator,
        compute_metrics=measure,
    )
    first, again = trainer.evaluate(), trainer.evaluate()
    assert again["eval_loss"] == first["eval_loss"]  # the same masks
    trainer.train()
    last = trainer.evaluate()
    assert seen[0] == ((6, 30, 7), (6, 30))
    assert first["eval_loss"] != last["eval_loss"]
    assert torch.equal(model.quantizer_model.quantizer.codebooks[0].embed, before)

    trainer.save_model(str(tmp_path / "model"))
    loaded = VQDNAForMaskedLM.from_pretrained(tmp_path / "model")
    again = Trainer(
        loaded,
        TrainingArguments(str(tmp_path), **SETTINGS),
        eval_dataset=rows(6, 30, 31),
        data_collator=collator,
    )
    assert again.evaluate()["eval_loss"] == pytest.approx(last["eval_loss"], rel=1e-5)


def test_a_run_resumes_exactly(tmp_path):
    settings = SETTINGS | {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}

    def trainer(folder):
        torch.manual_seed(0)
        model = tiny_model()
        collator = SpanMaskingCollator.from_config(DNATokenizer(), model.config)
        arguments = TrainingArguments(str(tmp_path / folder), **settings)
        return Trainer(model, arguments, train_dataset=rows(), data_collator=collator)

    whole, resumed = trainer("whole"), trainer("resumed")
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-3"))
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, msg=name)


def test_batches_of_like_lengths_hold_little_padding(tmp_path):
    """Trainer sorts by `length`, and the collator pads to the longest of the batch."""
    model = tiny_model(VQDNAForSequenceClassification)
    data = Dataset.from_list([row | {"label": i % 2} for i, row in enumerate(rows(200))])
    shares = {}
    for strategy in ("random", "group_by_length"):
        arguments = TrainingArguments(
            str(tmp_path), train_sampling_strategy=strategy, num_train_epochs=1, **SETTINGS
        )
        trainer = Trainer(
            model,
            arguments,
            train_dataset=data,
            data_collator=SequenceClassificationCollator(DNATokenizer()),
        )
        batches = list(trainer.get_train_dataloader())
        assert sum(len(batch["labels"]) for batch in batches) == 200
        there = sum(int(batch["attention_mask"].sum()) for batch in batches)
        shares[strategy] = 1 - there / sum(batch["input_ids"].numel() for batch in batches)
    assert shares["random"] > 0.15
    assert shares["group_by_length"] < 0.05
    trainer.train()
