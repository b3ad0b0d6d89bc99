"""Held-out conditional log-likelihood per site of a trained PhyloGPN, beside rates by context.

    python examples/evaluate_phylogpn.py --model runs/mammals --codons --output_dir results/mammals

Data set and splits are those that the model was trained with (all_results.json in its folder),
unless others are given. The baselines are fitted by maximum conditional likelihood to the training
sites, with priors whose widths the validation sites choose: one rate vector; one per base, 3-mer
and 5-mer centred on the site; with --codons the same for each codon position (coding loci, introns
left out); with --strands both k-mers that share their rates with their reverse complements.
Intervals are bootstrapped over named loci, or over stretches of --block_length bases.

Writes likelihood.json, likelihood.md and context_rates.safetensors to --output_dir.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hf_genomics import PhyloGPNForMaskedLM
from hf_genomics.data.alignment_windows import AlignmentWindows, row_lengths
from hf_genomics.evaluation.alignment_sites import AlignmentSites
from hf_genomics.evaluation.bootstrap import NUM_RESAMPLES
from hf_genomics.evaluation.conditional_likelihood import (
    compare_rates,
    markdown_table,
    means_by_block,
)
from hf_genomics.evaluation.context_rates import (
    Context,
    fit_context_rates,
    site_log_likelihoods,
)
from hf_genomics.evaluation.context_rates_file import save_context_rates
from hf_genomics.evaluation.loaded_weights import load_whole
from hf_genomics.evaluation.model_likelihood import likelihood_of, model_log_likelihoods
from hf_genomics.evaluation.results import (
    command_line,
    package_versions,
    source_commit,
    write_results,
)
from hf_genomics.training.alignment_loading import Alignment, load_alignment
from hf_genomics.training.user_errors import user_errors_in_one_line

MODEL = "PhyloGPN"
SIZES = (1, 3, 5)


def main() -> None:
    args = parse_arguments(sys.argv[1:])
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("hf_genomics.evaluation").setLevel(logging.INFO)
    with user_errors_in_one_line("evaluate_phylogpn.py"):
        model = load_whole(PhyloGPNForMaskedLM, args.model)
    model.to(torch.device(args.device))
    alignment = load_alignment(
        args.dataset_name,
        held_out=args.held_out,
        validation=args.validation,
        flank=model.config.flank,
    )
    if alignment.phylogeny != model.phylogeny:
        sys.exit(
            f"Error: {args.model} was trained with another tree than that of {args.dataset_name}; "
            "evaluate it on data with its own tree."
        )
    if alignment.reference_leaf != model.config.reference_leaf:
        sys.exit(
            f"Error: {args.model} was trained on the sequence of {model.config.reference_leaf}, "
            f"but the rows of {args.dataset_name} are that of {alignment.reference_leaf}; build "
            "the data with the model's reference."
        )
    sites = {split: sites_of(alignment, split, args.codons) for split in alignment.splits}
    test = sites["test"]

    started = time.perf_counter()
    values = {
        MODEL: model_log_likelihoods(
            model, alignment.splits["test"], batch_size=args.batch_size, progress=True
        )
    }
    model_seconds = time.perf_counter() - started
    if len(values[MODEL]) != len(test):
        raise AssertionError(f"{len(values[MODEL])} sites of the model, {len(test)} of the data")

    started = time.perf_counter()
    likelihood = likelihood_of(model.cpu())
    fitted = fit_context_rates(
        contexts(args.codons, args.strands, args.sizes),
        sites["train"],
        sites["validation"],
        likelihood,
    )
    baseline_seconds = time.perf_counter() - started
    for name, rates in fitted.items():
        values[name] = site_log_likelihoods(rates.log_rates(test), test, likelihood)

    blocks = test.blocks(args.block_length)
    rows = compare_rates(values, blocks, ours=MODEL, num_resamples=args.num_resamples)
    table = markdown_table(rows)
    print(table)
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    save_context_rates(folder / "context_rates.safetensors", fitted)
    results = {
        "rates": [as_numbers(row) for row in rows],
        "blocks": means_by_block(values, blocks, block_names(test, blocks, args.block_length)),
        "num_blocks": int(blocks.max()) + 1,
        "sites": {split: len(of_split) for split, of_split in sites.items()},
        "prior_stds": {name: rates.prior_std for name, rates in fitted.items()},
        "num_parameters": model.num_parameters(),
        "model_seconds": model_seconds,
        "baseline_seconds": baseline_seconds,
        "arguments": vars(args),
        "training": training_record(args.model),
        "commit": source_commit(),
        "command": command_line(),
        "versions": package_versions(),
    }
    write_results(folder / "likelihood.json", results)
    (folder / "likelihood.md").write_text(table)


def parse_arguments(command: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="Folder of pretrain_phylogpn.py.")
    parser.add_argument("--dataset_name", help="Default: as in training.")
    parser.add_argument("--held_out", nargs="+", help="Default: as in training.")
    parser.add_argument("--validation", nargs="+", help="Default: as in training.")
    parser.add_argument("--codons", action="store_true", help="All loci are coding sequence.")
    parser.add_argument("--strands", nargs="+", choices=["one", "both"], default=["one"])
    parser.add_argument(
        "--sizes", nargs="+", type=int, choices=SIZES, default=SIZES, help="Bases of the contexts."
    )
    parser.add_argument("--block_length", type=int, help="Default: each named locus is a block.")
    parser.add_argument("--num_resamples", type=int, default=NUM_RESAMPLES)
    parser.add_argument("--batch_size", type=int, default=4, help="Windows in a forward pass.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output_dir", required=True)
    args = parser.parse_args(command)
    trained_with = training_record(args.model).get("data_arguments", {})
    for name in ("dataset_name", "held_out", "validation"):
        if getattr(args, name) is None:
            setattr(args, name, trained_with.get(name))
        if not getattr(args, name):
            parser.error(f"give --{name}: the model's all_results.json does not say it")
    return args


def training_record(folder: str) -> dict[str, Any]:
    """What pretrain_phylogpn.py wrote about the model, without the versions."""
    file = Path(folder) / "all_results.json"
    if not file.is_file():
        return {}
    record: dict[str, Any] = json.loads(file.read_text())
    record.pop("versions", None)
    return record


def sites_of(alignment: Alignment, split: str, codons: bool) -> AlignmentSites:
    rows = alignment.splits[split]
    whole = AlignmentWindows(rows, int(row_lengths(rows).max()), flank=2)
    return AlignmentSites.from_regions((whole[i] for i in range(len(whole))), codons=codons)


def contexts(codons: bool, strands: list[str], sizes: Sequence[int]) -> list[Context]:
    """All contexts to be reported, the one vector included by those that shrink to it."""
    chosen = [Context(size) for size in sizes] if "one" in strands else []
    if "both" in strands:
        chosen += [Context(size, both_strands=True) for size in sizes]
    return chosen + [Context(size, codon=True) for size in sizes if codons]


def block_names(test: AlignmentSites, blocks: Any, length: int | None) -> list[str]:
    names = [""] * (int(blocks.max()) + 1)
    for block, region, position in zip(blocks, test.region, test.position, strict=True):
        if not names[block]:
            name = test.names[region]
            start = 0 if length is None else position // length * length
            names[block] = name if length is None else f"{name}:{start}-{start + length}"
    return names


def as_numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "rates": row["rates"],
        "log_likelihood": asdict(row["log_likelihood"]),
        "lead": None if row["lead"] is None else asdict(row["lead"]),
    }


if __name__ == "__main__":
    main()
