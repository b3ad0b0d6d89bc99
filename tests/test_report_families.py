"""The pages beside the results are the tables of their files, and the headline tables agree."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
import report_gue
import report_phylogpn
import report_vqdna

from hf_genomics.evaluation import conditional_likelihood, lineage_tables, zero_shot
from hf_genomics.evaluation.bootstrap import Estimate

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"


def read(name):
    """A file's contents, its scores with intervals as `Estimate`s, as the tables take them."""

    def estimate(item):
        return Estimate(**item) if item.keys() == {"value", "low", "high"} else item

    return json.loads((RESULTS / f"{name}.json").read_text(), object_hook=estimate)


def gue():
    script = runpy.run_path(str(ROOT / "examples" / "repeat_finetuning.py"))
    return script["table"](read("gue")["runs"]) + "\n"


def variants(assay):
    measured = read(f"phylogpn/{assay}")
    rows = measured["scores"]
    tables = [
        zero_shot.lead_table(rows),
        zero_shot.mean_table(measured["mean_spearman_over_kinds"]),
        zero_shot.markdown_table(rows),
    ]
    return "\n".join(filter(None, tables))


def lineages():
    measured = read("vqdna/sars_cov_2")
    tables = [
        lineage_tables.embedding_table(measured["embeddings"]),
        lineage_tables.summary_table(measured["mutations_summary"]),
        lineage_tables.mutation_table(next(iter(measured["mutations"].values()))),
    ]
    return "\n".join(tables)


PAGES = {
    "gue": gue,
    "phylogpn/mammals": lambda: conditional_likelihood.markdown_table(
        read("phylogpn/mammals")["rates"]
    ),
    "phylogpn/birds": lambda: conditional_likelihood.markdown_table(
        read("phylogpn/birds")["rates"]
    ),
    "phylogpn/brca1": lambda: variants("brca1"),
    "phylogpn/mpra": lambda: variants("mpra"),
    "vqdna/sars_cov_2": lineages,
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_tables_is_what_its_file_says(page):
    assert (RESULTS / f"{page}.md").read_text() == PAGES[page]()


def columns(rows, *start):
    """The cells of the row that starts so."""
    (row,) = (row for row in rows if tuple(row[: len(start)]) == start)
    return row[len(start) :]


def numbers(cell):
    return tuple(float(number.strip("[],")) for number in cell.split())


def test_cells_worked_by_hand(tmp_path):
    """Two seeds of 0.5 and 0.7 are 60 ± 14.1, for (0.1 * sqrt(2)) is the deviation of the two."""
    run = {"model": "S", "recipe": "modern", "config": "a", "steps": 5, "train_seconds": 1.4}
    runs = [{**run, "test_matthews_correlation": score} for score in (0.5, 0.7)]
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "results" / "gue.json").write_text(json.dumps({"runs": runs}))
    cells = columns(report_gue.recipes(tmp_path), "modern", "HCNN-S")
    assert cells == ["60.0 ± 14.1", "60.0", "2", "10", "3"]


def test_the_table_of_the_papers_recipe_has_its_runs_and_no_others(tmp_path):
    run = {"model": "S", "recipe": "paper", "config": "tf/2", "seed": 1}
    run |= {"num_parameters": 1200, "train_seconds": 10, "test_matthews_correlation": 0.5}
    other = run | {"config": "tf/0", "train_seconds": 20, "test_matthews_correlation": 0.7}
    results = tmp_path / "docs" / "results"
    (results / "paper_recipe").mkdir(parents=True)
    by_both = [run, run | {"recipe": "modern", "test_matthews_correlation": 0.9}]
    (results / "gue.json").write_text(json.dumps({"runs": by_both}))
    (results / "paper_recipe" / "tf.json").write_text(json.dumps({"runs": [other]}))
    head, row = report_gue.paper_recipe(tmp_path)
    of = dict(zip(head, row, strict=True))
    assert (of["model"], of["parameters"], of["seeds"]) == ("HCNN-S", "1,200", "1")
    assert (of["tf/2"], of["tf/0"], of["tf/3"], of["mean"]) == ("50.0", "70.0", "-", "-")
    assert of["training seconds a run"] == "15"


