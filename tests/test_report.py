"""The tables of the results' page are those of the files beside it."""

import json
import shutil
from pathlib import Path

import pytest
import report
from report_vqdna import vocabularies

ROOT = Path(__file__).parents[1]


def tables_of(page: str) -> dict[str, str]:
    return {name: table for _, name, table in found(page)}


def found(page: str) -> list[tuple[str, str, str]]:
    return [(m[1], m[2], m[0]) for m in report.BLOCK.finditer(page)]


def copy_of_measured(folder: Path) -> Path:
    for measured in ("docs/results", "benches/results"):
        shutil.copytree(ROOT / measured, folder / measured)
    for page in report.PAGES:
        shutil.copy(ROOT / page, folder / page)
    return folder


@pytest.mark.parametrize("name", report.PAGES)
def test_a_page_has_the_tables_of_its_files(name):
    page = (ROOT / name).read_text()
    assert report.rendered(page, ROOT) == page


@pytest.mark.parametrize("name", report.TABLES)
def test_each_table_is_on_a_page(name):
    assert name in {t for page in report.PAGES for t in tables_of((ROOT / page).read_text())}


def test_another_number_in_a_file_is_another_table(tmp_path):
    root = copy_of_measured(tmp_path)
    file = root / "docs" / "results" / "vqdna" / "codebooks.json"
    measured = json.loads(file.read_text())
    measured["models"]["robust"]["active_0"] = 12.34
    file.write_text(json.dumps(measured))
    before = report.as_table(vocabularies(ROOT))
    after = report.as_table(vocabularies(root))
    assert before.replace("99.6, 98.7", "12.3, 98.7") == after != before


def test_what_is_around_a_table_stays():
    page = "before\n<!-- table: vocabularies -->\nold\n<!-- end of table -->\nafter\n"
    new = report.rendered(page, ROOT)
    assert new.startswith("before\n<!-- table: vocabularies -->\n|")
    assert new.endswith("|\n<!-- end of table -->\nafter\n")
    assert "old" not in new


def test_a_table_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="no table 'thing'; those known: vocabularies"):
        report.rendered("<!-- table: thing -->\n<!-- end of table -->", ROOT)


def test_checking_finds_a_page_that_differs_and_leaves_it(tmp_path, monkeypatch, capsys):
    root = copy_of_measured(tmp_path)
    page = root / "docs" / "results" / "README.md"
    changed = page.read_text().replace("| 99.6, 98.7 |", "| 99.9, 98.7 |")
    page.write_text(changed)
    monkeypatch.setattr(report, "ROOT", root)
    assert report.main(["--check"]) == 1
    assert page.read_text() == changed
    assert "make report" in capsys.readouterr().out
    assert report.main([]) == 0
    assert page.read_text() == (ROOT / "docs" / "results" / "README.md").read_text()
