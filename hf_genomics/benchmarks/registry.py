"""The benchmarks that can be built, by name."""

from __future__ import annotations

import difflib
from typing import Protocol

from . import (
    bend,
    brca1_sge,
    clinvar,
    genomic_benchmarks,
    gue,
    mpra_satmut,
    nucleotide_transformer,
    teb,
    teb_like,
    traitgym,
)
from .configurations import Configuration
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source


class Benchmark(Protocol):
    """What the module of a benchmark offers."""

    SPEC: BenchmarkSpec

    def available(self, source: Source, options: BuildOptions) -> list[str]:
        """Configurations that the source holds; [""] where it holds one without a name."""
        ...

    def read(self, task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
        """One configuration."""
        ...


_MODULES: tuple[Benchmark, ...] = (
    gue,
    genomic_benchmarks,
    teb,
    teb_like,
    nucleotide_transformer,
    brca1_sge,
    mpra_satmut,
    clinvar,
    traitgym,
    bend,
)
_BY_NAME = {module.SPEC.name: module for module in _MODULES}


def list_benchmarks() -> list[BenchmarkSpec]:
    """Every benchmark that `load_benchmark` and `hf-genomics build-dataset` know.

    Returns:
        One specification each: `name`, `tasks` with label names, metric and lengths, licence,
        citation, where the original lives.
    """
    return [module.SPEC for module in _MODULES]


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name; `-` and `_`, upper and lower case are the same.

    Raises:
        ValueError: There is none; the message names the nearest.
    """
    key = name.lower().replace("-", "_")
    if key in _BY_NAME:
        return _BY_NAME[key]
    close = difflib.get_close_matches(key, _BY_NAME, cutoff=0.5) or list(_BY_NAME)
    raise ValueError(f"There is no benchmark {name!r}; did you mean {', '.join(close)}?")
