"""What a training run left behind, made fit to be published: no path of the machine it ran on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from .errors import PublishingError
from .scores import METRIC_NAMES, SPLITS

CONFIG, RESULTS, STATE = "config.json", "all_results.json", "trainer_state.json"
LIKELIHOOD = "likelihood.json"  # of examples/evaluate_phylogpn.py
FACTS = "card.yaml"  # written by hand beside a run: what no file of the run says

# Fields that are read as objects or lists here, with the form that a training writes them in.
CONFIG_FORMS = {"model_type": str, "architectures": list, "auto_map": dict, "id2label": dict}
COUNTS = ("rows", "sites", "windows")  # by split
OBJECTS = ("model_arguments", "data_arguments", "versions", *COUNTS)
SHARES = ("accuracy", "f1_macro", "auroc", "auprc")
RESULTS_FORMS = dict.fromkeys(OBJECTS, dict)

# A path from the root, the home folder or a drive; not the inside of a URL or of a relative path.
_LOCAL_PATH = re.compile(r"(?<![\w.:/\\~-])(?:~|[A-Za-z]:)?[/\\](?:[\w.@+~-]+[/\\])*([\w.@+~-]+)")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


_FORM_NAMES: dict[type, str] = {str: "text", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Run:
    """A folder written by `examples/finetune.py`, or another that writes the same files.

    Attributes:
        folder: where it is.
        config: `config.json`.
        results: `all_results.json`, local paths shortened to `path/to/<name>`.
        state: `trainer_state.json`, shortened alike.
        facts: `card.yaml`: `license` of the weights, `base_model` where it is on the Hub and,
            under `data`, what is said below.
        evaluations: other results that lie in the folder, shortened alike, by file name.
    """

    folder: Path
    config: dict[str, Any]
    results: dict[str, Any]
    state: dict[str, Any]
    facts: dict[str, Any]
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFacts:
    """The training data, as a card names them.

    Attributes:
        name: for people.
        license: SPDX-like, as the Hub spells it; of the data, not of the weights.
        origin: a URL, or how the data were made.
        hub_id: `user/name` of the data set on the Hub, None where it is not there.
    """

    name: str
    license: str
    origin: str
    hub_id: str | None = None


def read_run(folder: str | Path) -> Run:
    """Reads the files of a run.

    Raises:
        PublishingError: one is missing, unreadable or of another form; all that are missing are
            named.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, RESULTS, STATE) if not (folder / name).is_file()]
    if missing:
        raise PublishingError(
            f"{folder} is not the folder of a finished run:",
            [f"{name} is missing; examples/finetune.py writes it" for name in missing],
        )
    facts = read_facts(folder / FACTS) if (folder / FACTS).is_file() else {}
    results = read_fields(folder / RESULTS, RESULTS_FORMS)
    _require_numbers(folder / RESULTS, results)
    return Run(
        folder=folder,
        config=read_config(folder),
        results=shorten_paths(results),
        state=shorten_paths(read_json(folder / STATE)),
        facts=facts,
        evaluations={
            name: shorten_paths(read_json(folder / name))
            for name in (LIKELIHOOD,)
            if (folder / name).is_file()
        },
    )


