"""The examples of the documentation run, in their order and in one session, as a reader would."""

import re
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[1] / "docs"
PAGES_THAT_RUN = ["phylogpn.md", "phylogenetic_likelihood.md", "vqdna.md"]


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore")  # what Transformers deprecates, peft still reads
@pytest.mark.parametrize("page", PAGES_THAT_RUN)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    if any("import peft" in code or "from peft" in code for code in examples(page)):
        pytest.importorskip("peft", reason="peft is in the extra `peft`")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict = {}
    for number, code in enumerate(examples(page), 1):
        exec(compile(code, f"{page}, example {number}", "exec"), names)
    for name, shape in shapes_in_comments(page):
        assert tuple(names[name].shape) == shape, name


def shapes_in_comments(page: str) -> list[tuple[str, tuple[int, ...]]]:
    """What a comment says of the last variable of its name: `x = ...  # (2, 10, 4): A, C, G, T`."""
    found = re.findall(r"^(\w+) = .*# .*?\((\d[\d, ]*)\)", "\n".join(examples(page)), re.MULTILINE)
    return [(name, tuple(map(int, sizes.split(",")))) for name, sizes in found]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles]
            assert heading in anchors, target
