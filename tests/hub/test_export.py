"""An export is complete, says only what files say, and is refused where something is wrong."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from safetensors.torch import load_file, save_file

from hf_genomics import HyperbolicCNNConfig
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.registry import find_benchmark
from hf_genomics.hub.cards import base_model, data_config, example_of, weights_license
from hf_genomics.hub.checks import card_problems, leaks, stray_files
from hf_genomics.hub.errors import PublishingError
from hf_genomics.hub.export import (
    _require_same_files,
    export_model,
    file_list,
    size_of,
    template_of,
)
from hf_genomics.hub.proof import _difference, _loading_problems, probes
from hf_genomics.hub.runs import data_facts, read_run, shorten_paths
from hf_genomics.hub.scores import primary_metric, summarize, wilson
from hf_genomics.hub.scores_table import results_table
from hf_genomics.hub.templates import fill
from tests.hub.training_runs import (
    RESULTS,
    write_classifier_run,
    write_phylogpn_run,
    write_run,
    write_vqdna_quantizer_run,
    write_vqdna_run,
)

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CARDS = REPOSITORY / "model_cards"
TEMPLATE = CARDS / "hyperbolic_cnn.md"


def export(run, target, **options):
    options = {"template": TEMPLATE, "license_file": REPOSITORY / "LICENSE"} | options
    return export_model(run, target, repo_id="tester/tata", **options)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Published run with seed 1, repeated with seeds 2 and 3."""
    home = tmp_path_factory.mktemp("export")
    hub_data = {"name": "Promoters", "license": "cc0-1.0", "hub_id": "tester/promoters"}
    run = write_run(home / "run")
    (run / "card.yaml").write_text(yaml.safe_dump({"license": "mit", "data": hub_data}))
    others = [
        write_run(home / f"seed {seed}", seed, test_matthews_correlation=score)
        for seed, score in ((2, 0.75), (3, 0.7))
    ]
    return export(run, home / "target", repeats=others)


def card_of(exported):
    return (exported.folder / "README.md").read_text(encoding="utf-8")


def test_folder_is_complete(exported):
    assert set(exported.files) >= {
        "README.md",
        "LICENSE",
        "example.py",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "modeling_hyperbolic_cnn.py",
        "all_results.json",
        "all_results_seed_2.json",
        "trainer_state.json",
        "results_summary.json",
        ".eval_results/tester-promoters.yaml",
    }
    assert not [path for path in exported.files if path.endswith((".bin", ".yaml~"))]
    assert f"in {len(exported.files)} files" in file_list(exported.files)


@pytest.mark.parametrize(
    ("size", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2_340_000_000, "2.3 GB")],
)
def test_sizes_are_those_of_the_hub(size, text):
    """Thousands of bytes, not 1,024."""
    assert size_of(size) == text


def test_every_auto_class_was_proved(exported):
    assert exported.differences.keys() == {"AutoModel", "AutoModelForSequenceClassification"}
    assert max(exported.differences.values()) <= 1e-6


def test_no_path_of_this_machine_is_left(exported):
    files = [file for file in exported.folder.rglob("*") if file.is_file()]
    text = "".join(file.read_text(encoding="utf-8", errors="ignore") for file in files)
    assert "/home/someone" not in text
    assert "path/to/tata" in text


def test_card_has_the_numbers_of_the_run(exported):
    card = card_of(exported)
    assert "| Matthews correlation | 0.7988 | 0.8123 | 0.7496 (0.0494) |" in card
    assert "| AUROC | not defined | not defined |" in card
    assert "HCNN-M" in card
    assert "up to 20 bases" in card
    assert 'model="tester/tata", trust_remote_code=True' in card


def test_metadata_are_read_by_the_hub_client(exported):
    data = ModelCard(card_of(exported)).data
    assert (data.license, data.library_name, data.datasets) == (
        "mit",
        "transformers",
        ["tester/promoters"],
    )
    assert data.tags == ["biology", "genomics", "dna", "hyperbolic_cnn", "custom_code"]
    assert data.metrics == ["matthews_correlation", "accuracy", "auroc"]
    name, results = model_index_to_eval_results(data.to_dict()["model-index"])
    found = {(one.dataset_split, one.metric_type): one.metric_value for one in results}
    assert name == "tata"
    assert found["test", "matthews_correlation"] == RESULTS["test_matthews_correlation"]
    assert ("test", "auroc") not in found
    assert ("test", "loss") not in found


