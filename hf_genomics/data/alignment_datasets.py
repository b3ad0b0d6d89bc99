"""Alignment files and a tree to a data set of columns over a reference species."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from hf_genomics.data.alignment_files import alignment_format, sha256_of
from hf_genomics.data.alignment_reading import BlockReader
from hf_genomics.data.alignment_regions import (
    ColumnBuffer,
    RegionCutter,
    RegionRow,
    UnsortedAlignment,
)
from hf_genomics.data.alignment_sorting import sorted_columns
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
from hf_genomics.data.licences import require_licence
from hf_genomics.data.progress import bars_shown
from hf_genomics.data.reference_bases import ReferenceBases
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
    genome: str | Path | None = None,
    options: AlignmentOptions | None = None,
    license: str | None = None,
    source: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes a folder that `datasets.load_dataset(output)` reads; all of it or nothing.

    Memory does not grow with the files: one block (MAF) or locus (FASTA) is held at a time. Rows
    come in the order of the files. Blocks that are not sorted by reference position, or whose
    chromosomes are mixed, are noticed and sorted on disk, within `output`; rows then come by name
    (chr2 before chr10) and position.

    Args:
        files: MAF or aligned FASTA, plain, gzip or bgzip, told from the content.
        output: the folder; it is made, or must be empty.
        tree: its leaves are the species; `phylogeny.nh` is this tree, restricted to what is kept.
        reference: the reference species as the files name it.
        species_map: name in the files -> leaf; by default names are leaves.
        genome: FASTA of the reference, for the context of rows beyond the alignment, and to check
            every reference base; without it unaligned bases are N. Needs pysam.
        options: see `AlignmentOptions`.
        license: of the alignment, as the Hub spells it (`"cc-by-4.0"`, `"other"`), and
        source: where it is from, a URL or words: for the card, without which an upload is refused.
        overwrite: replace a folder that this function wrote before.
        progress: show a bar of the bytes read.

    Returns:
        The content of `alignment.json`.

    Raises:
        ValueError: The reference is no leaf or occurs in no block, no other species is a leaf, a
            file is damaged, two blocks or block and genome contradict each other, or the licence
            is not spelt as the Hub does.
        ImportError: A genome was given, but pysam is not installed.
    """
    paths = [Path(file) for file in files]
    options = options or AlignmentOptions()
    species_map = species_map or SpeciesMap({})
    if not paths:
        raise ValueError("No alignment file was given; give one or more.")
    for path, times in Counter(path.resolve() for path in paths).items():
        if times > 1:
            raise ValueError(f"{path} is given {times} times; give each file once.")
    require_licence(license)
    check_target(Path(output).absolute(), overwrite=overwrite)  # before the work, not after it
    reference_leaf = species_map.leaf_of(reference)
    if reference_leaf not in tree.leaf_names:
        raise ValueError(
            f"The reference {reference!r} is leaf {reference_leaf!r}, which the tree has not; its "
            f"leaves are {_some(tree.leaf_names)}. Name the leaf in a species map (--species-map)."
        )
    readings = 2 if options.leaves == "occurring" else 1
    with (
        bars_shown(progress),
        written_aside(Path(output), overwrite=overwrite) as folder,
        TemporaryDirectory(dir=folder) as temporary,
        nullcontext() if genome is None else ReferenceBases(genome, reference) as bases,
        BlockReader(paths, readings=readings, progress=progress) as reader,
    ):
        if options.leaves == "occurring":
            tree = _restricted(tree, paths, reader, reference, reference_leaf, species_map)
        build = _Build(paths, reader, reference, reference_leaf, species_map, tree, bases, options)
        try:
            build.write(folder / DATA)
        except UnsortedAlignment:
            shutil.rmtree(folder / DATA)
            reader.read_again()
            build.write(folder / DATA, sort_in=Path(temporary) / "columns")
        metadata = build.metadata()
        if genome is not None:
            metadata["genome"] = {"file": Path(genome).name, "sha256": sha256_of(Path(genome))}
        given = {"license": license, "origin": None if source is None else " ".join(source.split())}
        metadata |= {name: value for name, value in given.items() if value}
        write_description(folder, tree.to_newick(), metadata)
    return metadata


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


