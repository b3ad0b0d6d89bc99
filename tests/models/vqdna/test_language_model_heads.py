"""Losses and logits of the heads, by hand and against slow twins."""

import pytest
import torch
import torch.nn.functional as F
from transformers import DataCollatorForLanguageModeling

from hf_genomics import (
    DNATokenizer,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
)
from hf_genomics.models.vqdna.nucleotide_heads import mean_over
from tests.models.int8 import with_int8_weights
from tests.models.vqdna.tiny_language_model import mask_of, masked_batch, messy_ids, tiny_model
from tests.models.vqdna.tiny_quantizer import MASK, N, random_ids

IGNORED = -100


def complete(batch):
    return torch.where(batch["labels"] >= 0, batch["labels"], batch["input_ids"])


@pytest.mark.parametrize("mask_mode", ["nucleotide", "code"])
def test_the_loss_is_the_mean_over_heads_at_masked_positions(mask_mode):
    model, batch = tiny_model(mask_mode=mask_mode), masked_batch(40, 25, 17)
    with torch.no_grad():
        outputs = model(**batch)
    asked = batch["labels"] != IGNORED
    codes = model.tokenize(complete(batch), batch["attention_mask"])
    nucleotide = F.cross_entropy(outputs.logits[asked], batch["labels"][asked])
    levels = [
        F.cross_entropy(logits[asked], codes[:, level][asked])
        for level, logits in enumerate(outputs.code_logits)
    ]
    torch.testing.assert_close(outputs.nucleotide_loss, nucleotide)
    torch.testing.assert_close(outputs.code_losses, torch.stack(levels))
    torch.testing.assert_close(outputs.loss, torch.stack([nucleotide, *levels]).mean())


def test_with_several_nucleotides_to_a_code_each_code_counts_once():
    model = tiny_model(quantizer={"downsample_ratio": 4})
    batch = masked_batch(40, start=6, size=7)  # codes 1, 2 and 3
    with torch.no_grad():
        outputs = model(**batch)
    codes = model.tokenize(complete(batch))
    expected = F.cross_entropy(outputs.code_logits[1][0, 1:4], codes[0, 1, 1:4])
    torch.testing.assert_close(outputs.code_losses[1], expected)
    assert outputs.logits.shape == (1, 40, 7)


def test_without_masked_positions_the_loss_is_zero():
    model, ids = tiny_model(), random_ids(20)
    outputs = model(ids, labels=torch.full_like(ids, IGNORED))
    assert outputs.loss == 0
    outputs.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_labels_that_are_no_nucleotide_are_not_counted():
    model, batch = tiny_model(), masked_batch(30)
    with torch.no_grad():
        expected = model(**batch).loss
        batch["labels"][0, 20] = N
        assert model(**batch).loss == expected


def test_the_collator_of_transformers_serves_too(seed):
    model, tokenizer = tiny_model(), DNATokenizer()
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.3, seed=seed)
    batch = collator([tokenizer("ACGTTGCAAT" * 4), tokenizer("GATTACA" * 3)])
    outputs = model(**batch)
    assert outputs.loss.isfinite()
    assert outputs.loss > 0


def test_logits_are_given_without_labels():
    model, ids = tiny_model(), messy_ids(30, 12)
    with torch.no_grad():
        outputs = model(ids, mask_of(30, 12))
        assert outputs.loss is None
        assert len(outputs.code_logits) == 2
        model.config.output_code_logits = False
        without = model(ids, mask_of(30, 12))
    assert without.code_logits is None
    assert torch.equal(without.logits, outputs.logits)


def test_training_learns_what_can_be_learned(seed):
    """A sequence of period 3: what is masked follows from what is not."""
    model = tiny_model(hidden_dropout_prob=0.0).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(200):
        start = torch.randint(0, 3, (16, 1))
        ids = (start + torch.arange(30)) % 3
        hidden = torch.rand(16, 30) < 0.25
        batch = {
            "input_ids": ids.masked_fill(hidden, MASK),
            "labels": ids.masked_fill(~hidden, IGNORED),
        }
        outputs = model(**batch)
        optimizer.zero_grad()
        outputs.loss.backward()
        optimizer.step()
        losses.append(outputs.nucleotide_loss.item())
    assert losses[0] > 1
    assert sum(losses[-20:]) / 20 < 0.2


@pytest.mark.parametrize(
    ("problem_type", "num_labels", "labels"),
    [
        (None, 3, torch.tensor([2, 0, 1])),
        (None, 1, torch.tensor([0.5, -1.0, 2.0])),
        (None, 3, torch.tensor([[1.0, 0.0, 1.0]] * 3)),
        ("single_label_classification", 3, torch.tensor([2, -100, 1])),
        ("regression", 1, torch.tensor([[0.5], [1.0], [2.0]])),
        ("multi_label_classification", 2, torch.tensor([[1.0, 0.0]] * 3)),
    ],
)
def test_every_kind_of_sequence_label_has_its_loss(problem_type, num_labels, labels):
    model = tiny_model(
        VQDNAForSequenceClassification, num_labels=num_labels, problem_type=problem_type
    )
    outputs = model(messy_ids(30, 20, 25), mask_of(30, 20, 25), labels=labels)
    logits = outputs.logits
    if num_labels == 1:
        expected = F.mse_loss(logits.squeeze(), labels.squeeze())
    elif labels.is_floating_point():
        expected = F.binary_cross_entropy_with_logits(logits, labels)
    else:
        expected = F.cross_entropy(logits, labels)
    torch.testing.assert_close(outputs.loss, expected)


