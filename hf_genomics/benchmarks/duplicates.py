"""How many rows stand more than once, within a split and across splits. None is removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets import DatasetDict

from .labelled_rows import column_list


def count_duplicates(dataset: DatasetDict) -> dict[str, dict[str, int]]:
    """For each split, rows whose sequence (of variants: with the alleles) stands elsewhere too.

    Returns:
        For each split: `within`, rows whose sequence stands earlier in the same split;
        `in_<other>`, rows whose sequence stands in a split named earlier (train, validation, test);
        `in_<other>_other_label`, those of them that never have the same label there.
    """
    labels_of: dict[str, Mapping[tuple[str, ...], set[Any]]] = {}
    counts: dict[str, dict[str, int]] = {}
    for split, rows in dataset.items():
        seen: dict[tuple[str, ...], set[Any]] = {}
        found = {"within": 0}
        for other in labels_of:
            found[f"in_{other}"] = found[f"in_{other}_other_label"] = 0
        sequences, labels = column_list(rows, "sequence"), column_list(rows, "label")
        alleles = [column_list(rows, n) for n in ("ref", "alt") if n in rows.column_names]
        for *sequence_and_alleles, found_label in zip(sequences, *alleles, labels, strict=True):
            sequence = tuple(sequence_and_alleles)
            label = tuple(found_label) if isinstance(found_label, list) else found_label
            found["within"] += sequence in seen
            seen.setdefault(sequence, set()).add(label)
            for other, known in labels_of.items():
                if sequence in known:
                    found[f"in_{other}"] += 1
                    found[f"in_{other}_other_label"] += label not in known[sequence]
        counts[str(split)] = found
        labels_of[str(split)] = seen
    return counts