def test_leaderboard_entry_is_the_test_score_of_the_published_weights(exported):
    file = exported.folder / ".eval_results" / "tester-promoters.yaml"
    (entry,) = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert entry["dataset"] == {"id": "tester/promoters", "task_id": "tata"}
    assert entry["value"] == RESULTS["test_matthews_correlation"]
    assert entry["source"]["url"].endswith("tester/tata/blob/main/all_results.json")
    assert "Matthews correlation, test split, seed 1," in entry["notes"]


def test_example_is_the_first_snippet_of_the_card(exported):
    example = (exported.folder / "example.py").read_text(encoding="utf-8")
    assert example == example_of(card_of(exported))
    assert example.startswith("from transformers import pipeline")


@pytest.mark.slow
def test_second_export_has_the_same_bytes(run, tmp_path):
    first = export(run, tmp_path / "target")
    before = {path: (first.folder / path).read_bytes() for path in first.files}
    again = export(run, tmp_path / "target")  # over the first
    assert again.files == first.files
    for path, content in before.items():
        assert (again.folder / path).read_bytes() == content, path


def test_folder_of_somebody_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(PublishingError, match="left alone"):
        export(run, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def refused(run, match, **options):
    """The export fails, and leaves nothing."""
    target = run.parent / "target"
    with pytest.raises(PublishingError, match=match):
        export(run, target, **options)
    assert not [path.name for path in run.parent.iterdir() if "target" in path.name]


@pytest.mark.parametrize("name", ["config.json", "all_results.json", "trainer_state.json"])
def test_unfinished_run(run, name):
    (run / name).unlink()
    refused(run, f"{name} is missing")


def test_unknown_training_data(run):
    (run / "card.yaml").unlink()
    refused(run, "card.yaml(.|\n)*name: <name of the data>(.|\n)*data: license is not known")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data:\n", "data: license is not known"),
        ("data: promoters\n", "data is 'promoters', but lines such as"),
        ("mit\n", "holds 'mit', but lines such as"),
        ("license: [\n", "is not YAML; correct it"),
        ("data: {name: a, license: mit, origin: b, hub_id: [c]}\n", "hub_id is \\['c'\\]"),
    ],
)
def test_bad_card_facts(run, text, message):
    (run / "card.yaml").write_text(text)
    with pytest.raises(PublishingError, match=message):
        data_facts(read_run(run))


def run_of(folder, **arguments):
    """A run that says what it was given: `model_name_or_path`, `dataset_name`."""
    run = write_run(folder)
    results = json.loads((run / "all_results.json").read_text())
    for key, value in arguments.items():
        results["data_arguments" if key == "dataset_name" else "model_arguments"][key] = value
    (run / "all_results.json").write_text(json.dumps(results))
    return run


@pytest.mark.parametrize("given", ["runs/lm", "runs/was-removed", "./lm", "path/to/lm", "a/b/c"])
@pytest.mark.parametrize("here", [".", "elsewhere"])
def test_starting_weights_in_a_folder_are_no_base_model(tmp_path, monkeypatch, given, here):
    for folder in ("runs/lm", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / here)
    run = run_of(tmp_path / "runs" / "tata" / "seed", model_name_or_path=given)
    assert base_model(read_run(run)) is None


def test_starting_weights_of_the_hub_are_the_base_model(tmp_path):
    run = run_of(tmp_path / "run", model_name_or_path="tester/network")
    assert base_model(read_run(run)) == "tester/network"


