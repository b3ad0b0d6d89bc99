"""Spans of masked nucleotides: how many, how long, where, and the same again from the same seed."""

import numpy as np
import pytest
import torch

from hf_genomics import DNATokenizer, VQDNAConfig, VQDNAQuantizerConfig
from hf_genomics.data.span_masking import masked_spans
from hf_genomics.data.vqdna_collator import IGNORED, SpanMaskingCollator

MASK, PAD = 6, 5


def runs(masked):
    """Lengths of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], masked, [False]]).astype(int)))
    return (edges[1::2] - edges[::2]).tolist()


def spans(length, seed=0, **options):
    return masked_spans(np.ones(length, bool), np.random.default_rng(seed), **options)


def random_sequences(*lengths, letters="ACGT"):
    generator = np.random.default_rng(1)
    return ["".join(generator.choice(list(letters), n)) for n in lengths]


@pytest.mark.parametrize("length", [1, 7, 100, 1001])
@pytest.mark.parametrize("share", [0.15, 0.25, 0.9])
def test_exactly_the_share_is_covered(length, share):
    assert spans(length, share=share).sum() == np.ceil(share * length)


def test_nothing_is_masked_in_an_empty_sequence():
    assert spans(0).shape == (0,)
    assert not masked_spans(np.zeros(9, bool), np.random.default_rng(0)).any()


def test_spans_have_the_length_of_a_cut_geometric_distribution():
    # at a small share spans hardly touch each other
    lengths = np.concatenate([runs(spans(20_000, seed, share=0.02)) for seed in range(40)])
    expected = (1 - (5 / 6) ** 20) / (1 / 6)  # 5.84
    assert lengths.mean() == pytest.approx(expected, rel=0.1)
    assert 20 <= lengths.max() <= 45  # two may touch


def test_a_mean_of_one_gives_single_positions():
    masked = np.stack([spans(400, seed, mean_length=1) for seed in range(200)])
    pairs = (masked[:, 1:] & masked[:, :-1]).mean()
    assert pairs == pytest.approx(0.25**2, rel=0.1)


def test_every_position_is_masked_as_often_but_for_the_start():
    often = np.mean([spans(100, seed) for seed in range(3000)], axis=0)
    assert often[20:].min() > 0.2
    assert often.max() < 0.32


def test_only_nucleotides_count_and_only_they_are_masked():
    is_base = np.arange(1000) % 2 == 0
    masked = masked_spans(is_base, np.random.default_rng(0))
    assert masked.sum() == 125
    assert not (masked & ~is_base).any()


@pytest.mark.parametrize("unit", [2, 4])
def test_all_nucleotides_of_a_code_are_masked_together(unit):
    masked = spans(402, unit=unit)
    blocks = np.split(masked, range(unit, 402, unit))
    assert all(block.all() or not block.any() for block in blocks)
    assert 0 <= masked.sum() - 0.25 * 402 < unit


def test_a_batch_is_that_of_any_masked_language_model():
    collator = SpanMaskingCollator(DNATokenizer())
    sequences = random_sequences(80, 33, letters="ACGTN")
    batch = collator([{"sequence": one} for one in sequences])
    plain = DNATokenizer()(sequences, padding=True, return_tensors="pt")
    masked = batch["labels"] != IGNORED
    assert torch.equal(batch["attention_mask"], plain["attention_mask"])
    assert torch.equal(batch["input_ids"] == MASK, masked)
    assert torch.equal(torch.where(masked, batch["labels"], batch["input_ids"]), plain["input_ids"])
    assert (batch["labels"][masked] < 4).all()
    is_base = plain["input_ids"] < 4
    assert masked.sum(1).tolist() == torch.ceil(is_base.sum(1) / 4).int().tolist()


def test_masks_follow_from_the_seed_and_the_sequence_alone():
    first, second = ({"sequence": one} for one in random_sequences(60, 90))
    collator = SpanMaskingCollator(DNATokenizer(), seed=3)
    together, alone = collator([second, first]), collator([first])
    again = SpanMaskingCollator(DNATokenizer(padding_side="left"), seed=3)([second, first])
    assert torch.equal(together["labels"][1, :60], alone["labels"][0])
    assert torch.equal(again["labels"][1, -60:], alone["labels"][0])
    other = SpanMaskingCollator(DNATokenizer(), seed=4)([first])
    assert not torch.equal(other["labels"], alone["labels"])


def test_without_a_seed_masks_are_torchs_to_draw():
    collator = SpanMaskingCollator(DNATokenizer(), seed=None)
    rows = [{"sequence": one} for one in random_sequences(90)]
    torch.manual_seed(1)
    first, second = collator(rows)["labels"], collator(rows)["labels"]
    torch.manual_seed(1)
    assert torch.equal(collator(rows)["labels"], first)
    assert not torch.equal(first, second)


def test_rows_may_be_tokenized():
    collator, sequences = SpanMaskingCollator(DNATokenizer()), random_sequences(40, 25)
    expected = collator([{"sequence": one} for one in sequences])
    found = collator([DNATokenizer()(one) for one in sequences])
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_of_tokenized_rows_is_no_gap(side):
    sequences = random_sequences(12, 7)
    tokenizer, collator = DNATokenizer(padding_side=side), SpanMaskingCollator(DNATokenizer())
    padded = tokenizer(sequences, padding="max_length", max_length=16)
    columns = zip(padded["input_ids"], padded["attention_mask"], strict=True)
    found = collator([{"input_ids": ids, "attention_mask": mask} for ids, mask in columns])
    expected = collator([{"sequence": one} for one in sequences])
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_long_sequences_are_cut():
    (sequence,) = random_sequences(40)
    collator = SpanMaskingCollator(DNATokenizer(), max_length=16)
    for row in ({"sequence": sequence}, DNATokenizer()(sequence)):
        assert collator([row])["labels"].shape == (1, 16)


def test_settings_come_from_the_configuration():
    quantizer = VQDNAQuantizerConfig(downsample_ratio=2)
    config = VQDNAConfig(quantizer_config=quantizer, mlm_probability=0.5, max_span_length=8)
    collator = SpanMaskingCollator.from_config(DNATokenizer(), config, seed=7)
    assert (collator.mask_probability, collator.unit, collator.seed) == (0.5, 2, 7)
    assert (collator.mean_span_length, collator.max_span_length) == (6.0, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_probability": 0.0}, r"must lie in \(0, 1\), got 0.0"),
        ({"mean_span_length": 0.5}, "at least 1, got 0.5, 20 and 1"),
        ({"unit": 0}, "6.0, 20 and 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpanMaskingCollator(DNATokenizer(), **options)


def test_a_tokenizer_without_a_mask_token_is_refused():
    tokenizer = DNATokenizer()
    tokenizer.mask_token = None
    with pytest.raises(ValueError, match="no mask token"):
        SpanMaskingCollator(tokenizer)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"unit": 2}, 2 * (1 - (2 / 3) ** 10) / (1 / 3)),
        ({"unit": 4, "mean_length": 400, "max_length": 8}, 8),  # nearly all are cut
    ],
)
def test_lengths_of_spans_are_in_positions_whatever_the_unit(options, expected):
    drawn = [runs(spans(20_000, seed, share=0.02, **options)) for seed in range(40)]
    assert np.concatenate(drawn).mean() == pytest.approx(expected, rel=0.1)


def test_a_batch_without_rows_is_refused():
    with pytest.raises(ValueError, match="a batch needs a row or more"):
        SpanMaskingCollator(DNATokenizer())([])
