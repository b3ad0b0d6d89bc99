"""What a user did wrong is said in one line."""

import pytest

from hf_genomics import VQDNAQuantizerConfig
from hf_genomics.training.user_errors import user_errors_in_one_line


def no_file() -> None:
    raise FileNotFoundError("there is no file genome.fa")


def wrong_value() -> None:
    raise ValueError("no contig is named chrX")


def no_such_model() -> None:
    VQDNAQuantizerConfig(codebook_sizes=[1])


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (no_file, "there is no file genome.fa"),
        (wrong_value, "no contig is named chrX"),
        (no_such_model, "codebook_sizes must name sizes of at least 2"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(mistake, reason, capsys):
    with pytest.raises(SystemExit) as stopped, user_errors_in_one_line("train.py"):
        mistake()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"train.py: error: {reason}")
    assert said.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="shapes"), user_errors_in_one_line("train.py"):
        raise RuntimeError("shapes do not fit")
