"""Tables of PhyloGPN: held-out likelihood, training, and zero-shot effects of variants."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report_tables import Rows, Table, numbers, read, short_commit

from hf_genomics.models.phylogpn import PhyloGPNConfig
from hf_genomics.training.phylogpn_arguments import DEFAULTS

ALIGNMENTS = ("mammals", "birds")
MODEL = "PhyloGPN: log-likelihood ratio"


def with_interval(estimate: dict[str, float] | None, digits: int = 3) -> str:
    """`0.597 [0.574, 0.619]`; nothing for None."""
    if estimate is None:
        return ""
    value, low, high = (f"{estimate[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def likelihood(root: Path) -> Rows:
    """Held-out log-likelihood per site of the networks and of tables of rates."""
    heads = [(f"{name}: log-likelihood", "the network's lead") for name in ALIGNMENTS]
    rows = [["rates", *(head for pair in heads for head in pair)]]
    of = [{row["rates"]: row for row in read(root, f"phylogpn/{n}")["rates"]} for n in ALIGNMENTS]
    for rates in dict.fromkeys(name for measured in of for name in measured):
        cells = []
        for measured in of:
            row = measured.get(rates)
            found = row is not None
            cells.append(with_interval(row["log_likelihood"]) if found else "-")
            cells.append(with_interval(row["lead"]) if found else "-")
        rows.append([rates, *cells])
    return rows


def training(root: Path) -> Rows:
    """The two networks and how they were trained."""
    records = [read(root, f"phylogpn/{name}") for name in ALIGNMENTS]
    rows = [["", *ALIGNMENTS]]

    def add(what: str, cell: Callable[[dict[str, Any], dict[str, str]], str]) -> None:
        runs = [record["training"] for record in records]
        rows.append([what, *(cell(run, options(run["command"])) for run in runs)])

    add("network", lambda run, _: f"`{run['model_arguments']['config_overrides']}`")
    add("free parameters", lambda run, _: f"{run['num_parameters']:,}")
    add("bases that an output reads", lambda run, _: str(receptive_field(run)))
    add("species", lambda run, _: str(run["num_leaves"]))
    for split in ("train", "validation", "test"):
        add(f"{split} sites", lambda run, _, split=split: f"{run['sites'][split]:,}")
    add("steps (the best)", lambda run, _: f"{run['steps']:,} ({run['best_step']:,})")
    add(
        "batch x window",
        lambda run, given: (
            f"{given['per_device_train_batch_size']} x {run['data_arguments']['window']:,}"
        ),
    )
    for name in ("learning_rate", "weight_decay"):
        add(
            name.replace("_", " "),
            lambda _, given, name=name: given.get(name, str(DEFAULTS[name])),
        )
    add("`--other_references`", lambda run, _: str(run["data_arguments"]["other_references"]))
    add("seed", lambda run, _: str(run["seed"]))
    add("minutes", lambda run, _: numbers([run["train_seconds"] / 60], 0))
    add("commit at the end", lambda run, _: f"`{short_commit(run['commit'])}`")
    return rows


def options(command: str) -> dict[str, str]:
    """`--NAME VALUE` of a command; the last of a name counts, as for argparse."""
    words = shlex.split(command)
    return {
        word.removeprefix("--"): value
        for word, value in zip(words, words[1:], strict=False)
        if word.startswith("--")
    }


def receptive_field(run: dict[str, Any]) -> int:
    """Width of the window that an output of the trained network reads."""
    pairs = (pair.split("=") for pair in run["model_arguments"]["config_overrides"].split(","))
    return PhyloGPNConfig(**{name: int(value) for name, value in pairs}).receptive_field


def scores_of(measured: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The scores of variants of a kind by name."""
    return {row["score"]: row for row in measured["scores"] if row["kind"] == kind}


def brca1(root: Path) -> Rows:
    """BRCA1 saturation editing: all variants, and missense alone."""
    measured = read(root, "phylogpn/brca1")
    everything, missense = (scores_of(measured, kind) for kind in ("all", "Missense"))
    counts = [f"{of[MODEL]['variants']:,}" for of in (everything, missense)]
    rows = [
        [
            "score",
            f"AUROC, all ({counts[0]})",
            "the network's lead",
            "AUPRC, all",
            f"AUROC, missense ({counts[1]})",
        ]
    ]
    for score in sorted(everything, key=lambda score: -everything[score]["auroc"]["value"]):
        row, lead = everything[score], everything[score]["lead"]
        rows.append(
            [
                f"**{score}**" if score == MODEL else score,
                with_interval(row["auroc"]),
                with_interval(lead and lead["auroc"]),
                with_interval(row["auprc"]),
                with_interval(missense[score]["auroc"]),
            ]
        )
    return rows


def mpra(root: Path) -> Rows:
    """Regulatory elements: within experiments, and over all variants."""
    measured = read(root, "phylogpn/mpra")
    within = {row["score"]: row for row in measured["mean_spearman_over_kinds"]}
    rows = [
        [
            "score",
            f"Spearman, mean of {within[MODEL]['kinds']} experiments",
            "the network's lead",
            "AUROC, all variants",
            "AUPRC, all variants",
        ]
    ]
    for score, row in scores_of(measured, "all").items():
        rows.append(
            [
                f"**{score}**" if score == MODEL else score,
                with_interval(within[score]["spearman"]),
                with_interval(within[score]["lead"]),
                with_interval(row["auroc"]),
                with_interval(row["auprc"]),
            ]
        )
    return rows


TABLES: dict[str, Table] = {
    "phylogpn_training": training,
    "phylogpn_likelihood": likelihood,
    "phylogpn_brca1": brca1,
    "phylogpn_mpra": mpra,
}
