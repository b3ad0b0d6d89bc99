"""Repeats against background from any genome and its annotation: a data set like TEB, not TEB.

TEB's own recipe is not documented; this one is ours: see `repeat_pairs`, `chromosome_split` and
`minimizers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.indexed_genome import shortened

from .assemblies import contig_key
from .chromosome_split import SHARES, split_by_chromosome
from .configurations import Configuration, in_order
from .genome_sequences import require_nucleotides
from .labelled_rows import split_dataset
from .minimizers import WINDOW, K, near_duplicates
from .repeat_annotation import Repeat, read_annotation
from .repeat_pairs import Example, pairs_of_contig
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source
from .validation import mixed_order

MIN_IDENTITY = 0.8

SPEC = BenchmarkSpec(
    name="teb_like",
    title="Repeats against background (TEB-like)",
    description=(
        "Annotated repeats of a genome, and for each a stretch of the same chromosome, length and "
        "strand, and of nearly the same GC content (within 5 percentage points), that overlaps no "
        "repeat and no other such stretch. Made in the manner of TEB, of which no recipe is "
        "published; it is not TEB, and results on it do not compare with those on TEB."
    ),
    tasks=(
        TaskSpec(
            name="repeats",
            task="repeat or background",
            label_names=("background", "repeat"),
            metric="matthews_correlation",
        ),
    ),
    split_rule=(
        "whole chromosomes, so that validation and test each hold about 7 % of the repeats; then "
        f"pairs of train of which a row shares minimizers (k {K}, window {WINDOW}) with "
        f"a row of validation or test, at an estimated identity of {MIN_IDENTITY} or more over the "
        "shorter of the two, are left out, and pairs of validation near to test likewise"
    ),
    licence_note="The terms are those of the genome and of its annotation.",
    options=("annotation", "max_length", "families"),
    source_help="Name a genome FASTA, and the annotation of its repeats (--annotation).",
    columns={
        "chrom": "contig",
        "start": "first base, 0-based",
        "end": "the base after the last",
        "strand": "that of the sequence",
        "family": "of the repeat, in the words of the annotation",
    },
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """The one configuration."""
    return SPEC.config_names


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """The data set of a genome.

    Raises:
        ValueError: The source is no FASTA file, there is no annotation or it is of another genome,
            or too few chromosomes hold repeats.
    """
    if isinstance(source, str) or not source.is_file():
        raise ValueError(f"{source} is no FASTA file. {SPEC.source_help}")
    if options.annotation is None:
        raise ValueError(f"No annotation was given. {SPEC.source_help}")
    repeats = read_annotation(options.annotation, options.families)
    counts: Counter[str] = Counter()
    pairs = _all_pairs(source, repeats, options, counts)
    contigs = split_by_chromosome({contig: len(found) for contig, found in pairs.items()})
    splits = {s: [pair for name in names for pair in pairs[name]] for s, names in contigs.items()}
    shares = {s: len(found) / sum(map(len, splits.values())) for s, found in splits.items()}
    splits, removed = _without_near_duplicates(splits)
    return Configuration(
        task,
        in_order({split: _rows(found, task, options) for split, found in splits.items()}),
        {
            f"genome {source.name}": source,
            f"annotation {options.annotation.name}": options.annotation,
        },
        _notes(contigs, shares, removed, counts),
        {
            "contigs": contigs,
            "pairs_removed_as_near_duplicates": removed,
            "repeats": dict(sorted(counts.items())),
        },
    )


def _all_pairs(
    genome: Path, repeats: Sequence[Repeat], options: BuildOptions, counts: Counter[str]
) -> dict[str, list[tuple[Example, Example]]]:
    by_contig: dict[str, list[Repeat]] = {}
    for repeat in repeats:
        by_contig.setdefault(contig_key(repeat.contig), []).append(repeat)
    pairs: dict[str, list[tuple[Example, Example]]] = {}
    for number, record in enumerate(read_fasta(genome)):
        if record.name in pairs:
            raise ValueError(f"{genome} has the contig {record.name!r} twice.")
        require_nucleotides(record, genome)
        pairs[record.name] = pairs_of_contig(
            record.name,
            record.sequence,
            by_contig.pop(contig_key(record.name), []),
            max_length=options.max_length,
            rng=np.random.default_rng([options.seed, number]),
            counts=counts,
        )
    if by_contig:
        lost = next(iter(by_contig.values()))[0]
        raise ValueError(
            f"{lost.where}: {genome} has no contig {lost.contig!r}; it has {shortened(pairs)}. Are "
            "genome and annotation of one assembly?"
        )
    return pairs


Pairs = list[tuple[Example, Example]]


def _without_near_duplicates(splits: dict[str, Pairs]) -> tuple[dict[str, Pairs], dict[str, int]]:
    """Test stays whole, validation is thinned against it, train against both."""
    kept: dict[str, Pairs] = {"test": splits["test"]}
    removed = {}
    for split in ("validation", "train"):
        others = [example.sequence for part in kept.values() for pair in part for example in pair]
        near = near_duplicates(
            [example.sequence for pair in splits[split] for example in pair],
            others,
            min_identity=MIN_IDENTITY,
        )
        kept[split] = [
            pair
            for index, pair in enumerate(splits[split])
            if not (near[2 * index] or near[2 * index + 1])
        ]
        removed[split] = len(splits[split]) - len(kept[split])
        if not kept[split]:
            contigs = ", ".join(sorted({pair[0].contig for pair in splits[split]}))
            raise ValueError(
                f"All {removed[split]} repeats of {split} ({contigs}) are near-duplicates of those "
                "of other splits; this genome's repeats are too much alike for a split. Choose "
                "other families (--family)."
            )
    return kept, removed


def _rows(pairs: Pairs, task: TaskSpec, options: BuildOptions) -> Dataset:
    examples = [example for pair in pairs for example in pair]
    order = mixed_order([example.sequence for example in examples], options.seed)
    ordered = [examples[row] for row in order]
    columns: dict[str, Any] = {
        "sequence": [example.sequence for example in ordered],
        "label": [example.label for example in ordered],
        "chrom": [example.contig for example in ordered],
        "start": [example.start for example in ordered],
        "end": [example.end for example in ordered],
        "strand": [example.strand for example in ordered],
        "family": [example.family for example in ordered],
    }
    return split_dataset(columns, task)


def _notes(
    contigs: dict[str, list[str]],
    shares: dict[str, float],
    removed: dict[str, int],
    counts: Counter[str],
) -> list[str]:
    notes = []
    for split in ("validation", "test"):
        names, share = ", ".join(contigs[split]), f"{100 * shares[split]:.1f} %"
        near = SHARES[0] <= shares[split] <= SHARES[1]
        far = "" if near else ", as near to 7 % as whole contigs come"
        notes.append(f"{split} is {names}, with {share} of the repeats{far}")
    notes.append(
        f"left out as near-duplicates: {removed['train']:,} pairs of train, "
        f"{removed['validation']:,} of validation"
    )
    said = [f"{name.replace('_', ' ')} {count:,}" for name, count in sorted(counts.items())]
    notes.append(f"repeats of the annotation: {', '.join(said)}")
    return notes
