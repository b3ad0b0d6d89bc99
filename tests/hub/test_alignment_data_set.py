"""A data set of `hf-genomics build-alignment` goes to the Hub, and is read there by strangers."""

import json

import pytest
from typer.testing import CliRunner

import upload
from hf_genomics.cli import app
from hf_genomics.hub.runs import data_facts, front_matter, read_run
from tests.hub.training_runs import write_phylogpn_run

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

FASTA = ">L1|Human\nACGTN\n>L1|Mouse\nAC-TA\n>L2|Human\nGG\n>L2|Mouse\nGA\n"
FACTS = ("--license", "cc-by-4.0", "--source", "https://example.org/mammals")

READ = """
from datasets import load_dataset
for streaming in (False, True):
    rows = load_dataset("tester/mammals", split="train", streaming=streaming)
    found = [(row["name"], row["sequence"], row["leaf_states"]) for row in rows]
    assert found == [
        ("L1", "ACGTN", [[0, 0], [1, 1], [2, 4], [3, 3], [4, 0]]), ("L2", "GG", [[2, 2], [2, 0]])
    ], found
"""


def build(folder, *arguments):
    (folder / "a.fa").write_text(FASTA)
    (folder / "tree.nh").write_text("(Human:0.1,Mouse:0.4);")
    options = ["--tree", folder / "tree.nh", "--reference", "Human", "--output", folder / "data"]
    done = CliRunner().invoke(
        app, ["build-alignment", *map(str, [folder / "a.fa", *options, *arguments])]
    )
    assert done.exit_code == 0, done.output
    return folder / "data"


def publish(folder, *arguments):
    command = ["dataset", str(folder), "--repo-id", "tester/mammals", *arguments]
    return CliRunner().invoke(upload.app, command)


def test_data_set_is_pushed_and_read_from_the_hub(hub, run_in, tmp_path):
    folder = build(tmp_path, *FACTS)
    done = publish(folder)
    assert done.exit_code == 0, done.output
    files = hub.repositories["datasets/tester/mammals"].files
    assert {"README.md", "alignment.json", "phylogeny.nh"} < files.keys()
    card = files["README.md"].decode()
    assert front_matter(card)["license"] == "cc-by-4.0"
    assert "https://example.org/mammals" in card
    assert 'load_dataset("tester/mammals", split="train")' in card
    assert "nothing to send" in publish(folder).output
    run_in(tmp_path, READ, hub.environment)


def test_data_set_without_a_licence_is_not_sent(hub, tmp_path):
    done = publish(build(tmp_path))
    assert done.exit_code == upload.USER_ERROR
    assert "name no license" in done.output
    assert hub.repositories == {}


def test_card_of_a_model_has_licence_and_source_of_its_alignment(tmp_path):
    run = write_phylogpn_run(tmp_path / "run")
    (run / "card.yaml").unlink()
    results = json.loads((run / "all_results.json").read_text())
    results["data_arguments"]["dataset_name"] = str(build(tmp_path, *FACTS))
    (run / "all_results.json").write_text(json.dumps(results))
    facts = data_facts(read_run(run))
    assert (facts.license, facts.origin) == ("cc-by-4.0", "https://example.org/mammals")
    assert facts.name == "Alignment columns over Human, 2 species"