def test_user_of_the_hub_is_no_folder_of_a_user_here(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    run = run_of(tmp_path / "home" / "me" / "run", model_name_or_path="me/network")
    assert base_model(read_run(run)) == "me/network"


def test_base_model_that_is_stated(tmp_path):
    run = run_of(tmp_path / "run", model_name_or_path="/home/someone/lm")
    (run / "card.yaml").write_text("base_model: tester/network")
    assert base_model(read_run(run)) == "tester/network"
    (run / "card.yaml").write_text("base_model: 7")
    with pytest.raises(PublishingError, match="base_model is 7, but a Hub id"):
        base_model(read_run(run))


def test_data_in_a_folder_are_not_taken_for_the_hub(tmp_path, monkeypatch):
    """The folder is found from above the run, and where it is gone nothing is made up."""
    run = run_of(tmp_path / "runs" / "tata", dataset_name="data/motif")
    (tmp_path / "data").mkdir()
    (run / "card.yaml").write_text("data: {name: Motif, license: mit}")
    with pytest.raises(PublishingError, match="data: origin is not known"):
        data_facts(read_run(run))
    (tmp_path / "data" / "motif").mkdir()
    provenance = tmp_path / "data" / "motif" / "provenance.json"
    provenance.write_text(json.dumps({"origin": "made up"}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    facts = data_facts(read_run(run))
    assert (facts.origin, facts.hub_id) == ("made up", None)


def test_what_the_run_says_of_its_data_goes_before_what_their_folder_says(tmp_path):
    data = tmp_path / "motif"
    data.mkdir()
    (data / "README.md").write_text("---\npretty_name: Motif\nlicense: mit\n---\n")
    (data / "provenance.json").write_text(json.dumps({"origin": "made up"}))
    run = run_of(tmp_path / "run", dataset_name=str(data))
    (run / "card.yaml").write_text("data: {license: cc0-1.0}")
    facts = data_facts(read_run(run))
    assert (facts.name, facts.license, facts.origin) == ("Motif", "cc0-1.0", "made up")


def test_data_of_the_hub_are_linked(tmp_path):
    run = run_of(tmp_path / "run", dataset_name="tester/promoters")
    (run / "card.yaml").write_text("data: {name: Promoters, license: mit}")
    facts = data_facts(read_run(run))
    assert facts.hub_id == "tester/promoters"
    assert facts.origin == "https://huggingface.co/datasets/tester/promoters"


def test_weight_that_is_missing(run):
    weights = load_file(run / "model.safetensors")
    weights.pop("classifier.bias", None) or weights.pop(next(iter(weights)))
    save_file(weights, run / "model.safetensors", metadata={"format": "pt"})
    refused(run, "missing_keys")


def test_model_of_another_family(run):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    refused(run, "type 'bert'")


def change(file, **fields):
    """Other values for fields of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda run: (run / "model.safetensors").write_bytes(b"{}"),
            r"model in .*run cannot be loaded from its config.json and \*.safetensors; put those",
        ),
        (lambda run: (run / "model.safetensors").unlink(), "model in .*no file named model.safe"),
        (lambda run: change(run / "config.json", num_layers="x"), "num_layers(.|\n)*got str"),
        (lambda run: change(run / "config.json", num_layers=0), "num_layers must be at least 1"),
        (lambda run: change(run / "config.json", auto_map=None), "- auto_map is None, but an obj"),
        (lambda run: change(run / "config.json", architectures=7), "architectures is 7, but a li"),
        (lambda run: change(run / "config.json", architectures=[7]), "was saved from 7"),
        (lambda run: change(run / "config.json", model_type=[1]), r"type is \[1\], but text is"),
        (
            lambda run: change(
                run / "config.json",
                auto_map={"AutoNothing": "a.HyperbolicCNNForSequenceClassification"},
            ),
            "does not name under an Auto class of Transformers",
        ),
        (
            lambda run: change(run / "all_results.json", data_arguments=None),
            "all_results.json is damaged; (.|\n)*- data_arguments is None, but an object is needed",
        ),
        (lambda run: change(run / "all_results.json", versions=7), "versions is 7, but an object"),
        (
            lambda run: (run / "tokenizer.json").write_text("{"),
            "tokenizer in .*run cannot be loaded from its tokenizer.json and tokenizer_config.json",
        ),
        (lambda run: (run / "tokenizer.json").write_text("{}"), "put those back .* KeyError"),
        (lambda run: (run / "tokenizer_config.json").write_text("[]"), "tokenizer in .*Attribute"),
        (lambda run: (run / "tokenizer.json").unlink(), "has no tokenizer.json; copy the token"),
        (
            lambda run: [file.unlink() for file in run.glob("tokenizer*")],
            r"run has no tokenizer.json and no tokenizer_config.json; .* tokenizer.save_pretrained",
        ),
    ],
)
def test_damaged_run(run, damage, message):
    damage(run)
    refused(run, message)


def test_run_whose_card_has_no_template_since_it_is_damaged(run):
    change(run / "config.json", architectures=[7])
    assert template_of(run, CARDS) == TEMPLATE  # refused when it is loaded
    change(run / "config.json", architectures=7)
    with pytest.raises(PublishingError, match="architectures is 7"):
        template_of(run, CARDS)


def test_target_that_is_a_link_is_written_where_it_leads(run, tmp_path, monkeypatch):
    monkeypatch.setattr("hf_genomics.hub.export.prove", lambda *_: {})
    (tmp_path / "large disk").mkdir()
    link = tmp_path / "target"
    link.symlink_to(tmp_path / "large disk", target_is_directory=True)
    for _ in range(2):  # and over an earlier export, of which nothing stays
        assert "README.md" in export(run, link).files
        assert link.is_symlink()
        assert (tmp_path / "large disk" / "README.md").is_file()
        assert not (tmp_path / "large disk" / "old.json").exists()
        (tmp_path / "large disk" / "old.json").write_text("{}")


def test_secret_in_the_command(run):
    command = "python finetune.py --hub_token hf_" + "a" * 34
    results = json.loads((run / "all_results.json").read_text())
    (run / "all_results.json").write_text(json.dumps(results | {"command": command}))
    refused(run, "looks like a Hugging Face token")


def template_with(tmp_path, change):
    file = tmp_path / "template.md"
    file.write_text(change(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "\n{{results.flops}}\n", "results.flops is not known"),
        (lambda text: text + "\n{{results.resumed_from}}\n", "results.resumed_from is empty"),
        (
            lambda text: text.replace("## Results\n", "## Results\n\nAbout 0.97.\n"),
            "0.97 in the Results of the template comes from no file",
        ),
        (lambda text: text.replace("```python", "```text"), "no example in Python"),
        (lambda text: text + "\nTODO: say more\n", "unfilled field 'TODO'"),
        (
            lambda text: text.replace("trust_remote_code=True", "trust_remote_code=False"),
            "does not run in a process without hf_genomics",
        ),
    ],
)
def test_bad_template(run, tmp_path, change, message):
    refused(run, message, template=template_with(tmp_path, change))


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1 + 1e-4, float("nan")])
def test_code_that_computes_something_else(run, monkeypatch, factor):
    """The folder is loaded, run and compared where the package is not."""

    def spoil(folder, *args):
        weights = load_file(folder / "model.safetensors")
        weights = {name: tensor * factor for name, tensor in weights.items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr("hf_genomics.hub.export.check_repository", spoil)
    refused(run, "AutoModelForSequenceClassification: outputs differ by")


@pytest.mark.slow
def test_code_that_needs_the_package(run, monkeypatch):
    def spoil(folder, *args):
        file = folder / "modeling_hyperbolic_cnn.py"
        file.write_text("from hf_genomics import DNATokenizer\n" + file.read_text())

    monkeypatch.setattr("hf_genomics.hub.export.check_repository", spoil)
    refused(run, "hf_genomics")


def test_a_class_has_to_come_from_the_folder_and_to_find_its_weights():
    """Another head than the checkpoint's starts anew, what lies under it does not."""
    report = {"module": "transformers_modules.a", "base": "base", "unexpected_keys": ["old.bias"]}
    assert _loading_problems(report | {"missing_keys": ["head.bias"]}, same_class=False) == []
    for missing, same_class in (("head.bias", True), ("base.bias", False)):
        problems = _loading_problems(report | {"missing_keys": [missing]}, same_class)
        assert problems[0] == f"missing_keys: {missing}"
    (problem,) = _loading_problems(report | {"module": "hf_genomics.models"}, same_class=False)
    assert problem == "ran hf_genomics.models, not the code in the folder"


def test_the_difference_of_outputs_is_over_the_largest_and_of_codes_all_or_none():
    logits, codes = torch.tensor([[1.0, -4.0]]), torch.tensor([[3, 5]])
    assert _difference(logits + 0.5, logits) == 0.125
    assert _difference(codes, codes) == 0
    assert _difference(codes + torch.tensor([0, 1]), codes) == 1
    assert _difference(logits[:, :1], logits) == _difference(None, logits) == float("inf")


def test_probes_are_two_lengths_that_the_model_can_read():
    for head, lengths in (("flatten", [20, 18]), ("centroid", [600, 540])):
        config = HyperbolicCNNConfig(max_length=20, head=head)
        assert [len(text) for text in probes(config)] == lengths


def test_repeats_have_to_be_repeats(run, tmp_path):
    refused(run, "the seeds are", repeats=[run])
    other = write_run(tmp_path / "other", 2, rows={"train": 1, "validation": 1, "test": 1})
    refused(run, "rows is", repeats=[other])
    other = write_run(tmp_path / "faster", 2, command=f"{RESULTS['command']} --learning_rate 0.5")
    refused(
        run,
        "seed_2.json: its command has --learning_rate 0.5, that of the published run no --learning",
        repeats=[other],
    )


def summary_of(*commands):
    runs = [
        {"seed": seed, "test_loss": 1.0, "data_arguments": {"window": 5}, "command": command}
        for seed, command in enumerate(commands)
    ]
    return summarize(runs, [f"run {seed}" for seed in range(len(runs))])


@pytest.mark.parametrize(
    ("published", "other", "difference"),
    [
        ("--learning_rate 1e-3", "--learning_rate 1e-4", "--learning_rate 1e-4, .*_rate 1e-3$"),
        ("--num_train_epochs 3", "--num-train-epochs=5", "--num_train_epochs 5, .*_epochs 3$"),
        ("--bf16", "", "no --bf16, that of the published run --bf16$"),
        ("--seed 0", "--seed 1 --recipe paper", "--recipe paper, .* no --recipe"),
    ],
)
def test_a_run_with_other_options_is_no_repetition(published, other, difference):
    with pytest.raises(PublishingError, match=f"run 1: its command has {difference}"):
        summary_of(f"python f.py {published}", f"python f.py {other}")


@pytest.mark.parametrize(
    ("published", "other"),
    [
        ("--seed 1 --output_dir runs/a", "--output_dir runs/b --seed 2 --data_seed 2"),
        (
            "",
            "--resume_from_checkpoint --disable_tqdm true --logging_steps 5 --log_level info",
        ),
        ("", "--run_name b --report_to tensorboard --push_to_hub --hub_token '<HIDDEN>'"),
        ("--learning_rate 1e-3 --bf16", "--bf16 True --learning-rate=0.001"),
        ("--bf16", "--bf16 true"),
        ("--window 5", ""),  # the record of the arguments has it with its default
        ("--seed 1", None),
        ("--seed 1", "python f.py --config_overrides 'a"),
        (7, "--learning_rate 1"),
    ],
)
def test_seeds_places_and_spellings_are_no_other_options(published, other):
    assert summary_of(published, other)["seeds"] == [0, 1]


@pytest.mark.parametrize(
    "field", ["model_type", "num_parameters", "model_arguments", "data_arguments", "rows"]
)
def test_a_run_with_another_record_is_no_repetition(field):
    runs = [{"seed": 1, field: {"a": 1}}, {"seed": 2, field: {"a": 2}}]
    with pytest.raises(PublishingError, match=f"run 2: {field} is {{'a': 2}}"):
        summarize(runs, ["run 1", "run 2"])


PHYLOGPN = REPOSITORY / "model_cards" / "phylogpn.md"


@pytest.mark.slow
def test_phylogpn(tmp_path):
    exported = export(write_phylogpn_run(tmp_path / "run"), tmp_path / "target", template=PHYLOGPN)
    assert exported.differences.keys() == {
        "AutoModel",
        "AutoModelForMaskedLM",
        "AutoModelForSequenceClassification",
    }
    card = card_of(exported)
    assert "| one vector | -2.0000 [-2.2500, -1.7500] | 0.5000 [0.4375, 0.5625] |" in card
    assert "| bases that one output reads | 25 |" in card
    assert "| test | 500 |" in card
    assert ModelCard(card).data.pipeline_tag == "feature-extraction"


def test_phylogpn_that_was_not_evaluated(tmp_path):
    run = write_phylogpn_run(tmp_path / "run")
    (run / "likelihood.json").write_text(json.dumps({"training": {"train_loss": 9.0}}))
    refused(run, "is of another model", template=PHYLOGPN)
    (run / "likelihood.json").unlink()
    refused(run, "examples/evaluate_phylogpn.py", template=PHYLOGPN)


@pytest.mark.slow
def test_vqdna_quantizer(tmp_path):
    run = write_vqdna_quantizer_run(tmp_path / "run")
    exported = export(run, tmp_path / "target", template=template_of(run, CARDS))
    assert exported.differences.keys() == {"AutoModel", "AutoModelForPreTraining"}
    card = card_of(exported)
    assert "| codes of each level, coarse to fine | 8, 16 |" in card
    assert "| nucleotides on either side that a code can know of | 8 |" in card
    assert "Kept from training, for the results below: chrXVI, chrI:0-1000." in card
    assert "| accuracy | 0.6875 |\n| active 0 | 96.88 |\n" in card
    assert "| held_out | 12 |" in card
    assert "runtime" not in card
    assert ModelCard(card).data.pipeline_tag is None  # a pipeline would return its loss


@pytest.mark.slow
def test_vqdna_language_model(tmp_path):
    run = write_vqdna_run(tmp_path / "run")
    exported = export(run, tmp_path / "target", template=template_of(run, CARDS))
    assert len(exported.differences) == 4  # base, two kinds of classifiers, masked nucleotides
    card = card_of(exported)
    assert "| quantizer | path/to/tokenizer |" in card
    assert "| what is hidden where the input is masked | nucleotide |" in card
    assert ModelCard(card).data.pipeline_tag == "fill-mask"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_type", "paper"), [("vqdna", "2405.10812"), ("phylogpn", "2503.03773")]
)
def test_a_classifier_of_a_pretrained_family(tmp_path, model_type, paper):
    run = write_classifier_run(tmp_path / "run", model_type)
    exported = export(run, tmp_path / "target", template=template_of(run, CARDS))
    assert "AutoModelForSequenceClassification" in exported.differences
    card = card_of(exported)
    assert paper in card
    assert "| LoRA | rank 4, merged into the weights |" in card
    assert "| Matthews correlation | 0.7988 | 0.8123 |" in card
    assert "| labels | 0 = other, 1 = promoter |" in card
    assert ModelCard(card).data.pipeline_tag == "text-classification"


def test_a_genome_run_without_held_out_sequence(tmp_path):
    run = write_vqdna_quantizer_run(tmp_path / "run")
    results = json.loads((run / "all_results.json").read_text())
    results["data_arguments"]["held_out"] = []
    (run / "all_results.json").write_text(json.dumps(results))
    refused(run, "train with --held_out", template=template_of(run, CARDS))


def card_problems_of(tmp_path, text, results=None):
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    (tmp_path / "all_results.json").write_text(json.dumps(results or {}))
    return list(card_problems(tmp_path))


HEAD = "---\nlicense: mit\n---\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# No metadata\n", "no license"),
        (HEAD + "{{data.name}}", "unfilled"),
        (HEAD + "[More Information Needed]", "unfilled"),
        (HEAD + "| a | b |\n| --- | --- |\n| seed | |\n", "unfilled"),
        (HEAD + "| loss | nan |\n", "unfilled"),
        (HEAD + "## Results\n\nMCC 0.80\n", "0.80 in the Results is in no JSON file"),
    ],
)
def test_card_that_is_not_finished(tmp_path, text, problem):
    (found,) = card_problems_of(tmp_path, text, {"test_mcc": 0.79})
    assert problem in found