def _require_numbers(file: Path, results: Mapping[str, Any]) -> None:
    """Raises PublishingError where scores or counts are no numbers, or shares beyond 1."""
    problems = []
    for split, metric in product(SPLITS, METRIC_NAMES):
        score = results.get(f"{split}_{metric}")
        if score is not None and not _is_number(score):
            problems.append(f"{split}_{metric} is {score!r}, but a number is needed")
        elif score is not None and metric in SHARES and not 0 <= score <= 1:
            problems.append(f"{split}_{metric} is {score}, but it lies from 0 to 1")
    for name in COUNTS:
        for split, count in results.get(name, {}).items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                problems.append(f"{name}: {split} is {count!r}, but a whole number is needed")
    if problems:
        raise PublishingError(f"{file} is damaged; correct it, or train again:", problems)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def given_paths(run: Run) -> dict[str, str]:
    """The paths that a run was given, by the name of their argument, as they were written."""
    raw = read_fields(run.folder / RESULTS, RESULTS_FORMS)
    arguments = {**raw.get("model_arguments", {}), **raw.get("data_arguments", {})}
    return {
        name: value
        for name, value in arguments.items()
        if isinstance(value, str) and shorten_paths(value) != value
    }


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json`, whose fields have the forms that `save_pretrained` writes.

    Raises:
        PublishingError: one has not.
    """
    return read_fields(folder / CONFIG, CONFIG_FORMS)


def read_fields(file: Path, forms: Mapping[str, type]) -> dict[str, Any]:
    """An object of JSON whose fields, where they are there, have these types."""
    content = read_json(file)
    problems = [
        f"{name} is {content[name]!r}, but {_FORM_NAMES[form]} is needed"
        for name, form in forms.items()
        if name in content and not isinstance(content[name], form)
    ]
    if problems:
        raise PublishingError(f"{file} is damaged; correct it, or train again:", problems)
    return content


def read_facts(file: Path) -> dict[str, Any]:
    """`card.yaml`, without what is empty in it.

    Raises:
        PublishingError: it is no mapping, or its `data` are none.
    """
    facts = read_yaml(file)
    if not isinstance(facts, dict):
        raise PublishingError(
            f"{file} holds {facts!r}, but lines such as `license: mit` are needed; correct it."
        )
    facts = {key: value for key, value in facts.items() if value}
    if not isinstance(facts.get("data", {}), dict):
        raise PublishingError(
            f"{file}: data is {facts['data']!r}, but lines such as `name: <name of the data>` "
            "below `data:` are needed; correct it."
        )
    return facts


def local_path(name: str, run: Run) -> Path | None:
    """What a name leads to on this machine, from the current folder or from one above the run.

    A run may be published from another folder than it was made in, so all are looked through, but
    not those above the home folder: `/home/me` says nothing of the Hub's user `me`.
    """
    above = [home for home in run.folder.resolve().parents if home not in Path.home().parents]
    found = (home / name for home in (Path(), *above))
    return next((path for path in found if path.exists()), None)


def is_hub_id(name: str, run: Run) -> bool:
    """Whether a name that training was given can only be one of the Hub.

    `runs/lm` may be gone from a folder `runs` that is still there.
    """
    if not HUB_ID.fullmatch(name):
        return False
    return not (local_path(name, run) or local_path(name.partition("/")[0], run))


def data_facts(run: Run) -> DataFacts:
    """What is known of the data of a run: from `card.yaml`, else from the data set's own card.

    Raises:
        PublishingError: a fact is not to be found; the message shows the lines to write.
    """
    # The path as it is on this machine: the shortened one of `run.results` leads nowhere.
    raw = read_json(run.folder / RESULTS).get("data_arguments", {})
    name = str(raw.get("dataset_name") or "")
    known: dict[str, Any] = {}
    folder = local_path(name, run) if name else None
    if folder is not None and folder.is_dir():
        known = _facts_of_folder(folder)
    elif is_hub_id(name, run):
        known = {"hub_id": name, "origin": f"https://huggingface.co/datasets/{name}"}
    known |= {key: value for key, value in run.facts.get("data", {}).items() if value}
    if "origin" not in known and "hub_id" in known:
        known["origin"] = f"https://huggingface.co/datasets/{known['hub_id']}"
    missing = [key for key in ("name", "license", "origin") if not known.get(key)]
    if missing:
        raise PublishingError(
            f"The card cannot say what the model was trained on. Write {run.folder / FACTS}:\n"
            "data:\n  name: <name of the data>\n  license: <licence of the data>\n"
            "  origin: <URL, or how they were made>\n  hub_id: <user/name, if they are on the Hub>",
            [f"data: {key} is not known" for key in missing],
        )
    hub_id = known.get("hub_id")
    if not isinstance(hub_id, str | None):
        raise PublishingError(
            f"{run.folder / FACTS}: hub_id is {hub_id!r}, but text user/name is needed."
        )
    return DataFacts(
        name=str(known["name"]),
        license=str(known["license"]),
        origin=str(known["origin"]),
        hub_id=hub_id,
    )


def _facts_of_folder(folder: Path) -> dict[str, Any]:
    """What the card and the provenance file of a data set on disk say."""
    facts: dict[str, Any] = {}
    if (folder / "README.md").is_file():
        card = front_matter(read_text(folder / "README.md"), str(folder / "README.md"))
        facts |= {"name": card.get("pretty_name"), "license": card.get("license")}
    for name in ("provenance.json", "alignment.json"):
        if (folder / name).is_file():
            record = read_json(folder / name)
            facts["origin"] = record.get("url") or record.get("origin")
    return {key: value for key, value in facts.items() if value}


def shorten_paths(value: Any) -> Any:
    """JSON with every absolute path in it cut to `path/to/<its last part>`."""
    if isinstance(value, dict):
        return {key: shorten_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shorten_paths(item) for item in value]
    return _LOCAL_PATH.sub(r"path/to/\1", value) if isinstance(value, str) else value


def front_matter(text: str, where: str = "README.md") -> dict[str, Any]:
    """The YAML block at the head of a card, which is called `where`; empty if there is none."""
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    try:
        found = yaml.safe_load(match[1]) if match else {}
    except (yaml.YAMLError, ValueError) as error:  # ValueError: 2024-99-99 is no date
        raise PublishingError(f"The head of {where} is not YAML; correct it: {error}") from None
    return found if isinstance(found, dict) else {}


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PublishingError(f"{path} is not text in UTF-8; save it as that: {error}") from None


def load_json(path: Path) -> Any:
    text = read_text(path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise PublishingError(f"{path} is not JSON; correct or remove it: {error}") from None


def read_json(path: Path) -> dict[str, Any]:
    content = load_json(path)
    if not isinstance(content, dict):
        raise PublishingError(f"{path} holds {type(content).__name__}, but an object is needed.")
    return content


def read_yaml(path: Path) -> Any:
    text = read_text(path)
    try:
        content = yaml.safe_load(text)
        return {} if content is None else content
    except (yaml.YAMLError, ValueError) as error:
        raise PublishingError(f"{path} is not YAML; correct it: {error}") from None
