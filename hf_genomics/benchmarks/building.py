"""A benchmark as a folder that `datasets` reads and the Hub takes; all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.data.licences import require_licence
from hf_genomics.data.progress import bar, bars_shown

from .benchmark_card import card
from .configurations import Configuration, describe, table_of
from .registry import Benchmark, find_benchmark
from .specs import BuildOptions, TaskSpec
from .table_sources import Source, opened
from .writing import CARD, PROVENANCE, check_target, written_aside

ORIGIN = "hf_genomics.benchmarks.building"
ROW_GROUP = 10_000  # rows; what a reader that streams holds at once


def build_dataset(
    name: str,
    source: str | Path,
    output: str | Path,
    *,
    configs: Sequence[str] = (),
    options: BuildOptions | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes a benchmark as Parquet with a card and `provenance.json`; the same bytes every time.

    Args:
        name: of the benchmark, one of `list_benchmarks()`.
        source: the original files: see the benchmark's `source_help`.
        output: the folder; it is made, or must be empty.
        configs: only these configurations; those that the source holds if none is given.
        options: genome, annotation, seed and the like.
        licence: of the data as the Hub spells it, where the benchmark's own is not known.
        overwrite: replace a data set written before.
        progress: show bars, of the configurations and of the files that are read.

    Returns:
        What `provenance.json` says.

    Raises:
        ValueError: The source does not fit the benchmark, a row is not what it should be (the
            message names file and row), or `output` is not free. Nothing is left behind then.
    """
    benchmark = find_benchmark(name)
    options = options or BuildOptions()
    output = Path(output).resolve()
    check_target(output, overwrite=overwrite)
    require_licence(licence)
    with (
        bars_shown(progress),
        opened(source, benchmark.SPEC) as place,
        written_aside(output, overwrite=overwrite) as aside,
    ):
        records: dict[str, Any] = {}
        checksums: dict[str, str] = {}
        checksum = cache(sha256_of)  # configurations share their genome
        tasks = wanted_tasks(benchmark, place, configs, options)
        for task in bar(tasks, desc=f"Building {benchmark.SPEC.name}", leave=True):
            configuration = read_checked(benchmark, task, place, options)
            checksums |= _write_parquet(aside, configuration)
            records[task.name] = describe(configuration, checksum)
        provenance = {
            "origin": ORIGIN,
            "benchmark": benchmark.SPEC.name,
            "url": benchmark.SPEC.url,
            "licence": licence or benchmark.SPEC.licence,
            "options": plain_options(options),
            "configurations": records,
            "sha256": checksums,
        }
        text = json.dumps(provenance, indent=1, ensure_ascii=False)
        (aside / PROVENANCE).write_text(text + "\n", encoding="utf-8")
        (aside / CARD).write_text(card(benchmark.SPEC, provenance), encoding="utf-8")
    return provenance


def wanted_tasks(
    benchmark: Benchmark, source: Source, configs: Iterable[str], options: BuildOptions
) -> list[TaskSpec]:
    """The configurations that were asked for, or all that the source holds.

    Raises:
        ValueError: The source lacks one, or does not say which configuration it is.
    """
    spec = benchmark.SPEC
    asked = list(dict.fromkeys(spec.task(config).name for config in configs))
    held = benchmark.available(source, options)
    if held == [""]:
        if len(asked) != 1:
            raise ValueError(
                f"{source} holds one data set without a name; say which configuration of "
                f"{spec.name} it is (--config): {', '.join(spec.config_names)}."
            )
        return [spec.task(asked[0])]
    missing = [config for config in asked if config not in held]
    if missing:
        raise ValueError(
            f"{source} does not hold {', '.join(missing)}; it has {', '.join(held)}. "
            f"{spec.source_help}"
        )
    return [task for task in spec.tasks if task.name in (asked or held)]


def read_checked(
    benchmark: Benchmark, task: TaskSpec, source: Source, options: BuildOptions
) -> Configuration:
    """A configuration all of whose splits have rows.

    Raises:
        ValueError: As the benchmark's `read`, or a split is empty.
    """
    configuration = benchmark.read(task, source, options)
    empty = [split for split, rows in configuration.dataset.items() if len(rows) == 0]
    if empty or not configuration.dataset:
        raise ValueError(
            f"{source}: split {', '.join(map(str, empty)) or 'train'} of {task.name} has no rows."
        )
    return configuration


def _write_parquet(folder: Path, configuration: Configuration) -> dict[str, str]:
    """Writes the splits; their checksums by file name."""
    (folder / configuration.task.name).mkdir()
    checksums = {}
    for split, rows in configuration.dataset.items():
        name = f"{configuration.task.name}/{split}-00000-of-00001.parquet"
        pq.write_table(table_of(rows), folder / name, row_group_size=ROW_GROUP)
        checksums[name] = sha256_of(folder / name)
    return checksums


def plain_options(options: BuildOptions) -> dict[str, Any]:
    """Options as JSON, files by their name and checksum: a path would differ between machines."""
    return {
        "genomes": {label: _file(path) for label, path in sorted(options.genomes.items())},
        "annotation": _file(options.annotation),
        "validation_fraction": options.validation_fraction,
        "seed": options.seed,
        "window": options.window,
        "max_length": options.max_length,
        "families": list(options.families),
        "min_barcodes": options.min_barcodes,
    }


def _file(path: Path | None) -> dict[str, str] | None:
    return None if path is None else {"file": path.name, "sha256": sha256_of(path)}
