"""Assays of many variants of one region, as tables beside a FASTA file of the region.

- BRCA1: saturation genome editing of 13 exons (Findlay et al. 2018, Nature 562:217).
- MPRA: saturation mutagenesis of regulatory elements (Kircher et al. 2019, Nat. Commun. 10:3583).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.tables import column_names, read_batches
from hf_genomics.evaluation.alignment_sites import NO_CODON
from hf_genomics.evaluation.zero_shot import MeasuredEffects

MIN_BARCODES = 10  # as Kircher et al. filter
MPRA_P_VALUE = 1e-5  # as Kircher et al. call a variant active

_UNKNOWN = ("", "NA", "nan", None)
_PLACE = "place"  # in a row that was read: which one it is, for messages
_CODING_CHANGE = re.compile(r"c\.(\d+)[ACGT]>[ACGT]$")


@dataclass(frozen=True, eq=False)
class VariantAssay:
    """The single-nucleotide variants of an assay.

    Attributes:
        record: FASTA record of each of the n variants.
        position: int64 (n,), 0-based in the record.
        reference, alternative: bases of the record's strand, n characters each.
        effects: what was measured.
        other_scores: scores that the table brings along, larger for more damage, each (n,).
        codon_position: int8 (n,), -1 where the table names no coding position.
        coding_strand: "+" or "-" of the FASTA, None where there is no one gene.
    """

    record: tuple[str, ...]
    position: NDArray[np.int64]
    reference: str
    alternative: str
    effects: MeasuredEffects
    other_scores: dict[str, NDArray[np.float64]]
    codon_position: NDArray[np.int8]
    coding_strand: str | None

    def __len__(self) -> int:
        return len(self.record)


def read_brca1(table: str | Path, record: str) -> VariantAssay:
    """Loss of function (LOF) against function (FUNC); intermediate variants are in between.

    Args:
        table: CSV with the columns `index0, ref, alt, transcript_variant, consequence,
            function_score, func_class, phylop_mammalian, cadd`.
        record: Name of the one FASTA record; its strand is the plus strand of chromosome 17, BRCA1
            is on the other.

    Raises:
        ValueError: A column is missing, a row is no substitution of one base, or holds text where a
            number is needed.
    """
    rows = _rows(
        table,
        ["index0", "ref", "alt", "transcript_variant", "consequence", "function_score"]
        + ["func_class", "phylop_mammalian", "cadd"],
    )
    for row in rows:
        if not _is_substitution(row):
            raise ValueError(
                f"{row[_PLACE]} has ref {row['ref']!r} and alt {row['alt']!r}, but one base of A, "
                "C, G, T in place of another is needed; leave other variants out of the table."
            )
    classes = {"LOF": 1.0, "FUNC": 0.0}
    codons = (_CODING_CHANGE.match(row["transcript_variant"]) for row in rows)
    return VariantAssay(
        record=(record,) * len(rows),
        **_alleles(rows),
        effects=MeasuredEffects(
            damaging=np.array([classes.get(row["func_class"], np.nan) for row in rows]),
            effect=-_numbers(rows, "function_score"),
            kind=np.array([row["consequence"] for row in rows]),
        ),
        other_scores={
            "phyloP (mammals)": _numbers(rows, "phylop_mammalian"),
            "CADD": _numbers(rows, "cadd"),
        },
        codon_position=np.array(
            [(int(match[1]) - 1) % 3 if match else NO_CODON for match in codons], np.int8
        ),
        coding_strand="-",
    )


def read_mpra(table: str | Path) -> VariantAssay:
    """Variants that change expression (either way) against those that do not.

    Args:
        table: CSV with the columns `element, index0, ref, alt, barcodes, log2_effect, p_value`.
            Left out are rows that are no substitution of one base, as deletions, and those with
            fewer than `MIN_BARCODES` barcodes or an unknown number. A variant without a p-value is
            neither damaging nor not: NaN.

    Raises:
        ValueError: A column is missing, or a row holds text where a number is needed.
    """
    rows = _rows(table, ["element", "index0", "ref", "alt", "barcodes", "log2_effect", "p_value"])
    rows = [
        row
        for row in rows
        # an unknown number is NaN, and less
        if _is_substitution(row) and _number(row, "barcodes") >= MIN_BARCODES
    ]
    p_values = _numbers(rows, "p_value")
    return VariantAssay(
        record=tuple(row["element"] for row in rows),
        **_alleles(rows),
        effects=MeasuredEffects(
            damaging=np.where(np.isnan(p_values), np.nan, p_values < MPRA_P_VALUE),
            effect=np.abs(_numbers(rows, "log2_effect")),
            kind=np.array([row["element"] for row in rows]),
        ),
        other_scores={},
        codon_position=np.full(len(rows), NO_CODON, np.int8),
        coding_strand=None,
    )


def element_of(experiment: str) -> str:
    """The regulatory element that an experiment of the MPRA measured.

    Some elements were measured in several cells or twice; a point or hyphen sets off which:
    `TERT-HEK` and `TERT-GBM`, `LDLR` and `LDLR.2`.
    """
    return re.split(r"[.-]", experiment)[0]


def _rows(table: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    present = column_names(table)
    missing = [name for name in columns if name not in present]
    if missing:
        raise ValueError(
            f"{table} has no column {', '.join(missing)}; its columns are {', '.join(present)}."
        )
    values = (
        of_row
        for batch in read_batches(table, 10_000)
        for of_row in zip(*(batch[name] for name in columns), strict=True)
    )
    rows = [
        {**dict(zip(columns, of_row, strict=True)), _PLACE: f"Row {number} (from 0) of {table}"}
        for number, of_row in enumerate(values)
    ]
    for row in rows:  # soft-masked bases are lower-case in many tables
        row |= {name: row[name].upper() for name in ("ref", "alt") if isinstance(row[name], str)}
    return rows


def _is_substitution(row: Mapping[str, str]) -> bool:
    return {row["ref"], row["alt"]} <= set("ACGT") and row["ref"] != row["alt"]


def _alleles(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "position": np.array([_position(row) for row in rows], np.int64),
        "reference": "".join(row["ref"] for row in rows),
        "alternative": "".join(row["alt"] for row in rows),
    }


def _position(row: Mapping[str, str]) -> int:
    try:
        position = int(row["index0"])
    except (TypeError, ValueError):
        position = -1
    if position < 0:
        raise ValueError(
            f"{row[_PLACE]} has {row['index0']!r} in its column index0; write the position in the "
            "FASTA record, 0 for the first base."
        )
    return position


def _numbers(rows: Sequence[Mapping[str, str]], column: str) -> NDArray[np.float64]:
    """A column as numbers, NaN where it is empty or says NA."""
    return np.array([_number(row, column) for row in rows], np.float64)


def _number(row: Mapping[str, str], column: str) -> float:
    if row[column] in _UNKNOWN:
        return np.nan
    try:
        return float(row[column])
    except ValueError:
        raise ValueError(
            f"{row[_PLACE]} has {row[column]!r} in its column {column}; write a number, or NA "
            "where it is not known."
        ) from None
