"""`examples/train_ready_models.py`: its commands are real, what it leaves can be published."""

import importlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

import upload
from examples import evaluate_phylogpn
from hf_genomics.cli import app
from hf_genomics.hub.batch import read_entries
from hf_genomics.training.arguments import parse_arguments
from hf_genomics.training.phylogpn_arguments import parse_phylogpn_arguments
from hf_genomics.training.vqdna_arguments import parse_quantizer_arguments
from hf_genomics.training.vqdna_language_arguments import parse_language_model_arguments

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "examples/train_ready_models.py"
PARSERS = {
    "finetune.py": parse_arguments,
    "pretrain_phylogpn.py": parse_phylogpn_arguments,
    "evaluate_phylogpn.py": evaluate_phylogpn.parse_arguments,
    "train_vqdna_tokenizer.py": parse_quantizer_arguments,
    "pretrain_vqdna.py": parse_language_model_arguments,
}
NAMES = [
    *("hcnn-mouse-2", "hcnn-prom-core-tata", "phylogpn-birds", "phylogpn-mammals"),
    *("vqdna-quantizer", "vqdna-language-model"),
]


@pytest.fixture
def scripts(monkeypatch):
    """The script and its plan, imported as neighbours, which is how the script finds them."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("train_ready_models"), importlib.import_module("ready_models")


@pytest.fixture
def data(tmp_path, scripts) -> Path:
    """A folder of the layout, its files empty; one set of GUE lacks its train split."""
    folder = tmp_path / "data"
    sets = {"mouse/2": 3, "prom/prom_core_tata": 3, "EMP/H3": 2}
    files = [
        f"gue/{name}/{split}.csv.gz"
        for name, splits in sets.items()
        for split in ("test", "dev", "train")[:splits]
    ]
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    for file in {file for model in scripts[1].plan(folder) for file in model.needs}:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def write_promoters(folder: Path) -> None:
    """A set of the layout whose classes differ in a motif."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for split, size in (("train", 64), ("dev", 32), ("test", 32)):
        rows = ["sequence,label"]
        for number in range(size):
            bases = "".join("ACGT"[i] for i in generator.integers(4, size=70))
            rows.append(
                f"{bases[:30]}{'TATAAA' if number % 2 else 'GCGCGC'}{bases[36:]},{number % 2}"
            )
        (folder / f"{split}.csv").write_text("\n".join(rows) + "\n")


def test_every_set_with_three_splits_and_every_family_is_planned(scripts, data):
    assert [model.name for model in scripts[1].plan(data)] == NAMES


@pytest.mark.parametrize("max_steps", [None, 4])
@pytest.mark.parametrize("name", NAMES)
def test_the_commands_are_what_their_scripts_take(
    scripts, data, tmp_path, monkeypatch, name, max_steps
):
    (model,) = (model for model in scripts[1].plan(data, max_steps) if model.name == name)
    monkeypatch.chdir(tmp_path)
    for step in model.steps:
        if step.command[1:3] == ("-m", "hf_genomics.cli"):
            command = typer.main.get_command(app).commands[step.command[3]]
            context = command.make_context(step.command[3], [*step.command[4:]])
            assert f"{context.params['output']}/alignment.json" == step.makes
            continue
        script = Path(step.command[1])
        assert script.is_file()
        parsed = PARSERS[script.name]([*step.command[2:]])
        if script.name == "evaluate_phylogpn.py":
            assert parsed.model == parsed.output_dir == model.folder
            continue
        training = parsed[2]
        assert training.output_dir == model.folder
        assert max_steps is None or training.max_steps == max_steps
        # evaluate_phylogpn.py reads the data from here
        results = Path(model.folder, "all_results.json")
        results.parent.mkdir(parents=True)
        results.write_text(json.dumps({"data_arguments": vars(parsed[1])}))


def test_a_trial_has_codes_and_a_best_checkpoint(scripts, data):
    plan = {model.name: model for model in scripts[1].plan(data, 4)}
    assert "kmeans_warmup_steps=2" in plan["vqdna-quantizer"].steps[0].command
    assert "--eval_steps 4" in shlex.join(plan["phylogpn-birds"].steps[1].command)
    assert "--sizes 1" in shlex.join(plan["phylogpn-birds"].steps[2].command)


@pytest.fixture
def pretend(scripts, monkeypatch):
    """Steps end well at once, and say what they are."""
    ran = []

    def run(command, *, cwd, **_):
        (made,) = {
            step.makes
            for max_steps in (None, 4)
            for model in scripts[1].plan(cwd.parent / "data", max_steps)
            for step in model.steps
            if step.command == command
        }
        (cwd / made).parent.mkdir(parents=True, exist_ok=True)
        (cwd / made).write_text("{}")
        ran.append(made)

    monkeypatch.setattr(scripts[0].subprocess, "run", run)
    return ran


def arguments(data: Path, *more: str) -> list[str]:
    return ["--data", str(data), "--output_dir", str(data.parent / "out"), "--owner", "me", *more]


