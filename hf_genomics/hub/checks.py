"""What must not be in a repository: secrets, paths of one machine, unfilled cards, stray files."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from .errors import PublishingError
from .runs import RESULTS, front_matter, load_json, read_json, read_text
from .templates import RESULTS_SECTION

# Files that run code when they are opened, hold secrets, or belong to one machine.
FORBIDDEN_FILES = re.compile(
    r"(.*\.(bin|pt|pth|pkl|pickle|ckpt|pyc|env|pem|key|log|tmp|swp))|\.env.*|\.netrc|id_[rd]sa.*"
    r"|\.DS_Store|Thumbs\.db"
)
SECRETS = {
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})\b",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "API key": r"\b(?:sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35})\b",
    "password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@",
    "secret": r"(?i)\b\w*(?:api_?key|secret|passw(?:or)?d|token)['\"]?\s*[=:]\s*['\"]?[\w+/-]{24,}",
}
_ROOTS = "home|Users|root|tmp|mnt|media|var|work|workspace|scratch|private|srv|opt|gpfs|lustre|nfs"
LOCAL_PATHS = re.compile(
    rf"(?<![\w.:/-])/(?:{_ROOTS})/[\w.@+-][^\s'\"`)]*|\b[A-Za-z]:\\+[\w.]+\\[^\s'\"`)]*|file:///\S+"
)
_UNFILLED = re.compile(
    r"\{\{.*?\}\}|\[More Information Needed\]|\b(?:TODO|TBD|FIXME)\b|\| *(?:nan|None|null) *\|"
)
_EMPTY_CELL = re.compile(r"^\|(?![ |]*$).*\|[ \t]*\|", re.MULTILINE)
_DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+(?![\w.])")


def check_repo_ids(repo_ids: Iterable[str]) -> None:
    """Raises PublishingError for names that the Hub would refuse, all of them at once."""
    problems = []
    for repo_id in repo_ids:
        try:
            validate_repo_id(repo_id)
            if repo_id.count("/") != 1:
                problems.append(f"{repo_id!r} names no user or organisation")
        except HFValidationError as error:
            problems.append(str(error))
    if problems:
        raise PublishingError(
            "A repository is user/name, in the letters a to z, digits, '-', '_' and '.':", problems
        )


def check_repository(folder: Path) -> None:
    """All checks of this page on every file of `folder`.

    Raises:
        PublishingError: with all that was found.
    """
    problems = [*stray_files(folder), *leaks(folder), *card_problems(folder)]
    if problems:
        raise PublishingError(f"{folder} is not fit to be published:", problems)


def files_of(folder: Path) -> dict[str, Path]:
    """Every file below `folder` by its path in the repository, sorted; git's own are left out."""
    found = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.is_file() and ".git" not in file.relative_to(folder).parts
    }
    return {path: found[path] for path in sorted(found)}


def stray_files(folder: Path) -> Iterator[str]:
    for path, file in files_of(folder).items():
        if file.is_symlink():
            yield f"{path} is a link to {os.readlink(file)}; put the file itself there"
        elif FORBIDDEN_FILES.fullmatch(file.name) or "__pycache__" in file.parts:
            yield f"{path} does not belong into a repository; remove it"
        elif not file.stat().st_size and file.name not in (".gitattributes", "__init__.py"):
            yield f"{path} is empty"


def leaks(folder: Path) -> Iterator[str]:
    """Secrets and local paths in the text of a folder, metadata of weights included."""
    token = get_token()
    personal = {str(Path.home())} - {"/", "/root"}
    for path, file in files_of(folder).items():
        for number, line in enumerate(text_lines(file), start=1):
            for kind, pattern in SECRETS.items():
                if re.search(pattern, line):
                    yield f"{path}, line {number}: looks like a {kind}; remove it, and revoke it"
            if token and token in line:
                yield f"{path}, line {number}: holds your own Hugging Face token; revoke it"
            paths = [*LOCAL_PATHS.findall(line), *(home for home in personal if home in line)]
            if paths:
                yield f"{path}, line {number}: a path of this machine, {paths[0]!r}"


def text_lines(file: Path) -> Iterable[str]:
    """The lines of a text file; of weights the metadata; nothing of other binary files."""
    with file.open("rb") as opened:
        if file.suffix == ".safetensors":
            try:
                header = opened.read(struct.unpack("<Q", opened.read(8))[0])
                return [json.dumps(json.loads(header).get("__metadata__", {}))]
            except (struct.error, ValueError, OverflowError, AttributeError):
                raise PublishingError(
                    f"{file} is not a safetensors file; write it again, or remove it."
                ) from None
        if b"\0" in opened.read(4096):
            return []
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def card_problems(folder: Path) -> Iterator[str]:
    """What is missing from README.md, and numbers in it that no file beside it has."""
    card = folder / "README.md"
    if not card.is_file():
        yield "README.md is missing"
        return
    text = read_text(card)
    facts = front_matter(text)
    if not facts.get("license"):
        yield "README.md: the metadata name no license"
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for pattern in (_UNFILLED, _EMPTY_CELL):
        for match in pattern.finditer(prose):
            yield f"README.md: unfilled field {match[0]!r}"
    known = list(numbers_of(folder))
    section = RESULTS_SECTION.search(prose)
    for found in _DECIMAL.findall(section[1] if section else ""):
        digits = len(found.partition(".")[2])
        if not any(round(value, digits) == float(found) for value in known):
            yield f"README.md: {found} in the Results is in no JSON file of the folder"
    yield from index_problems(folder, facts)


def index_problems(folder: Path, facts: dict[str, Any]) -> Iterator[str]:
    """Entries of `model-index` that are not what `all_results.json` says."""
    if "model-index" not in facts:
        return
    file = folder / RESULTS
    results = read_json(file) if file.is_file() else {}
    try:
        for model in facts["model-index"]:
            for result in model["results"]:
                split = result["dataset"].get("split")
                for metric in result["metrics"]:
                    key, value = f"{split}_{metric['type']}", metric["value"]
                    if results.get(key) != value:
                        known = results.get(key)
                        yield f"README.md: model-index has {key} {value}, {RESULTS} {known}"
    except (TypeError, KeyError, AttributeError):
        yield "README.md: model-index has another form than the Hub reads; correct or remove it"


def numbers_of(folder: Path) -> Iterator[float]:
    """Every number in the JSON files of a folder."""
    for file in sorted(folder.glob("*.json")):
        todo = [load_json(file)]
        while todo:
            value = todo.pop()
            if isinstance(value, dict):
                todo += value.values()
            elif isinstance(value, list):
                todo += value
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                yield value
