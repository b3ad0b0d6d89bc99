"""The league of GUE: scores and intervals of made-up runs, worked by hand."""

import json
from pathlib import Path

import league_scores
import numpy as np
import pytest
import report_league
from league_scores import Runs, matthews, resampled_mcc
from league_votes import majority

from hf_genomics.evaluation.bootstrap import row_counts
from hf_genomics.evaluation.metrics import matthews_correlation
from hf_genomics.evaluation.predictions import packed, unpacked

ROOT = Path(__file__).parents[1]
LEAGUE = sorted((ROOT / "docs" / "results" / "league").glob("*.json"))
LABELS = np.repeat([1, 0], 50)
# 40 of 50 positive and 30 of 50 negative rows are right:
# (40 * 30 - 20 * 10) / sqrt(60 * 40 * 50 * 50)
SOME = np.array([1] * 40 + [0] * 10 + [1] * 20 + [0] * 30)
SOME_MCC = 6**-0.5


def test_a_run_of_the_league_is_the_same_one_in_the_ablations():
    def key(run):
        return tuple(
            run[part] for part in ("model", "config_overrides", "recipe", "config", "seed")
        )

    documents = {file.name: json.loads(file.read_text())["runs"] for file in LEAGUE}
    ablations = {name for name in documents if name.startswith("ablation")}
    league = {key(run): run for name in documents.keys() - ablations for run in documents[name]}
    again = [run for name in ablations for run in documents[name] if key(run) in league]
    assert len(again) > 40
    for run in again:
        for part in ("commit", "test_predictions", "validation_matthews_correlation"):
            assert run[part] == league[key(run)][part], (key(run), part)


def run(model, config, seed, predicted=SOME, labels=LABELS, **more):
    score = matthews_correlation(labels, predicted)
    return {
        "model": model,
        "config_overrides": "",
        "config": config,
        "recipe": "modern",
        "commit": "0123456789" * 4,
        "seed": seed,
        "train_seconds": 10.0,
        "num_parameters": 1000,
        "validation_matthews_correlation": score / 2,
        "test_matthews_correlation": score,
        "test_predictions": packed(predicted, 2),
    } | more


def without_predictions(of):
    return {name: value for name, value in of.items() if name != "test_predictions"}


@pytest.fixture
def write(tmp_path):
    """Writes a file of the league; the root of a made-up repository."""
    published = ROOT / "docs" / "results" / "published_gue.json"
    (tmp_path / "docs" / "results" / "league").mkdir(parents=True)
    (tmp_path / "docs" / "results" / "published_gue.json").write_text(published.read_text())

    def file(name, *runs, labels=LABELS):
        document = {"command": "python repeat.py", "hardware": "a machine", "runs": runs}
        document["test_labels"] = {run["config"]: packed(labels, 2) for run in runs}
        path = tmp_path / "docs" / "results" / "league" / f"{name}.json"
        path.write_text(json.dumps(document))
        return tmp_path

    file.root = tmp_path
    return file


def row_of(rows, *start):
    """Cells by column of the row that starts so."""
    (row,) = (row for row in rows if tuple(row[: len(start)]) == start)
    return dict(zip(rows[0], row, strict=True))


def test_matthews_correlation_of_a_confusion_matrix_worked_by_hand():
    assert matthews(np.array([[30.0, 20.0], [10.0, 40.0]])) == pytest.approx(SOME_MCC)
    assert matthews_correlation(LABELS, SOME) == pytest.approx(SOME_MCC)
    assert matthews(np.array([[0.0, 50.0], [0.0, 50.0]])) == 0


def test_three_classes_are_scored_as_by_scikit_learn():
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 3, (2, 60))
    confusion = np.zeros((3, 3))
    np.add.at(confusion, (true, predicted), 1)
    assert matthews(confusion) == pytest.approx(matthews_correlation(true, predicted))


def test_drawn_rows_are_scored_as_if_written_out():
    labels, predicted = packed(LABELS, 2), packed(SOME, 2)
    drawn = resampled_mcc(tuple(labels.values()), (tuple(predicted.values()),), seed=5)
    counts = next(row_counts(LABELS, seed=5))[:3].astype(int)
    for of, score in zip(counts, drawn[:3, 0], strict=True):
        again = matthews_correlation(np.repeat(LABELS, of), np.repeat(SOME, of))
        assert score == pytest.approx(again)


def test_predictions_of_other_rows_are_refused():
    labels, predicted = packed(LABELS, 2), packed(SOME[:-1], 2)
    with pytest.raises(ValueError, match="99 rows of 2 classes were predicted, but the test split"):
        resampled_mcc(tuple(labels.values()), (tuple(predicted.values()),), seed=0)


