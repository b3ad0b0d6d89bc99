"""`score_variants`: from a model, a FASTA file and variants to the same rows with scores."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from transformers.utils.logging import tqdm

from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.data.indexed_genome import IndexedGenome, shortened
from hf_genomics.data.progress import bars_shown
from hf_genomics.evaluation.modes import evaluation_mode
from hf_genomics.evaluation.variant_effects.alleles import CODES, STATUSES, Status
from hf_genomics.evaluation.variant_effects.region_reader import RegionSource
from hf_genomics.evaluation.variant_effects.resume import PartStore
from hf_genomics.evaluation.variant_effects.scorers import VariantScorer, load_model, scorer_of
from hf_genomics.evaluation.variant_effects.scores import Floats
from hf_genomics.evaluation.variant_effects.sources import Block, Source, open_source
from hf_genomics.evaluation.variant_effects.writers import require_free, scored_table, writer_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_PER_PART = 4096  # of a file
BASES_PER_PART = 1 << 15  # of a region; each has three rows
"""What is scored, sorted and stored at once. A killed run loses the work on one part."""


@dataclass
class Summary:
    """What a run wrote.

    Args:
        output: The file.
        num_rows: Rows of the input (bases, for a region).
        counts: Status to the number of alleles that have it, without those that none has.
        notes: What the user should know, in sentences.
    """

    output: Path
    num_rows: int
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        alleles = sum(self.counts.values())
        lines = [f"{self.output}: {self.num_rows} rows, {alleles} alleles"]
        width = max((len(status) for status in self.counts), default=0)
        lines += [f"  {status:<{width}}  {count}" for status, count in self.counts.items()]
        return "\n".join([*lines, *self.notes])


def score_variants(
    model: Any,
    fasta: str | PathLike[str],
    variants: Any = None,
    *,
    output: str | PathLike[str] | None = None,
    region: str | None = None,
    columns: Mapping[str, str] | None = None,
    prefix: str | None = None,
    track: str | None = None,
    rc_average: bool = False,
    embeddings: bool = False,
    window: int | None = None,
    batch_size: int = 32,
    device: str | None = None,
    dtype: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    rows_per_part: int | None = None,
    trust_remote_code: bool = False,
    progress: bool = False,
) -> pd.DataFrame | Summary:
    """Scores variants, or every possible change of one base in a region.

    Every row and allele of the input is in the output, in the same order, with a status; scores
    are missing where no score is defined (see `Status`). Changes of one base are scored.

    Args:
        model: A folder or Hub id, a model, which is in evaluation mode meanwhile, or a
            `VariantScorer` of your own.
        fasta: The reference, plain or compressed by bgzip or gzip.
        variants: `.vcf`, `.vcf.gz`, `.bcf`, or a table (`.tsv`, `.csv`, also with `.gz`,
            `.parquet`, a DataFrame, a pyarrow table) with columns chrom, pos (1-based), ref, alt.
        output: `.vcf`, `.vcf.gz`, `.tsv`, `.csv` (also with `.gz`), `.parquet`, and for a region
            `.bedgraph`; if None the scores are returned.
        region: `contig:start-end` (1-based, end included) in place of variants.
        columns: For a table, which column holds chrom, pos, ref, alt, if names differ.
        prefix: Goes before the names of the added fields; `HFG_` in VCF, nothing in tables if None.
        track: What a bedGraph shows: a score, or `min_`, `mean_` or `max_` and a score.
        rc_average: Average over both strands.
        embeddings: Add distances between embeddings of reference and alternative.
        window: Bases of the window; the model's own if None.
        batch_size: Windows in one forward pass, or as many bases in shared chunks.
        device: Such as `cuda` or `cpu`; a GPU if there is one. For a model: where it is.
        dtype: `float32` (default for a folder), `bfloat16`, `float16` or `float64`.
        resume: Go on with an interrupted run that wrote the same output.
        overwrite: Replace the output and forget an interrupted run.
        rows_per_part: Rows (bases, for a region) that are scored and stored at a time.
        trust_remote_code: Run the code that comes with a model of the Hub.
        progress: Show a progress bar.

    Returns:
        A DataFrame with a row for each allele if `output` is None (`attrs["counts"]` has the count
        of each status), else a `Summary`.

    Raises:
        ValueError: No score is defined for the model, an input cannot be read, or options do not
            go together; the message says what to do.
        ImportError: pysam is not installed.
    """
    if (variants is None) == (region is None):
        raise ValueError("Give either variants or a region.")
    if output is None and (resume or overwrite or track is not None):
        raise ValueError("resume, overwrite and track are for an output file; give output.")
    if resume and overwrite:
        raise ValueError(
            "resume goes on with an interrupted run, which overwrite forgets; give one of them."
        )
    if region is not None and columns:
        raise ValueError("columns are named for a table of variants; a region has none.")
    for name, number in (("batch_size", batch_size), ("rows_per_part", rows_per_part)):
        if number is not None and number < 1:
            raise ValueError(f"{name} is {number}; give 1 or more.")
    # Everything cheap first, so that a mistake waits neither for an index nor for the model.
    opened = open_source(variants, columns) if region is None else None
    with (
        bars_shown(progress),
        IndexedGenome(Path(fasta)) as genome,
        evaluation_mode(model),
    ):
        source = opened or RegionSource(str(region), genome)
        scorer = _scorer(
            model,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            rc_average=rc_average,
            embeddings=embeddings,
            window=window,
            batch_size=batch_size,
        )
        run = _Run(scorer, genome, source, rows_per_part, progress)
        if output is None:
            return run.frame(prefix or "")
        options = {"prefix": prefix, "track": track}
        return run.write(Path(output), options, resume=resume, overwrite=overwrite)


class _Run:
    """One scorer on one source."""

    def __init__(
        self,
        scorer: VariantScorer,
        genome: IndexedGenome,
        source: Source,
        rows_per_part: int | None,
        progress: bool,
    ) -> None:
        self.scorer = scorer
        self.genome = genome
        self.source = source
        default = BASES_PER_PART if isinstance(source, RegionSource) else ROWS_PER_PART
        self.rows_per_part = default if rows_per_part is None else rows_per_part
        self.progress = progress
        self.counts: Counter[str] = Counter()
        self.num_rows = 0
        self.missing: dict[str, None] = {}  # contigs that the FASTA lacks, a few of them

    def frame(self, prefix: str) -> pd.DataFrame:
        names = [f"{prefix}{name}" for name in ["status", *self.scorer.columns]]
        require_free(names, self.source.schema().names)
        tables = []
        for _, block in self._blocks():
            codes, scores = self._score(block)
            table = block.table()
            tables.append(scored_table(table, codes, scores, names, self.scorer.precision))
        if not tables:
            none = np.empty((0, len(names) - 1))
            codes = np.empty(0, np.uint8)
            rows = self.source.schema().empty_table()
            tables = [scored_table(rows, codes, none, names, self.scorer.precision)]
        frame = pa.concat_tables(tables).to_pandas()
        frame.attrs["counts"] = self._ordered_counts()
        return frame

    def write(
        self, output: Path, options: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> Summary:
        writer = writer_of(
            output,
            self.source,
            self.scorer.columns,
            self.scorer.precision,
            **options,
        )
        made_from = self._made_from() | dict(options) | {"output": "".join(output.suffixes[-2:])}
        store = PartStore(output, made_from, resume=resume, overwrite=overwrite)
        number_of_parts = 0
        try:
            for number, block in self._blocks():
                number_of_parts += 1
                if number in store:
                    self.counts.update(store.counts(number))
                    continue
                before = Counter(self.counts)
                codes, scores = self._score(block)
                part = writer.part(block, codes, scores)
                store.write(number, part, self.counts - before)
            store.assemble(number_of_parts, writer.join)
        finally:
            store.close()
        return Summary(output, self.num_rows, self._ordered_counts(), self._notes())

    def _blocks(self) -> Iterator[tuple[int, Block]]:
        bar = tqdm(unit=" rows", disable=not self.progress)
        with bar:
            for number, block in enumerate(self.source.blocks(self.rows_per_part)):
                yield number, block
                self.num_rows += block.num_rows
                bar.update(block.num_rows)

    def _score(self, block: Block) -> tuple[NDArray[np.uint8], Floats]:
        """Status codes `(n,)` and scores `(n, C)` of all alleles, NaN where there is none."""
        substitutions, codes = block.confirm(self.genome, context=self.scorer.context)
        scores = np.full((len(codes), len(self.scorer.columns)), np.nan)
        if len(substitutions):
            found = np.asarray(self.scorer(substitutions, self.genome), np.float64)
            finite = np.isfinite(found).all(1)
            scores[substitutions.row[finite]] = found[finite]
            codes[substitutions.row[~finite]] = CODES[Status.NOT_FINITE]
        numbers, counts = np.unique(codes, return_counts=True)
        for code, count in zip(numbers, counts, strict=True):
            self.counts[STATUSES[code]] += int(count)
        return codes, scores

    def _made_from(self) -> dict[str, Any]:
        """All that the bytes of the output depend on."""
        made = {
            "format": 1,
            "fasta": sha256_of(self.genome.path),
            "rows_per_part": self.rows_per_part,
            "scorer": dict(self.scorer.identity),
            "columns": list(self.scorer.columns),
        }
        if isinstance(self.source, RegionSource):
            source = self.source
            return made | {"region": f"{source.contig}:{source.start + 1}-{source.end}"}
        if self.source.path is not None:
            return made | {"variants": sha256_of(self.source.path)}
        digest = hashlib.sha256()
        for block in self.source.blocks(ROWS_PER_PART):
            digest.update(repr(block.table().to_pydict()).encode())
        return made | {"variants": digest.hexdigest()}

    def _ordered_counts(self) -> dict[str, int]:
        return {str(one): self.counts[one] for one in STATUSES if self.counts[one]}

    def _notes(self) -> list[str]:
        if not self.counts[Status.CONTIG_MISSING]:
            return []
        return [
            f"The FASTA has the contigs {shortened(self.genome.lengths)}; rows on others were kept "
            "without scores. Are the contigs named alike (chr1 and 1 are two names)?"
        ]


def _scorer(
    model: Any, *, device: str | None, dtype: str | None, trust_remote_code: bool, **options: Any
) -> VariantScorer:
    if isinstance(model, str | PathLike):
        model = load_model(
            str(model),
            device=device,
            dtype=dtype or "float32",
            trust_remote_code=trust_remote_code,
        )
    elif device is not None or dtype is not None:
        raise ValueError("device and dtype are for a model that is loaded here; move yours itself.")
    return scorer_of(model, **options)
