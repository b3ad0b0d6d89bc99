"""What is known of a benchmark: its configurations, labels, measure, licence and whereabouts.

A field that is None was not found out; cards say so. Nothing here is guessed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType


class LabelKind(StrEnum):
    """What the column `label` holds."""

    CLASS = "class"
    NUMBER = "number"
    LIST = "list"  # of 0 and 1, one for each label


def _none_known() -> Mapping[str, int]:
    return MappingProxyType({})


def _no_files() -> Mapping[str, Path]:
    return MappingProxyType({})


def _no_checksums() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class TaskSpec:
    """One configuration of a benchmark.

    Attributes:
        name: of the configuration, also of its folder.
        task: what is to be told from the sequence.
        label_names: names of the classes 0, 1, ...; of the entries of a list.
        metric: by which the benchmark's authors compare, as `evaluate` calls it.
        path: folder or file stem in the original layout.
        aliases: other names of the configuration, in copies and in speech.
        lengths: bases of the shortest and of the longest sequence.
        rows: rows of the published splits.
        sha256: `content_digest` of splits whose rows are known.
        kind: what the labels are.
        splits: that it is to have.
        note: for the card.
    """

    name: str
    task: str
    label_names: tuple[str, ...]
    metric: str | None = None
    path: str = ""
    aliases: tuple[str, ...] = ()
    lengths: tuple[int, int] | None = None
    rows: Mapping[str, int] = field(default_factory=_none_known)
    sha256: Mapping[str, str] = field(default_factory=_no_checksums)
    kind: LabelKind = LabelKind.CLASS
    splits: tuple[str, ...] = ("train", "validation", "test")
    note: str = ""

    def answers_to(self, name: str) -> bool:
        """Whether `name` is the configuration's own, an alias, or the end of a path to it."""
        known = {self.name, self.path, *self.aliases} - {""}
        name = name.strip("/").lower()
        return any(name == own.lower() or name.endswith(f"/{own.lower()}") for own in known)


@dataclass(frozen=True)
class BenchmarkSpec:
    """One source of benchmark data sets.

    Attributes:
        name: as `load_benchmark` and `hf-genomics build-dataset` take it.
        title: heading of the card.
        description: a paragraph for the card.
        tasks: the configurations.
        split_rule: how rows were dealt to the splits, as far as that is known.
        url: where the original lives.
        hub_ids: copies on the Hub.
        licence: of the data, as the Hub spells it; None where the source states none.
        licence_note: what is known about the terms.
        citation: BibTeX.
        source_help: what `source` is to be, for errors and documentation.
        columns: of the data set beside `sequence` and `label`, with their meaning.
        options: fields of `BuildOptions` that have an effect.
    """

    name: str
    title: str
    description: str
    tasks: tuple[TaskSpec, ...]
    split_rule: str
    url: str | None = None
    hub_ids: tuple[str, ...] = ()
    licence: str | None = None
    licence_note: str = ""
    citation: str | None = None
    source_help: str = ""
    columns: Mapping[str, str] = field(default_factory=_no_checksums)
    options: tuple[str, ...] = ()

    @property
    def config_names(self) -> list[str]:
        return [task.name for task in self.tasks]

    def task(self, config: str) -> TaskSpec:
        """The configuration of that name or alias.

        Raises:
            ValueError: There is none; the message names the nearest.
        """
        exact = [task for task in self.tasks if task.name == config]
        fitting = exact or [task for task in self.tasks if task.answers_to(config)]
        if len(fitting) == 1:
            return fitting[0]
        close = difflib.get_close_matches(config, self.config_names, cutoff=0.4)
        raise ValueError(
            f"{self.name} has no configuration {config!r}; did you mean "
            f"{', '.join(close or self.config_names)}?"
        )


@dataclass(frozen=True)
class BuildOptions:
    """What a builder needs beside the source.

    Attributes:
        genomes: FASTA file of the coordinates, or FASTA files by the class that they are for, where
            "" stands for all other classes.
        annotation: repeats, RepeatMasker `.out` or GFF.
        validation_fraction: share of `train` that becomes `validation` where there is none.
        seed: of every random choice.
        window: bases around a variant.
        max_length: longest repeat.
        families: only repeats whose class, family or type begins with one of these.
        min_barcodes: rows of an assay with fewer are left out.

    Raises:
        ValueError: A file is not there, or a number is out of its range.
    """

    genomes: Mapping[str, Path] = field(default_factory=_no_files)
    annotation: Path | None = None
    validation_fraction: float = 0.1
    seed: int = 0
    window: int = 1024
    max_length: int = 1000
    families: tuple[str, ...] = ()
    min_barcodes: int = 10

    def __post_init__(self) -> None:
        given: object = self.genomes
        genomes = {"": given} if isinstance(given, (str, Path)) else dict(self.genomes)
        files = {label: Path(path).expanduser() for label, path in genomes.items()}
        object.__setattr__(self, "genomes", MappingProxyType(files))
        if self.annotation is not None:
            object.__setattr__(self, "annotation", Path(self.annotation).expanduser())
        families: object = self.families
        chosen = (families,) if isinstance(families, str) else tuple(self.families)
        object.__setattr__(self, "families", chosen)
        for path in filter(None, (*files.values(), self.annotation)):
            if not path.is_file():
                raise ValueError(f"There is no file {path}.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}; give a number between 0 and "
                "1, the share of the training rows to set aside (--validation-fraction)."
            )
        for name in ("window", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more.")

    def require_effect(self, spec: BenchmarkSpec) -> None:
        """Refuses options that a benchmark does not read, where each was asked for.

        The command line does; in Python the same options may serve several benchmarks. A seed is
        not refused: it is of every random choice, also where there is none.

        Raises:
            ValueError: One of the others was given.
        """
        default = BuildOptions()
        without = [
            option.name
            for option in fields(self)
            if option.name not in ("seed", *spec.options)
            and getattr(self, option.name) != getattr(default, option.name)
        ]
        if without:
            known = ", ".join(spec.options) or "none"
            raise ValueError(
                f"{', '.join(without)}: no option of {spec.name}, which has {known}; leave it out."
            )
        classes = list(dict.fromkeys(label for task in spec.tasks for label in task.label_names))
        unknown = [label for label in self.genomes if label and label not in classes]
        if unknown:
            close = difflib.get_close_matches(unknown[0], classes, cutoff=0.4) or classes[:10]
            raise ValueError(
                f"--genome {unknown[0]}=PATH: {spec.name} has no class {unknown[0]!r}; did you "
                f"mean {', '.join(close)}?"
            )

    def genome(self, label: str = "") -> Path:
        """The FASTA file for a class.

        Raises:
            ValueError: There is none.
        """
        found = self.genomes.get(label) or self.genomes.get("")
        if found is None:
            named = f"--genome {label}=PATH or " if label else ""
            raise ValueError(
                "The source holds coordinates, so the sequences come from a genome, and none was "
                f"given{f' for class {label!r}' if label else ''}; name its FASTA "
                f"({named}--genome PATH)."
            )
        return found
