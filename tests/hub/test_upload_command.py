"""`upload.py` from end to end: a run and a data set go to the Hub, strangers use them."""

import json
import re

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification
from typer.testing import CliRunner

import upload
from hf_genomics import DNATokenizer
from hf_genomics.benchmarks.writing import DatasetFacts, write_dataset
from hf_genomics.hub.batch import Entry, read_entries
from hf_genomics.hub.errors import PublishingError
from tests.hub.stranger import SEQUENCES
from tests.hub.training_runs import write_run

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")


def command(*arguments):
    return CliRunner().invoke(upload.app, [*map(str, arguments)])


def succeed(*arguments):
    done = command(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refuse(*arguments):
    done = command(*arguments)
    assert done.exit_code == upload.USER_ERROR, done.output
    return done.output


def write_data(folder):
    label = ClassLabel(names=["other", "promoter"])
    rows = {"sequence": ["ACGT", "TATA"], "label": [0, 1]}
    features = Features({"sequence": Value("string"), "label": label})
    splits = ("train", "validation", "test")
    data = DatasetDict({split: Dataset.from_dict(rows, features=features) for split in splits})
    facts = DatasetFacts("tata", "Promoters", "if there is one", "by hand", "this test")
    return write_dataset(data, folder, facts)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


READ_DATA = """
from datasets import load_dataset
for streaming in (False, True):
    data = load_dataset("tester/promoters", "tata", streaming=streaming)
    assert list(data) == ["train", "validation", "test"]
    rows = [(row["sequence"], row["label"]) for row in data["test"]]
    assert rows == [("ACGT", 0), ("TATA", 1)]
    assert data["test"].features["label"].names == ["other", "promoter"]
"""


@pytest.mark.slow
def test_model_is_used_by_strangers(hub, run, stranger, tmp_path):
    output = succeed("model", run, "--repo-id", "tester/tata", "--private")
    assert "AutoModelForSequenceClassification in a clean process: equal" in output
    assert "model.safetensors" in output
    assert "uploaded, 0 deleted: http" in output
    repository = hub.repositories["tester/tata"]
    assert repository.private
    assert len(repository.messages) == 2

    assert "nothing to send" in succeed("model", run, "--repo-id", "tester/tata", "--private")
    assert len(repository.messages) == 2

    result = tmp_path / "result"
    stranger("load", result, "tester/tata", environment=hub.environment)
    stranger("classify", "tester/tata", environment=hub.environment)
    model = AutoModelForSequenceClassification.from_pretrained(run).eval()
    with torch.no_grad():
        expected = model(**DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt")).logits
    assert torch.equal(load_file(result)["tester/tata:logits"], expected)


def test_data_set_is_read_from_the_hub(hub, data, run_in, tmp_path):
    succeed("dataset", data, "--repo-id", "tester/promoters")
    repository = hub.repositories["datasets/tester/promoters"]
    assert b'load_dataset("tester/promoters", "tata")' in repository.files["README.md"]
    assert "nothing to send" in succeed("dataset", data, "--repo-id", "tester/promoters")
    run_in(tmp_path, READ_DATA, hub.environment)


@pytest.mark.slow
def test_many_at_once(hub, run, data, tmp_path):
    listing = tmp_path / "publish.yaml"
    listing.write_text(
        "- {kind: model, folder: run, repo_id: tester/tata, private: true}\n"
        "- {kind: dataset, folder: data, repo_id: tester/promoters}\n"
    )
    output = succeed("all", listing)
    assert output.index("tester/promoters: ") < output.index("tester/tata: ")
    assert hub.repositories.keys() == {"tester/tata", "datasets/tester/promoters"}
    assert hub.repositories["tester/tata"].private
    assert not hub.repositories["datasets/tester/promoters"].private


def test_nothing_is_sent_before_all_have_passed(hub, run, data, tmp_path):
    (run / "all_results.json").unlink()
    listing = tmp_path / "publish.yaml"
    listing.write_text(
        "- {kind: dataset, folder: data, repo_id: tester/promoters}\n"
        "- {kind: model, folder: run, repo_id: tester/tata}\n"
    )
    assert "all_results.json is missing" in refuse("all", listing)
    assert hub.repositories == {}


@pytest.mark.slow
def test_dry_run_sends_nothing_and_needs_no_token(hub, run, data, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    kept = tmp_path / "kept"
    output = succeed("model", run, "--repo-id", "tester/tata", "--dry-run", "--output", kept)
    assert "nothing was sent" in output
    assert "it/s" not in output  # nobody watches, so there is no bar, ours or Transformers'
    assert (kept / "README.md").is_file()
    succeed("dataset", data, "--repo-id", "tester/promoters", "--dry-run")
    assert hub.requests == []
    assert "hf auth login" in refuse("dataset", data, "--repo-id", "tester/promoters")
    assert hub.requests == []


def test_pull_request_and_branch_exclude_each_other(hub, data):
    arguments = ("dataset", data, "--repo-id", "tester/data", "--create-pr", "--revision", "draft")
    assert "leave --revision out" in refuse(*arguments)


def change_card(folder, old, new):
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    assert old in text
    card.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "README.md").unlink(), "has no README.md"),
        (lambda f: (f / "provenance.json").unlink(), "provenance.json is missing"),
        (lambda f: change_card(f, "license: cc0-1.0\n", ""), "name no license"),
        (lambda f: change_card(f, "# ", "# {{title}} "), r"unfilled field '{{title}}'"),
        (
            lambda f: change_card(f, "```python", "## Results\n\nMCC 0.87\n\n```python"),
            "0.87 in the Results is in no JSON file",
        ),
        (lambda f: change_card(f, "path: tata/test-*", "path: tata/tset-*"), "no file is called"),
        (lambda f: (f / "tata" / "more.parquet").write_bytes(b"x"), "belongs to no configuration"),
        (lambda f: (f / "rows.csv").write_text("a,b"), "published as Parquet"),
        (
            lambda f: next((f / "tata").glob("test-*")).write_bytes(b"rubbish"),
            "is not Parquet(.|\n)*is not the file whose checksum",
        ),
        (
            lambda f: next((f / "tata").glob("train-*")).write_bytes(b""),
            "train-00000-of-00001.parquet is empty",
        ),
    ],
)
def test_data_set_that_is_not_fit(data, change, message):
    change(data)
    output = refuse("dataset", data, "--repo-id", "tester/data", "--dry-run")
    assert re.search(message, output), output