def test_card_that_is_finished(tmp_path):
    text = HEAD + "| | |\n| --- | --- |\n| a | b |\n## Results\n\nMCC 0.79, 0.788 and 0.0\n"
    assert card_problems_of(tmp_path, text, {"mcc": [0.7881], "other": {"zero": 0}}) == []


def test_model_index_that_was_edited(exported, tmp_path):
    text = re.sub(r"value: 0\.79\d+", "value: 0.99", card_of(exported))
    assert any("0.99" in problem for problem in card_problems_of(tmp_path, text, RESULTS))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("token = hf_" + "A" * 30, "Hugging Face token"),
        ("AKIA" + "A" * 16, "AWS key"),
        *(("gh" + kind + "_" + "A1" * 18, "GitHub token") for kind in "pousr"),
        ("github_pat_" + "A1" * 12, "GitHub token"),
        ("sk-" + "a" * 24, "API key"),
        *((name + ' = "' + "a1" * 14 + '"', "secret") for name in ("DB_PASSWORD", "api_key")),
        ("client_secret: " + "a1" * 14, "secret"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
        ("https://user:" + "word@example.org/x", "password in a URL"),
        ("saved to /home/someone/runs", "/home/someone/runs"),
        (r"saved to C:\Users\someone", "path of this machine"),
        ("https://example.org/home/page and/or /n", None),
        ('"pad_token": "-", "mask_token": "[MASK]"', None),
    ],
)
def test_leaks(tmp_path, line, found):
    (tmp_path / "log.txt").write_text(f"first\n{line}\n", encoding="utf-8")
    problems = list(leaks(tmp_path))
    assert bool(problems) == (found is not None)
    assert all(found in problem and "line 2" in problem for problem in problems[:1])


