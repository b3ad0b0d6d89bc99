"""`upload.py` from end to end: a run and a data set go to the Hub, strangers use them."""

import json
import re
import shutil

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset
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


def replace_test(folder, **columns):
    """Another Parquet file in the place of the test split."""
    Dataset.from_dict(columns).to_parquet(next((folder / "tata").glob("test-*")))


def change_provenance(folder, change):
    file = folder / "provenance.json"
    written = json.loads(file.read_text())
    change(written["sha256"])
    file.write_text(json.dumps(written))


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
        (
            lambda f: replace_test(f, sequence=[], label=[]),
            "test-00000-of-00001.parquet has no rows",
        ),
        (
            lambda f: replace_test(f, sequence=["ACGT"], label=["promoter"]),
            "split test: columns .*label: string.* are not those of the other splits",
        ),
        (
            lambda f: replace_test(f, label=[1], sequence=["ACGT"]),
            "split test: columns .* are not those of the other splits",
        ),
        (
            lambda f: change_provenance(f, lambda sums: sums.pop(sorted(sums)[0])),
            "provenance.json has no checksum of tata/test-00000-of-00001.parquet",
        ),
        (
            lambda f: change_provenance(f, lambda sums: sums.update({"tata/lost.parquet": ""})),
            "tata/lost.parquet is in provenance.json, but not in the folder",
        ),
        (lambda f: change_card(f, "license: ", "license: [\n"), "head of README.md is not YAML"),
        (lambda f: (f / "README.md").write_bytes(b"---\n\xff"), "README.md is not text in UTF-8"),
        (lambda f: (f / "more.json").write_text("{"), "more.json is not JSON; correct or remove"),
        (lambda f: (f / "more.json").write_bytes(b'"\xff"'), "more.json is not text in UTF-8"),
        (lambda f: (f / "a.safetensors").write_bytes(b"x"), "is not a safetensors file"),
        (lambda f: change_card(f, "- config_name: tata", "- name: tata"), "needs a config_name"),
        (lambda f: change_card(f, "license: ", "model-index: 7\nlicense: "), "has another form"),
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
        (
            "- {kind: model, folder: a, repo_id: b/c, privat: true}",
            "may have private and, for a model, repeat",
        ),
        ("- {kind: dataset, folder: a, repo_id: b/c, output: d}", "for a model, repeat and output"),
        ("- {kind: dataset, folder: a, repo_id: b/c, repeat: [d]}", "for a model, repeat and out"),
        ("[]", "names no run"),
        ("- [", "is not YAML"),
        ("- {kind: model, folder: a, repo_id: b/c}\n" * 2, "each repository once"),
    ],
)
def test_bad_list(tmp_path, text, message):
    (tmp_path / "publish.yaml").write_text(text)
    with pytest.raises(PublishingError, match=message):
        read_entries(tmp_path)


def test_models_do_not_share_an_output_folder(tmp_path):
    (tmp_path / "publish.yaml").write_text(
        "- {kind: model, folder: a, repo_id: tester/a, output: kept}\n"
        "- {kind: model, folder: b, repo_id: tester/b, output: x/../kept}\n"
    )
    with pytest.raises(PublishingError, match="kept: tester/a, tester/b"):
        read_entries(tmp_path)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("repo_id: 7", "entry 1: repo_id is 7, but text, user/name is needed"),
        ("repo_id: b/c, folder: 2024", "folder is 2024"),
        ("repo_id: b/c, private: perhaps", "private is 'perhaps', but true or false"),
        ("repo_id: b/c, repeat: d", "repeat is 'd', but a list of folders"),
        ("repo_id: b/c, output: [d]", r"output is \['d'\]"),
    ],
)
def test_list_with_a_field_of_another_type(tmp_path, field, message):
    (tmp_path / "publish.yaml").write_text(f"- {{kind: model, folder: a, {field}}}")
    with pytest.raises(PublishingError, match=message):
        read_entries(tmp_path)


