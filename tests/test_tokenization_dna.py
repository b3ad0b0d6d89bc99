"""The tokenizer against the `tokenizers` library, on good input, bad input and odd input."""

import copy
import functools
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from datasets.fingerprint import Hasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from transformers import (
    AutoTokenizer,
    BatchEncoding,
    BertConfig,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
)
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy

from hf_genomics import DNATokenizer, HyperbolicCNNConfig
from hf_genomics.tokenization_dna import IUPAC_CODES, LazyBatchEncoding

ALPHABET = "ACGTUN" + IUPAC_CODES
VALID = ALPHABET + ALPHABET.lower() + "- \t\n\r\v\f"


@functools.cache
def tokenizer(on_invalid: str = "error") -> DNATokenizer:
    return DNATokenizer(on_invalid=on_invalid, model_max_length=40)


@functools.cache
def generic_tokenizer(on_invalid: str = "error") -> PreTrainedTokenizerFast:
    """What a user without this package gets."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tokenizer(on_invalid).save_pretrained(folder)
        loaded = AutoTokenizer.from_pretrained(folder)
    assert type(loaded) is PreTrainedTokenizerFast
    return loaded


@pytest.fixture(autouse=True)
def _shared_tokenizers_stay_as_they_were_made() -> Iterator[None]:
    yield
    for on_invalid in ("error", "n"):
        tokenizer(on_invalid).deprecation_warnings.clear()  # long sequences may warn again
        tokenizer(on_invalid).truncation_side = "right"
        generic_tokenizer(on_invalid).truncation_side = "right"


def assert_same_encoding(ours: BatchEncoding, theirs: BatchEncoding) -> None:
    """Same keys in the same order, same values, same types down to the elements."""
    assert list(ours) == list(theirs)
    for key, expected in theirs.items():
        value = ours[key]
        assert type(value) is type(expected), key
        if isinstance(expected, np.ndarray | torch.Tensor):
            assert value.dtype == expected.dtype, key
            assert value.shape == expected.shape, key
            assert repr(value.tolist()) == repr(expected.tolist()), key  # ragged rows are objects
        else:
            assert value == expected, key
            if expected and isinstance(expected[0], list):
                assert {type(i) for row in value for i in row} <= {int}


# ---------------------------------------------------------------- ids


def test_ids_are_those_of_the_alphabet() -> None:
    assert tokenizer()("ACGTN-[MASK]")["input_ids"] == [0, 1, 2, 3, 4, 5, 6]
    assert tokenizer().get_vocab() == dict(zip("ACGTN-", range(6), strict=True)) | {"[MASK]": 6}
    assert (len(tokenizer()), tokenizer().pad_token_id, tokenizer().mask_token_id) == (7, 5, 6)
    assert tokenizer().num_special_tokens_to_add() == 0


def test_soft_masked_bases_keep_their_identity() -> None:
    assert tokenizer()("acgtn")["input_ids"] == [0, 1, 2, 3, 4]


def test_uracil_is_thymine() -> None:
    assert tokenizer()("UuTt")["input_ids"] == [3, 3, 3, 3]


def test_iupac_codes_are_n() -> None:
    codes = IUPAC_CODES + IUPAC_CODES.lower()
    assert tokenizer()(codes)["input_ids"] == [4] * len(codes)


def test_white_space_is_removed_as_in_fasta() -> None:
    assert tokenizer()(" AC GT\r\n\tAC\v\fGT\n")["input_ids"] == [0, 1, 2, 3] * 2


def test_a_gap_is_attended_to_and_padding_is_not() -> None:
    encoded = tokenizer()(["A-C", "A"], padding=True)
    assert encoded["input_ids"] == [[0, 5, 1], [0, 5, 5]]
    assert encoded["attention_mask"] == [[1, 1, 1], [1, 0, 0]]


# ---------------------------------------------------------------- against the library

pieces = st.sampled_from([*VALID, "[MASK]", "ACGT", "\r\n"])
clean_pieces = st.sampled_from(ALPHABET + ALPHABET.lower() + "-")
sequences = st.one_of(
    st.lists(pieces, max_size=25).map("".join), st.lists(clean_pieces, max_size=25).map("".join)
)
any_text = st.lists(st.one_of(pieces, st.characters(exclude_categories=["Cs"])), max_size=25).map(
    "".join
)


@st.composite
def call_options(draw: st.DrawFn) -> dict:
    """Arguments of a call that the library accepts."""
    options: dict = {
        "padding": draw(st.sampled_from([False, True, "max_length"])),
        "truncation": draw(st.sampled_from([False, True, "only_first"])),
        "max_length": draw(st.sampled_from([None, 1, 8, 16])),
        "padding_side": draw(st.sampled_from([None, "left", "right"])),
        "pad_to_multiple_of": draw(st.sampled_from([None, 8])),
        "add_special_tokens": draw(st.booleans()),
        "return_length": draw(st.booleans()),
        "return_special_tokens_mask": draw(st.booleans()),
        "return_token_type_ids": draw(st.sampled_from([None, True, False])),
        "return_attention_mask": draw(st.sampled_from([None, True, False])),
        "return_tensors": draw(st.sampled_from([None, None, "np", "pt"])),
        "verbose": False,
    }
    if options["max_length"] == 1:
        options["pad_to_multiple_of"] = None
    return options


def assert_same_outcome(on_invalid: str, text: str | list[str], options: dict, side: str) -> None:
    ours, theirs = tokenizer(on_invalid), generic_tokenizer(on_invalid)
    ours.truncation_side = theirs.truncation_side = side
    try:
        expected = theirs(text, **options)
    except ValueError as error:  # ragged rows as tensors
        with pytest.raises(ValueError, match=f"^{str(error)[:30]}"):
            ours(text, **options)
        return
    assert_same_encoding(ours(text, **options), expected)


relaxed = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@relaxed
@given(
    text=st.one_of(sequences, st.lists(sequences, min_size=1, max_size=4)),
    options=call_options(),
    side=st.sampled_from(["left", "right"]),
)
def test_same_as_tokenizers_on_valid_input(text, options, side) -> None:
    assert_same_outcome("error", text, options, side)


@relaxed
@given(
    text=st.one_of(any_text, st.lists(any_text, min_size=1, max_size=4)),
    options=call_options(),
    side=st.sampled_from(["left", "right"]),
)
def test_same_as_tokenizers_on_any_text_with_invalid_as_n(text, options, side) -> None:
    assert_same_outcome("n", text, options, side)


@relaxed
@given(text=any_text)
def test_fails_where_tokenizers_fails(text) -> None:
    try:
        expected = generic_tokenizer()(text)
    except Exception as error:  # the library raises no narrower class
        assert "no nucleotide code" in str(error)  # noqa: PT017  (it need not fail)
        with pytest.raises(ValueError, match="no nucleotide code"):
            tokenizer()(text)
    else:
        assert_same_encoding(tokenizer()(text), expected)


@relaxed
@given(text=any_text)
def test_split_special_tokens_as_tokenizers(text) -> None:
    expected = generic_tokenizer("n")(text, split_special_tokens=True)
    assert_same_encoding(tokenizer("n")(text, split_special_tokens=True), expected)


@relaxed
@given(
    ids=st.lists(st.integers(0, 6), max_size=30), skip=st.booleans(), kind=st.sampled_from("lnt")
)
def test_decodes_as_tokenizers(ids, skip, kind) -> None:
    given_ids = {"l": list, "n": np.array, "t": torch.tensor}[kind](ids)
    expected = generic_tokenizer().decode(ids, skip_special_tokens=skip)
    if ids:
        assert tokenizer().decode(given_ids, skip_special_tokens=skip) == expected


@pytest.mark.parametrize("ids", [[0, 7, 1], [0, 300], [6], 2, [], [[0, 1], [5, 6]]])
def test_decodes_odd_ids_as_tokenizers(ids) -> None:
    assert tokenizer().decode(ids) == generic_tokenizer().decode(ids)


def test_batch_decode_gives_back_the_sequences() -> None:
    encoded = tokenizer()(["ACGTN", "TT"], padding=True, return_tensors="pt")
    assert tokenizer().batch_decode(encoded["input_ids"]) == ["ACGTN", "TT---"]
    decoded = tokenizer().batch_decode(encoded["input_ids"], skip_special_tokens=True)
    assert decoded == ["ACGTN", "TT"]


def test_pads_what_it_encoded() -> None:
    rows = [tokenizer()(sequence) for sequence in ("ACGT", "AC")]
    padded = tokenizer().pad(rows, return_tensors="pt")
    assert_same_encoding(padded, tokenizer()(["ACGT", "AC"], padding=True, return_tensors="pt"))


# ---------------------------------------------------------------- offsets, pairs, words


@relaxed
@given(text=sequences)
def test_offsets_point_into_the_given_string(text) -> None:
    encoded = tokenizer()(text, return_offsets_mapping=True)
    assert len(encoded["offset_mapping"]) == len(encoded["input_ids"])
    for token_id, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        assert tokenizer()(text[start:end])["input_ids"] == [token_id]


def test_encodings_are_made_when_asked_for() -> None:
    encoded = tokenizer()(["AC\ngu", "T"], padding=True)
    assert encoded.is_fast
    assert encoded.tokens(0) == ["A", "C", "G", "T"]
    assert encoded.char_to_token(0, 3) == 2
    assert encoded.sequence_ids(1) == [0, None, None, None]
    assert encoded[1].ids == encoded["input_ids"][1]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_copied_encoding_is_whole(copied) -> None:
    encoded = copied(tokenizer()(["ACG", "T"], padding=True, return_tensors="pt"))
    assert encoded["input_ids"].tolist() == [[0, 1, 2], [3, 5, 5]]
    assert encoded.tokens(1) == ["T", "-", "-"]


def test_an_encoding_can_be_rebuilt_from_its_items() -> None:
    encoded = tokenizer()("ACG")
    assert dict(type(encoded)({key: encoded[key] for key in encoded})) == dict(encoded)
    assert not LazyBatchEncoding(dict(encoded)).is_fast


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t("ACG", "tt"),
        lambda t: t(
            ["ACG", "A"], ["tt", "N"], padding=True, truncation="only_second", max_length=4
        ),
        lambda t: t([("ACG", "tt"), ("A", "N")], return_token_type_ids=True),
        lambda t: t(["AC", "gu"], is_split_into_words=True),
        lambda t: t(
            "ACGTAC", max_length=4, stride=2, return_overflowing_tokens=True, truncation=True
        ),
        lambda t: t(text_target="ACG"),
        lambda t: t(["AC"], text_target=["GT"]),
        lambda t: t.encode("ACG"),
        lambda t: t.tokenize("ac[MASK]-"),
        lambda t: t("ACG", truncation=True, max_length=0),
    ],
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_what_the_table_does_not_cover_is_as_tokenizers(call, side) -> None:
    tokenizer().truncation_side = generic_tokenizer().truncation_side = side
    ours, theirs = call(tokenizer()), call(generic_tokenizer())
    assert ours == theirs if isinstance(theirs, list) else dict(ours) == dict(theirs)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t("ACGT", truncation="only_second", max_length=3),
        lambda t: t("ACGT", truncation=True, max_length=-1),
        lambda t: t("ACGT", padding="max_length", max_length=-1),
        lambda t: t.decode(np.array([-1, 0])),
    ],
)
def test_what_tokenizers_refuses_is_refused(call) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011  (the library raises no narrower class)
        call(generic_tokenizer())
    with pytest.raises(type(theirs.value), match=re.escape(str(theirs.value))):
        call(tokenizer())


def test_words_are_checked_too() -> None:
    with pytest.raises(ValueError, match="word 1 of the batch has 'X'"):
        tokenizer()(["AC", "GX"], is_split_into_words=True)
    with pytest.raises(ValueError, match="second sequence has 'X' .* at position 1"):
        tokenizer()("AC", "GX")
    with pytest.raises(ValueError, match="sequence 1 of the batch, part 0 has '!'"):
        tokenizer()([("AC", "G"), ("!", "G")])


# ---------------------------------------------------------------- bad and odd input


@pytest.mark.parametrize(
    ("sequence", "character", "position"),
    [
        ("ACGX", r"'X' \(U\+0058\)", 3),
        ("AC\nGT 5", r"'5'", 6),
        ("[MASK]A[MASK]*", r"'\*'", 13),
        ("A😀C", r"'😀' \(U\+1F600\)", 1),
        ("AC\u00a0G", r"'\\xa0'", 2),
        ("\x06[MASK]", r"'\\x06'", 0),
        ("A\ud800", r"'\\ud800'", 1),
        ("[mask]", r"'\['", 0),
        ("ACGÅ", "'Å'", 3),
    ],
)
def test_an_invalid_character_is_named_with_its_place(sequence, character, position) -> None:
    message = f"sequence has {character}.* at position {position} .*on_invalid='n'"
    with pytest.raises(ValueError, match=message):
        tokenizer()(sequence)
    with pytest.raises(ValueError, match=message.replace("sequence has", "sequence 1 of .* has")):
        tokenizer()(["ACGT", sequence], padding=True, return_tensors="np")


@pytest.mark.parametrize(
    ("sequence", "ids"),
    [
        ("ACGX", [0, 1, 2, 4]),
        ("1 2", [4, 4]),
        ("A😀C", [0, 4, 1]),
        ("A\ud800", [0, 4]),
        ("\x06[MASK]*", [4, 6, 4]),
        ("ﬁ", [4]),
    ],
)
def test_each_invalid_character_is_one_n_if_so_asked(sequence, ids) -> None:
    assert tokenizer("n")(sequence)["input_ids"] == ids


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is None, .* missing values"),
        (float("nan"), "is nan of type float, .* missing values"),
        (5, "is 5 of type int"),
        (b"ACGT", r"of type bytes, .*decode\('ascii'\)"),
        (bytearray(b"A"), r"decode\('ascii'\)"),
        (memoryview(b"A"), "of type memoryview"),
        ({"sequence": "A"}, "of type dict"),
        (object(), r"of type object, .* str\(sequence\)"),
    ],
)
def test_what_is_no_string_is_an_error_with_a_remedy(value, message) -> None:
    with pytest.raises(ValueError, match=f"sequence 2 of the batch .*{message}"):
        tokenizer()(["ACGT", "A", value])
    if value is not None:
        with pytest.raises(ValueError, match=f"the input .*{message}"):
            tokenizer()(value)


def test_a_vocabulary_is_written_aside_and_moved_into_place(tmp_path) -> None:
    """A reader that has the old file open keeps the whole of it."""
    tokenizer("error").save_pretrained(tmp_path)
    old = (tmp_path / "tokenizer.json").read_bytes()
    with open(tmp_path / "tokenizer.json", "rb") as opened:
        tokenizer("n").save_pretrained(tmp_path)
        assert opened.read() == old
    assert (tmp_path / "tokenizer.json").read_bytes() != old
    assert {file.name for file in tmp_path.iterdir()} == {"tokenizer.json", "tokenizer_config.json"}


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="specify either `text` or `text_target`"):
        tokenizer()(None)


@pytest.mark.parametrize("sequence", ["", " \n"])
def test_an_empty_sequence_has_no_tokens(sequence) -> None:
    assert dict(tokenizer()(sequence)) == {"input_ids": [], "attention_mask": []}
    assert tokenizer()(sequence, return_tensors="pt")["input_ids"].shape == (1, 0)
    padded = tokenizer()([sequence, "AC"], padding=True)
    assert padded["input_ids"] == [[5, 5], [0, 1]]
    assert padded["attention_mask"] == [[0, 0], [1, 1]]


def test_an_empty_batch_is_empty() -> None:
    assert dict(tokenizer()([])) == {"input_ids": [], "attention_mask": []}
    assert tokenizer()([], padding="max_length", return_tensors="np")["input_ids"].shape == (0, 0)
    assert tokenizer()([], return_tensors="pt")["attention_mask"].dtype == torch.int64
    assert tokenizer()([]).encodings == []


@pytest.mark.parametrize(
    "column",
    [
        ("AC", "G"),
        np.array(["AC", "G"]),
        np.array(["AC", "G"], dtype=object),
        pd.Series(["AC", "G"]),
        Dataset.from_dict({"sequence": ["AC", "G"]})["sequence"],
        Dataset.from_dict({"sequence": ["AC", "G"]}).data.column("sequence"),
    ],
    ids=["tuple", "array", "object array", "pandas", "datasets", "arrow"],
)
def test_columns_of_strings_are_batches(column) -> None:
    assert tokenizer()(column, padding=True)["input_ids"] == [[0, 1], [2, 5]]


def test_a_chromosome_in_one_string() -> None:
    codes = np.random.default_rng(0).integers(0, 5, 10_000_000, dtype=np.uint8)
    sequence = codes.tobytes().translate(b"ACGTn".ljust(256)).decode()
    long = DNATokenizer()
    ids = long(sequence, return_tensors="np")["input_ids"]
    assert ids.shape == (1, 10_000_000)
    assert (ids[0] == codes).all()
    assert long.decode(ids[0]) == sequence.upper()
    wrapped = sequence[:5_000_000] + "\n" + sequence[5_000_000:]
    assert (long(wrapped, return_tensors="np")["input_ids"] == ids).all()
    with pytest.raises(ValueError, match="position 10000000"):
        long(sequence + "!")


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("text", ["", "ACGTUNacgtun-", VALID, "AC[MASK]\nGT", "ACGT" * 1000])
def test_bytes_are_looked_up_as_a_call_reads_text(text, kind) -> None:
    ids = tokenizer().ids_from_bytes(kind(text.encode()))
    assert ids.dtype == np.uint8
    assert ids.tolist() == tokenizer()(text)["input_ids"]


def test_bytes_that_are_no_bases_are_told_as_in_text() -> None:
    with pytest.raises(ValueError, match=r"'X' \(U\+0058\) at position 3 .*no nucleotide code"):
        tokenizer().ids_from_bytes(b"ACGXT")
    with pytest.raises(ValueError, match=r"U\+00E9\) at position 2"):
        tokenizer().ids_from_bytes(b"AC\xe9")
    assert tokenizer("n").ids_from_bytes(b"ACX\xe9").tolist() == [0, 1, 4, 4]
    with pytest.raises(ValueError, match="the sequence is a str; give bytes, or call"):
        tokenizer().ids_from_bytes("ACGT")  # type: ignore[arg-type]
    extended = DNATokenizer()
    extended.add_tokens(["[SEP]"])
    with pytest.raises(ValueError, match="does not know the tokens that were added"):
        extended.ids_from_bytes(b"ACGT")


def test_a_sequence_beyond_the_model_is_warned_of_once(caplog) -> None:
    warned = DNATokenizer(model_max_length=4)
    warned(["ACGT", "ACGTA"])
    warned("ACGTACGT")
    warnings = [r for r in caplog.records if "longer than the specified maximum" in r.message]
    assert len(warnings) == 1
    assert "(5 > 4)" in warnings[0].message


@pytest.mark.parametrize("value", ["N", "ignore", None, True])
def test_on_invalid_takes_two_values(value) -> None:
    with pytest.raises(ValueError, match="must be 'error' or 'n'"):
        DNATokenizer(on_invalid=value)


def test_on_invalid_can_be_changed_later() -> None:
    changed = DNATokenizer()
    changed.on_invalid = "n"
    assert changed("AX")["input_ids"] == [0, 4]
    assert changed("AX", "C")["input_ids"] == [0, 4, 1]
    changed.on_invalid = "error"
    with pytest.raises(ValueError, match="'X'"):
        changed("AX")
    with pytest.raises(ValueError, match="must be"):
        changed.on_invalid = "skip"


def test_the_alphabet_is_fixed() -> None:
    with pytest.raises(ValueError, match="alphabet is fixed"):
        DNATokenizer(vocab={"A": 0})
    with pytest.raises(ValueError, match="cannot be trained"):
        DNATokenizer().train_new_from_iterator([["ACGT"]], 10)


# ---------------------------------------------------------------- save and load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DNATokenizer(on_invalid="n", model_max_length=99, padding_side="left").save_pretrained(tmp_path)
    return tmp_path


def test_saved_files_are_plain(folder) -> None:
    assert {file.name for file in folder.iterdir()} == {"tokenizer.json", "tokenizer_config.json"}
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "auto_map" not in config
    again = DNATokenizer.from_pretrained(folder)
    again.save_pretrained(folder / "again")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / "again" / name).read_text()
        assert text == (folder / name).read_text()
        assert str(folder) not in text


def test_saved_files_do_not_depend_on_calls(folder, tmp_path) -> None:
    used = DNATokenizer.from_pretrained(folder)
    used("ACGT", "AC", padding="max_length", truncation=True)
    used.save_pretrained(tmp_path / "used")
    assert (tmp_path / "used/tokenizer.json").read_text() == (folder / "tokenizer.json").read_text()


def test_settings_survive_the_round_trip(folder) -> None:
    loaded = DNATokenizer.from_pretrained(folder)
    assert loaded.on_invalid == "n"
    assert (loaded.model_max_length, loaded.padding_side) == (99, "left")
    assert DNATokenizer.from_pretrained(folder, on_invalid="error").on_invalid == "error"
    (folder / "tokenizer_config.json").unlink()
    assert DNATokenizer.from_pretrained(folder).on_invalid == "n"


def test_loads_without_the_package_and_without_trust(folder, run_python) -> None:
    printed = run_python(
        f"""
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained({str(folder)!r}, trust_remote_code=False)
        print(type(tokenizer).__module__.split(".")[0])
        print(tokenizer(["ACGu-[MASK]n\\n", "rX"], padding=True)["input_ids"])
        print(tokenizer.decode([0, 1, 2, 3, 6]), tokenizer.model_input_names)
        """.replace("\n        ", "\n"),
        with_package=False,
    )
    assert printed.splitlines() == [
        "transformers",
        "[[0, 1, 2, 3, 5, 6, 4], [5, 5, 5, 5, 5, 4, 4]]",
        "ACGT[MASK] ['input_ids', 'attention_mask']",
    ]


def test_reads_what_the_generic_class_saved(folder) -> None:
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder / "generic")
    loaded = DNATokenizer.from_pretrained(folder / "generic")
    assert (loaded.on_invalid, loaded.padding_side) == ("n", "left")
    assert loaded("AC")["input_ids"] == [0, 1]


def test_another_vocabulary_is_refused(folder) -> None:
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace('"G": 2,', '"G": 3,').replace('"T": 3,', '"T": 2,'))
    with pytest.raises(ValueError, match=r"tokenizer.json holds a BPE model of 6 tokens, but"):
        DNATokenizer.from_pretrained(folder)


def test_auto_tokenizer_gives_the_fast_class_for_our_models(folder) -> None:
    HyperbolicCNNConfig().save_pretrained(folder)
    assert type(AutoTokenizer.from_pretrained(folder)) is DNATokenizer
    BertConfig().save_pretrained(folder)
    assert type(AutoTokenizer.from_pretrained(folder)) is PreTrainedTokenizerFast


def test_reading_needs_no_torch(run_python) -> None:
    code = "import sys; from hf_genomics import DNATokenizer; DNATokenizer()('AC'); "
    assert run_python(code + "print('torch' in sys.modules)") == "False\n"


# ---------------------------------------------------------------- living with the ecosystem


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_behave_alike(copied) -> None:
    original = DNATokenizer(on_invalid="n", padding_side="left", extra_special_tokens=["[BOS]"])
    copy_ = copied(original)
    text = ["ACX[BOS]", "T"]
    assert dict(copy_(text, padding=True)) == dict(original(text, padding=True))
    assert copy_.on_invalid == "n"
    assert len(copy_) == 8


def test_the_fingerprint_for_datasets_does_not_change_with_use() -> None:
    used = DNATokenizer()
    before = Hasher.hash(used)
    used(["ACGT", "A c"], padding=True, truncation=True, max_length=8)
    assert Hasher.hash(used) == before == Hasher.hash(DNATokenizer())


def test_maps_over_a_dataset() -> None:
    data = Dataset.from_dict({"sequence": ["ACGT", "nn", "A"]})
    mapped = data.map(lambda rows: tokenizer()(rows["sequence"]), batched=True, batch_size=2)
    assert mapped["input_ids"][:] == [[0, 1, 2, 3], [4, 4], [0]]


def test_collators_work() -> None:
    features = [tokenizer()(sequence) for sequence in ("ACGTACGTAC", "ACG")]
    batch = DataCollatorWithPadding(tokenizer())(copy.deepcopy(features))
    assert batch["attention_mask"].sum(1).tolist() == [10, 3]
    collator = DataCollatorForLanguageModeling(tokenizer(), mlm=True, mlm_probability=0.9, seed=0)
    masked = collator(features)
    assert (masked["labels"][1, 3:] == -100).all()
    assert (masked["input_ids"] == tokenizer().mask_token_id).any()


@pytest.mark.parametrize(
    "token",
    [
        "[BOS]",
        "ATG",
        AddedToken("nnn", normalized=True),
        AddedToken("[BOS]", lstrip=True, rstrip=True, special=True),
        AddedToken("<x>", single_word=True),
        AddedToken("N", special=True),
    ],
    ids=str,
)
def test_added_tokens_are_read_as_tokenizers_reads_them(token, tmp_path) -> None:
    ours = DNATokenizer(on_invalid="n")
    ours.add_tokens([token])
    ours.save_pretrained(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    loaded = DNATokenizer.from_pretrained(tmp_path)
    assert len(ours) == len(theirs) == len(loaded)
    for text in (["CATGA nnn", "atgNnN"], "A [BOS] C[MASK]<x>-", "ACGT", "<x>", "[bos]"):
        expected = theirs(text, padding=True, return_tensors="np")
        for one in (ours, loaded):
            assert_same_encoding(one(text, padding=True, return_tensors="np"), expected)
            decoded = one.batch_decode(expected["input_ids"], skip_special_tokens=True)
            assert decoded == theirs.batch_decode(expected["input_ids"], skip_special_tokens=True)


def test_a_mask_that_is_looked_for_in_normalized_text_is_not_looked_up(tmp_path) -> None:
    normalized = DNATokenizer(on_invalid="n")
    normalized.add_tokens([AddedToken("[MASK]", normalized=True, special=True)])
    normalized.save_pretrained(tmp_path)
    generic = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("A[MASK]C", "a[mask]c", "A[NANN]C"):
        assert_same_encoding(normalized(text), generic(text))


def test_an_added_token_is_no_invalid_character() -> None:
    extended = DNATokenizer(extra_special_tokens=["[BOS]"])
    assert extended("[BOS]ACGT")["input_ids"] == [7, 0, 1, 2, 3]
    with pytest.raises(ValueError, match="'X' .* at position 5"):
        extended("[BOS]X")


def test_a_token_added_behind_the_back_is_honoured() -> None:
    extended = DNATokenizer()
    extended.backend_tokenizer.add_tokens(["ATG"])
    assert extended("CATG")["input_ids"] == [1, 7]


def test_start_tokens_are_added_if_the_user_asks() -> None:
    started = DNATokenizer(bos_token="[BOS]")
    assert started("AC")["input_ids"] == [0, 1]
    started.add_bos_token = True
    assert started("AC")["input_ids"] == [7, 0, 1]
    assert started("AC", add_special_tokens=False)["input_ids"] == [0, 1]


def test_another_padding_token() -> None:
    padded = DNATokenizer(pad_token="N")
    assert padded(["AC", "A-"], padding=True, pad_to_multiple_of=4)["input_ids"] == [
        [0, 1, 4, 4],
        [0, 5, 4, 4],
    ]


def test_truncation_and_padding_strategies_as_enumerations() -> None:
    encoded = tokenizer()(
        ["ACGT", "A"],
        padding=PaddingStrategy.MAX_LENGTH,
        truncation=TruncationStrategy.ONLY_FIRST,
        max_length=3,
    )
    assert encoded["input_ids"] == [[0, 1, 2], [0, 5, 5]]


def test_a_prefix_of_saved_files_is_that_of_both(tmp_path) -> None:
    DNATokenizer().save_pretrained(tmp_path, filename_prefix="dna")
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"dna-tokenizer.json", "dna-tokenizer_config.json"}


def test_tokens_of_the_user_are_saved_under_the_name_that_transformers_4_knows(tmp_path) -> None:
    DNATokenizer(extra_special_tokens=["[BOS]"]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["additional_special_tokens"] == ["[BOS]"]
    assert "extra_special_tokens" not in config


def test_bytes_of_a_mask_are_split_where_a_call_splits_it() -> None:
    split = DNATokenizer(on_invalid="n", split_special_tokens=True)
    assert split.ids_from_bytes(b"A[MASK]C").tolist() == split("A[MASK]C")["input_ids"]
