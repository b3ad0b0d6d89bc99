"""Names of several models of one command line."""

from pathlib import Path

import pytest

from hf_genomics.evaluation.named_models import named_folders


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["runs/a"], {"a": "runs/a"}),
        (["ours=runs/a", "theirs=runs/b"], {"ours": "runs/a", "theirs": "runs/b"}),
        (["runs/a", "runs/b"], {"a": "runs/a", "b": "runs/b"}),
        (["lr=0.1/a", "x=lr=0.2/b"], {"a": "lr=0.1/a", "x": "lr=0.2/b"}),
        (["lr=3=lr=0.1/a"], {"lr=3": "lr=0.1/a"}),
    ],
)
def test_models_have_names(tmp_path, monkeypatch, given, expected):
    (tmp_path / "lr=0.1/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert named_folders(given, lambda at: Path(at).name) == expected


def test_a_folder_is_its_own_name():
    assert named_folders(["runs/a", "others/a"]) == {"runs/a": "runs/a", "others/a": "others/a"}


def test_two_models_of_one_name_are_refused():
    with pytest.raises(ValueError, match="runs/a and others/a are both named 'a'; give each model"):
        named_folders(["runs/a", "others/a"], lambda at: Path(at).name)