def test_metadata_of_weights_are_looked_through(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors", {"from": "/home/someone/x"})
    assert "/home/someone/x" in next(leaks(tmp_path))


def test_the_home_folder_is_found_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/data/me")
    (tmp_path / "notes.md").write_text("read /data/me/gue", encoding="utf-8")
    assert list(leaks(tmp_path)) == ["notes.md, line 1: a path of this machine, '/data/me'"]


def test_bytes_that_are_no_text_hold_no_secret_by_chance(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1\0 /home/someone/x")
    assert list(leaks(tmp_path)) == []


def test_own_token_is_found_whatever_it_looks_like(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "odd-one")
    (tmp_path / "notes.md").write_text("use odd-one", encoding="utf-8")
    assert "your own Hugging Face token" in next(leaks(tmp_path))


@pytest.mark.parametrize(
    "name",
    ["a.bin", "a.pkl", ".env", "id_rsa", ".DS_Store", "empty.txt", "b/__pycache__/modeling.txt"],
)
def test_stray_files(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"" if name == "empty.txt" else b"x")
    assert name in next(stray_files(tmp_path))


def test_a_link_is_not_published(tmp_path):
    """What it leads to is on this machine alone."""
    (tmp_path / "elsewhere.md").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.md").symlink_to(tmp_path / "elsewhere.md")
    (problem,) = stray_files(tmp_path / "folder")
    assert problem.startswith("notes.md is a link to ")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/home/someone/gue", "path/to/gue"),
        ("--data=/a/b/c --x ~/d/e", "--data=path/to/c --x path/to/e"),
        ("relative/path and https://host/a/b", "relative/path and https://host/a/b"),
        (r"C:\Users\me\gue", "path/to/gue"),
    ],
)
def test_local_paths_are_shortened(text, short):
    assert shorten_paths({"key": [text]}) == {"key": [short]}


