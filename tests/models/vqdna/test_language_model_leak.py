"""What the input codes tell of a masked nucleotide: nothing, unless single codes are hidden.

A code reads its neighbours. Where only the code at a masked position is hidden, those beside it
were yet computed from the nucleotide that is to be predicted.
"""

import numpy as np
import pytest
import torch

from hf_genomics import DNATokenizer, VQDNAModel
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
from tests.models.vqdna.tiny_language_model import masked_batch, tiny_model
from tests.models.vqdna.tiny_quantizer import MASK, random_ids

IGNORED = -100


def sequences(number, length, stay):
    """Each base is the one before it with probability `stay`, else drawn anew."""
    generator = np.random.default_rng(5)
    bases = generator.integers(0, 4, (number, length))
    stays = generator.random((number, length)) < stay
    for i in range(1, length):
        bases[:, i] = np.where(stays[:, i], bases[:, i - 1], bases[:, i])
    return ["".join("ACGT"[base] for base in row) for row in bases]


@pytest.fixture
def model():
    """On a quantizer that has learned a little, so that codes tell of their neighbourhood."""
    model = tiny_model(quantizer={"code_dropout": 0.5, "codebook_sizes": [64, 128]})
    quantizer = model.quantizer_model.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(quantizer.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        quantizer(random_ids(*[64] * 32)).loss.backward()
        optimizer.step()
    quantizer.requires_grad_(False)
    return model.eval()


def read_by(model, batch):
    """The codes `(B, Q, T)` that the Transformer reads, -1 where they are hidden from it."""
    seen, hidden = {}, {}

    def look(module, arguments, output):
        vectors, ids, is_base, _ = arguments
        seen["known"] = is_base.any(2)

    handle = model.model.embeddings.register_forward_hook(look)
    base = model.model.forward

    def keep(*arguments, **options):
        outputs = base(*arguments, **options)
        hidden["codes"] = outputs.codes
        return outputs

    model.model.forward = keep
    with torch.no_grad():
        model(**batch)
    handle.remove()
    del model.model.forward
    return torch.where(seen["known"][:, None], hidden["codes"], -1)


def nearest_on_the_right(values, is_known):
    """The value at the nearest position with one to the right, and the distance to it; -1: none."""
    found, far = torch.full_like(values, -1), torch.zeros_like(values)
    last = torch.full_like(values[:, 0], -1)
    distance = torch.zeros_like(last)
    for i in reversed(range(values.shape[1])):
        found[:, i], far[:, i] = last, distance + 1
        last = torch.where(is_known[:, i], values[:, i], last)
        distance = torch.where(is_known[:, i], 0, distance + 1)
    return found, far


def accuracy_of_a_count_table(features, targets):
    """Of the most frequent target for each feature, counted on one half, asked on the other."""
    half = len(targets) // 2
    pairs = features * 4 + targets
    size = (int(features.max()) + 1) * 4
    counts = torch.bincount(pairs[:half], minlength=size).view(-1, 4)
    return (counts.argmax(1)[features[half:]] == targets[half:]).double().mean().item()


def accuracies(model, mask_mode, stay):
    """Of a table of the nearest unmasked base, and of the better one of the nearest input codes."""
    model.config.mask_mode = mask_mode
    collator = SpanMaskingCollator.from_config(DNATokenizer(), model.config, max_span_length=3)
    batch = collator([{"sequence": one} for one in sequences(300, 200, stay)])
    codes = read_by(model, batch)
    known = codes[:, 0] >= 0
    assert torch.equal(known, batch["input_ids"] != MASK)
    asked = batch["labels"] != IGNORED
    targets, found = batch["labels"][asked], []
    for values in (batch["input_ids"], *codes.unbind(1)):
        value, distance = nearest_on_the_right(values, known)
        usable = value[asked] >= 0
        feature = value[asked] * 8 + distance[asked].clamp(max=7)
        found.append(accuracy_of_a_count_table(feature[usable], targets[usable]))
    return found[0], max(found[1:])


# 7,500 nucleotides are asked: a standard error of 0.006


def test_input_codes_tell_no_more_than_bases_when_nucleotides_are_masked(model):
    by_base, by_code = accuracies(model, "nucleotide", stay=0.5)
    assert by_base > 0.4
    assert by_code < by_base + 0.02


def test_input_codes_tell_nothing_where_bases_tell_nothing(model):
    by_base, by_code = accuracies(model, "nucleotide", stay=0.0)
    assert by_base == pytest.approx(0.25, abs=0.02)
    assert by_code == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("stay", [0.0, 0.5])
def test_input_codes_tell_the_base_when_single_codes_are_masked(model, stay):
    by_base, by_code = accuracies(model, "code", stay)
    assert by_code > by_base + 0.05


@pytest.mark.parametrize("ratio", [1, 2])
def test_nothing_of_the_input_depends_on_what_is_masked(ratio):
    """The same whatever lies behind `[MASK]`: not a table but every way to look is covered."""
    model = tiny_model(quantizer={"downsample_ratio": ratio})
    batch = masked_batch(40, 31, start=10, size=6)
    other = dict(batch, labels=torch.where(batch["labels"] >= 0, 3 - batch["labels"], IGNORED))
    assert torch.equal(read_by(model, batch), read_by(model, other))
    with torch.no_grad():
        assert torch.equal(model(**batch).logits, model(**other).logits)


def test_neighbouring_codes_depend_on_what_is_masked_in_code_mode():
    model = tiny_model(mask_mode="code")
    batch = masked_batch(40, start=10, size=6)
    other = dict(batch, labels=torch.where(batch["labels"] >= 0, 3 - batch["labels"], IGNORED))
    different = (read_by(model, batch) != read_by(model, other)).any(1)[0]
    assert not different[10:16].any()
    assert different[[9, 16]].any()


def test_code_mode_reads_the_codes_of_the_complete_sequence():
    model = tiny_model(mask_mode="code")
    batch = masked_batch(40, 31)
    complete = torch.where(batch["labels"] >= 0, batch["labels"], batch["input_ids"])
    found = read_by(model, batch)
    hidden = (batch["input_ids"] == MASK)[:, None]
    codes = model.tokenize(complete, batch["attention_mask"])
    assert torch.equal(found, torch.where(hidden, -1, codes))


def test_a_masked_code_is_read_as_a_mask_token():
    model = tiny_model(VQDNAModel).double()
    ids = torch.randint(0, 4, (1, 40))
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    hidden[0, 7:12] = True
    captured = []
    handle = model.embeddings.register_forward_hook(lambda m, a, output: captured.append(output))
    with torch.no_grad():
        model(ids, code_mask=hidden)
        model(ids.masked_fill(hidden, MASK))
    handle.remove()
    torch.testing.assert_close(captured[0][hidden], captured[1][hidden])


def test_in_code_mode_a_nucleotide_that_was_left_in_place_is_read():
    """As Transformers' collator does with a tenth of what it asks for."""
    model, ids = tiny_model(mask_mode="code"), random_ids(40)
    labels = torch.full_like(ids, -100)
    labels[:, 10:14] = ids[:, 10:14]
    with torch.no_grad():
        torch.testing.assert_close(model(ids, labels=labels).logits, model(ids).logits)
