"""A data set on disk: Parquet per split, a card that `datasets` reads, the tree, and provenance."""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import ClassLabel, DatasetDict

from hf_genomics.data.progress import bars_of_datasets
from hf_genomics.data.rewritten_folders import require_no_other_files, rows_digest

from .labelled_rows import column_list

CARD, TREE, PROVENANCE = "README.md", "tree.nwk", "provenance.json"


@dataclass(frozen=True)
class DatasetFacts:
    """What the card and the provenance file say; nothing in it depends on time or machine.

    Attributes:
        config_name: name of the configuration, also of the folder with the Parquet files.
        title: heading of the card.
        label_meaning: completes "The label says ...".
        split_rule: how rows were dealt to the splits.
        origin: the code that made the data.
        parameters: arguments of that code, plain JSON values.
        newick: tree of the rows, if there is one; leaf `<split>_<index>` is that row.
        licence: SPDX-like identifier as the Hub spells it.
    """

    config_name: str
    title: str
    label_meaning: str
    split_rule: str
    origin: str
    parameters: dict[str, Any] = field(default_factory=dict)
    newick: str | None = None
    licence: str = "cc0-1.0"


def write_dataset(
    dataset: DatasetDict, path: str | Path, facts: DatasetFacts, *, overwrite: bool = False
) -> Path:
    """Writes a folder that `datasets.load_dataset(path)` reads; all of it or nothing.

    Args:
        dataset: splits with columns sequence and label.
        path: the folder; it is made, or must be empty.
        facts: for the card and the provenance file.
        overwrite: replace a folder that this function wrote before.

    Returns:
        The folder.

    Raises:
        ValueError: if the folder holds files and `overwrite` is off, or holds files that this
            function did not write.
    """
    path = Path(path).resolve()
    with written_aside(path, overwrite=overwrite) as aside:
        _fill(aside, dataset, facts)
    return path


@contextmanager
def written_aside(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder that becomes `path` at the end, or disappears if there is an error.

    Raises:
        ValueError: as `check_target`.
    """
    path = path.resolve()  # a folder cannot take the place of a link to one
    check_target(path, overwrite=overwrite)
    made = [parent for parent in path.parents if not parent.exists()]  # the nearest first
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        _move_into_place(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # it holds something: the data set, or what others put there
                parent.rmdir()


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises the ValueError that `write_dataset` would raise for this folder."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; give a folder.")
    if not path.exists() or not any(path.iterdir()):
        return
    if not overwrite:
        raise ValueError(
            f"{path} is not empty; give a new or empty folder, or overwrite it (--overwrite)."
        )
    if not (path / PROVENANCE).is_file():
        raise ValueError(
            f"{path} holds files but no {PROVENANCE}, so it is not a data set written here; "
            "it is left alone. Give another folder."
        )
    require_no_other_files(path, PROVENANCE, (CARD, TREE))


def _fill(folder: Path, dataset: DatasetDict, facts: DatasetFacts) -> None:
    (folder / facts.config_name).mkdir(parents=True)
    checksums = {}
    for split, rows in dataset.items():
        name = f"{facts.config_name}/{split}-00000-of-00001.parquet"
        with bars_of_datasets():
            rows.to_parquet(folder / name)
        checksums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    if facts.newick is not None:
        (folder / TREE).write_text(facts.newick + "\n", encoding="utf-8")
    provenance = {
        "origin": facts.origin,
        "parameters": facts.parameters,
        "rows": _class_counts(dataset),
        "sha256": checksums,
    }
    text = json.dumps(provenance, indent=2, ensure_ascii=False)
    (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")
    card = _card(dataset, facts, rows_digest(checksums.values()))
    (folder / CARD).write_text(card, encoding="utf-8")


def _move_into_place(aside: Path, path: Path) -> None:
    if not path.exists():
        os.replace(aside, path)
        return
    old = aside.with_name(aside.name + ".old")
    os.replace(path, old)
    try:
        os.replace(aside, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old)


def _class_counts(dataset: DatasetDict) -> dict[str, dict[str, int]]:
    """Rows of each class in each split."""
    counts = {}
    for split, rows in dataset.items():
        label: ClassLabel = rows.features["label"]
        seen = Counter(column_list(rows, "label"))
        counts[split] = {name: seen[index] for index, name in enumerate(label.names)}
    return counts


def _card(dataset: DatasetDict, facts: DatasetFacts, digest: str) -> str:
    counts = _class_counts(dataset)
    names = list(next(iter(counts.values())))
    files = [f"  - split: {s}\n    path: {facts.config_name}/{s}-*" for s in dataset]
    table = [
        f"| split | rows | {' | '.join(names)} |",
        "| --- " * (len(names) + 2) + "|",
        *(
            f"| {split} | {sum(row.values())} | {' | '.join(map(str, row.values()))} |"
            for split, row in counts.items()
        ),
    ]
    given = {key: value for key, value in facts.parameters.items() if value is not None}
    parameters = [f"| {key} | {value} |" for key, value in given.items()]
    tree = (
        f"`{TREE}` holds the tree in Newick; leaf `train_7` is row 7 (counted from 0) of `train`. "
        "Branch lengths are expected substitutions per site.\n\n"
        if facts.newick is not None
        else ""
    )
    return "\n".join(
        [
            "---",
            f"license: {facts.licence}",
            f"pretty_name: '{facts.title}'",
            "task_categories:",
            "- text-classification",
            "tags:",
            "- biology",
            "- dna",
            "- genomics",
            "- synthetic",
            "configs:",
            f"- config_name: {facts.config_name}",
            "  default: true",
            f"  description: rows {digest}",
            "  data_files:",
            *files,
            "---",
            "",
            f"# {facts.title}",
            "",
            f"The label says {facts.label_meaning}. Split: {facts.split_rule}.",
            "",
            *table,
            "",
            f"Made by {facts.origin}:",
            "",
            "| parameter | value |",
            "| --- | --- |",
            *parameters,
            "",
            f"{tree}`{PROVENANCE}` repeats this for machines, with a checksum of every file.",
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            f'dataset = load_dataset("path/to/this/folder", "{facts.config_name}")',
            "```",
            "",
        ]
    )
