"""`hf-genomics`: the command line. Arguments in, one call out.

Commands import what they need when they run, so that `hf-genomics --help` answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hf_genomics.benchmarks.parameters import (
    Condition,
    ModelName,
    SimulationParameters,
    SplitRule,
    TreeShape,
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

    Example: hf-genomics simulate clade --output clade_data --num-train 2000
    """


@app.command()
def simulate(
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
) -> None:
    """Simulate a labelled data set: Parquet, card, tree and provenance in one folder.

    \b
    clade: the label is the clade of the tree a sequence descends from.
    permuted: the same with shuffled labels, a null.
    motif: a motif in random bases, a control without a tree.
    decayed-motif: a motif planted in one clade's ancestor, mutated since.
    transposon: a copy of an evolved repeat family against its shuffled bases.

    Example: hf-genomics simulate clade --output data --tree balanced --split subtree --seed 1
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
        from hf_genomics.benchmarks.simulator import simulate as run
        from hf_genomics.benchmarks.writing import check_target, write_dataset

        check_target(output, overwrite=overwrite)  # before the work, not after it
        simulation = run(parameters)
        folder = write_dataset(simulation.dataset, output, simulation.facts, overwrite=overwrite)
        sizes = ", ".join(f"{name} {len(rows)}" for name, rows in simulation.dataset.items())
        typer.echo(f"{folder}: {sizes} rows of {length} bases")


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
