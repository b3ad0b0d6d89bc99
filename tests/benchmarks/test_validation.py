"""The validation split that is set aside: a share of each class, and no sequence on both sides."""

import hashlib

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from hf_genomics.benchmarks.validation import set_validation_aside

FEATURES = Features({"sequence": Value("string"), "label": ClassLabel(names=["no", "yes"])})


def checksum(sequence: str) -> bytes:
    return hashlib.sha256(f"7:{sequence}".encode()).digest()


def split(rows: list[tuple[str, int]], fraction: float) -> tuple[list, list]:
    sequences, labels = zip(*rows, strict=True)
    columns = {"sequence": list(sequences), "label": list(labels)}
    train = Dataset.from_dict(columns, features=FEATURES)
    parts, _ = set_validation_aside(DatasetDict(train=train), fraction, seed=7)
    return tuple(
        list(zip(parts[name]["sequence"], parts[name]["label"], strict=True))
        for name in ("train", "validation")
    )


def test_without_copies_the_smallest_checksums_of_each_class_are_chosen():
    rows = [(f"ACGT{number}", number % 2) for number in range(40)]
    expected = set()
    for label in (0, 1):
        own = [row for row in rows if row[1] == label]
        own.sort(key=lambda row: checksum(row[0]))
        expected |= set(own[:5])
    train, validation = split(rows, 0.25)
    assert validation == [row for row in rows if row in expected]
    assert train == [row for row in rows if row not in expected]


def test_a_class_of_one_sequence_cannot_be_split():
    rows = [(f"ACGT{number}", 0) for number in range(10)] + [("TTTT", 1)] * 10
    with pytest.raises(ValueError, match=r"10 training rows of class 'yes' \(1 distinct sequences"):
        split(rows, 0.1)


def test_copies_count_once():
    rows = [(f"ACGT{number}", number % 2) for number in range(20)]
    chosen = set(split(rows, 0.2)[1])
    copies = [row for row in rows for _ in range(1 + 10 * (row in chosen))]
    assert set(split(copies, 0.2)[1]) == chosen


def test_a_sequence_of_two_classes_comes_to_one_side():
    # "no" chooses 9 of 30; "yes" has the first 15 of these alone, and chooses 4 of them
    sequences = sorted((f"ACGT{number}" for number in range(30)), key=checksum)
    rows = [(one, 0) for one in sequences] + [(one, 1) for one in sequences[:15]]
    train, validation = split(rows, 0.3)
    assert {one for one, _ in validation} == set(sequences[:9])
    assert not {one for one, _ in train} & {one for one, _ in validation}
    assert sorted(train + validation) == sorted(rows)


@pytest.mark.parametrize(("fraction", "expected"), [(0.2, 2), (0.15, 1), (0.01, 1), (0.45, 4)])
def test_the_share_of_a_class_is_rounded_to_the_nearest_row(fraction, expected):
    rows = [(f"ACGT{number}", number % 2) for number in range(16)]
    labels = [label for _, label in split(rows, fraction)[1]]
    assert (labels.count(0), labels.count(1)) == (expected, expected)