def test_values_of_a_template():
    values = {"config": {"n": 1234567, "none": None}, "loss": 0.123456, "on": True}
    template = "{{config.n}} {{ loss }} {{config.none|no limit}} {{on}}"
    assert fill(template, values) == "1,234,567 0.1235 no limit yes"
    assert fill("{{n}} {{n|none}} {{off}}", {"n": 0, "off": False}) == "0 0 no"


def test_wilson_interval():
    """Hand-worked: 8 of 10 with z = 1.96 is 0.490 to 0.943."""
    assert wilson(0.8, 10) == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)


def test_interval_over_seeds():
    """Hand-worked: mean 2, standard deviation 1, t(0.975, 2) = 4.303, over sqrt(3) 2.484."""
    runs = [{"seed": seed, "test_loss": float(seed)} for seed in (1, 2, 3)]
    score = summarize(runs, ["a", "b", "c"])["scores"]["test_loss"]
    assert (score["value"], score["mean"], score["standard_deviation"]) == (1.0, 2.0, 1.0)
    assert score["interval"] == pytest.approx([2 - 2.484, 2 + 2.484], abs=1e-3)


def test_accuracy_of_one_seed_has_the_interval_of_the_rows_of_its_split():
    rows = {"train": 1000, "validation": 4, "test": 10}
    run = {"seed": 1, "test_accuracy": 0.8, "validation_accuracy": 0.5, "rows": rows}
    scores = summarize([run], ["a"])["scores"]
    assert scores["test_accuracy"]["interval"] == wilson(0.8, 10)
    assert scores["validation_accuracy"]["interval"] == wilson(0.5, 4)