@pytest.mark.parametrize(
    ("file", "table", "old", "new"),
    [
        ("phylogpn/mammals", report_phylogpn.likelihood, "-14.33532740282828", "-9.8765"),
        (
            "phylogpn/birds",
            report_phylogpn.training,
            '"num_parameters": 170050',
            '"num_parameters": 7',
        ),
        ("phylogpn/brca1", report_phylogpn.brca1, "0.5969970921956184", "0.9"),
        ("phylogpn/mpra", report_phylogpn.mpra, "0.43390248104606344", "0.9"),
        ("vqdna/sars_cov_2", report_vqdna.sars_cov_2, "0.7777272727272727", "0.1"),
        ("vqdna/sars_cov_2", report_vqdna.sars_cov_2_mutations, "0.9744913637228753", "0.1"),
    ],
    ids=["likelihood", "training", "brca1", "mpra", "sars_cov_2", "mutations"],
)
def test_another_number_in_a_file_is_another_table(tmp_path, file, table, old, new):
    shutil.copytree(RESULTS, tmp_path / "docs" / "results")
    path = tmp_path / "docs" / "results" / f"{file}.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    changed = [
        (before, after)
        for before, after in zip(table(ROOT), table(tmp_path), strict=True)
        if before != after
    ]
    assert changed


def test_an_option_given_twice_counts_as_the_last_one():
    assert report_phylogpn.options("python a.py --x 1 --x 2 --y '3 4'") == {"x": "2", "y": "3 4"}


def test_on_four_sets_modern_is_ahead_of_paper_and_hyperbolic_of_euclidean():
    head, *body = report_gue.recipes(ROOT)
    mean = head.index("mean")
    of = {(row[0], row[1]): [float(cell.split()[0]) for cell in row[2 : mean + 1]] for row in body}
    twin = "Euclidean twin"
    for network in ("HCNN-S", "HCNN-M", twin):
        assert of["modern", network][-1] > of["paper", network][-1]
    for network in ("HCNN-S", "HCNN-M"):
        assert all(x > y for x, y in zip(of["modern", network], of["modern", twin], strict=True))


def test_the_network_of_the_mammals_is_ahead_of_every_table_and_that_of_the_birds_of_most():
    first, *tables = report_phylogpn.likelihood(ROOT)[1:]
    assert first[0] == "PhyloGPN"
    for row in tables:
        assert numbers(row[2])[1] > 0, row[0]
    birds = {row[0]: numbers(row[4]) for row in tables if row[4] != "-"}
    assert all(birds[name][1] > 0 for name in ("one vector", "3-mer", "5-mer"))
    assert birds["5-mer, both strands"][1] < 0 < birds["5-mer, both strands"][2]


def test_on_brca1_the_network_is_behind_conservation_and_ahead_of_tables_of_both_strands():
    lead = {row[0]: numbers(row[2]) for row in report_phylogpn.brca1(ROOT)[1:]}
    assert all(lead[name][2] < 0 for name in ("phyloP (mammals)", "CADD"))
    ahead = ("base", *(f"{name}, both strands" for name in ("base", "3-mer", "5-mer")))
    assert all(lead[name][1] > 0 for name in ahead)
    assert all(lead[name][1] < 0 < lead[name][2] for name in ("3-mer", "5-mer"))


def test_on_regulatory_elements_nothing_is_above_chance():
    for row in report_phylogpn.mpra(ROOT)[1:]:
        assert numbers(row[3])[2] < 0.5, row[0]


def test_six_mers_and_an_untrained_network_are_ahead_of_mean_vectors():
    rows = report_vqdna.sars_cov_2(ROOT)
    for mean in ("coarse vector `e_1`", "fine vector `e_2`", "of both, `Z_hat`"):
        behind = columns(rows, f"`robust`: mean {mean}")[:3]
        for name in ("6-mer frequencies", "untrained network, `Z_hat`"):
            for ahead, score in zip(columns(rows, name)[:3], behind, strict=True):
                assert numbers(ahead)[0] > numbers(score)[0]