def test_the_pool_is_the_mean_over_nucleotides():
    model, ids = tiny_model(VQDNAForSequenceClassification).double(), random_ids(30)
    ids[0, 10:20] = N
    with torch.no_grad():
        features = model.model(ids).last_hidden_state
        pooled = torch.cat([features[:, :10], features[:, 20:]], 1).mean(1)
        torch.testing.assert_close(model(ids).logits, model.classifier(pooled))


def test_a_sequence_without_nucleotides_has_finite_logits():
    model = tiny_model(VQDNAForSequenceClassification)
    for ids, mask in ((torch.full((1, 5), N), None), (torch.zeros(1, 5).long(), torch.zeros(1, 5))):
        assert model(ids, mask).logits.isfinite().all()


def test_token_labels_are_counted_one_by_one():
    model = tiny_model(VQDNAForTokenClassification, num_labels=4)
    ids = random_ids(30, 20)
    labels = torch.randint(0, 4, ids.shape)
    labels[1, 20:] = IGNORED
    outputs = model(ids, mask_of(30, 20), labels=labels)
    there = labels != IGNORED
    torch.testing.assert_close(outputs.loss, F.cross_entropy(outputs.logits[there], labels[there]))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32])
@pytest.mark.parametrize("cls", [VQDNAForMaskedLM, VQDNAForTokenClassification])
def test_labels_of_any_integer_type_have_the_same_loss(cls, dtype):
    model, batch = tiny_model(cls, num_labels=4), masked_batch(30, 20)
    expected = model(**batch).loss
    assert model(**batch | {"labels": batch["labels"].to(dtype)}).loss == expected


@pytest.mark.parametrize("cls", [VQDNAForMaskedLM, VQDNAForTokenClassification])
def test_unsigned_labels_are_all_counted(cls):
    model, ids = tiny_model(cls, num_labels=4), random_ids(30, 30)
    short = ids.to(torch.uint8)
    assert model(short, labels=short).loss == model(ids, labels=ids).loss


@pytest.mark.parametrize("ratio", [1, 4])
def test_the_masked_codes_of_each_row_are_told(ratio):
    model = tiny_model(quantizer={"downsample_ratio": ratio})
    batch = masked_batch(40, 17, start=6, size=7)
    batch["labels"][1] = IGNORED
    batch["labels"][1, 0] = 4  # N, which is not counted
    batch["labels"][1, 8] = 3
    assert model(**batch).masked_codes.tolist() == [7 if ratio == 1 else 3, 1]
    assert model(batch["input_ids"]).masked_codes is None


@pytest.mark.parametrize(
    ("cls", "labels", "message"),
    [
        (VQDNAForMaskedLM, torch.zeros(1, 9), "labels must be integers, got torch.float32"),
        (VQDNAForTokenClassification, torch.zeros(1, 9), "pass labels.long()"),
        (VQDNAForMaskedLM, torch.zeros(1, 5).long(), r"\(1, 9\) of the input, got \(1, 5\)"),
        (VQDNAForMaskedLM, torch.full((1, 9), 7), r"label 7 is outside the range 0..6"),
        (VQDNAForTokenClassification, torch.full((1, 9), 2), r"label 2 is outside the range 0..1"),
        (VQDNAForTokenClassification, torch.zeros(1).long(), r"got \(1,\)"),
        (VQDNAForSequenceClassification, torch.tensor([-1]), "label -1 is outside"),
    ],
)
def test_bad_labels_are_refused(cls, labels, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(cls)(random_ids(9), labels=labels)


def test_linear_layers_may_be_quantized():
    model, ids = tiny_model(VQDNAForSequenceClassification).eval(), random_ids(40)
    expected = model(ids).logits
    quantized = with_int8_weights(model)
    torch.testing.assert_close(quantized(ids).logits, expected, rtol=0.05, atol=0.05)


def test_a_code_that_reads_one_nucleotide_is_in_the_pool():
    quantizer = {"downsample_ratio": 2}
    model = tiny_model(VQDNAForSequenceClassification, quantizer=quantizer).double()
    ids = random_ids(30)
    ids[0, 10:13] = N  # all of code 5 and half of code 6
    with torch.no_grad():
        features = model.model(ids).last_hidden_state
        pooled = torch.cat([features[:, :5], features[:, 6:]], 1).mean(1)
        torch.testing.assert_close(model(ids).logits, model.classifier(pooled))


def test_the_pool_counts_positions_that_bfloat16_cannot():
    x = torch.zeros(1, 300, 1, dtype=torch.bfloat16)
    x[:, :256] = 1
    found = mean_over(x, torch.arange(300)[None] < 259)  # bfloat16 has 258 and 260
    assert found.dtype == torch.bfloat16
    assert found.item() == torch.tensor(256 / 259).bfloat16().item()
