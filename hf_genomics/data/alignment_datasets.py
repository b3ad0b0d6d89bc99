"""Alignment files and a tree to a data set of columns over a reference species."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hf_genomics.data.aligned_fasta import read_aligned_fasta
from hf_genomics.data.alignment_files import AlignmentBlock, alignment_format, sha256_of
from hf_genomics.data.alignment_regions import (
    ColumnBuffer,
    RegionCutter,
    RegionRow,
    UnsortedAlignment,
)
from hf_genomics.data.alignment_writing import (
    DATA,
    METADATA,
    TREE,
    ShardWriter,
    check_target,
    write_description,
    written_aside,
)
from hf_genomics.data.alignments import ColumnCounts, ColumnExtractor, ReferenceColumns
from hf_genomics.data.maf import read_maf
from hf_genomics.data.species_map import SpeciesMap
from hf_genomics.models.phylogpn.phylogeny import Phylogeny

LeafChoice = Literal["occurring", "tree"]


@dataclass(frozen=True)
class AlignmentOptions:
    """What `build_alignment` leaves to choose.

    Attributes:
        leaves: "occurring" keeps the leaves that have a row in some block with the reference, for
            which the files are read twice; "tree" keeps all, in one reading.
        max_length: longest row, in reference bases.
        flank: most bases of context on each side of a row.
        shard_sites: reference bases after which a new Parquet file begins.
    """

    leaves: LeafChoice = "occurring"
    max_length: int = 10_240
    flank: int = 240
    shard_sites: int = 2_000_000

    def __post_init__(self) -> None:
        if self.leaves not in ("occurring", "tree"):
            raise ValueError(f"leaves is {self.leaves!r}; 'occurring' or 'tree' is needed.")
        for name, least in (("max_length", 1), ("flank", 0), ("shard_sites", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; give {least} or more.")


def build_alignment(
    files: Sequence[str | Path],
    output: str | Path,
    *,
    tree: Phylogeny,
    reference: str,
    species_map: SpeciesMap | None = None,
    options: AlignmentOptions | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a folder that `datasets.load_dataset(output)` reads; all of it or nothing.

    Memory does not grow with the files: one block (MAF) or locus (FASTA) is held at a time. Blocks
    have to be sorted by reference position within a chromosome, and chromosomes may not be mixed.

    Args:
        files: MAF or aligned FASTA, plain, gzip or bgzip, told from the content.
        output: the folder; it is made, or must be empty.
        tree: its leaves are the species; `phylogeny.nh` is this tree, restricted to what is kept.
        reference: the reference species as the files name it.
        species_map: name in the files -> leaf; by default names are leaves.
        options: see `AlignmentOptions`.
        overwrite: replace a folder that this function wrote before.

    Returns:
        The content of `alignment.json`.

    Raises:
        ValueError: The reference is no leaf or occurs in no block, a file is damaged or unsorted,
            or two blocks contradict each other.
    """
    paths = [Path(file) for file in files]
    options = options or AlignmentOptions()
    species_map = species_map or SpeciesMap({})
    if not paths:
        raise ValueError("No alignment file was given; give one or more.")
    check_target(Path(output).absolute(), overwrite=overwrite)  # before the work, not after it
    reference_leaf = species_map.leaf_of(reference)
    if reference_leaf not in tree.leaf_names:
        raise ValueError(
            f"The reference {reference!r} is leaf {reference_leaf!r}, which the tree has not; its "
            f"leaves are {_some(tree.leaf_names)}. Name the leaf in the species map."
        )
    with written_aside(Path(output), overwrite=overwrite) as folder:
        if options.leaves == "occurring":
            tree = _restricted(tree, paths, reference, reference_leaf, species_map)
        extractor = ColumnExtractor(reference, species_map, tree.leaf_names)
        writer = ShardWriter(folder / DATA, tree.num_leaves, options.shard_sites)
        assembler = _Assembler(tree.leaf_names.index(reference_leaf), tree.num_leaves, options)
        try:
            for row in assembler.rows(_columns(paths, extractor)):
                writer.add(row)
            if not writer.close():
                raise ValueError(_no_reference(reference, extractor.counts.rows))
        finally:
            writer.abandon()
        metadata = _metadata(
            paths, tree, reference, species_map, options, extractor.counts, writer, assembler
        )
        write_description(folder, tree.to_newick(), metadata)
    return json.loads(json.dumps(metadata))


def read_alignment_metadata(folder: str | Path) -> dict[str, Any]:
    """`alignment.json` of a folder that `build_alignment` wrote."""
    file = Path(folder) / METADATA
    if not file.is_file():
        raise ValueError(f"{folder} holds no {METADATA}; make it with `build-alignment`.")
    metadata: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return metadata


def read_alignment_phylogeny(folder: str | Path) -> Phylogeny:
    """The tree of a folder that `build_alignment` wrote; its leaves are the order of states."""
    return Phylogeny.from_newick(Path(folder) / TREE)


