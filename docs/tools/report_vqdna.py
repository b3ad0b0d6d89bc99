"""Tables of VQDNA: vocabularies, language models on them, those fine-tuned, and SARS-CoV-2."""

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


EMBEDDINGS = {
    "6-mer frequencies": "6-mer frequencies",
    "12-mers, present or not": "12-mers, present or not",
    "robust: e_1": "`robust`: mean coarse vector `e_1`",
    "robust: e_2": "`robust`: mean fine vector `e_2`",
    "robust: Z_hat": "`robust`: mean of both, `Z_hat`",
    "robust: Z_hat, vectors permuted": "the same codes, vectors permuted",
    "robust: pairs of codes, present or not": "the same codes, pairs present or not",
    "adapted: Z_hat": "adapted to 2020, `Z_hat`",
    "untrained: Z_hat": "untrained network, `Z_hat`",
    "untrained: pairs of codes, present or not": "untrained network, pairs present or not",
    "length and number of N": "length and number of N alone",
}


def sars_cov_2(root: Path) -> Rows:
    """Genomes of SARS-CoV-2: neighbours of the same variant, and what a linear probe reads."""
    measured = read(root, "vqdna/sars_cov_2")["embeddings"]
    rows = [
        [
            "",
            "10-nearest purity, centred",
            "nearest of another lineage, centred",
            "probe macro-F1, lineages apart",
            "variance in two axes, %",
            "linear in length and N, %",
        ]
    ]
    for name, shown in EMBEDDINGS.items():
        of = measured[name]
        f1 = [f"{of['macro_f1'][part]:.3f}" for part in ("value", "low", "high")]
        cells = [f"{of[part]:.3f}" for part in ("purity_centred", "apart_centred")]
        cells.append(f"{f1[0]} [{f1[1]}, {f1[2]}]")
        cells += [numbers([100 * of[part]], 0) for part in ("in_two_axes", "from_leak")]
        rows.append([shown, *cells])
    return rows


def sars_cov_2_mutations(root: Path) -> Rows:
    """Spike mutations in codes of the first quantizer, by level."""
    levels = read(root, "vqdna/sars_cov_2")["mutations_summary"]["robust"]
    rows = [["", *levels]]
    for what, part, scale, digits in (
        ("mutations", "mutations", 1, 0),
        ("codes that one changes, mean", "changed_codes", 1, 1),
        ("furthest of them, bases", "radius", 1, 0),
        ("code at its own position changes, %", "changed_at_site", 100, 0),
        ("marker and mutation agree in a genome, %", "agrees", 100, 1),
        ("places of the reference with the marker's code, mean", "anywhere_in_reference", 1, 0),
    ):
        rows.append([what, *(numbers([scale * of[part]], digits) for of in levels.values())])
    return rows


TABLES: dict[str, Table] = {
    "vocabularies": vocabularies,
    "language_models": language_models,
    "vocabularies_fine_tuned": vocabularies_fine_tuned,
    "sars_cov_2": sars_cov_2,
    "sars_cov_2_mutations": sars_cov_2_mutations,
}
