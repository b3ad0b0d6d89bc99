"""The page on reliability says what the tests left, and nothing else."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "docs" / "tools" / "report_reliability.py"
TESTS = """
import pytest
from hf_genomics.data.sequence import reverse_complement

@pytest.mark.parametrize("text", ["X", "AC*"])
def test_a_letter_is_refused(text):
    with pytest.raises(ValueError, match="is not a nucleotide"):
        reverse_complement(text)

def test_another_error():
    with pytest.raises(KeyError):
        {}["absent"]

def test_an_interruption():
    class Interrupting(str):
        def __getattribute__(self, name):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reverse_complement(Interrupting("ACGT"))

def test_fails(request):
    request.node.user_properties.append(("fuzz maf", "cases=7 read=5 refused=2"))
    assert False

@pytest.mark.kills("baking")
def test_killed(request):
    request.node.user_properties.append(("kills baking", "12"))

def test_matrix(request):
    request.node.user_properties.append(("matrix bert float16 cpu", "the same"))
"""


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("report_reliability", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recorded(report, tmp_path_factory):
    """What a run of `TESTS` left."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.reliability.recording"]
    options = ["-c", REPOSITORY / "pyproject.toml", "--rootdir", folder, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, f"--junitxml={folder}/run.xml", folder / "test_some.py"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # the test that fails
    return report.collect([folder / "run.xml"])


def test_bad_inputs_are_counted_where_the_package_met_them(recorded):
    assert recorded["bad_inputs"] == {
        "hf_genomics.data.sequence.reverse_complement": {"ValueError": 2}
    }


def test_a_failure_is_shown(recorded):
    (entry,) = recorded["fuzz"]
    assert (entry["subject"], entry["cases"], entry["outcome"]) == ("maf", 7, "failed")


def test_kills_and_cells_are_taken_over(recorded):
    (entry,) = recorded["kills"]
    assert (entry["work"], entry["kills"], entry["outcome"]) == ("baking", 12, "passed")
    assert recorded["matrix"] == {"bert float16 cpu": "the same"}


def test_a_run_is_named_by_command_and_commit(recorded):
    (run,) = recorded["runs"]
    assert run["tests"] == {"passed": 6, "failed": 1}
    assert "python -m pytest" in run["command"]
    assert "junitxml" not in run["command"]
    assert "torch" in run["versions"]


def test_the_page_holds_the_numbers(report, recorded):
    page = report.page(json.loads(json.dumps(recorded)))
    assert "| `data.sequence.reverse_complement` | 2 | `ValueError` 2 |" in page
    assert "| maf | fails | 7 | 5 | 2 | failed |" in page
    assert "7 cases made up by Hypothesis: 7 of maf." in page
    assert "| baking | killed | 12 | passed |" in page
    assert "| `bert` | the same |" in page


def run_of(command, passed=3):
    return {"command": f"python -m pytest {command}", "tests": {"passed": passed}}


BEFORE = {
    "runs": [
        run_of("tests/fuzz/test_maf.py"),
        run_of("--bad-inputs tests/data"),
        run_of("tests/x"),
    ],
    "bad_inputs": {"read": {"ValueError": 9}},
    "fuzz": [
        {"subject": "maf", "test": "test_junk", "cases": 5},
        {"subject": "vcf", "test": "test_junk", "cases": 6},
    ],
    "kills": [],
    "soak": [{"recipe": "paper", "test": "test_soak", "steps": 200}],
    "matrix": {"bert float16 cpu": "the same"},
}


def found(command, **sections):
    empty = {"bad_inputs": {"read": {"ValueError": 1}}, "fuzz": [], "kills": [], "soak": []}
    return {"runs": [run_of(command)], "matrix": {}} | empty | sections


def test_a_run_of_the_same_tests_takes_the_place_of_an_earlier_one(report):
    row = {"subject": "maf", "test": "test_junk", "cases": 700}
    after = report.added(BEFORE, found("-q tests/fuzz/test_maf.py", fuzz=[row]))
    assert after["fuzz"] == [row, BEFORE["fuzz"][1]]
    assert [run["command"] for run in after["runs"]] == [
        "python -m pytest --bad-inputs tests/data",
        "python -m pytest -q tests/fuzz/test_maf.py",
        "python -m pytest tests/x",
    ]


def test_a_run_that_was_interrupted_stands_beside_the_earlier_one(report):
    after = report.added(BEFORE, found("tests/x") | {"runs": [run_of("tests/x", passed=2)]})
    assert [run["tests"]["passed"] for run in after["runs"]] == [3, 3, 3, 2]


def test_what_was_not_run_anew_stays(report):
    row = {"recipe": "modern", "test": "test_soak", "steps": 900}
    after = report.added(BEFORE, found("tests/reliability/test_stability.py", soak=[row]))
    assert after["soak"] == [*BEFORE["soak"], row]
    assert {name: after[name] for name in ("fuzz", "matrix", "bad_inputs")} == {
        name: BEFORE[name] for name in ("fuzz", "matrix", "bad_inputs")
    }


def test_bad_inputs_are_counted_anew_by_their_own_run_alone(report):
    after = report.added(BEFORE, found("--bad-inputs tests"))
    assert after["bad_inputs"] == {"read": {"ValueError": 1}}
    assert [run["command"] for run in after["runs"]] == [
        "python -m pytest --bad-inputs tests",
        "python -m pytest tests/fuzz/test_maf.py",
        "python -m pytest tests/x",
    ]


def test_a_file_of_another_run_is_refused(report, tmp_path):
    (tmp_path / "run.xml").write_text("<testsuites><testsuite/></testsuites>")
    with pytest.raises(ValueError, match=r"run\.xml has no command; run pytest with -p"):
        report.collect([tmp_path / "run.xml"])


def test_the_page_in_the_repository_is_that_of_its_results(report):
    assert report.PAGE.read_text() == report.page(json.loads(report.RESULTS.read_text()))
