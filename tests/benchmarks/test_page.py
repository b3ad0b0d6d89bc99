"""The page on benchmarks says what there is, and its commands are ones that exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from hf_genomics import list_benchmarks
from hf_genomics.benchmarks.registry import find_benchmark
from hf_genomics.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.S | re.M)
    for line in block.replace("\\\n", "").splitlines()
]


def test_table_lists_every_benchmark_with_its_number_of_configurations():
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.M)
    assert listed == [(spec.name, str(len(spec.tasks))) for spec in list_benchmarks()]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_parsed_and_name_what_exists(command):
    program, name, benchmark, *arguments = shlex.split(command)
    assert (program, name) == ("hf-genomics", "build-dataset")
    parser = typer.main.get_command(app).commands[name]
    options = parser.make_context(name, [benchmark, *arguments], resilient_parsing=True).params
    spec = find_benchmark(options["name"]).SPEC
    for config in options["config"] or []:
        assert spec.task(config)


@pytest.mark.parametrize("spec", list_benchmarks(), ids=lambda spec: spec.name)
def test_specifications_are_complete_and_frozen(spec):
    assert spec.title
    assert spec.description
    assert spec.source_help
    assert len(set(spec.config_names)) == len(spec.tasks)
    with pytest.raises(AttributeError):
        spec.name = "other"
    for task in spec.tasks:
        assert spec.task(task.name) is task


def test_unknown_name_brings_the_nearest():
    with pytest.raises(ValueError, match="no benchmark 'genomic'; did you mean genomic_benchmarks"):
        find_benchmark("genomic")
    assert find_benchmark("TEB-like") is find_benchmark("teb_like")
