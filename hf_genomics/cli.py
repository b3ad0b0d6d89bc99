"""`hf-genomics`: the command line. Arguments in, one call out.

Commands import what they need when they run, so that `hf-genomics --help` answers at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from hf_genomics.benchmarks.parameters import (
    Condition,
    ModelName,
    SimulationParameters,
    SplitRule,
    TreeShape,
    without_effect,
)

USER_ERROR = 2  # exit code; the same that argument parsing uses

app = typer.Typer(
    name="hf-genomics",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a plain traceback is what a bug report needs
    rich_markup_mode=None,
)


@app.callback()
def main() -> None:
    """Genomics models and benchmarks for Transformers.

    \b
    hf-genomics simulate clade --output clade_data --num-train 2000
    hf-genomics build-dataset gue --source GUE --output gue
    hf-genomics build-alignment chr22.maf.gz --tree birds.nh --reference galGal6 --output birds
    hf-genomics score-variants --model M --fasta hg38.fa.gz --variants in.vcf.gz --output out.vcf.gz
    hf-genomics export-vocabulary runs/robust --genomes yeast.fa.gz --output vocabulary

    `hf-genomics COMMAND --help` has the options of a command, and more examples.
    """


@app.command()
def simulate(
    context: typer.Context,
    condition: Annotated[Condition, typer.Argument(help="What the labels mean.")],
    output: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    num_train: Annotated[int, typer.Option(help="Rows of the train split.")] = 2000,
    num_validation: Annotated[int, typer.Option(help="Rows of the validation split.")] = 500,
    num_test: Annotated[int, typer.Option(help="Rows of the test split.")] = 500,
    length: Annotated[int, typer.Option(help="Bases per sequence.")] = 200,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    tree: Annotated[TreeShape, typer.Option(help="Shape of the tree.")] = TreeShape.YULE,
    num_leaves: Annotated[int, typer.Option(help="Tips of the tree; rows are individuals.")] = 256,
    height: Annotated[
        float, typer.Option(help="Root-to-tip distance, expected substitutions per site.")
    ] = 0.5,
    individual_branch_length: Annotated[
        float, typer.Option(help="Branch between a tip and each of its rows, same unit.")
    ] = 0.05,
    clade_depth: Annotated[
        int, typer.Option(help="Clades are cut this many branches below the root.")
    ] = 1,
    model: Annotated[ModelName, typer.Option(help="Substitution model.")] = ModelName.HKY85,
    kappa: Annotated[float, typer.Option(help="HKY85: transition/transversion rate ratio.")] = 2.0,
    base_frequencies: Annotated[
        tuple[float, float, float, float], typer.Option(help="HKY85: frequencies of A C G T.")
    ] = (0.3, 0.2, 0.2, 0.3),
    gamma_shape: Annotated[
        float | None, typer.Option(help="Gamma-distributed site rates of this shape.")
    ] = None,
    death_rate: Annotated[
        float, typer.Option(help="Birth-death tree: deaths per birth, 0 to below 1.")
    ] = 0.5,
    split: Annotated[
        SplitRule, typer.Option(help="'subtree' holds whole subtrees out of train.")
    ] = SplitRule.RANDOM,
    motif: Annotated[str | None, typer.Option(help="Motif to plant; drawn if not given.")] = None,
    motif_length: Annotated[int, typer.Option(help="Length of a drawn motif.")] = 12,
    element_length: Annotated[
        int | None, typer.Option(help="Bases of a transposon copy; half of the length if not given")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set written before.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar; there is none in a log.")
    ] = False,
) -> None:
    """Simulate a labelled data set: Parquet, card, tree and provenance in one folder.

    \b
    clade: the label is the clade of the tree a sequence descends from.
    permuted: the same with shuffled labels, a null.
    motif: a motif in random bases, a control without a tree.
    decayed-motif: a motif planted in one clade's ancestor, mutated since.
    transposon: a copy of an evolved repeat family against its shuffled bases.

    \b
    hf-genomics simulate clade --output data --tree balanced --split subtree --seed 1
    hf-genomics simulate motif --output data --length 70 --motif GATTACA
    """
    with user_errors_in_one_line():
        parameters = SimulationParameters(
            condition=condition,
            num_train=num_train,
            num_validation=num_validation,
            num_test=num_test,
            length=length,
            seed=seed,
            tree=tree,
            num_leaves=num_leaves,
            height=height,
            individual_branch_length=individual_branch_length,
            clade_depth=clade_depth,
            model=model,
            kappa=kappa,
            base_frequencies=base_frequencies,
            gamma_shape=gamma_shape,
            death_rate=death_rate,
            split=split,
            motif=motif,
            motif_length=motif_length,
            element_length=element_length,
        )
        for name, reason in without_effect(parameters).items():
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                raise ValueError(
                    f"--{name.replace('_', '-')} has no effect: {reason}; leave it out."
                )
        from hf_genomics.benchmarks.simulator import simulate as run
        from hf_genomics.benchmarks.writing import check_target, write_dataset
        from hf_genomics.data.progress import bars_shown

        check_target(output, overwrite=overwrite)  # before the work, not after it
        simulation = run(parameters)
        with bars_shown(_shows_progress(quiet)):
            folder = write_dataset(
                simulation.dataset, output, simulation.facts, overwrite=overwrite
            )
        sizes = ", ".join(f"{name} {len(rows)}" for name, rows in simulation.dataset.items())
        typer.echo(f"{folder}: {sizes} rows of {length} bases")


class Dtype(StrEnum):
    """Precision of a model."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT64 = "float64"


