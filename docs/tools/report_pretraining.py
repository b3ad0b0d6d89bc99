"""How the pretrained models of the league came to be: one training record each.

The records are docs/results/pretraining/*.json, each the `all_results.json` of a training script.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report_tables import Rows, Table, read, short_commit

# What a record says of rows that were not trained on, and how it is shown; the first one counts.
HELD_OUT = {
    "validation_log_likelihood_per_site": "log-likelihood {:.3f} a site",
    "held_out_nucleotide_loss": "{:.3f} nats a masked nucleotide",
    "held_out_cross_entropy": "{:.4f} nats a nucleotide read back",
}


def pretraining(root: Path) -> Rows:
    """Size, length of training and held-out measure of each record."""
    rows = [
        [
            *("file", "`--config_overrides`", "parameters", "steps (the best)", "minutes"),
            *("not trained on", "seed", "commit"),
        ]
    ]
    for file in sorted((root / "docs" / "results" / "pretraining").glob("*.json")):
        record = read(root, f"pretraining/{file.stem}")
        best = f" ({record['best_step']:,})" if "best_step" in record else ""
        rows.append(
            [
                f"[{file.name}](pretraining/{file.name})",
                f"`{record['model_arguments']['config_overrides']}`",
                f"{record['num_parameters']:,}",
                f"{record['steps']:,}{best}",
                f"{record['train_seconds'] / 60:.0f}",
                held_out(record),
                str(record["seed"]),
                f"`{short_commit(record['commit'])}`",
            ]
        )
    return rows


def held_out(record: dict[str, Any]) -> str:
    """The measure on what was not trained on.

    Raises:
        ValueError: The record has none that this table knows.
    """
    for name, form in HELD_OUT.items():
        if name in record:
            return form.format(record[name])
    raise ValueError(f"the record has none of {', '.join(HELD_OUT)}; add its measure to HELD_OUT.")


TABLES: dict[str, Table] = {"pretraining": pretraining}
