"""Each command on a page is one that exists, with options that it has."""

import argparse
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
OTHER_PROGRAMS = {"git", "make", "pip"}


def commands() -> dict[str, list[str]]:
    """The lines of all blocks of shell, by page and number."""
    found = {}
    for page in PAGES:
        blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", page.read_text(), re.S | re.M)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        for number, words in enumerate(
            filter(None, (shlex.split(x, comments=True) for x in lines))
        ):
            if words[0] not in OTHER_PROGRAMS:
                found[f"{page.relative_to(ROOT)}-{number}"] = words
    return found


COMMANDS = commands()


class Parsed(Exception):
    pass


def parse_with_typer(app: typer.Typer, arguments: list[str]) -> None:
    if arguments == ["--help"]:
        return
    name, *rest = arguments
    typer.main.get_command(app).commands[name].make_context(name, rest)


def parse_with_script(script: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a script up to where its arguments have been read."""
    original = argparse.ArgumentParser.parse_known_args

    def parse(self, *given, **options):
        known, unknown = original(self, *given, **options)
        if not unknown:  # else the script has a use for them, or says that it knows no such option
            raise Parsed
        return known, unknown

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / script), run_name="__main__")


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_command_of_a_page_can_be_given(words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if words[0] == "hf-genomics":
        from hf_genomics.cli import app

        parse_with_typer(app, words[1:])
    elif words[:2] == ["python", "upload.py"]:
        from upload import app

        parse_with_typer(app, words[2:])
    else:
        assert words[0] == "python" or words[:2] == ["accelerate", "launch"], words
        start = words.index(next(word for word in words if word.endswith(".py")))
        assert words[start].startswith("examples/"), words
        parse_with_script(words[start], words[start + 1 :], monkeypatch)


def test_commands_were_found():
    assert len(COMMANDS) > 30