@app.command()
def score_variants(
    model: Annotated[str, typer.Option(help="Folder or Hub id of a model.")],
    fasta: Annotated[Path, typer.Option(help="Reference: .fa, or .fa.gz by bgzip or gzip.")],
    output: Annotated[
        Path,
        typer.Option(help=".vcf, .vcf.gz, .tsv, .csv, .parquet; for a region also .bedgraph."),
    ],
    variants: Annotated[
        Path | None, typer.Option(help=".vcf, .vcf.gz, .bcf, .tsv, .csv or .parquet.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Instead: every possible SNV of contig:start-end (1-based, inclusive)."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column of a table by its name there, as pos=position; repeatable."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Before the names of added fields; HFG_ in VCF.")
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(help="bedGraph: a score such as site_rate, or min_llr, mean_llr, max_llr."),
    ] = None,
    rc_average: Annotated[
        bool, typer.Option("--rc-average", help="Average over both strands.")
    ] = False,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Add distances between embeddings.")
    ] = False,
    window: Annotated[
        int | None, typer.Option(help="Bases of a window; the model's own if not given.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Windows in a forward pass, or as many bases in chunks.")
    ] = 32,
    device: Annotated[
        str | None, typer.Option(help="Such as cuda or cpu; a GPU if there is one.")
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Precision of the model.")] = Dtype.FLOAT32,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run, if there is one.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output; forget an interrupted run.")
    ] = False,
    rows_per_part: Annotated[
        int | None, typer.Option(min=1, help="Rows, or bases of a region, stored at a time.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar; there is none in a log.")
    ] = False,
) -> None:
    """Score variants with a model: the same rows, with a status and scores.

    Every row and allele of the input is in the output, in its order. Changes of one base are
    scored; every other row says in its status why it is not.

    \b
    hf-genomics score-variants --model M --fasta hg38.fa.gz --variants in.vcf.gz --output out.vcf.gz
    hf-genomics score-variants --model M --fasta hg38.fa.gz --region chr17:43044295-43125364 \\
        --output brca1.bedgraph --track site_rate
    """
    with user_errors_in_one_line():
        pairs = [pair.partition("=") for pair in column or []]
        if not all(name and sign and found for name, sign, found in pairs):
            raise ValueError(f"--column is {column}; write it as pos=position.")
        from hf_genomics.evaluation.variant_effects.scoring import score_variants as run

        _need_pysam()
        summary = run(
            model,
            fasta,
            variants,
            output=output,
            region=region,
            columns={name: found for name, _, found in pairs} or None,
            prefix=prefix,
            track=track,
            rc_average=rc_average,
            embeddings=embeddings,
            window=window,
            batch_size=batch_size,
            device=device,
            dtype=dtype.value,
            resume=resume,
            overwrite=overwrite,
            rows_per_part=rows_per_part,
            trust_remote_code=trust_remote_code,
            progress=_shows_progress(quiet),
        )
        typer.echo(str(summary))


