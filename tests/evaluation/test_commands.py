"""Commands of runs: recorded without tokens, and read for their options."""

import shlex
import sys

import pytest

from hf_genomics.evaluation.commands import options_of
from hf_genomics.evaluation.results import command_line


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("--hub_token odd --seed 1", "--hub_token '<HIDDEN>' --seed 1"),
        ("--seed 1 --hub-token=odd", "--seed 1 '--hub-token=<HIDDEN>'"),
        ("--token odd", "--token '<HIDDEN>'"),
        ("--push_to_hub_token=odd", "'--push_to_hub_token=<HIDDEN>'"),
        ("--hub_token --token --seed 1", "--hub_token '<HIDDEN>' --seed 1"),
        ("--hub_token", "--hub_token"),
        ("--token_padding same", "--token_padding same"),
        ("--config_overrides token=same", "--config_overrides token=same"),
        ("--source 'two words' token", "--source 'two words' token"),
    ],
)
def test_the_recorded_command_has_all_words_but_tokens(monkeypatch, given, recorded):
    monkeypatch.setattr(sys, "argv", ["finetune.py", *shlex.split(given)])
    assert command_line() == f"python finetune.py {recorded}"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("finetune.py --seed 1", {"seed": "1"}),
        ("--lr=1e-3 --num-train-epochs 4 x", {"lr": "1e-3", "num_train_epochs": "4"}),
        ("--bf16 --seed 1 --bf16 true", {"bf16": "true", "seed": "1"}),
        ("--bf16 --a=", {"bf16": "", "a": ""}),
        ("--config_overrides 'a=1, b=2'", {"config_overrides": "a=1, b=2"}),
        ("--weight_decay -1", {"weight_decay": "-1"}),
        ("", {}),
    ],
)
def test_the_options_of_a_command(command, options):
    assert options_of(shlex.split(command)) == options