def test_the_league_has_means_and_deviations_and_a_dash_for_what_was_not_run(write):
    write("a", run("plain CNN", "tf/0", 1), run("plain CNN", "tf/0", 2, LABELS))
    rows = report_league.league(write("b", run("Hyperbolic-S", "tf/0", 1, num_parameters=2000)))
    assert [row[0] for row in rows[1:3]] == ["Hyperbolic-S", "plain CNN"]
    cells = row_of(rows, "plain CNN")
    # 40.82 and 100: mean 70.4, standard deviation 59.18 / sqrt(2)
    assert cells["tf/0"] == "70.4 ± 41.8"
    assert (cells["tf/2"], cells["mean"], cells["seeds"]) == ("-", "-", "2")
    assert row_of(rows, "Hyperbolic-S")["tf/0"] == "40.8"
    assert row_of(rows, "Hyperbolic-S")["parameters"] == "2,000"
    assert row_of(rows, "DNABERT-2, published")["tf/0"] == "72.0"


def test_other_sets_have_a_table_of_their_own_and_no_published_models(write):
    root = write("a", run("S", "mouse/0", 1))
    assert report_league.TABLES["yeast_ty"](root)[1][0] == report_league.NO_RUN
    folder = root / "docs" / "results" / "yeast_ty"
    folder.mkdir()
    (root / "docs" / "results" / "league" / "a.json").replace(folder / "a.json")
    head, row = report_league.TABLES["yeast_ty"](root)
    assert head[2:4] == ["mouse/0", "mean"]
    assert row[:4] == ["S", "1,000", f"{100 * SOME_MCC:.1f}", f"{100 * SOME_MCC:.1f}"]


def test_a_model_that_was_run_on_every_set_has_a_mean(write):
    runs = [run("plain CNN", config, 1, LABELS) for config in report_league.SETS]
    assert row_of(report_league.league(write("a", *runs)), "plain CNN")["mean"] == "100.0"


def test_a_model_of_two_recipes_is_two_rows(write):
    root = write("a", run("S", "tf/0", 1), run("S", "tf/0", 1, recipe="paper"))
    names = [row[0] for row in report_league.league(root)]
    assert names[1:3] == ["S (modern)", "S (paper)"]


def test_differences_are_paired_by_rows(write):
    """A model and itself never differ, whatever rows are drawn; from a number it does."""
    root = write("a", run("Hyperbolic-S", "tf/0", 1), run("Euclidean twin", "tf/0", 1))
    cells = row_of(report_league.differences(root), "Hyperbolic-S", "tf/0")
    assert cells["minus Euclidean twin"] == "+0.0 [+0.0, +0.0]"
    value, low, high = (
        float(x.strip("[],")) for x in cells["minus DNABERT-2"].replace("+", "").split()
    )
    assert value == pytest.approx(100 * SOME_MCC - 71.99, abs=0.05)
    # The deviation of this MCC over 100 rows is about 0.09.
    assert low == pytest.approx(value - 18, abs=3)
    assert high == pytest.approx(value + 18, abs=3)
    assert cells["minus the best published"].endswith("(DNABERT-2)")


def test_a_pretrained_model_is_compared_with_the_hyperbolic_one(write):
    root = write("a", run("PhyloGPN", "tf/0", 1, LABELS), run("Hyperbolic-S", "tf/0", 1))
    rows = report_league.differences(root)
    assert row_of(rows, "PhyloGPN", "tf/0")["minus Hyperbolic-S"].startswith("+59.2 [")
    assert row_of(rows, "Hyperbolic-S", "tf/0")["minus Hyperbolic-S"] == "-"


def test_seeds_are_averaged_within_each_draw(write):
    root = write("a", run("S", "tf/0", 1), run("S", "tf/0", 2, LABELS))
    runs = Runs.of(report_league.files(root, ablation=False))
    both, first, second = (runs.samples("tf/0", "S", seeds) for seeds in (None, {1}, {2}))
    assert (second == 100).all()
    np.testing.assert_allclose(both, (first + second) / 2)


def test_the_same_files_are_the_same_intervals(write):
    root = write("a", run("Hyperbolic-S", "tf/0", 1), run("plain CNN", "tf/0", 1, 1 - SOME))
    first = report_league.differences(root)
    resampled_mcc.cache_clear()
    assert report_league.differences(root) == first


def test_without_predictions_the_difference_stands_alone(write):
    ours = without_predictions(run("Hyperbolic-S", "tf/0", 1))
    root = write("a", ours, run("plain CNN", "tf/0", 1, LABELS))
    cells = row_of(report_league.differences(root), "Hyperbolic-S", "tf/0")
    assert cells["minus plain CNN"] == "-59.2"
    assert cells["minus DNABERT-2"] == "-31.2"


