"""The examples of docs/vqdna.md run, in their order."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "vqdna.md"


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["codes"].shape == (1, 2, 100_000)
    assert names["vectors"].shape == (2, 11, 32)
    assert names["logits"].shape == (1, 500, 4)
    assert len(names["strings"]) == 2
    assert "torch.Size([64, 32])" in capsys.readouterr().out


def test_links_of_the_page_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", PAGE.read_text("utf-8")):
        assert (PAGE.parent / target).exists(), target
