"""`examples/evaluate_codebooks.py` in this process: names of models, and what it refuses."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_genomics import VQDNAQuantizerModel
from tests.hub.training_runs import vqdna_quantizer_config

EVALUATE = str(Path(__file__).resolve().parents[2] / "examples" / "evaluate_codebooks.py")


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """Runs the script in a folder that has a quantizer `lr=3`; gives what it wrote."""
    VQDNAQuantizerModel(vqdna_quantizer_config()).save_pretrained(tmp_path / "lr=3")
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 1024))
    (tmp_path / "genome.fa").write_text(f">one\n{bases}\n>two\n{bases}\n")
    monkeypatch.chdir(tmp_path)

    def run(*models, window=128):
        command = ["--genomes", "genome.fa", "--held_out", "two", "--output_dir", "out"]
        command += ["--models", *models, "--window", str(window), "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", [EVALUATE, *command])
        runpy.run_path(EVALUATE, run_name="__main__")
        return json.loads((tmp_path / "out" / "codebooks.json").read_text())

    return run


@pytest.fixture
def refuse(evaluate, capsys):
    def run(*models, **options):
        with pytest.raises(SystemExit) as stopped:
            evaluate(*models, **options)
        assert stopped.value.code == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("evaluate_codebooks.py: error: ")
        return said

    return run


def test_models_have_the_names_they_were_given(evaluate):
    models = evaluate("lr=3", "again=lr=3", "a=b=lr=3")["models"]
    assert models.keys() == {"lr=3", "again", "a=b"}
    assert models["lr=3"] == models["again"]


def test_two_models_of_one_name_are_refused(refuse):
    assert "lr=3 and other are both named 'a'" in refuse("a=lr=3", "a=other")


def test_windows_that_are_too_short_are_refused(refuse):
    assert "--window is 16, but measures of lr=3 need windows of" in refuse("lr=3", window=16)


@pytest.mark.parametrize("folder", ["none", "no/folder", "no/such/folder", "name="])
def test_model_that_is_not_there_is_refused(refuse, folder):
    assert "no quantizer can be loaded from" in refuse(folder)


def test_shortest_windows_that_are_asked_for_are_enough(evaluate, refuse):
    asked = int(refuse("lr=3", window=16).partition("pass --window ")[2].partition(",")[0])
    assert evaluate("lr=3", window=asked)["windows"] == 1024 // asked
