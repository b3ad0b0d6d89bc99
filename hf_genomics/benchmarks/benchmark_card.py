"""The card of a benchmark: README.md with the `configs:` block that `datasets` and the Hub read."""

from __future__ import annotations

import json
from typing import Any

from hf_genomics.data.rewritten_folders import rows_digest
from hf_genomics.data.split_files import SPLITS

from .specs import BenchmarkSpec, LabelKind, TaskSpec


def card(spec: BenchmarkSpec, provenance: dict[str, Any]) -> str:
    """The text of the card, all of it from the specification and the provenance record."""
    records = provenance["configurations"]
    tasks = [task for task in spec.tasks if task.name in records]
    parts = [
        _front_matter(spec, provenance, tasks),
        f"# {spec.title}",
        spec.description,
        _table(tasks, records),
        _absent(spec, records),
        _labels(spec, tasks),
        f"## Splits\n\n{_sentence(spec.split_rule)}",
        _duplicates(records),
        _notes(tasks, records),
        _terms(spec, provenance["licence"]),
        _loading(default_task(tasks, records).name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(spec: BenchmarkSpec, provenance: dict[str, Any], tasks: list[TaskSpec]) -> str:
    lines = [
        "---",
        f"license: {provenance['licence'] or 'unknown'}",
        f"pretty_name: {json.dumps(spec.title, ensure_ascii=False)}",
        "task_categories:",
        "- text-classification",
        "tags:",
        "- biology",
        "- dna",
        "- genomics",
        "configs:",
    ]
    for task in tasks:
        lines.append(f"- config_name: {task.name}")
        if task is default_task(tasks, provenance["configurations"]):
            lines.append("  default: true")
        lines.append(f"  description: {json.dumps(_description(task, provenance['sha256']))}")
        lines.append("  data_files:")
        for split in provenance["configurations"][task.name]["rows"]:
            lines += [f"  - split: {split}", f"    path: {task.name}/{split}-*"]
    return "\n".join([*lines, "---"])


def default_task(tasks: list[TaskSpec], records: dict[str, Any]) -> TaskSpec:
    """The first configuration that can be trained on, or the first."""
    return next((task for task in tasks if "train" in records[task.name]["rows"]), tasks[0])


def _description(task: TaskSpec, checksums: dict[str, str]) -> str:
    own = [sum_ for name, sum_ in checksums.items() if name.startswith(f"{task.name}/")]
    return f"{task.task}; rows {rows_digest(own)}"


def _table(tasks: list[TaskSpec], records: dict[str, Any]) -> str:
    held = {split for record in records.values() for split in record["rows"]}
    splits = [split for split in SPLITS if split in held] + sorted(held - set(SPLITS))
    head = ["configuration", "task", *splits, "bases", "metric"]
    lines = [_row(head), _row(["---"] * len(head))]
    for task in tasks:
        record = records[task.name]
        sizes = [
            f"{sum(record['rows'][s].values()):,}" if s in record["rows"] else "absent"
            for s in splits
        ]
        shortest = min(ends[0] for ends in record["lengths"].values())
        longest = max(ends[1] for ends in record["lengths"].values())
        bases = f"{shortest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
        lines.append(
            _row([f"`{task.name}`", task.task, *sizes, bases, task.metric or "not stated"])
        )
    return "\n".join(lines)


def _absent(spec: BenchmarkSpec, records: dict[str, Any]) -> str:
    absent = [f"`{name}`" for name in spec.config_names if name not in records]
    return (
        f"Configurations of the benchmark that are not here: {', '.join(absent)}." if absent else ""
    )


def _labels(spec: BenchmarkSpec, tasks: list[TaskSpec]) -> str:
    groups: dict[str, list[str]] = {}
    for task in tasks:
        groups.setdefault(_label_meaning(task), []).append(f"`{task.name}`")
    lines = [
        "## Columns",
        "",
        "- `sequence`: A C G T, N and other letters of the nucleic acid code; upper case.",
    ]
    lines += [f"- `label` of {', '.join(names)}: {meaning}." for meaning, names in groups.items()]
    lines += [f"- `{name}`: {meaning}." for name, meaning in spec.columns.items()]
    return "\n".join(lines)


def _label_meaning(task: TaskSpec) -> str:
    if task.kind is LabelKind.NUMBER:
        return "a number"
    if task.kind is LabelKind.LIST:
        return f"{len(task.label_names)} entries of 0 or 1"
    if task.label_names == tuple(map(str, range(len(task.label_names)))):
        return f"0 to {len(task.label_names) - 1}, numbers as in the source"
    return ", ".join(f"{number} {name}" for number, name in enumerate(task.label_names))


def _duplicates(records: dict[str, Any]) -> str:
    lines = []
    for name, record in records.items():
        for split, counts in record["duplicates"].items():
            found = [f"{counts['within']:,} repeated within the split"] if counts["within"] else []
            for key in counts:
                if key.startswith("in_") and not key.endswith("_other_label") and counts[key]:
                    other = counts[f"{key}_other_label"]
                    found.append(
                        f"{counts[key]:,} also in {key[3:]}"
                        + (f" ({other:,} with another label there)" if other else "")
                    )
            if found:
                rows = sum(record["rows"][split].values())
                lines.append(f"- `{name}`, {split} ({rows:,} rows): {', '.join(found)}.")
    if not lines:
        return "## Duplicates\n\nNo sequence stands twice, in one split or across splits."
    return "\n".join(
        [
            "## Duplicates",
            "",
            "Rows whose sequence stands more than once. They are all still here.",
            "",
            *lines,
        ]
    )


def _notes(tasks: list[TaskSpec], records: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for task in tasks:
        notes = [*([task.note] if task.note else []), *records[task.name]["notes"]]
        for note in notes:
            groups.setdefault(note, []).append(f"`{task.name}`")
    if not groups:
        return ""
    lines = [f"- {', '.join(names)}: {note}." for note, names in groups.items()]
    return "\n".join(["## Notes", "", *lines])


def _terms(spec: BenchmarkSpec, licence: str | None) -> str:
    said = "Licence: not stated by the source."
    if licence:
        named = "" if licence == spec.licence else ", as named when this was built"
        said = f"Licence: {licence}{named}."
    lines = ["## Source and licence", "", " ".join(filter(None, [said, spec.licence_note]))]
    if spec.url:
        lines += ["", f"Original: <{spec.url}>."]
    if spec.hub_ids:
        lines += ["", f"Other copies on the Hub: {', '.join(spec.hub_ids)}."]
    lines += [
        "",
        "`provenance.json` has the checksum of every file read and written, counts of each "
        "label, and the duplicates.",
    ]
    if spec.citation:
        lines += ["", "```bibtex", spec.citation, "```"]
    else:
        lines += ["", "No citation is recorded for this data set; look for it at the original."]
    return "\n".join(lines)


def _loading(config: str) -> str:
    return (
        "## Loading\n\n```python\nfrom datasets import load_dataset\n\n"
        f'dataset = load_dataset("path/to/this/folder", "{config}")\n```'
    )


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