def read_blocks(path: Path) -> Iterator[AlignmentBlock]:
    """Blocks of a file of either kind."""
    return read_maf(path) if alignment_format(path) == "maf" else read_aligned_fasta(path)


class _Assembler:
    """Puts columns together, contig by contig, and counts."""

    def __init__(self, reference_leaf: int, num_leaves: int, options: AlignmentOptions) -> None:
        self.overlapping_columns = 0
        self.sites: Counter[str] = Counter()  # of each name, in their order
        self._reference_leaf = reference_leaf
        self._num_leaves = num_leaves
        self._options = options

    def rows(self, pieces: Iterable[ReferenceColumns]) -> Iterator[RegionRow]:
        for row in self._rows(pieces):
            self.sites[row.name] += len(row.sequence)
            yield row

    def _rows(self, pieces: Iterable[ReferenceColumns]) -> Iterator[RegionRow]:
        buffer: ColumnBuffer | None = None
        cutter: RegionCutter | None = None
        finished: set[str] = set()
        for piece in pieces:
            if buffer is None or cutter is None or buffer.contig != piece.contig:
                if buffer is not None and cutter is not None:
                    finished.add(buffer.contig)
                    yield from self._end(buffer, cutter)
                if piece.contig in finished:
                    raise UnsortedAlignment(
                        f"{piece.path}, line {piece.line}: {piece.contig} comes again after other "
                        "sequences; sort the blocks by reference position."
                    )
                buffer = ColumnBuffer(
                    piece.contig, piece.start, self._num_leaves, self._reference_leaf
                )
                cutter = RegionCutter(
                    piece.contig, max_length=self._options.max_length, flank=self._options.flank
                )
            for run in buffer.take(piece.start):
                yield from cutter.add(*run)
            buffer.add(piece)
        if buffer is not None and cutter is not None:
            yield from self._end(buffer, cutter)

    def _end(self, buffer: ColumnBuffer, cutter: RegionCutter) -> Iterator[RegionRow]:
        for run in buffer.take():
            yield from cutter.add(*run)
        yield from cutter.end()
        self.overlapping_columns += buffer.overlapping_columns


def _columns(paths: list[Path], extractor: ColumnExtractor) -> Iterator[ReferenceColumns]:
    for path in paths:
        for block in read_blocks(path):
            columns = extractor.columns(block)
            if columns is not None:
                yield columns


def _restricted(
    tree: Phylogeny,
    paths: list[Path],
    reference: str,
    reference_leaf: str,
    species_map: SpeciesMap,
) -> Phylogeny:
    species: set[str] = set()
    seen: Counter[str] = Counter()
    for path in paths:
        for block in read_blocks(path):
            names = {row.species for row in block.rows}
            if reference in names:
                species |= names
            else:
                seen.update(names)
    if reference not in species:
        raise ValueError(_no_reference(reference, seen))
    leaves = {species_map.leaf_of(name) for name in species} & set(tree.leaf_names)
    if len(leaves) < 2:
        raise ValueError(
            f"Of {len(species)} species only {reference!r} is a leaf of the tree: the files name "
            f"{_some(sorted(species))}, the tree {_some(tree.leaf_names)}. Give a species map."
        )
    return tree.restrict_to([leaf for leaf in tree.leaf_names if leaf in leaves | {reference_leaf}])


def _metadata(
    paths: list[Path],
    tree: Phylogeny,
    reference: str,
    species_map: SpeciesMap,
    options: AlignmentOptions,
    counts: ColumnCounts,
    writer: ShardWriter,
    assembler: _Assembler,
) -> dict[str, Any]:
    leaves = set(tree.leaf_names)
    species = {
        name: {"leaf": species_map.leaf_of(name), "rows": rows, "bases": counts.known_bases[name]}
        for name, rows in sorted(counts.rows.items())
    }
    numbers = asdict(counts)
    del numbers["rows"], numbers["known_bases"]
    return {
        "reference": reference,
        "reference_leaf": species_map.leaf_of(reference),
        "leaf_names": tree.leaf_names,
        "counts": {
            "sites": writer.num_sites,
            "rows": writer.num_rows,
            "names": len(assembler.sites),
            **numbers,
            "overlapping_columns": assembler.overlapping_columns,
        },
        "matched_species": {n: s for n, s in species.items() if s["leaf"] in leaves},
        "unmatched_species": {n: s for n, s in species.items() if s["leaf"] not in leaves},
        "sites_of_each_name": dict(assembler.sites),
        "sources": [
            {"file": path.name, "format": alignment_format(path), "sha256": sha256_of(path)}
            for path in paths
        ],
        "options": asdict(options),
    }


def _no_reference(reference: str, seen: Iterable[str]) -> str:
    return (
        f"The reference {reference!r} has no base in any block; the files name "
        f"{_some(sorted(seen))}. Give the reference as the files name it."
    )


def _some(names: Sequence[str], limit: int = 8) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