@app.command("build-alignment")
def build_alignment_command(
    files: Annotated[list[Path], typer.Argument(help="MAF or aligned FASTA, plain, gzip, bgzip.")],
    output: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    tree: Annotated[Path, typer.Option(help="Newick file; its leaves are the species.")],
    reference: Annotated[str, typer.Option(help="Reference species, as the files name it.")],
    species_map: Annotated[
        Path | None, typer.Option(help="CSV or TSV: name in the files, leaf of the tree.")
    ] = None,
    name_column: Annotated[str, typer.Option(help="Column of names in the species map.")] = "name",
    leaf_column: Annotated[str, typer.Option(help="Column of leaves in the species map.")] = "leaf",
    fasta: Annotated[
        Path | None, typer.Option(help="Reference genome, for context beyond the alignment.")
    ] = None,
    leaves: Annotated[
        str, typer.Option(help="'occurring' reads the files twice; 'tree' keeps every leaf.")
    ] = "occurring",
    max_length: Annotated[int, typer.Option(help="Longest row, in reference bases.")] = 10_240,
    flank: Annotated[int, typer.Option(help="Bases of context on each side of a row.")] = 240,
    license: Annotated[
        str | None, typer.Option(help="Of the alignment, as the Hub spells it; for the card.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Where the alignment is from, for the card: a URL or words.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set written before.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar; there is none in a log.")
    ] = False,
) -> None:
    """Turn multi-species alignments into a data set of columns over a reference species.

    Writes Parquet with the reference sequence and int8 leaf states, the tree restricted to the
    species that occur, alignment.json and a card. Species that fit no leaf are listed.

    \b
    hf-genomics build-alignment chr22.maf.gz --tree birds.nh --reference galGal6 \\
        --species-map species.csv --output birds
    """
    with user_errors_in_one_line():
        from hf_genomics.data.alignment_datasets import AlignmentOptions, build_alignment
        from hf_genomics.data.species_map import SpeciesMap
        from hf_genomics.models.phylogpn.phylogeny import Phylogeny

        if fasta is not None:
            _need_pysam()
        phylogeny = Phylogeny.from_newick(tree)
        names = SpeciesMap({})
        if species_map is None and (name_column, leaf_column) != ("name", "leaf"):
            raise ValueError(
                "--name-column and --leaf-column are of a species map; give --species-map too, or "
                "leave them out."
            )
        if species_map is not None:
            names = SpeciesMap.from_csv(
                species_map,
                name_column=name_column,
                leaf_column=leaf_column,
                tree_leaves=phylogeny.leaf_names,
            )
        metadata = build_alignment(
            files,
            output,
            tree=phylogeny,
            reference=reference,
            species_map=names,
            genome=fasta,
            options=AlignmentOptions(leaves=leaves, max_length=max_length, flank=flank),  # type: ignore[arg-type]
            license=license,
            source=source,
            overwrite=overwrite,
            progress=_shows_progress(quiet),
        )
        for name, species in metadata["unmatched_species"].items():
            typer.echo(f"No leaf for {name}: {species['bases']} bases left out", err=True)
        counts = metadata["counts"]
        if without := counts["blocks_without_reference"]:
            typer.echo(f"Blocks without a row of {reference}, left out: {without}", err=True)
        if metadata["sorted_on_disk"]:
            typer.echo("The blocks were not sorted by position; sorted on disk.", err=True)
        typer.echo(
            f"{output}: {counts['sites']} reference bases of {counts['names']} names in "
            f"{counts['rows']} rows, {len(metadata['leaf_names'])} leaves"
        )


class ManyValues(TyperCommand):
    """A command whose `--genomes` and `--held-out` take all words up to the next option."""

    flags = ("--genomes", "--held-out")

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        repeated: list[str] = []
        flag = None
        for word in args:
            if word.startswith("-"):
                flag = word if word in self.flags else None
            elif flag is not None and repeated[-1] != flag:
                repeated.append(flag)
            repeated.append(word)
        return super().parse_args(ctx, repeated)


