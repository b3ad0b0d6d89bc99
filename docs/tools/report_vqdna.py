"""Tables of VQDNA: vocabularies, language models on them, and those fine-tuned."""

from __future__ import annotations

import statistics
from pathlib import Path

from report_tables import Rows, Table, numbers, read


def by_level(measured: dict[str, float], name: str) -> list[float]:
    """The values of `name_0`, `name_1` and so on."""
    return [measured[f"{name}_{level}"] for level in range(2) if f"{name}_{level}" in measured]


def vocabularies(root: Path) -> Rows:
    """Three presets of the quantizer, and one of them after half of its training."""
    shown = {
        "`robust`": "robust",
        "`robust`, half as long": "robust_300_steps",
        "`paper`": "paper",
        "`vq`": "vq",
    }
    measured = {
        **read(root, "vqdna/codebooks")["models"],
        **read(root, "vqdna/codebooks_300_steps")["models"],
    }
    runs = [read(root, f"vqdna/{name}") for name in shown.values()]
    columns = [measured[name] for name in shown.values()]
    return [
        ["", *shown],
        ["steps", *(numbers([run["steps"]], 0) for run in runs)],
        ["codes", *(numbers(by_level(column, "codes"), 0) for column in columns)],
        [
            "active on held-out sequence, %",
            *(numbers(by_level(column, "active")) for column in columns),
        ],
        ["perplexity", *(numbers(by_level(column, "perplexity"), 0) for column in columns)],
        ["nucleotides read back, %", *(numbers([100 * column["accuracy"]]) for column in columns)],
        [
            "with half of the codes hidden",
            *(numbers([100 * column["accuracy_dropped"]]) for column in columns),
        ],
        [
            "bits of the centred 3-mer, coarse (at most 6)",
            *(numbers([column["kmer_3_0"]]) for column in columns),
        ],
        [
            "bits that a code tells of the base to its left, coarse",
            *(numbers([column["leak_1_0"]], 2) for column in columns),
        ],
    ]


VOCABULARIES = {
    "kmer1": "single nucleotides",
    "kmer6": "6-mers side by side",
    "nucleotide": "codes, `mask_mode=nucleotide`",
    "code": "codes, `mask_mode=code`",
}


def language_models(root: Path) -> Rows:
    """One Transformer on several vocabularies: masked nucleotides of held-out windows."""
    rows = [
        ["vocabulary", "trained parameters", "perplexity", "right, %", "nats of a code, by level"],
    ]
    for name, vocabulary in VOCABULARIES.items():
        run = read(root, f"vqdna/language_model_{name}")
        parameters = numbers([run["num_trained_parameters"]], 0)
        for prefix, note in (
            ("held_out", ""),
            ("held_out_nucleotides_hidden", "; nucleotides hidden when tested"),
        ):
            if f"{prefix}_perplexity" in run:
                perplexity = numbers([run[f"{prefix}_perplexity"]], 3)
                right = numbers([100 * run[f"{prefix}_accuracy"]])
                codes = "-" if name == "kmer1" else numbers(by_level(run, f"{prefix}_code_loss"), 2)
                rows.append([vocabulary + note, parameters, perplexity, right, codes])
    return rows


def vocabularies_fine_tuned(root: Path) -> Rows:
    """Test MCC x 100 of the language models fine-tuned on sets of GUE, and of a small CNN there."""
    runs = read(root, "vqdna/gue")["runs"]
    others = [run for run in read(root, "gue")["runs"] if run["recipe"] == "modern"]
    configs = sorted({run["config"] for run in runs})
    rows = [["vocabulary", *configs, "mean", "seeds"]]
    for name, chosen, model in (
        (VOCABULARIES["kmer1"], runs, "kmer1"),
        (VOCABULARIES["kmer6"], runs, "kmer6"),
        (VOCABULARIES["nucleotide"], runs, "vqdna"),
        ("(hyperbolic CNN, HCNN-S, not pretrained)", others, "S"),
    ):
        scores = [
            [
                100 * run["test_matthews_correlation"]
                for run in chosen
                if (run["model"], run["config"]) == (model, config)
            ]
            for config in configs
        ]
        cells = [f"{statistics.mean(of):.1f} ± {statistics.stdev(of):.1f}" for of in scores]
        mean = statistics.mean(map(statistics.mean, scores))
        rows.append([name, *cells, f"{mean:.1f}", str(min(map(len, scores)))])
    return rows


TABLES: dict[str, Table] = {
    "vocabularies": vocabularies,
    "language_models": language_models,
    "vocabularies_fine_tuned": vocabularies_fine_tuned,
}
