"""The tokenizer beside the rules of its documentation, one character after another."""

import numpy as np
import pytest
from hypothesis import strategies as st
from transformers import AutoTokenizer

from hf_genomics import DNATokenizer
from tests.fuzz.cases import fuzz, refused

IDS = {**dict(zip("ACGTN-", range(6), strict=True)), "U": 3, **dict.fromkeys("RYSWKMBDHV", 4)}
IDS |= {letter.lower(): i for letter, i in IDS.items()}
SPACE = " \t\n\r\v\f"
CLEAN = st.text("".join(IDS), max_size=40)
USUAL = st.lists(st.one_of(CLEAN, st.just("[MASK]"), st.text(SPACE)), max_size=6).map("".join)
ODD = st.one_of(
    st.text(max_size=12), st.text("ACGT[]MASKmask-\x06\x00é \u2003", max_size=20), st.text("ACGTX")
)


def ids_of(text, unknown=None):
    """Ids by the table of the documentation; the position of the first other character raises."""
    ids, at = [], 0
    while at < len(text):
        if text.startswith("[MASK]", at):
            ids, at = [*ids, 6], at + 6
            continue
        if text[at] not in SPACE:
            ids.append(IDS.get(text[at], unknown))
        if ids and ids[-1] is None:
            raise LookupError(at)
        at += 1
    return ids


@pytest.fixture(scope="session")
def tokenizer():
    return DNATokenizer()


@pytest.fixture(scope="session")
def lenient():
    return DNATokenizer(on_invalid="n")


@pytest.fixture(scope="session")
def saved(tokenizer, tmp_path_factory):
    """The generic class, from the file that this one saves."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@fuzz(text=USUAL)
def test_ids_are_those_of_the_table_and_decode_to_the_sequence(text, tokenizer, saved):
    ids = tokenizer(text)["input_ids"]
    assert ids == ids_of(text) == saved(text)["input_ids"]
    decoded = tokenizer.decode(ids)
    assert tokenizer(decoded)["input_ids"] == ids
    assert decoded == saved.decode(ids)


@fuzz(text=st.one_of(ODD, st.tuples(USUAL, ODD, USUAL).map("".join)))
def test_other_characters_are_named_with_their_place(text, tokenizer, lenient):
    ids, error = refused(lambda: tokenizer(text)["input_ids"])
    try:
        expected = ids_of(text)
    except LookupError as wrong:
        at = wrong.args[0]
        assert f"{text[at]!r} (U+{ord(text[at]):04X}) at position {at} " in str(error)
        expected = ids_of(text, unknown=4)
    else:
        assert ids == expected
    assert lenient(text)["input_ids"] == expected


@fuzz(
    texts=st.lists(USUAL, min_size=1, max_size=5),
    side=st.sampled_from(["left", "right"]),
    multiple=st.sampled_from([None, 8]),
    max_length=st.one_of(st.none(), st.integers(1, 30)),
)
def test_a_batch_is_its_sequences_padded(texts, side, multiple, max_length, tokenizer):
    options = {"truncation": True, "max_length": max_length} if max_length else {}
    multiple = None if max_length else multiple  # Transformers refuses both together
    batch = tokenizer(
        texts,
        padding=True,
        padding_side=side,
        pad_to_multiple_of=multiple,
        return_tensors="np",
        **options,
    )
    assert len({batch["input_ids"].shape, batch["attention_mask"].shape}) == 1
    for text, row, mask in zip(texts, batch["input_ids"], batch["attention_mask"], strict=True):
        ids = ids_of(text)[:max_length]
        padding = len(row) - len(ids)
        filler = [5] * padding
        assert row.tolist() == (filler + ids if side == "left" else ids + filler)
        order = [0] * padding + [1] * len(ids)
        assert mask.tolist() == (order if side == "left" else order[::-1])
    assert batch["input_ids"].shape[1] % (multiple or 1) == 0


@fuzz(ids=st.lists(st.integers(0, 6), max_size=40), skip=st.booleans())
def test_decoding_arrays_lists_and_the_saved_form_is_the_same(ids, skip, tokenizer, saved):
    expected = "".join((*"ACGTN-", "[MASK]")[i] for i in ids if not (skip and i > 4))
    assert tokenizer.decode(ids, skip_special_tokens=skip) == expected
    assert saved.decode(ids, skip_special_tokens=skip) == expected
    if ids:
        assert tokenizer.decode(np.array(ids), skip_special_tokens=skip) == expected


@fuzz(
    value=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=5)),
        lambda inner: st.lists(inner, min_size=1, max_size=3),
        max_leaves=4,
    )
)
def test_what_is_no_text_is_refused_with_its_value(value, tokenizer):
    _, error = refused(lambda: tokenizer([value]), "must be a str")
    assert error is not None