@app.command("export-vocabulary", cls=ManyValues)
def export_vocabulary_command(
    model: Annotated[str, typer.Argument(help="Folder or Hub id of a VQDNA model.")],
    genomes: Annotated[
        list[str],
        typer.Option(help="FASTA files, plain or gzip, or data sets with sequences; one or more."),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    held_out: Annotated[
        list[str] | None,
        typer.Option(help="Count in these alone: contigs NAME or NAME:START-END; one or more."),
    ] = None,
    k: Annotated[int, typer.Option("--k", help="Bases of the k-mers at a code's centre.")] = 7,
    max_bases: Annotated[int | None, typer.Option(help="Stop after so many bases.")] = None,
    window: Annotated[int, typer.Option(help="Bases read at a time.")] = 512,
    batch_size: Annotated[int, typer.Option(help="Windows in a forward pass.")] = 16,
    device: Annotated[
        str | None, typer.Option(help="Such as cuda or cpu; a GPU if there is one.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar; there is none in a log.")
    ] = False,
) -> None:
    """Write what each code of a VQDNA quantizer stands for, as tables.

    One Parquet file per level: counts, k-mers, position weight matrices, consensus, partners on
    the other strand, nearest codes. Beside them the codebooks, codes.json and a card.

    \b
    hf-genomics export-vocabulary runs/robust --genomes yeast.fa.gz ecoli.fa.gz \\
        --held-out chrXVI:800000-900000 ecoli:4500000-4600000 --output vocabulary
    """
    with user_errors_in_one_line():
        from hf_genomics.evaluation.vocabulary import export_vocabulary

        codes = export_vocabulary(
            model,
            genomes,
            output,
            held_out=held_out or (),
            k=k,
            max_bases=max_bases,
            window=window,
            batch_size=batch_size,
            device=device,
            progress=_shows_progress(quiet),
        )
        for level in codes["levels"]:
            typer.echo(
                f"{output / level['file']}: {level['active']} of {level['codebook_size']} codes "
                f"in {level['codes_counted']} occurrences"
            )


@app.command("build-dataset")
def build_dataset_command(
    name: Annotated[
        str, typer.Argument(help="Benchmark, as `list_benchmarks()` names it: gue, ...")
    ],
    source: Annotated[
        str, typer.Option(help="Folder, archive or URL of the original files, or a Hub id.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    config: Annotated[
        list[str] | None, typer.Option(help="Only this configuration; repeatable.")
    ] = None,
    genome: Annotated[
        list[str] | None,
        typer.Option(help="FASTA for coordinates; for one class as class=PATH; repeatable."),
    ] = None,
    annotation: Annotated[
        Path | None, typer.Option(help="Repeats of the genome: RepeatMasker .out or GFF.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="Only repeats whose class, family or type begins so; repeatable."),
    ] = None,
    max_length: Annotated[int, typer.Option(min=1, help="Longest repeat, in bases.")] = 1000,
    window: Annotated[int, typer.Option(min=1, help="Bases around a variant.")] = 1024,
    min_barcodes: Annotated[int, typer.Option(min=0, help="MPRA: fewest barcodes of a row.")] = 10,
    validation_fraction: Annotated[
        float, typer.Option(help="Share of train set aside where there is no validation split.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    license: Annotated[
        str | None, typer.Option(help="Of the data, as the Hub spells it; for the card.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a data set written before.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar; there is none in a log.")
    ] = False,
) -> None:
    """Build a benchmark: Parquet, card and provenance in one folder, ready for the Hub.

    \b
    hf-genomics build-dataset gue --source GUE --output gue
    hf-genomics build-dataset gue --source GUE --output tata --config prom_core_tata
    """
    with user_errors_in_one_line():
        from hf_genomics.benchmarks.building import build_dataset
        from hf_genomics.benchmarks.registry import find_benchmark
        from hf_genomics.benchmarks.specs import BuildOptions

        options = BuildOptions(
            genomes=_genomes(genome or []),
            annotation=annotation,
            families=tuple(family or []),
            max_length=max_length,
            window=window,
            min_barcodes=min_barcodes,
            validation_fraction=validation_fraction,
            seed=seed,
        )
        options.require_effect(find_benchmark(name).SPEC)
        built = build_dataset(
            name,
            source,
            output,
            configs=config or [],
            options=options,
            licence=license,
            overwrite=overwrite,
            progress=_shows_progress(quiet),
        )
        for task, record in built["configurations"].items():
            sizes = [f"{split} {sum(rows.values())}" for split, rows in record["rows"].items()]
            typer.echo(f"{task}: {', '.join(sizes)}")
        typer.echo(f"{output}: {len(built['configurations'])} configurations")


def _genomes(given: list[str]) -> dict[str, Path]:
    """`PATH` for all classes, `class=PATH` for one; a path may have an equals sign of its own."""
    genomes: dict[str, Path] = {}
    for text in given:
        label, sign, path = text.partition("=")
        if not sign or Path(text).exists():
            label, path = "", text
        if not Path(path).is_file():
            raise ValueError(f"There is no file {path} (--genome).")
        if label in genomes:
            raise ValueError(f"--genome was given twice{f' for {label!r}' if label else ''}.")
        genomes[label] = Path(path)
    return genomes


def _shows_progress(quiet: bool) -> bool:
    """A bar is for somebody who watches; a log would keep every state of it."""
    return not quiet and sys.stderr.isatty()


def _need_pysam() -> None:
    from hf_genomics.data.indexed_genome import require_pysam

    try:
        require_pysam()
    except ImportError as error:
        raise ValueError(str(error)) from error


@contextmanager
def user_errors_in_one_line() -> Iterator[None]:
    """Turns a ValueError or OSError into one line on standard error and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"Error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(USER_ERROR) from None


if __name__ == "__main__":
    app()
