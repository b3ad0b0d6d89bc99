"""Finished parts of an output, kept aside until all are there.

`<output>.parts/` holds one file for each part and a manifest: its first line says what the parts
were made from, every further line names a finished part with its digest. A line is written after
its part is on the disk, so a process that is killed leaves nothing that looks finished and is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hf_genomics.data.alignment_files import sha256_of

MANIFEST = "manifest.jsonl"


class Part(NamedTuple):
    """One finished part: its file, the digest of its content, and what the run counted in it."""

    file: Path
    sha256: str
    counts: dict[str, int]


class PartStore:
    """The finished parts of one output.

    Args:
        output: The file to write in the end.
        made_from: Inputs and options, as JSON; the same for the same bytes.
        resume: Go on with what an interrupted run left, if it left something.
        overwrite: Replace an output, and forget an interrupted run.

    Raises:
        ValueError: The output exists, or an interrupted run left parts, and the options do not
            say what to do with them; or the parts were made from something else.
    """

    def __init__(
        self, output: Path, made_from: Mapping[str, Any], *, resume: bool, overwrite: bool
    ) -> None:
        self.output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self._parts: dict[int, Part] = {}
        # As it will be read back: tuples become lists, and so on.
        self._made_from = json.loads(json.dumps(made_from))
        if overwrite:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._check(resume, overwrite)
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest = self.folder / MANIFEST
        if self._read(manifest):
            self._manifest = open(manifest, "a", encoding="utf-8")  # noqa: SIM115
        else:
            self._manifest = open(manifest, "w", encoding="utf-8")  # noqa: SIM115
            self._append(self._made_from)

    def __contains__(self, number: int) -> bool:
        return number in self._parts

    def counts(self, number: int) -> dict[str, int]:
        return self._parts[number].counts

    def write(self, number: int, content: bytes, counts: Mapping[str, int]) -> None:
        """Stores a part; it counts as finished once this returns."""
        file = self._file(number)
        aside = file.with_suffix(".partial")
        with open(aside, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, file)
        digest = hashlib.sha256(content).hexdigest()
        self._parts[number] = Part(file, digest, dict(counts))
        self._append({"part": number, "sha256": digest, "counts": dict(counts)})

    def assemble(self, number_of_parts: int, join: Callable[[list[Path], Path], None]) -> None:
        """Joins the parts in their order to the output, which appears whole or not at all.

        Args:
            number_of_parts: How many there are.
            join: Writes the content of the files to a new file.
        """
        self._manifest.close()
        files = [self._parts[number].file for number in range(number_of_parts)]
        aside = self.folder / "assembled"
        join(files, aside)
        with open(aside, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(aside, self.output)
        shutil.rmtree(self.folder)

    def close(self) -> None:
        self._manifest.close()

    def _check(self, resume: bool, overwrite: bool) -> None:
        left = (self.folder / MANIFEST).exists()
        if left and not resume:
            raise ValueError(
                f"{self.folder} holds the parts of an interrupted run: go on with them by "
                "--resume (resume=True), or start again by --overwrite (overwrite=True)."
            )
        if self.output.exists() and not left and not overwrite:
            raise ValueError(
                f"{self.output} exists and no interrupted run is there to go on with: the file is "
                "complete. Replace it by --overwrite (overwrite=True), or name another output."
            )

    def _read(self, manifest: Path) -> bool:
        """Takes over the parts of a manifest; False if it has not even a first line."""
        lines = manifest.read_text("utf-8").splitlines(keepends=True) if manifest.exists() else []
        # A line without its end was being written when the process was killed.
        whole = [line for line in lines if line.endswith("\n")]
        if not whole:
            return False
        before = json.loads(whole[0])
        if before != self._made_from:
            found = _differences(before, self._made_from)
            raise ValueError(
                f"{self.folder} was made from something else: {found}. Use the same "
                "inputs and options to resume, or start again by --overwrite (overwrite=True)."
            )
        for line in whole[1:]:
            entry = json.loads(line)
            file = self._file(entry["part"])
            if file.exists() and sha256_of(file) == entry["sha256"]:
                self._parts[entry["part"]] = Part(file, entry["sha256"], entry["counts"])
        if len(whole) < len(lines):
            manifest.write_text("".join(whole), "utf-8")
        return True

    def _append(self, entry: Any) -> None:
        self._manifest.write(json.dumps(entry) + "\n")
        self._manifest.flush()
        os.fsync(self._manifest.fileno())

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:08d}.part"


def _differences(before: Any, now: Any, name: str = "") -> str:
    """Where two JSON values differ, as `name: was, is` of each leaf."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        inner = [
            _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
            for key in keys
            if before.get(key) != now.get(key)
        ]
        return "; ".join(inner)
    return f"{name} was {_short(before)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
