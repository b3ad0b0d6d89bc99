"""Which checkpoint a run goes on from."""

import pytest

from hf_genomics.training.checkpoints import checkpoint_to_resume, last_complete_checkpoint


def checkpoint(folder, step, state='{"global_step": 1}'):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").touch()
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return str(path)


def test_the_last_one_counts_by_number(tmp_path):
    checkpoint(tmp_path, 9)
    expected = checkpoint(tmp_path, 10)
    (tmp_path / "checkpoint-best").mkdir()
    assert last_complete_checkpoint(tmp_path) == expected


@pytest.mark.parametrize("state", [None, "", '{"global_step": 2'])
def test_one_left_half_written_is_passed_over(tmp_path, state):
    expected = checkpoint(tmp_path, 4)
    checkpoint(tmp_path, 8, state)
    assert last_complete_checkpoint(tmp_path) == expected


def test_true_serves_the_first_start_and_every_restart(tmp_path):
    assert checkpoint_to_resume(tmp_path / "new", "true") is None
    expected = checkpoint(tmp_path, 4)
    assert checkpoint_to_resume(tmp_path, "True") == expected


def test_a_named_checkpoint_must_be_complete(tmp_path):
    earlier, _ = checkpoint(tmp_path, 4), checkpoint(tmp_path, 8)
    assert checkpoint_to_resume(tmp_path, earlier) == earlier
    with pytest.raises(ValueError, match="checkpoint-5 is no complete checkpoint; give a folder"):
        checkpoint_to_resume(tmp_path, str(tmp_path / "checkpoint-5"))


@pytest.mark.parametrize("choice", [None, "", "false"])
def test_two_runs_are_never_mixed(tmp_path, choice):
    assert checkpoint_to_resume(tmp_path, choice) is None
    checkpoint(tmp_path, 4)
    with pytest.raises(
        ValueError, match="holds checkpoint-4 of an earlier run; go on from it with"
    ):
        checkpoint_to_resume(tmp_path, choice)
