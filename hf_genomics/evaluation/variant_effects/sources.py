"""Where variants come from, a block of rows at a time.

A block keeps what its rows held, so that a writer can put out each of them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.data.tables import TABLE_SUFFIXES, table_suffix
from hf_genomics.evaluation.variant_effects.alleles import Substitutions, joined
from hf_genomics.evaluation.variant_effects.table_reader import TableSource, find_columns
from hf_genomics.evaluation.variant_effects.vcf_reader import VcfSource, is_vcf

if TYPE_CHECKING:
    import pandas as pd


class Block(Protocol):
    """Some rows of the input, in its order."""

    num_rows: int

    def confirm(
        self, genome: IndexedGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        """The substitutions to score, and the status code of every allele."""
        ...

    def table(self) -> pa.Table:
        """The rows as a table, one row for each allele."""
        ...


class Source(Protocol):
    """Where variants come from."""

    path: Path | None

    def blocks(self, num_rows: int) -> Iterator[Block]:
        """The input in order, at most `num_rows` rows at a time."""
        ...

    def schema(self) -> pa.Schema:
        """Names and types of the columns of the blocks' tables."""
        ...


def open_source(variants: Any, names: Mapping[str, str] | None = None) -> Source:
    """The source of a file by its suffix, of a pandas DataFrame or of a pyarrow table.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(variants, pa.Table):
        return TableSource(variants, names)
    if hasattr(variants, "to_dict") and hasattr(variants, "columns"):
        return TableSource(_from_pandas(variants, names or {}), names)
    path = Path(variants)
    if is_vcf(path):
        if names:
            raise ValueError(f"columns are named for a table; {path} is VCF.")
        return VcfSource(path)
    if table_suffix(path):
        return TableSource(path, names)
    raise ValueError(
        f"{path} is no file of variants by its name; use .vcf, .vcf.gz, .bcf or a table "
        f"({', '.join(TABLE_SUFFIXES)}; text also with .gz)."
    )


def _from_pandas(frame: pd.DataFrame, names: Mapping[str, str]) -> pa.Table:
    """The columns of a DataFrame; those of several types, as chromosomes 1 and "X", become text.

    So do lists: those of `alt` with commas between the alternatives.
    """
    from pandas.api.types import infer_dtype, is_object_dtype

    mixed = [
        place
        for place, kind in enumerate(frame.dtypes)
        if is_object_dtype(kind)
        and infer_dtype(frame.iloc[:, place], skipna=True).startswith("mixed")
    ]
    present = list(map(str, frame.columns))
    alt = find_columns(present, names, "the table")["alt"]
    frame = frame.copy(deep=False)
    for place in mixed:
        column = frame.iloc[:, place]
        texts = column.map(joined if present[place] == alt else str).map(str)
        frame.isetitem(place, texts.where(column.notna(), None))
    return pa.Table.from_pandas(frame, preserve_index=False)
