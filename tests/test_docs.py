"""The examples of the documentation run, in their order and in one session, as a reader would."""

import gzip
import re
import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from hf_genomics.cli import app

DOCS = Path(__file__).parents[1] / "docs"
PAGES_THAT_RUN = [
    "index.md",
    "hyperbolic_geometry.md",
    "phylogpn.md",
    "phylogenetic_likelihood.md",
    "vqdna.md",
    "vqdna_quantization.md",
    "vqdna_language_model.md",
]


def page_text(page: str) -> str:
    return (DOCS / page).read_text()


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page_text(page), re.DOTALL | re.MULTILINE)


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


def test_an_alignment_is_made_and_read_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [
        f"a\ns galGal6.{name} {start} 5000 + 300000 {'ACGTA' * 1000}\n"
        f"s melGal5.{name} 7 5000 + 300000 {'ACGTC' * 1000}\n"
        for name in ("chr22", "chr25", "chr28")
        for start in (200_000, 207_000, 213_000)
    ]
    Path("chr22.maf.gz").write_bytes(gzip.compress("".join(blocks).encode()))
    Path("birds.nh").write_text("((Chicken:0.1,Turkey:0.1):0.1,Zebra_finch:0.3);")
    Path("species.csv").write_text("name,leaf\ngalGal6,Chicken\nmelGal5,Turkey\n")
    (command,) = re.findall(r"^```sh\n(.*?)^```", page_text("alignments.md"), re.S | re.M)
    done = CliRunner().invoke(app, shlex.split(command.replace("\\\n", ""))[1:])
    assert done.exit_code == 0, done.output
    names: dict = {}
    for number, code in enumerate(examples("alignments.md"), 1):
        exec(compile(code, f"alignments.md, example {number}", "exec"), names)
    batch = names["collator"]([names["windows"][0], names["windows"][1]])
    assert batch["input_ids"].shape == (2, 1024 + 2 * 240)
    assert batch["labels"].shape == (2, 1024, 2)
    assert set(names["splits"]["train"]["name"]) == {"chr22", "chr28"}


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