class _Build:
    """Reads the files, writes the rows, and knows what happened."""

    def __init__(
        self,
        paths: list[Path],
        reader: BlockReader,
        reference: str,
        reference_leaf: str,
        species_map: SpeciesMap,
        tree: Phylogeny,
        bases: ReferenceBases | None,
        options: AlignmentOptions,
    ) -> None:
        self._paths = paths
        self._reader = reader
        self._reference = reference
        self._reference_leaf = reference_leaf
        self._species_map = species_map
        self._tree = tree
        self._bases = bases
        self._options = options

    def write(self, folder: Path, *, sort_in: Path | None = None) -> None:
        """Writes the shards; `sort_in` is a folder for temporary files, None for sorted blocks."""
        self._counts = ColumnCounts()
        self._overlapping = 0
        self._sorted = sort_in is not None
        self._sites: Counter[str] = Counter()  # of each name, in their order
        pieces = self._columns()
        if sort_in is not None:
            pieces = sorted_columns(pieces, sort_in, self._tree.num_leaves)
        self._writer = ShardWriter(folder, self._tree.num_leaves, self._options.shard_sites)
        try:
            for row in self._rows(pieces):
                if self._bases is not None:
                    self._bases.check(row)
                self._sites[row.name] += len(row.sequence)
                self._writer.add(row)
            if not self._sites:
                raise ValueError(_no_reference(self._reference, self._counts.rows))
            species = self._counts.rows
            leaves = {self._species_map.leaf_of(name) for name in species}
            if len(leaves.intersection(self._tree.leaf_names)) < 2:
                raise ValueError(_no_other_leaf(self._reference, species, self._tree))
            self._writer.close()
        finally:
            self._writer.abandon()

    def metadata(self) -> dict[str, Any]:
        """The content of `alignment.json`."""
        leaves = set(self._tree.leaf_names)
        counts = dict(vars(self._counts))
        rows, bases = counts.pop("rows"), counts.pop("known_bases")
        species = {
            name: {
                "leaf": self._species_map.leaf_of(name),
                "rows": rows[name],
                "bases": bases[name],
            }
            for name in sorted(rows)
        }
        return {
            "reference": self._reference,
            "reference_leaf": self._reference_leaf,
            "leaf_names": self._tree.leaf_names,
            "counts": {
                "sites": self._writer.num_sites,
                "rows": self._writer.num_rows,
                "names": len(self._sites),
                **counts,
                "overlapping_columns": self._overlapping,
            },
            "sorted_on_disk": self._sorted,
            "matched_species": {n: s for n, s in species.items() if s["leaf"] in leaves},
            "unmatched_species": {n: s for n, s in species.items() if s["leaf"] not in leaves},
            "sites_of_each_name": dict(self._sites),
            "sources": [
                {"file": path.name, "format": alignment_format(path), "sha256": sha256_of(path)}
                for path in self._paths
            ],
            "options": asdict(self._options),
        }

    def _columns(self) -> Iterator[ReferenceColumns]:
        extractor = ColumnExtractor(self._reference, self._species_map, self._tree.leaf_names)
        self._counts = extractor.counts
        loci: dict[str, Path] = {}
        for path in self._paths:
            is_fasta = alignment_format(path) == "fasta"
            for block in self._reader.blocks(path):
                columns = extractor.columns(block)
                if columns is None:
                    continue
                if is_fasta and columns.contig in loci:
                    raise ValueError(
                        f"{path}, line {columns.line}: locus {columns.contig!r} is also in "
                        f"{loci[columns.contig]}; give each locus once, or another name."
                    )
                if is_fasta:
                    loci[columns.contig] = path
                yield columns

    def _rows(self, pieces: Iterable[ReferenceColumns]) -> Iterator[RegionRow]:
        finished: set[str] = set()
        # Pieces of a contig follow each other, else they are not sorted.
        for contig, of_contig in groupby(pieces, key=lambda piece: piece.contig):
            buffer: ColumnBuffer | None = None
            cutter = RegionCutter(
                contig,
                max_length=self._options.max_length,
                flank=self._options.flank,
                reference_bases=None if self._bases is None else self._bases.fetch,
            )
            for piece in of_contig:
                if contig in finished:
                    raise UnsortedAlignment(
                        f"{piece.path}, line {piece.line}: {contig} comes again after other "
                        "sequences; sort the blocks by reference position."
                    )
                if buffer is None:
                    leaf = self._tree.leaf_names.index(self._reference_leaf)
                    buffer = ColumnBuffer(contig, piece.start, self._tree.num_leaves, leaf)
                for run in buffer.take(piece.start):
                    yield from cutter.add(*run)
                buffer.add(piece)
            finished.add(contig)
            if buffer is not None:
                for run in buffer.take():
                    yield from cutter.add(*run)
                yield from cutter.end()
                self._overlapping += buffer.overlapping_columns


def _restricted(
    tree: Phylogeny,
    paths: list[Path],
    reader: BlockReader,
    reference: str,
    reference_leaf: str,
    species_map: SpeciesMap,
) -> Phylogeny:
    species: set[str] = set()
    seen: Counter[str] = Counter()
    for path in paths:
        for block in reader.blocks(path):
            names = {row.species for row in block.rows}
            if reference in names:
                species |= names
            else:
                seen.update(names)
    if reference not in species:
        raise ValueError(_no_reference(reference, seen))
    leaves = {species_map.leaf_of(name) for name in species} & set(tree.leaf_names)
    if leaves == {reference_leaf}:
        raise ValueError(_no_other_leaf(reference, species, tree))
    return tree.restrict_to([leaf for leaf in tree.leaf_names if leaf in leaves])


def _no_reference(reference: str, seen: Iterable[str]) -> str:
    return (
        f"The reference {reference!r} has no base in any block; the files name "
        f"{_some(sorted(seen))}. Give the reference as the files name it."
    )


def _no_other_leaf(reference: str, species: Iterable[str], tree: Phylogeny) -> str:
    return (
        f"Of the species only {reference!r} is a leaf of the tree: the files name "
        f"{_some(sorted(species))}, the tree {_some(tree.leaf_names)}. Give a species "
        "map (--species-map)."
    )


def _some(names: Sequence[str], limit: int = 8) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
