"""The search for the learning rate, on made-up runs."""

import json

import report_learning_rates
from report_league import NO_RUN


def run(model, config, score, seed=1):
    return {
        "model": model,
        "recipe": "one_cycle",
        "config": config,
        "seed": seed,
        "validation_matthews_correlation": score,
        "test_matthews_correlation": 1 - score,
    }


def write(root, rate, *runs):
    path = root / "docs" / "results" / "learning_rates" / f"{rate}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"runs": runs}))


def test_rates_are_in_order_and_the_best_mean_over_all_sets_is_bold(tmp_path):
    write(tmp_path, "1e-2", run("A", "x", 0.9), run("B", "x", 0.5), run("B", "y", 0.6))
    second = run("A", "y", 0.5, seed=2)
    write(tmp_path, "2e-3", run("A", "x", 0.4), run("A", "y", 0.7), second)
    write(tmp_path, "5e-4", run("A", "x", 0.2), run("A", "y", 0.2))
    rows = report_learning_rates.learning_rates(tmp_path)
    assert rows == [
        ["model", "learning rate", "x", "y", "mean", "seeds"],
        ["A", "5e-4", "20.0", "20.0", "20.0", "1"],
        ["A", "2e-3", "40.0", "60.0 ± 14.1", "**50.0**", "1 to 2"],
        ["A", "1e-2", "90.0", "-", "-", "1"],  # without y it has no mean
        ["B", "1e-2", "50.0", "60.0", "55.0", "1"],  # nothing to be better than
    ]


def test_files_of_one_rate_are_read_together_and_a_mean_is_over_the_sets_a_model_was_tried_on(
    tmp_path,
):
    write(tmp_path, "1e-3", run("A", "x", 0.2), run("A", "y", 0.4))
    write(tmp_path, "1e-3_pretrained", run("B", "y", 0.5))
    write(tmp_path, "2e-3_pretrained", run("B", "y", 0.7))
    assert report_learning_rates.learning_rates(tmp_path)[1:] == [
        ["A", "1e-3", "20.0", "40.0", "30.0", "1"],
        ["B", "1e-3", "-", "50.0", "50.0", "1"],
        ["B", "2e-3", "-", "70.0", "**70.0**", "1"],
    ]


def test_without_runs_the_table_says_so(tmp_path):
    assert report_learning_rates.learning_rates(tmp_path)[1][0] == NO_RUN