def test_what_is_done_is_not_repeated(scripts, data, pretend):
    main = scripts[0].main
    main(arguments(data, "--only", "vqdna-quantizer"))
    main(arguments(data, "--only", "vqdna-quantizer"))
    assert pretend == ["runs/vqdna-quantizer/all_results.json"]
    main(arguments(data))
    assert len(pretend) == len(set(pretend)) == 10


def test_a_model_brings_the_one_it_needs(scripts, data, pretend):
    scripts[0].main(arguments(data, "--only", "vqdna-language-model"))
    assert pretend == [
        "runs/vqdna-quantizer/all_results.json",
        "runs/vqdna-language-model/all_results.json",
    ]


def test_the_list_has_what_is_done_by_now(scripts, data, pretend):
    scripts[0].main(arguments(data, "--only", "vqdna-quantizer"))
    scripts[0].main(arguments(data, "--only", "hyperbolic"))
    entries = read_entries(data.parent / "out")
    assert [entry.repo_id for entry in entries] == [
        *("me/hcnn-mouse-2", "me/hcnn-prom-core-tata", "me/vqdna-quantizer")
    ]
    card = yaml.safe_load((entries[0].folder / "card.yaml").read_text())
    assert card["data"]["name"] == "GUE, mouse/2"


def test_a_trial_is_not_taken_for_the_real_thing(scripts, data, pretend, capsys):
    main = scripts[0].main
    main(arguments(data, "--only", "vqdna-quantizer"))
    with pytest.raises(SystemExit, match="not finished: vqdna-quantizer"):
        main(arguments(data, "--only", "vqdna-quantizer", "--max_steps", "4"))
    assert "was made by another command" in capsys.readouterr().err


def test_what_was_refused_is_neither_built_on_nor_listed(scripts, data, pretend, capsys):
    main = scripts[0].main
    main(arguments(data, "--only", "vqdna-quantizer", "--max_steps", "4"))
    main(arguments(data, "--only", "hyperbolic"))
    del pretend[:]
    with pytest.raises(SystemExit, match="not finished: vqdna-quantizer, vqdna-language-model"):
        main(arguments(data, "--only", "vqdna"))
    assert "vqdna-language-model: has to wait for vqdna-quantizer" in capsys.readouterr().out
    assert not pretend
    main(arguments(data, "--only", "hyperbolic"))
    names = [entry.repo_id for entry in read_entries(data.parent / "out")]
    assert names == ["me/hcnn-mouse-2", "me/hcnn-prom-core-tata"]


def test_a_model_is_not_listed_without_the_one_it_was_built_on(scripts, data, pretend):
    scripts[0].main(arguments(data, "--only", "vqdna"))
    record = data.parent / "out/logs/runs-vqdna-quantizer-all_results.command"
    record.write_text(record.read_text() + " --max_steps 4")
    scripts[0].main(arguments(data, "--only", "hcnn-mouse-2"))
    assert [entry.repo_id for entry in read_entries(data.parent / "out")] == ["me/hcnn-mouse-2"]


def test_a_step_that_fails_is_named_and_the_others_go_on(scripts, data, monkeypatch):
    monkeypatch.setattr(scripts[0].subprocess, "run", lambda *_, **__: None)
    with pytest.raises(SystemExit, match="not finished: vqdna-quantizer, vqdna-language-model"):
        scripts[0].main(arguments(data, "--only", "vqdna"))
    assert yaml.safe_load((data.parent / "out/publish.yaml").read_text()) == []


def test_models_without_their_data_are_left_out_and_named(scripts, data, pretend, capsys):
    (data / "trees/53birds.nh").unlink()
    with pytest.raises(SystemExit, match="there is no phylogpn-birds; there are hcnn-mouse-2,"):
        scripts[0].main(arguments(data, "--only", "phylogpn-birds"))
    assert "phylogpn-birds is left out: " in capsys.readouterr().err


def test_a_dry_run_prints_commands_and_runs_nothing(scripts, data, pretend, capsys):
    scripts[0].main(arguments(data, "--dry_run", "--only", "phylogpn-birds"))
    first, *commands = capsys.readouterr().out.splitlines()
    assert first == f"cd {data.parent / 'out'}"
    assert [Path(shlex.split(line)[1]).name for line in commands] == [
        *("-m", "pretrain_phylogpn.py", "evaluate_phylogpn.py")
    ]
    assert not pretend
    assert not (data.parent / "out").exists()


@pytest.mark.slow
def test_what_is_trained_can_be_published(tmp_path):
    write_promoters(tmp_path / "data/gue/prom/prom_core_tata")
    options = arguments(tmp_path / "data", "--max_steps", "2")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    logs = [log.read_text()[-2000:] for log in (tmp_path / "out/logs").glob("*.log")]
    assert done.returncode == 0, done.stdout + done.stderr + "".join(logs)
    published = CliRunner().invoke(
        upload.app, ["all", str(tmp_path / "out/publish.yaml"), "--dry-run"]
    )
    assert published.exit_code == 0, published.output
    assert "me/hcnn-prom-core-tata: checked; nothing was sent" in published.output
