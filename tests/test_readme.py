"""The README's example runs, and does what it says."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_of_the_readme_runs_and_tells_the_classes_apart(
    capsys: pytest.CaptureFixture,
) -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    assert names["outputs"].logits.argmax(-1).tolist() == [1, 1, 0, 0]
    assert "tensor" in capsys.readouterr().out


def test_the_example_is_twenty_lines_long() -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_links_of_the_readme_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README.read_text()):
        assert (README.parent / target).exists(), target
