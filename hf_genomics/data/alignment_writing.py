"""The folder of an alignment data set: Parquet shards, tree, metadata and card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Array2D, Features, Value

from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.data.alignment_regions import RegionRow
from hf_genomics.data.rewritten_folders import require_no_other_files

CARD, TREE, METADATA, DATA = "README.md", "phylogeny.nh", "alignment.json", "data"

# Reference bases in a Parquet row group: what a reader holds at once.
_GROUP_SITES = 65_536


def alignment_features(num_leaves: int) -> Features:
    """Columns of the data set."""
    return Features(
        {
            "name": Value("string"),
            "start": Value("int64"),
            "sequence": Value("string"),
            "left_flank": Value("string"),
            "right_flank": Value("string"),
            "leaf_states": Array2D((None, num_leaves), "int8"),
        }
    )


class ShardWriter:
    """Writes rows into Parquet files of about `shard_sites` reference bases in `folder`."""

    def __init__(self, folder: Path, num_leaves: int, shard_sites: int) -> None:
        folder.mkdir(parents=True)
        self.num_rows = 0
        self.num_sites = 0
        self._folder = folder
        self._schema = alignment_features(num_leaves).arrow_schema
        self._shard_sites = shard_sites
        self._rows: list[RegionRow] = []
        self._group_sites = 0
        self._written_sites = 0  # of the open shard
        self._writer: pq.ParquetWriter | None = None
        self._shards: list[Path] = []

    def add(self, row: RegionRow) -> None:
        self._rows.append(row)
        self._group_sites += len(row.sequence)
        if self._group_sites >= _GROUP_SITES:
            self._write_group()

    def close(self) -> list[Path]:
        """Writes what is left; the shards under their final names, `train-I-of-N-DIGEST`.

        The digest is of the content. `datasets` caches a folder by its name and the file names in
        its card, and would give old rows for a folder that was built anew under the same names.
        """
        self._write_group()
        self._close_shard()
        digest = hashlib.sha256("".join(map(sha256_of, self._shards)).encode()).hexdigest()[:16]
        return [
            shard.rename(
                self._folder / f"train-{number:05d}-of-{len(self._shards):05d}-{digest}.parquet"
            )
            for number, shard in enumerate(self._shards)
        ]

    def abandon(self) -> None:
        """Closes the open file, to be deleted."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write_group(self) -> None:
        if not self._rows:
            return
        if self._writer is None:
            self._shards.append(self._folder / f"shard-{len(self._shards)}")
            self._writer = pq.ParquetWriter(
                self._shards[-1], self._schema, compression="zstd", compression_level=3
            )
        self._writer.write_table(_table(self._rows, self._schema))
        self.num_rows += len(self._rows)
        self.num_sites += self._group_sites
        self._written_sites += self._group_sites
        self._rows, self._group_sites = [], 0
        if self._written_sites >= self._shard_sites:
            self._close_shard()

    def _close_shard(self) -> None:
        self.abandon()
        self._written_sites = 0


def _table(rows: list[RegionRow], schema: pa.Schema) -> pa.Table:
    states = np.concatenate([row.leaf_states for row in rows])  # (sites of all rows, S)
    num_sites, num_leaves = states.shape
    ends = np.cumsum([0, *(len(row.sequence) for row in rows)], dtype=np.int32)
    columns = pa.ListArray.from_arrays(
        np.arange(num_sites + 1, dtype=np.int32) * num_leaves, pa.array(states.reshape(-1))
    )
    storage = pa.ListArray.from_arrays(ends, columns)
    leaf_states = pa.ExtensionArray.from_storage(schema.field("leaf_states").type, storage)
    names, starts, sequences, left, right, _ = zip(*rows, strict=True)
    arrays = [pa.array(names), pa.array(starts, pa.int64())]
    arrays += [pa.array(sequences), pa.array(left), pa.array(right), leaf_states]
    return pa.Table.from_arrays(arrays, schema=schema)


@contextmanager
def written_aside(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder that becomes `path` at the end, or disappears if there is an error.

    Raises:
        ValueError: `path` holds files and `overwrite` is off, or files that are no alignment data
            set, or are of none.
    """
    path = path.resolve()  # a folder cannot take the place of a link to one
    check_target(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    old = aside.with_name(aside.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(aside, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises the ValueError that `written_aside` would raise for this folder."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; give a folder.")
    if not path.exists() or not any(path.iterdir()):
        return
    if not (path / METADATA).is_file():
        raise ValueError(
            f"{path} holds files but no {METADATA}, so it is not a data set written here; it is "
            "left alone. Give another folder."
        )
    if not overwrite:
        raise ValueError(
            f"{path} holds a data set already; give a new or empty folder, or replace it with "
            "--overwrite (overwrite=True)."
        )
    require_no_other_files(path, METADATA, (CARD, TREE))


def write_description(folder: Path, newick: str, metadata: dict[str, Any]) -> None:
    """Adds tree, metadata with the checksum of every shard, and card to the shards in `folder`."""
    (folder / TREE).write_text(newick.rstrip("\n") + "\n", encoding="utf-8")
    shards = sorted((folder / DATA).glob("*.parquet"))
    checksums = {f"{DATA}/{shard.name}": sha256_of(shard) for shard in shards}
    text = json.dumps({**metadata, "sha256": checksums}, indent=1, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    digest = shards[0].stem.rpartition("-")[2]
    (folder / CARD).write_text(_card(metadata, digest), encoding="utf-8")


def _card(metadata: dict[str, Any], digest: str) -> str:
    counts = metadata["counts"]
    leaves = len(metadata["leaf_names"])
    sources = ", ".join(f"`{source['file']}`" for source in metadata["sources"])
    reference, flank = metadata["reference_leaf"], metadata["options"]["flank"]
    title = f"Alignment columns over {reference}, {leaves} species"
    license, origin = metadata.get("license"), metadata.get("origin")
    terms = (
        f"The alignment's licence is {license}."
        if license
        else "Its licence was not named (`--license`), and is the source's matter."
    )
    return f"""---
{f"license: {license}" if license else "# license: not named when this was built"}
pretty_name: {json.dumps(title, ensure_ascii=False)}
tags:
- biology
- dna
- genomics
- multiple-sequence-alignment
- phylogenetics
configs:
- config_name: default
  default: true
  data_files:
  - split: train
    path: {DATA}/train-*-{digest}.parquet
---

# {title}

{counts["sites"]:,} reference bases of {counts["names"]:,} chromosomes or loci in {counts["rows"]:,}
rows, made by `hf-genomics build-alignment` from {sources}.

Source of the alignment: {origin or "not named (`--source`)"}. {terms}

| column | meaning |
| --- | --- |
| `name` | chromosome or locus of the reference |
| `start` | 0-based position of the first base |
| `sequence` | n reference bases, upper case, A C G T N |
| `left_flank`, `right_flank` | up to {flank} reference bases before and after them |
| `leaf_states` | int8 (n, {leaves}): 0..3 = A, C, G, T, 4 = gap or unknown |

The leaves are in the order of `{TREE}`.

`{METADATA}` names the leaves, the species that fit no leaf, and what was counted and left out.

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", split="train").with_format("numpy")
```
"""
