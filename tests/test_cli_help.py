"""Each help of the command line has examples, and they are commands that can be given."""

import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from hf_genomics.cli import app

PROGRAM = typer.main.get_command(app)


def examples(*command: str) -> list[list[str]]:
    """The arguments of each example in a help, without the name of the program."""
    text = CliRunner().invoke(app, [*command, "--help"]).output.replace("\\\n", "")
    return [shlex.split(line) for line in re.findall(r"^ +hf-genomics (\S.*)$", text, re.M)]


def test_first_help_shows_each_command_with_an_example():
    shown = [name for name, *_ in examples() if name in PROGRAM.commands]
    assert sorted(shown) == sorted(PROGRAM.commands)


@pytest.mark.parametrize("name", sorted(PROGRAM.commands))
def test_help_of_a_command_shows_examples_of_it(name):
    assert examples(name)
    assert {command for command, *_ in examples(name)} == {name}


@pytest.mark.parametrize(
    "arguments",
    [
        example
        for name in ([], *([name] for name in PROGRAM.commands))
        for example in examples(*name)
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_example_is_a_command_that_can_be_parsed(arguments):
    name, *rest = arguments
    context = PROGRAM.commands[name].make_context(name, rest)
    assert context.params["output"]
