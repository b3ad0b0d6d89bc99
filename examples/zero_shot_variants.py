"""Zero-shot scores of measured variants: BRCA1 saturation editing, or a saturation MPRA.

    python examples/zero_shot_variants.py brca1 --model runs/mammals \\
        --table brca1_sge_findlay2018.csv.gz --fasta brca1_region_hg19_plus_strand.fa.gz \\
        --context_rates results/mammals/context_rates.safetensors --output_dir results/brca1

    python examples/zero_shot_variants.py mpra --model runs/mammals \\
        --table satmut_kircher2019_grch38.csv.gz --fasta elements_reference.fa.gz ...

A PhyloGPN scores a variant from the reference sequence alone: minus its log-likelihood ratio, and
minus the rate and the entropy of its site, larger for more damage. Beside it stand rates by context
(of examples/evaluate_phylogpn.py) and, for BRCA1, phyloP and CADD as the table has them. BRCA1:
loss of function against function, and Spearman with minus the function score, also by consequence.
MPRA: variants that change expression (p < 1e-5) against the others, and Spearman with the absolute
effect, also by experiment. Intervals are bootstrapped over variants, those of leads of the first
score on the same samples; means over experiments are bootstrapped over elements.

Writes <assay>.json, <assay>.md and every variant's scores as <assay>.parquet to --output_dir.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hf_genomics import PhyloGPNForMaskedLM
from hf_genomics.data.fasta import read_fasta
from hf_genomics.evaluation.bootstrap import Estimate
from hf_genomics.evaluation.context_rates_file import load_context_rates
from hf_genomics.evaluation.loaded_weights import load_whole
from hf_genomics.evaluation.named_models import named_folders
from hf_genomics.evaluation.results import (
    command_line,
    package_versions,
    source_commit,
    write_results,
)
from hf_genomics.evaluation.variant_assays import (
    VariantAssay,
    element_of,
    read_brca1,
    read_mpra,
)
from hf_genomics.evaluation.variant_contexts import context_scores
from hf_genomics.evaluation.variant_effects.scoring import score_variants
from hf_genomics.evaluation.zero_shot import (
    compare_scores,
    lead_table,
    markdown_table,
    mean_over_kinds,
    mean_table,
)
from hf_genomics.training.user_errors import user_errors_in_one_line

# Column of `score_variants` to its name here; all of them are smaller for more damage.
MODEL_SCORES = {"llr": "log-likelihood ratio", "site_rate": "site rate", "entropy": "entropy"}


def main() -> None:
    args = parse_arguments(sys.argv[1:])
    with user_errors_in_one_line("zero_shot_variants.py"):
        sequences = {record.name: record.sequence for record in read_fasta(args.fasta)}
        if args.assay == "brca1":
            assay = read_brca1(args.table, next(iter(sequences)))
        else:
            assay = read_mpra(args.table)
    scores: dict[str, Any] = {}
    models = {}
    for name, folder in args.model.items():
        with user_errors_in_one_line("zero_shot_variants.py"):
            model = load_whole(PhyloGPNForMaskedLM, folder)
        models[name] = {"folder": folder, "num_parameters": model.num_parameters()}
        scores |= model_scores(name, model, assay, args)
    if args.context_rates is not None:
        scores |= context_scores(load_context_rates(args.context_rates), assay, sequences)
    scores |= assay.other_scores

    rows = compare_scores(scores, assay.effects, num_resamples=args.num_resamples)
    means = mean_over_kinds(rows, element_of if args.assay == "mpra" else str)
    table = "\n".join(filter(None, [lead_table(rows), mean_table(means), markdown_table(rows)]))
    print(table)
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{args.assay}.md").write_text(table)
    pq.write_table(per_variant(assay, scores), folder / f"{args.assay}.parquet")
    write_results(
        folder / f"{args.assay}.json",
        {
            "scores": [as_numbers(row) for row in rows],
            "mean_spearman_over_kinds": [as_numbers(row) for row in means],
            "variants": len(assay),
            "models": models,
            "arguments": vars(args),
            "commit": source_commit(),
            "command": command_line(),
            "versions": package_versions(),
        },
    )


def parse_arguments(command: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("assay", choices=["brca1", "mpra"])
    parser.add_argument(
        "--model", nargs="+", required=True, help="Folders or Hub ids, each also as NAME=FOLDER."
    )
    parser.add_argument("--table", required=True, help="CSV with the measured effects.")
    parser.add_argument(
        "--fasta", required=True, help="The sequences that the table's index0 counts in."
    )
    parser.add_argument("--context_rates", help="File of examples/evaluate_phylogpn.py.")
    parser.add_argument("--num_resamples", type=int, default=1000)
    parser.add_argument("--output_dir", required=True)
    args = parser.parse_args(command)
    try:
        alone = len(args.model) == 1
        args.model = named_folders(args.model, lambda at: "PhyloGPN" if alone else Path(at).name)
    except ValueError as error:
        parser.error(str(error))
    return args


def model_scores(
    name: str, model: Any, assay: VariantAssay, args: argparse.Namespace
) -> dict[str, Any]:
    """Every score of one model, turned so that it is larger for more damage."""
    variants = pa.table(
        {
            "chrom": list(assay.record),
            "pos": assay.position + 1,
            "ref": list(assay.reference),
            "alt": list(assay.alternative),
        }
    )
    scored: Any = score_variants(model, args.fasta, variants, progress=True)
    if len(scored) != len(assay):
        raise AssertionError(f"{len(scored)} rows of scores for {len(assay)} variants")
    counts = scored.attrs["counts"]
    print(f"{name}: {counts}")
    return {
        f"{name}: {title}": -scored[column].to_numpy(np.float64)
        for column, title in MODEL_SCORES.items()
    }


def per_variant(assay: VariantAssay, scores: dict[str, Any]) -> pa.Table:
    return pa.table(
        {
            "record": list(assay.record),
            "index0": assay.position,
            "ref": list(assay.reference),
            "alt": list(assay.alternative),
            "kind": assay.effects.kind.tolist(),
            "damaging": assay.effects.damaging,
            "effect": assay.effects.effect,
            **scores,
        }
    )


def as_numbers(value: Any) -> Any:
    """Rows as JSON has them: estimates as dictionaries, whatever they lie in."""
    if isinstance(value, dict):
        return {name: as_numbers(one) for name, one in value.items()}
    return asdict(value) if isinstance(value, Estimate) else value


if __name__ == "__main__":
    main()
