"""One flat folder that is a complete repository of a model, proved before anybody sees it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from hf_genomics.evaluation.results import write_results
from hf_genomics.models import FAMILIES

from .cards import CARD, EXAMPLE, LICENSE, data_config, example_of, model_card, source_url
from .checks import check_repository, files_of
from .errors import PublishingError
from .family_fields import is_classifier
from .proof import auto_class_of, prove
from .runs import (
    CONFIG,
    RESULTS,
    STATE,
    Run,
    data_facts,
    given_paths,
    local_path,
    read_config,
    read_run,
)
from .scores import SUMMARY, summarize
from .scores_table import eval_results

# What an export of any family may hold: files beside each other, and entries of leaderboards.
EXPORTED = ("*.py", "*.json", "*.safetensors", CARD, LICENSE)
ENTRIES = ".eval_results"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Exported:
    """A folder that is ready for the Hub.

    Attributes:
        folder: where it is.
        files: size in bytes by path.
        differences: Auto class to the largest relative difference from the model of the run.
    """

    folder: Path
    files: dict[str, int]
    differences: dict[str, float]


def export_model(
    run_folder: str | Path,
    target: str | Path,
    *,
    repo_id: str,
    template: Path,
    license_file: Path,
    repeats: Sequence[str | Path] = (),
) -> Exported:
    """Writes and proves the repository of a trained model; all of it or nothing.

    Args:
        run_folder: written by `examples/finetune.py`.
        target: folder to write; new, empty, or one that this function wrote before.
        repo_id: `user/name`; the card and the example name it.
        template: card of the model's family.
        license_file: licence of the code.
        repeats: folders of the same run with other seeds, for the spread of the scores.

    Returns:
        The folder, what is in it, and how the proof came out.

    Raises:
        PublishingError: a file or fact is missing, the card cannot be filled, a secret or a local
            path would be published, or the folder does not load elsewhere as it does here.
    """
    target = Path(target).resolve()  # a folder cannot take the place of a link to one
    check_target(target)
    run = read_run(run_folder)
    model, tokenizer = load(run)
    aside = target.with_name(f".{target.name}.writing-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        shutil.copyfile(license_file, aside / LICENSE)
        write_card(aside, run, [read_run(folder) for folder in repeats], template, repo_id)
        check_repository(aside)
        differences = prove(aside, repo_id, model, tokenizer)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sizes = {path: file.stat().st_size for path, file in files_of(target).items()}
    return Exported(target, sizes, differences)


def check_target(target: Path) -> None:
    """Raises PublishingError if `target` holds files that no export writes."""
    if target.is_file():
        raise PublishingError(f"{target} is a file, but an export is a folder; name a folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / SUMMARY).is_file():
        raise PublishingError(
            f"{target} is not empty and no earlier export ({SUMMARY} is missing), so it is left "
            "alone; name a new folder."
        )
    if target.is_dir():
        found = sorted(path.relative_to(target) for path in target.rglob("*") if not path.is_dir())
        others = [str(path) for path in found if not _is_exported(path)]
        if others:
            raise PublishingError(
                f"{target} holds more than an export, and that would be deleted; move it "
                "elsewhere, or name a new folder:",
                others[:10],
            )


def _is_exported(path: Path) -> bool:
    if path.parts[0] == ENTRIES:
        return path.suffix == ".yaml"
    return len(path.parts) == 1 and any(map(path.match, EXPORTED))


def load(run: Run) -> tuple[Any, Any]:
    """The model of a run by this package's classes, and its tokenizer.

    Raises:
        PublishingError: the model is of no family of this package, weights are missing or left
            over, or a file of either is missing or cannot be read.
    """
    if run.config.get("model_type") not in {family.model_type for family in FAMILIES}:
        raise PublishingError(
            f"{run.folder} holds a model of type {run.config.get('model_type')!r}; this command "
            f"publishes {', '.join(family.model_type for family in FAMILIES)}."
        )
    # Without its files, Transformers makes up a tokenizer.
    missing = [name for name in TOKENIZER_FILES if not (run.folder / name).is_file()]
    if missing:
        raise PublishingError(
            f"{run.folder} has no {' and no '.join(missing)}; copy the tokenizer that the model "
            "was trained with into it, by tokenizer.save_pretrained."
        )
    auto_class = auto_class_of(run.config)
    with _named(run.folder, "model", CONFIG, "*.safetensors"):
        model, info = auto_class.from_pretrained(run.folder, dtype="auto", output_loading_info=True)
    with _named(run.folder, "tokenizer", *TOKENIZER_FILES):
        tokenizer = AutoTokenizer.from_pretrained(run.folder)
    problems = [
        f"{kind}: {', '.join(sorted(map(str, keys)))}" for kind, keys in info.items() if keys
    ]
    if problems:
        raise PublishingError(f"The weights in {run.folder} do not fit the model:", problems)
    return model.eval(), tokenizer


@contextmanager
def _named(folder: Path, what: str, *files: str) -> Iterator[None]:
    """Says which files cannot be read, in place of whatever a library raises for damaged ones."""
    try:
        yield
    except Exception as error:  # of safetensors, json, huggingface_hub, KeyError, ...
        raise PublishingError(
            f"The {what} in {folder} cannot be loaded from its {' and '.join(files)}; put those "
            f"back that training wrote, or train again: {type(error).__name__}: {error}"
        ) from error


def write_card(
    folder: Path, run: Run, repeats: Sequence[Run], template: Path, repo_id: str
) -> None:
    """Results, card, example and leaderboard entries, beside a model that is saved already."""
    sources = [
        RESULTS,
        *(f"all_results_seed_{other.results.get('seed')}.json" for other in repeats),
    ]
    runs = [run, *repeats]
    for name, one in zip(sources, runs, strict=True):
        write_results(folder / name, one.results)
    for name, content in {STATE: run.state, **run.evaluations}.items():
        write_results(folder / name, content)
    _require_same_files(run, repeats, sources)
    summary = summarize([one.results for one in runs], sources)
    write_results(folder / SUMMARY, summary)
    data = data_facts(run)
    card = model_card(folder, run, data, template, repo_id)
    (folder / CARD).write_text(card, encoding="utf-8")
    (folder / EXAMPLE).write_text(example_of(card), encoding="utf-8")
    entries = eval_results(summary, data, data_config(run), source_url(repo_id, RESULTS))
    for name, text in entries.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _require_same_files(run: Run, repeats: Sequence[Run], sources: Sequence[str]) -> None:
    """Refuses repetitions on other files of the same name: `v1/promoters` and `v2/promoters`.

    Only where one of the two is to be found: runs from another machine have the paths of that one.
    """
    problems = []
    ours = given_paths(run)
    for other, source in zip(repeats, sources[1:], strict=True):
        for name, path in given_paths(other).items():
            mine = ours.get(name, path)
            here, there = local_path(mine, run), local_path(path, other)
            same = here and there and here.samefile(there)
            if mine != path and (here or there) and not same:
                problems.append(f"{source}: {name} is {path}, of the published run {mine}")
    if problems:
        raise PublishingError("These runs are no repetitions with other seeds:", problems)


def file_list(files: dict[str, int]) -> str:
    """Sizes and paths, one a line, and the sum."""
    lines = [f"{size_of(size):>10}  {path}" for path, size in files.items()]
    return "\n".join([*lines, f"{size_of(sum(files.values())):>10}  in {len(files)} files"])


def size_of(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def template_of(run_folder: str | Path, templates: Path) -> Path:
    """The card for the model of a run: that of its family, or of a classifier.

    Only the hyperbolic family has a template for classifiers of its own.

    Raises:
        PublishingError: the folder holds no model, or one of a kind that has no card.
    """
    file = Path(run_folder) / CONFIG
    if not file.is_file():
        raise PublishingError(f"{run_folder} has no {CONFIG}, so it holds no model.")
    config = read_config(file.parent)
    name = str(config.get("model_type"))
    if is_classifier(config) and name != "hyperbolic_cnn":
        name = "sequence_classification"
    template = templates / f"{name}.md"
    if not template.is_file():
        raise PublishingError(f"There is no card for this kind of model: {template.name}.")
    return template
