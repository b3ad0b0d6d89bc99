"""The trainer of quantizers: what it measures over a split, and runs that are too short."""

import pytest
import torch
from transformers import TrainingArguments

from hf_genomics import DNATokenizer, VQDNAQuantizerModel
from hf_genomics.data.genome_windows import WindowCollator
from hf_genomics.training.vqdna_trainer import (
    VQDNAQuantizerTrainer,
    check_warm_up,
    is_known,
    training_passes,
)
from tests.models.vqdna.tiny_quantizer import tiny_config, tiny_quantizer


def arguments(tmp_path, **options) -> TrainingArguments:
    return TrainingArguments(str(tmp_path), report_to="none", use_cpu=True, **options)


def test_batches_of_different_length_are_measured_as_the_sequences_alone(tmp_path):
    torch.manual_seed(0)
    model = tiny_quantizer(downsample_ratio=2)
    sequences = ["ACGTTGCA", "GATTACAGATTACA", "CCG", "TTAGGC"]
    trainer = VQDNAQuantizerTrainer(
        model,
        arguments(
            tmp_path, per_device_eval_batch_size=2, remove_unused_columns=False, disable_tqdm=True
        ),
        eval_dataset=[{"sequence": sequence} for sequence in sequences],
        data_collator=WindowCollator(DNATokenizer()),
    )
    measured = trainer.evaluate()
    codes = [
        model.tokenize(DNATokenizer()(sequence, return_tensors="pt")["input_ids"])
        for sequence in sequences
    ]
    for level, use in enumerate(model.codebook_usage(torch.cat(codes, 2))):
        assert measured[f"eval_perplexity_{level}"] == pytest.approx(float(use.perplexity))
        active = 100 * float((use.counts > 0).double().mean())
        assert measured[f"eval_active_{level}"] == pytest.approx(active)


@pytest.mark.parametrize(
    ("options", "num_examples", "passes"),
    [
        ({"max_steps": 12}, 1000, 12),
        ({"max_steps": 12, "gradient_accumulation_steps": 4}, 1000, 48),
        ({"max_steps": 12, "gradient_accumulation_steps": 4}, None, 48),
        # 3 batches of 8, 8 and 4: steps of 2 and 1 passes
        ({"max_steps": 3, "gradient_accumulation_steps": 2}, 20, 5),
        ({"num_train_epochs": 2}, 20, 6),
        ({"num_train_epochs": 2, "dataloader_drop_last": True}, 20, 4),
        ({"num_train_epochs": 2, "gradient_accumulation_steps": 2}, 20, 6),
    ],
)
def test_forward_passes_are_known_before_training(tmp_path, options, num_examples, passes):
    assert training_passes(arguments(tmp_path, **options), num_examples) == passes


def test_a_run_within_the_warm_up_is_refused(tmp_path):
    model = VQDNAQuantizerModel(tiny_config(kmeans_warmup_steps=12))
    message = "after 12 forward passes, .* warm-up of 12 .* kmeans_warmup_steps=6"
    with pytest.raises(ValueError, match=message):
        check_warm_up(model, arguments(tmp_path, max_steps=12), 1000)
    check_warm_up(model, arguments(tmp_path, max_steps=13), 1000)
    model.training_steps.fill_(1)  # trained before
    check_warm_up(model, arguments(tmp_path, max_steps=12), 1000)


@pytest.mark.parametrize(
    "fields",
    [
        {"kmeans_warmup_steps": 0},
        {"quantizer_type": "fsq", "kmeans_warmup_steps": 100},
        {"codebook_frozen": True, "kmeans_warmup_steps": 100},
    ],
)
def test_without_a_warm_up_a_run_may_be_short(tmp_path, fields):
    model = VQDNAQuantizerModel(tiny_config(**fields))
    check_warm_up(model, arguments(tmp_path, max_steps=1), 1000)


def test_a_base_that_the_mask_hides_is_not_known():
    ids, mask = torch.tensor([[0, 3, 4, 2]]), torch.tensor([[1, 0, 1, 1]])
    assert is_known(ids, mask).tolist() == [[True, False, False, True]]
    assert is_known(ids, None).tolist() == [[True, True, False, True]]