def test_the_mean_over_all_sets_has_an_interval(write):
    names = ("Hyperbolic-S", "plain CNN")
    runs = [
        run(name, config, 1, SOME if name == "plain CNN" else LABELS)
        for name in names
        for config in report_league.SETS
    ]
    cells = row_of(report_league.differences(write("a", *runs)), "Hyperbolic-S", "mean")
    value, low, high = (
        float(x.strip("[],")) for x in cells["minus plain CNN"].replace("+", "").split()
    )
    assert value == 59.2
    # Ten independent sets: a deviation of 9 / sqrt(10).
    assert low == pytest.approx(value - 5.6, abs=1)
    assert high == pytest.approx(value + 5.6, abs=1)


def test_most_of_three_decide():
    # On the last row all differ, and the first decides.
    predicted = np.array([[0, 1, 1, 2], [1, 1, 0, 1], [1, 0, 1, 0]])
    assert majority(predicted, 3).tolist() == [1, 1, 1, 2]
    assert majority(np.array([[0], [2], [1], [2], [1]]), 3).tolist() == [1]


def test_three_seeds_vote_as_one_model(write):
    """Each voter is wrong about rows of its own, so the vote is right about all."""
    wrong = [np.where(np.arange(100) % 5 == voter, 1 - LABELS, LABELS) for voter in (0, 1, 2)]
    runs = [run("Hyperbolic-S", "tf/0", seed, wrong[seed - 1]) for seed in (3, 1, 2)]
    two = [run("Euclidean twin", "tf/0", seed) for seed in (1, 2)]
    late = run("Hyperbolic-S", "tf/0", 4, 1 - LABELS)  # a fourth has no vote
    root = write("a", *runs, *two, late)
    rows = report_league.league_votes(root)
    assert [row[0] for row in rows[1:]] == ["Hyperbolic-S"]
    cells = row_of(rows, "Hyperbolic-S")
    assert cells["tf/0"] == "100.0"
    assert (cells["parameters"], cells["training seconds a run"]) == ("3,000", "30")
    cells = row_of(report_league.vote_differences(root), "Hyperbolic-S", "tf/0")
    assert cells["minus DNABERT-2"] == "+28.0 [+28.0, +28.0]"


def test_an_ablation_compares_the_sets_and_seeds_that_both_have(write):
    full = [run("full", "tf/0", seed, LABELS) for seed in (1, 2)]
    variant = [run("no norm", "tf/0", 2, config_overrides="norm=false"), run("no norm", "tf/2", 2)]
    rows = report_league.ablation(write("ablation", *full, *variant))
    assert rows[1][:2] == ["full", ""]
    assert row_of(rows, "full")["runs"] == "2"
    name, change, sets, runs, validation, less, test, less_test = rows[2]
    assert (name, change, sets, runs) == ("no norm", "`norm=false`", "1", "1")
    assert (validation, less, test) == ("20.4", "-29.6", "40.8")
    assert less_test.startswith("-59.2 [-7")
    assert report_league.league(write.root)[1][0] == report_league.NO_RUN


@pytest.mark.parametrize("table", report_league.TABLES)
def test_without_runs_a_table_says_so(write, table):
    rows = report_league.TABLES[table](write.root)
    assert report_league.NO_RUN in [row[0] for row in rows]
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("table", report_league.TABLES)
def test_without_the_folder_a_table_says_so(write, table):
    (write.root / "docs" / "results" / "league").rmdir()
    rows = report_league.TABLES[table](write.root)
    assert report_league.NO_RUN in [row[0] for row in rows]


def test_a_run_in_two_files_is_refused(write):
    write("a", run("S", "tf/0", 1))
    with pytest.raises(ValueError, match="'S', 'modern', 'tf/0', 1.* is in a.json and in b.json"):
        report_league.league(write("b", run("S", "tf/0", 1)))


def test_files_of_other_test_rows_are_refused(write):
    write("a", run("S", "tf/0", 1))
    root = write("b", run("M", "tf/0", 1), labels=1 - LABELS)
    with pytest.raises(ValueError, match="test rows of tf/0 in b.json are not those of the other"):
        report_league.league(root)


def test_where_the_numbers_come_from(write):
    rows = report_league.league_runs(write("a", run("S", "tf/0", 1, hardware="a card")))
    assert rows[1] == ["[a.json](league/a.json)", "S", "1", "0123456", "a card", "-"]


@pytest.mark.parametrize("file", LEAGUE, ids=lambda file: file.stem)
def test_kept_predictions_give_the_kept_scores(file):
    runs = Runs.of([file])
    for of in runs.rows:
        if "test_predictions" in of:
            predicted = unpacked(of["test_predictions"])
            score = matthews_correlation(unpacked(runs.labels[of["config"]]), predicted)
            assert score == pytest.approx(of[league_scores.TEST], abs=1e-9), of["name"]


def test_published_scores_are_of_every_set_and_have_a_source():
    document = json.loads((ROOT / "docs" / "results" / "published_gue.json").read_text())
    assert "arXiv:2306.15006" in document["source"]["paper"]
    assert len(document["models"]) == 10
    for model in document["models"].values():
        assert tuple(sorted(model[league_scores.TEST])) == report_league.SETS