def test_seeds_of_which_one_has_no_score_have_no_mean():
    runs = [{"seed": seed, "test_auroc": score} for seed, score in enumerate((0.75, None, 0.5))]
    summary = summarize(runs, ["a", "b", "c"])
    assert summary["scores"]["test_auroc"] == {"value": 0.75}
    assert "| AUROC | 0.7500 | not defined | not defined (not defined) |" in results_table(summary)


def test_a_mean_over_seeds_is_shown_where_there_are_several():
    runs = [{"seed": seed, "test_mse": 0.25} for seed in (1, 2)]
    assert "mean of 2 seeds" in results_table(summarize(runs, ["a", "b"]))
    assert "mean" not in results_table(summarize(runs[:1], ["a"])).replace("mean squared", "")


def test_what_a_run_does_not_say_of_license_and_configuration(run):
    assert (weights_license(read_run(run)), data_config(read_run(run))) == ("apache-2.0", "tata")
    for name in (None, ""):
        change(run / "all_results.json", data_arguments={"dataset_config_name": name})
        assert data_config(read_run(run)) == "default"
    (run / "card.yaml").write_text("license: mit")
    assert weights_license(read_run(run)) == "mit"


def test_a_score_that_is_not_defined_on_test_stands_for_no_model():
    run = {
        **{"seed": 1, "test_matthews_correlation": None, "validation_matthews_correlation": 0.5},
        **{"test_accuracy": 0.75, "validation_accuracy": None},
    }
    assert primary_metric(summarize([run], ["a"])) == "accuracy"
    assert primary_metric(summarize([{"seed": 1, "validation_accuracy": 1.0}], ["a"])) is None


