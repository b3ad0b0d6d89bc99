"""The documentation as a site: it builds without a warning, is complete, and needs no network."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import hf_genomics
from hf_genomics.models import FAMILIES

ROOT = Path(__file__).parents[1]
NAVIGATION = re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
FAMILY_PAGES = sorted({family.folder or family.model_type for family in FAMILIES})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(module, reason="the site is built by the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def attributes(page: Path, names: str) -> list[str]:
    return re.findall(rf'\b(?:{names})="([^"]*)"', page.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILY_PAGES)
def test_each_family_has_a_page_and_a_reference(site, family):
    assert (site / f"{family}.html").is_file()
    assert (site / "reference" / f"{family}.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", hf_genomics.__all__)
def test_public_name_is_in_the_reference(site, name):
    anchors = [a for page in (site / "reference").glob("*.html") for a in attributes(page, "id")]
    assert anchors.count(f"hf_genomics.{name}") == 1


@pytest.mark.slow
def test_options_of_a_configuration_are_described_with_their_types(site):
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "vqdna.html").read_text())
    assert re.search(r"mask_mode\s*\(str, default:\s*'nucleotide'\s*\)", html.unescape(page))


@pytest.mark.slow
def test_links_between_files_of_the_site_lead_somewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(NAVIGATION)
    for page in pages:
        for target in attributes(page, "href|src"):
            path = unquote(target.partition("#")[0].partition("?")[0])
            if path and page.name != "404.html" and not re.match(r"[a-z]+:|/", path):
                assert (page.parent / path).exists(), f"{page.relative_to(site)}: {target}"


@pytest.mark.slow
def test_what_lies_outside_the_folder_of_the_pages_comes_along(site):
    links = attributes(site / "hyperbolic_cnn.html", "href")
    assert "source/tests/peer/test_model_peers.py" in links


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"([^\"]+)", page.read_text())
        loaded += re.findall(r"<link\b[^>]*\bhref=\"([^\"]+)", page.read_text())
        assert not [url for url in loaded if re.match("(https?:)?//", url)], page.name


def test_the_folder_and_the_site_list_the_same_pages():
    listed = re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "README.md").read_text())
    top_level = [page for page in NAVIGATION if "/" not in page]
    assert sorted(listed) == sorted(top_level)


def test_every_page_is_in_the_navigation_once():
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert sorted(NAVIGATION) == sorted(pages - {"README.md"})
