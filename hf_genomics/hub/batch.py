"""Many repositories at once: a list of them, or a folder that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .dataset_folders import CARD, provenance_file
from .errors import PublishingError
from .runs import CONFIG, RESULTS, read_yaml

LIST_FILE = "publish.yaml"
KINDS = ("dataset", "model")  # in this order, for cards of models link to data sets
OPTIONS = {"dataset": {"private"}, "model": {"private", "repeat", "output"}}
FORMS = {
    "kind": "text",
    "folder": "text",
    "repo_id": "text, user/name",
    "private": "true or false",
    "repeat": "a list of folders",
    "output": "text",
}


@dataclass(frozen=True)
class Entry:
    """One repository.

    Attributes:
        kind: "model" or "dataset".
        folder: a run, or a data set.
        repo_id: `user/name`.
        options: `private`; of a model also `repeat` (folders) and `output` (a folder).
    """

    kind: str
    folder: Path
    repo_id: str
    options: dict[str, Any] = field(default_factory=dict)


def read_entries(path: Path, owner: str | None = None) -> list[Entry]:
    """What a list or a folder asks to be published, data sets first.

    A list is YAML: `- {kind: model, folder: runs/tata, repo_id: user/hcnn-tata, private: true}`;
    folders count from where the list is. A folder has such a list as `publish.yaml`, or else every
    run and data set in it becomes `owner/<name of its folder>`.

    Raises:
        PublishingError: there is nothing to publish, an entry lacks something or has an option that
            does nothing for it, or `owner` is given and a list is read.
    """
    if path.is_dir() and not (path / LIST_FILE).is_file():
        entries = _found_in(path, owner)
    else:
        file = path / LIST_FILE if path.is_dir() else path
        if not file.is_file():
            raise PublishingError(f"{file} does not exist; name a YAML list or a folder.")
        entries = _listed_in(file)
        if owner is not None:
            raise PublishingError(
                f"--owner {owner}: {file} names each repository itself; leave the option out, or "
                "change the list."
            )
    if not entries:
        raise PublishingError(f"{path} names no run and no data set.")
    names = [(entry.kind, entry.repo_id) for entry in entries]
    twice = sorted({name for kind, name in names if names.count((kind, name)) > 1})
    if twice:
        raise PublishingError(f"{path}: each repository once, but twice there are:", twice)
    _refuse_shared_outputs(path, entries)
    return sorted(entries, key=lambda entry: KINDS.index(entry.kind))


def _refuse_shared_outputs(path: Path, entries: list[Entry]) -> None:
    """The second export would take the place of the first before either is sent."""
    writers: dict[Path, list[str]] = {}
    for entry in entries:
        if entry.options.get("output"):
            writers.setdefault(entry.options["output"].resolve(), []).append(entry.repo_id)
    shared = [
        f"{folder}: {', '.join(ids)}" for folder, ids in sorted(writers.items()) if len(ids) > 1
    ]
    if shared:
        raise PublishingError(f"{path}: give each repository an output folder of its own:", shared)


def _found_in(root: Path, owner: str | None) -> list[Entry]:
    if owner is None:
        raise PublishingError(
            f"{root} has no {LIST_FILE}; write one, or pass --owner to publish every run and data "
            "set in it as owner/<folder>."
        )
    entries = []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith("."):
            continue  # hidden, such as what is left of a writer that was killed
        if (folder / CONFIG).is_file() and (folder / RESULTS).is_file():
            entries.append(Entry("model", folder, f"{owner}/{folder.name}"))
        elif (folder / CARD).is_file() and provenance_file(folder):
            entries.append(Entry("dataset", folder, f"{owner}/{folder.name}"))
    return entries


def _has_form(key: str, value: Any) -> bool:
    if key == "private":
        return isinstance(value, bool)
    if key == "repeat":
        return isinstance(value, list) and all(isinstance(folder, str) for folder in value)
    return isinstance(value, str)


def _listed_in(file: Path) -> list[Entry]:
    listed = read_yaml(file)
    if not isinstance(listed, list):
        raise PublishingError(f"{file} has to be a list of entries, each starting with '- '.")
    entries, problems = [], []
    for number, one in enumerate(listed, start=1):
        given = dict(one) if isinstance(one, dict) else {}
        kind, folder, repo_id = (given.pop(key, None) for key in ("kind", "folder", "repo_id"))
        options = OPTIONS.get(kind, set()) if isinstance(kind, str) else set()
        if kind not in KINDS or not folder or not repo_id or given.keys() - options:
            problems.append(
                f"entry {number} is {one}; it needs kind (model or dataset), folder and repo_id, "
                "and may have private and, for a model, repeat and output"
            )
            continue
        wrong = [
            f"entry {number}: {key} is {value!r}, but {FORMS[key]} is needed"
            for key, value in one.items()
            if value is not None and not _has_form(key, value)
        ]
        if wrong:
            problems += wrong
            continue
        repeat = given.get("repeat") or []
        given["repeat"] = [file.parent / other for other in repeat]
        if given.get("output"):
            given["output"] = file.parent / given["output"]
        entries.append(Entry(kind, file.parent / folder, repo_id, given))
    if problems:
        raise PublishingError(f"{file} cannot be followed:", problems)
    return entries