@pytest.mark.parametrize("name", ["my name/with spaces!", "justname", "me/größe", "a/b/c"])
def test_name_that_the_hub_would_refuse(run, data, tmp_path, name):
    listing = tmp_path / "publish.yaml"
    listing.write_text(json.dumps([{"kind": "dataset", "folder": "data", "repo_id": name}]))
    for arguments in (["model", run], ["dataset", data]):
        output = refuse(*arguments, "--repo-id", name, "--dry-run")
        assert "A repository is user/name" in output
        assert name in output
    assert "A repository is user/name" in refuse("all", listing, "--dry-run")


def test_files_of_git_stay_at_home(data):
    for folder in (data, data / "tata"):  # of a submodule too
        (folder / ".git").mkdir()
        (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    output = succeed("dataset", data, "--repo-id", "tester/data", "--dry-run")
    assert "HEAD" not in output


def test_the_hub_keeps_its_own_list_of_large_files(hub, data):
    (data / ".gitattributes").write_text("*.txt filter=lfs")
    succeed("dataset", data, "--repo-id", "tester/promoters")
    assert hub.repositories["datasets/tester/promoters"].files[".gitattributes"] == b""


DATA_FILES = """  data_files:
  - split: train
    path: tata/train-*
  - split: validation
    path: tata/validation-*
  - split: test
    path: tata/test-*
"""


@pytest.mark.parametrize(
    "form",
    [
        "data_files: tata/*.parquet",
        "data_files: [tata/train-*, tata/validation-*, tata/test-*]",
        "data_files: '**/*.parquet'",
        "data_files: tata/*",
        "data_files: tata/**",
        "data_files: '*/[tv]*.parquet'",
        "data_files: [{split: train, path: [tata/train-*, tata/v*, tata/test-*]}]",
        "{data_dir: tata, data_files: '*.parquet'}",
        "data_dir: tata",
    ],
)
def test_every_form_of_data_files(data, form):
    if form.startswith("{"):
        form = form[1:-1].replace(", ", "\n  ")
    change_card(data, DATA_FILES, f"  {form}\n")
    succeed("dataset", data, "--repo-id", "tester/data", "--dry-run")


@pytest.mark.parametrize(
    "form", ["data_files: 7", "data_files: [{split: train}]", "data_files: [7]", "features: []"]
)
def test_data_files_in_no_form_of_the_hub(data, form):
    change_card(data, DATA_FILES, f"  {form}\n")
    output = refuse("dataset", data, "--repo-id", "tester/data", "--dry-run")
    assert "write a path, a list of paths" in output


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*.parquet", "no file is called *.parquet"),
        ("**.parquet", "which it is not in **.parquet; write **/*.parquet"),
    ],
)
def test_a_star_of_a_pattern_is_that_of_the_hub(data, tmp_path, pattern, message):
    """`datasets` finds nothing by such a pattern, as the files are in a folder."""
    change_card(data, DATA_FILES, f"  data_files: '{pattern}'\n")
    output = refuse("dataset", data, "--repo-id", "tester/data", "--dry-run")
    assert message in output
    assert "tata/test-00000-of-00001.parquet belongs to no configuration" in output
    with pytest.raises((FileNotFoundError, ValueError)):
        load_dataset(str(data), "tata", cache_dir=str(tmp_path / "cache"))


def test_folders_of_a_list_count_from_the_list(tmp_path):
    entry = {"kind": "model", "folder": "a", "repo_id": "b/c", "repeat": ["d"], "output": "e"}
    (tmp_path / "publish.yaml").write_text(json.dumps([entry]))
    (found,) = read_entries(tmp_path / "publish.yaml")
    assert found.folder == tmp_path / "a"
    assert found.options == {"repeat": [tmp_path / "d"], "output": tmp_path / "e"}


def test_help_shows_an_example_of_each_command():
    for name in ("model", "dataset", "all"):
        assert "python upload.py" in succeed(name, "--help")


def test_a_list_names_its_repositories_itself(tmp_path):
    (tmp_path / "publish.yaml").write_text("- {kind: model, folder: a, repo_id: b/c}")
    for path in (tmp_path, tmp_path / "publish.yaml"):
        with pytest.raises(PublishingError, match=r"--owner me: .*publish\.yaml names each"):
            read_entries(path, "me")


def test_what_a_killed_writer_left_is_passed_over(run, data, tmp_path):
    shutil.copytree(data, tmp_path / ".data.writing-4242")
    assert [entry.folder for entry in read_entries(tmp_path, "tester")] == [data, run]
