"""The card of a model: a template of its family, filled from the files that lie beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from .errors import PublishingError
from .family_fields import fields_of
from .runs import CONFIG, FACTS, HUB_ID, RESULTS, STATE, DataFacts, Run, is_hub_id, read_json
from .scores import METRIC_NAMES, SUMMARY
from .scores_table import model_index, results_table
from .templates import fill

CARD, EXAMPLE, LICENSE = "README.md", "example.py", "LICENSE"
DEFAULT_LICENSE = "apache-2.0"

# The pipeline that a model serves, by the end of its class name. PhyloGPN predicts rates of
# evolution, no masked token.
PIPELINES = {
    "PhyloGPNForMaskedLM": "feature-extraction",
    "ForSequenceClassification": "text-classification",
    "ForMaskedLM": "fill-mask",
    "Model": "feature-extraction",
}


def model_card(folder: Path, run: Run, data: DataFacts, template: Path, repo_id: str) -> str:
    """README.md of an exported folder, whose other files are there already.

    Args:
        folder: holds `config.json`, weights, `all_results.json`, `trainer_state.json` and
            `results_summary.json`.
        run: for what was written by hand (`card.yaml`).
        data: what the model was trained on.
        template: Markdown without metadata.
        repo_id: `user/name`.

    Raises:
        PublishingError: a field has no value.
    """
    config, results, summary = (read_json(folder / name) for name in (CONFIG, RESULTS, SUMMARY))
    values: dict[str, Any] = {
        "config": config,
        "results": results,
        "state": read_json(folder / STATE),
        "summary": summary,
        "data": vars(data),
        "repo_id": repo_id,
        "repo_name": repo_id.partition("/")[2],
        "license": weights_license(run),
        "labels": ", ".join(f"{i} = {name}" for i, name in config.get("id2label", {}).items()),
        "rows_table": rows_table(results),
        "results_table": results_table(summary),
        "sources": ", ".join(f"[{name}]({name})" for name in summary["sources"]),
        "seeds": ", ".join(map(str, summary["seeds"])),
        "versions": ", ".join(f"{k} {v}" for k, v in results.get("versions", {}).items()),
        "data_config": data_config(run),
        "held_out": ", ".join(results.get("held_out") or []),
        "validation": ", ".join(results.get("validation") or []),
        "data_link": f"[{data.origin}]({data.origin})" if "://" in data.origin else data.origin,
        **fields_of(config, folder),
    }
    body = fill(template.read_text(encoding="utf-8"), values)
    return f"---\n{metadata(run, data, config, summary, repo_id)}\n---\n\n{body}"


def metadata(
    run: Run, data: DataFacts, config: dict[str, Any], summary: dict[str, Any], repo_id: str
) -> str:
    """The YAML block of the card, `model-index` included."""
    task = pipeline_of(config)
    metrics = [m for m in METRIC_NAMES if f"test_{m}" in summary["scores"] and m != "loss"]
    facts = ModelCardData(
        license=weights_license(run),
        library_name="transformers",
        # the pipeline returns a model's first output, which is a loss for a quantizer
        pipeline_tag=None if config["model_type"] == "vqdna_quantizer" else task,
        tags=["biology", "genomics", "dna", config["model_type"], "custom_code"],
        datasets=[data.hub_id] if data.hub_id else None,
        metrics=metrics or None,
        base_model=base_model(run),
        model_name=repo_id.partition("/")[2],
        eval_results=model_index(
            summary, data, data_config(run), task, source_url(repo_id, RESULTS)
        ),
    )
    return yaml.safe_dump(facts.to_dict(), sort_keys=False, allow_unicode=True).rstrip()


def base_model(run: Run) -> str | None:
    """The Hub id of the model that training began with; None where it may have been a folder.

    Raises:
        PublishingError: `card.yaml` names one that cannot be on the Hub.
    """
    stated = run.facts.get("base_model")
    if stated is not None:
        if not isinstance(stated, str) or not HUB_ID.fullmatch(stated):
            raise PublishingError(
                f"{run.folder / FACTS}: base_model is {stated!r}, but a Hub id user/name is "
                "needed; correct it, or leave it out."
            )
        return stated
    given = str(run.results.get("model_arguments", {}).get("model_name_or_path") or "")
    return given if is_hub_id(given, run) else None


def pipeline_of(config: dict[str, Any]) -> str:
    """The pipeline for the class that the checkpoint was saved from.

    Raises:
        PublishingError: the class is of no known kind.
    """
    name = (config.get("architectures") or ["(none)"])[0]
    for end, task in PIPELINES.items():
        if name.endswith(end):
            return task
    raise PublishingError(f"config.json names the class {name}, which serves no known pipeline.")


def example_of(card: str) -> str:
    """The first Python block of the card: what `example.py` holds.

    Raises:
        PublishingError: there is none.
    """
    match = re.search(r"^```python\n(.*?)^```", card, re.MULTILINE | re.DOTALL)
    if match is None:
        raise PublishingError("The card has no example in Python; its template needs one.")
    return match[1]


def rows_table(results: dict[str, Any]) -> str:
    """Rows of every split, as the run counted them; of an alignment sites, of genomes windows."""
    unit = next((unit for unit in ("rows", "sites", "windows") if unit in results), "rows")
    rows = results.get(unit) or {}
    cells = [[split, f"{count:,}"] for split, count in rows.items()]
    table = [["split", unit], ["---", "---"], *cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in table) if rows else ""


def data_config(run: Run) -> str:
    """The configuration of the data set; `default` where it has one only."""
    return str(run.results.get("data_arguments", {}).get("dataset_config_name") or "default")


def weights_license(run: Run) -> str:
    return str(run.facts.get("license") or DEFAULT_LICENSE)


def source_url(repo_id: str, name: str) -> str:
    return f"https://huggingface.co/{repo_id}/blob/main/{name}"