def test_folder_of_runs_and_data_sets(run, data, tmp_path):
    (tmp_path / "neither").mkdir()
    assert read_entries(tmp_path, "tester") == [
        Entry("dataset", data, "tester/data"),
        Entry("model", run, "tester/run"),
    ]
    with pytest.raises(PublishingError, match="--owner"):
        read_entries(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b", "has to be a list"),
        ("- {kind: model}", "entry 1 is"),
        ("- {kind: space, folder: a, repo_id: b/c}", "entry 1 is"),
        ("- {kind: model, folder: a, repo_id: b/c, privat: true}", "may have output, private"),
        ("[]", "names no run"),
        ("- [", "is not YAML"),
        ("- {kind: model, folder: a, repo_id: b/c}\n" * 2, "each repository once"),
    ],
)
def test_bad_list(tmp_path, text, message):
    (tmp_path / "publish.yaml").write_text(text)
    with pytest.raises(PublishingError, match=message):
        read_entries(tmp_path)


def test_folders_of_a_list_count_from_the_list(tmp_path):
    entry = {"kind": "model", "folder": "a", "repo_id": "b/c", "repeat": ["d"], "output": "e"}
    (tmp_path / "publish.yaml").write_text(json.dumps([entry]))
    (found,) = read_entries(tmp_path / "publish.yaml")
    assert found.folder == tmp_path / "a"
    assert found.options == {"repeat": [tmp_path / "d"], "output": tmp_path / "e"}


def test_help_shows_an_example_of_each_command():
    for name in ("model", "dataset", "all"):
        assert "python upload.py" in succeed(name, "--help")
