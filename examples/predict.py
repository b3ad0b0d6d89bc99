"""Predict labels for the sequences of a table or a FASTA file.

    python examples/predict.py --model runs/tata --input sequences.fasta.gz --output labels.tsv
    python examples/predict.py --model runs/seed_1 runs/seed_2 runs/seed_3 --input ...

Reads CSV, TSV, Parquet or FASTA (text also gzip-compressed) and writes CSV, TSV or Parquet, as the
suffixes say. A table keeps all its columns; a FASTA file becomes the columns `id`, `description`
and `sequence`. Added are `predicted_label` and `probability_<label>` for every label (`prediction`
for regression), one row for each input row, in the same order. The file is read in batches, so it
may be larger than memory; the output appears when it is complete. A sequence that is longer than a
model of fixed length reads is an error, unless --truncation cuts it; for a model of any length,
--truncation cuts at the --max_length that it was last trained with, if any. Of several models, for
the same labels, the mean of the probabilities (for regression, of the predictions) is taken.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path

from transformers.utils.logging import tqdm

import hf_genomics  # noqa: F401  # so that the Auto classes know our models
from hf_genomics.data.fasta import read_fasta_batches
from hf_genomics.data.tables import (
    Rows,
    column_names,
    parquet_schema,
    read_batches,
    require_table,
    table_suffix,
    table_writer,
)
from hf_genomics.evaluation.ensembles import SequenceClassifierEnsemble
from hf_genomics.training.user_errors import user_errors_in_one_line


def main() -> None:
    args = parse_arguments()
    with user_errors_in_one_line("predict.py"):
        predict(args)


def predict(args: Namespace) -> None:
    require_table(args.output)
    if args.batch_size < 1:
        raise ValueError(f"--batch_size is {args.batch_size}; give 1 or more.")
    batches = read_input(args.input, args.sequence_column, args.batch_size)
    classify = SequenceClassifierEnsemble.from_pretrained(
        args.model,
        trust_remote_code=args.trust_remote_code,
        device=args.device,
        truncation=args.truncation,
        on_invalid=args.on_invalid,
    )
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    num_rows = 0
    with (
        table_writer(args.output, schema=parquet_schema(args.input)) as append,
        tqdm(unit=" sequences", disable=args.quiet) as progress,
    ):
        for batch in batches:
            sequences = batch[args.sequence_column]
            rows = [f"Row {num_rows + row} of {args.input}" for row in range(len(sequences))]
            if not table_suffix(args.input):
                rows = [f"Record {name!r} of {args.input}" for name in batch["id"]]
            predictions = classify(sequences, rows)
            taken = sorted(predictions.keys() & batch.keys())
            if taken:
                raise ValueError(f"{args.input} already has columns {taken}; rename them.")
            append({**batch, **predictions})
            num_rows += len(sequences)
            progress.update(len(sequences))
        if num_rows == 0:
            raise ValueError(f"{args.input} holds no rows; there is nothing to predict.")
    print(f"{num_rows} predictions in {args.output}")


def read_input(path: str, sequence_column: str, batch_size: int) -> Iterator[Rows]:
    """Batches of rows with a column of sequences."""
    if not table_suffix(path):
        return read_fasta_batches(path, batch_size, sequence_column=sequence_column)
    columns = column_names(path)
    if sequence_column not in columns:
        raise ValueError(
            f"{path} has no column {sequence_column!r}; its columns are {', '.join(columns)}. "
            "Rename the sequence column or name it with --sequence_column."
        )
    return read_batches(path, batch_size)


def parse_arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        required=True,
        nargs="+",
        help="Folder or Hub id of a fine-tuned model, or of several.",
    )
    parser.add_argument("--input", required=True, help="CSV, TSV, Parquet or FASTA file.")
    parser.add_argument("--output", required=True, help="CSV, TSV or Parquet file to write.")
    parser.add_argument("--sequence_column", default="sequence", help="Column of the sequences.")
    parser.add_argument("--batch_size", type=int, default=256, help="Sequences a step.")
    parser.add_argument("--device", help="Such as cuda or cpu. Default: a GPU if there is one.")
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="Run the code that comes with the model."
    )
    parser.add_argument(
        "--truncation", action="store_true", help="Cut longer sequences, instead of an error."
    )
    parser.add_argument(
        "--on_invalid",
        choices=["error", "n"],
        help="A letter that is no nucleotide code is an error, or read as N. Default: as saved.",
    )
    parser.add_argument("--quiet", action="store_true", help="No progress bar.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
