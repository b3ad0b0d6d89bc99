"""`load_benchmark`: a configuration of a benchmark in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datasets import DatasetDict, load_dataset

from hf_genomics.data.progress import bars_shown

from .building import plain_options, read_checked, wanted_tasks
from .configurations import in_order
from .registry import find_benchmark
from .specs import BenchmarkSpec, BuildOptions
from .table_sources import opened
from .writing import PROVENANCE


def load_benchmark(
    name: str,
    config: str | None = None,
    source: str | Path | None = None,
    *,
    progress: bool = False,
    **options: Any,
) -> DatasetDict:
    """One configuration of a benchmark.

        load_benchmark("gue", "prom_core_tata", "path/to/GUE")

    Args:
        name: of the benchmark, see `list_benchmarks()`.
        config: of the configuration; may be left out where the source holds one.
        source: the original files, an archive or URL of them, a folder that
            `hf-genomics build-dataset` wrote, or the id of a copy on the Hub. The known copy on the
            Hub if none is given.
        progress: show bars of the files that are read.
        **options: fields of `BuildOptions`, such as `genomes` (a FASTA file), `annotation`, `seed`.

    Returns:
        Splits `train`, `validation` and `test`, as far as the source has them, with the columns
        `sequence` and `label`.

    Raises:
        ValueError: There is no such benchmark or configuration, the source does not hold it, or
            there is no known copy and none was named.
        TypeError: An option is unknown.
    """
    benchmark = find_benchmark(name)
    spec = benchmark.SPEC
    if source is None:
        if not spec.hub_ids:
            raise ValueError(
                f"No copy of {spec.name} on the Hub is known; name a source. {spec.source_help}"
            )
        source = spec.hub_ids[0]
    build_options = BuildOptions(**options)
    with bars_shown(progress), opened(source, spec) as place:
        if isinstance(place, Path) and _was_built(place, spec.name):
            _require_same_options(place, build_options, spec)
            return _load_built(place, name, None if config is None else spec.task(config).name)
        asked = [] if config is None else [config]
        tasks = wanted_tasks(benchmark, place, asked, build_options)
        if len(tasks) > 1:
            names = ", ".join(task.name for task in tasks)
            raise ValueError(f"{source} holds {len(tasks)} configurations; choose one of {names}.")
        return read_checked(benchmark, tasks[0], place, build_options).dataset


def _was_built(folder: Path, name: str) -> bool:
    record = folder / PROVENANCE
    if not record.is_file():
        return False
    try:
        facts = json.loads(record.read_text("utf-8"))
    except ValueError:
        return False
    return isinstance(facts, dict) and facts.get("benchmark") == name


def _require_same_options(folder: Path, options: BuildOptions, spec: BenchmarkSpec) -> None:
    """Raises ValueError where the rows of a built folder come from other options than are given."""
    built = json.loads((folder / PROVENANCE).read_text("utf-8")).get("options", {})
    asked, default = plain_options(options), plain_options(BuildOptions())
    for name in (*spec.options, "seed"):
        if asked[name] not in (default[name], built.get(name)):
            raise ValueError(
                f"{folder} was built with {name} {built.get(name)}, but {asked[name]} is asked "
                "for; leave the option out, or name the original files."
            )


def _load_built(folder: Path, name: str, config: str | None) -> DatasetDict:
    held = list(json.loads((folder / PROVENANCE).read_text("utf-8"))["configurations"])
    if config is None and len(held) > 1:
        raise ValueError(
            f"{folder} holds {len(held)} configurations; choose one of {', '.join(held)}."
        )
    config = config or held[0]
    if config not in held:
        raise ValueError(f"{folder} does not hold {config}; it has {', '.join(held)}.")
    return in_order(dict(load_dataset(str(folder), config)))