def on_data(folder, seed, name):
    data = {"dataset_name": str(name), "dataset_config_name": "tata"}
    return write_run(folder, seed, data_arguments=data)


@pytest.mark.parametrize("here", ["v1", "v2"])
def test_a_run_on_other_data_of_the_same_name_is_no_repetition(tmp_path, here):
    (tmp_path / here / "promoters").mkdir(parents=True)
    runs = [
        on_data(tmp_path / v, i, tmp_path / v / "promoters") for i, v in enumerate(("v1", "v2"))
    ]
    message = f"dataset_name is {tmp_path}/v2/promoters, of the published run {tmp_path}/v1/"
    refused(runs[0], message, repeats=[runs[1]])


def test_runs_of_two_machines_may_have_the_data_in_two_places(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    pairs = [("/gone/a/promoters", "/gone/b/promoters")]
    pairs += [(tmp_path / "data", tmp_path / "link" / ".." / "data")]
    for number, (one, other) in enumerate(pairs):
        runs = [
            read_run(on_data(tmp_path / f"{number}{i}", i, n)) for i, n in enumerate((one, other))
        ]
        _require_same_files(runs[0], runs[1:], ["published", "other"])


@pytest.mark.parametrize("path", ["my_notes.md", "notes.txt", ".git/HEAD", "more/data.json"])
def test_files_that_were_put_into_an_export_are_not_deleted(run, tmp_path, path):
    target = tmp_path / "target"
    for name in ("results_summary.json", "README.md", ".eval_results/x.yaml", path):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("{}")
    with pytest.raises(PublishingError, match="holds more than an export.*") as error:
        export(run, target)
    assert str(error.value).endswith(f":\n  - {path}")
    assert (target / path).is_file()


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"test_accuracy": "0.9"}, "test_accuracy is '0.9', but a number is needed"),
        ({"validation_accuracy": 1.5}, "validation_accuracy is 1.5, but it lies from 0 to 1"),
        ({"rows": {"train": "400"}}, "rows: train is '400', but a whole number is needed"),
        ({"rows": {"train": 4.5}}, "rows: train is 4.5, but a whole number is needed"),
    ],
)
def test_damaged_results_are_refused(tmp_path, results, message):
    with pytest.raises(PublishingError, match=message):
        read_run(write_run(tmp_path / "run", **results))


def test_the_origin_of_a_built_benchmark_is_where_its_data_come_from(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.csv").write_text("sequence,label\nACGT,0\nCCGT,1\n")
    built = tmp_path / "built"
    build_dataset("gue", tmp_path, built, configs=["tf_0"], licence="cc0-1.0")
    run = on_data(tmp_path / "run", 1, built)
    (run / "card.yaml").unlink()
    facts = data_facts(read_run(run))
    assert facts.origin == find_benchmark("gue").SPEC.url
