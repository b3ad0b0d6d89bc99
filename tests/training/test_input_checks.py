"""What the model cannot read is found before training, with its split and row."""

import pytest
from datasets import Dataset, DatasetDict
from transformers import PreTrainedTokenizerFast

from hf_genomics import DNATokenizer
from hf_genomics.data.splits import sample_rows
from hf_genomics.training import input_checks
from hf_genomics.training.input_checks import check_sequences


def splits(**sequences):
    return DatasetDict(
        {split: Dataset.from_dict({"sequence": rows}) for split, rows in sequences.items()}
    )


def test_a_sequence_that_is_too_long():
    dataset = splits(train=["ACGT", "A" * 12])
    check_sequences(dataset, DNATokenizer(), 12)
    check_sequences(dataset, DNATokenizer(), None)
    check_sequences(dataset, DNATokenizer(), 11, truncation=True)
    message = (
        r"Row 1 of split 'train' \(A{12}\) has 12 tokens, but at most max_length=11 are read: .*"
        "--truncation, or raise --max_length. A trained model with head=flatten reads no more"
    )
    with pytest.raises(ValueError, match=message):
        check_sequences(dataset, DNATokenizer(), 11)


def test_more_characters_are_not_more_tokens():
    """White space and masks make the row with most characters a short one."""
    dataset = splits(train=["A C G T A C G", "[MASK][MASK]", "AAAAAAAA"])
    check_sequences(dataset, DNATokenizer(), 8)
    with pytest.raises(ValueError, match="Row 2 of split 'train' .* has 8 tokens"):
        check_sequences(dataset, DNATokenizer(), 7)


@pytest.mark.parametrize("batch", [1, 20, 1 << 20])
def test_a_bad_letter_of_the_last_split_has_its_own_row_and_position(monkeypatch, batch):
    monkeypatch.setattr(input_checks, "_BATCH", batch)
    dataset = splits(train=["ACGT"], test=["ACGT", "acgt", "ACXT", "NNNN"])
    message = (
        r"Row 2 of split 'test' \(ACXT\) cannot be read: sequence has 'X' .* position 2 .*"
        "--on_invalid n reads such characters as N"
    )
    with pytest.raises(ValueError, match=message):
        check_sequences(dataset, DNATokenizer(), None)
    check_sequences(dataset, DNATokenizer(on_invalid="n"), None)


def test_a_row_that_was_drawn_has_its_number_in_the_file():
    rows = ["A" * n for n in range(1, 30)]
    rows[17] = "ACXT"
    dataset = sample_rows(splits(train=rows), {"train": 28}, seed=0)
    with pytest.raises(ValueError, match="Row 17 of the rows that split 'train' was drawn from"):
        check_sequences(dataset, DNATokenizer(), None)


def test_a_tokenizer_of_another_make_is_understood(tmp_path):
    DNATokenizer().save_pretrained(tmp_path)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="Row 1 of split 'train' .ACXT. cannot be read"):
        check_sequences(splits(train=["ACGT", "ACXT"]), tokenizer, None)
