"""An alignment data set is loaded whole, split by name, and never mistaken for another."""

import pytest

from hf_genomics.training.alignment_loading import load_alignment
from tests.examples.small_alignment import LENGTH, LOCI, OTHER_TREE, write_alignment


def test_splits_tree_and_reference(tmp_path):
    folder = write_alignment(tmp_path / "alignment")
    alignment = load_alignment(
        str(folder), held_out=[LOCI[0]], validation=[f"{LOCI[1]}:0-60"], flank=10
    )
    assert alignment.reference_leaf == "Homo"
    assert alignment.phylogeny.leaf_names == ["Homo", "Pan", "Mus", "Rattus", "Bos"]
    assert alignment.num_sites() == {
        "train": 6 * LENGTH + LENGTH - 60,
        "validation": 60,
        "test": LENGTH,
    }
    assert alignment.names("test") == [LOCI[0]]
    assert alignment.names("validation") == [LOCI[1]]
    (row,) = alignment.splits["validation"]
    assert len(row["right_flank"]) == 10


def test_two_folders_of_one_name_are_two_data_sets(tmp_path):
    first, second = tmp_path / "first" / "alignment", tmp_path / "second" / "alignment"
    for folder, tree in ((first, None), (second, OTHER_TREE)):
        folder.parent.mkdir()
        write_alignment(folder, *([tree] if tree else []))
        alignment = load_alignment(str(folder))
        states = alignment.splits["train"].with_format("numpy")[0]["leaf_states"]
        assert len(states[0]) == alignment.phylogeny.num_leaves


def test_something_is_left_for_training(tmp_path):
    folder = write_alignment(tmp_path / "alignment")
    with pytest.raises(ValueError, match="leave some loci for training"):
        load_alignment(str(folder), held_out=LOCI)


def test_names_that_are_nowhere_are_refused(tmp_path):
    alignment = load_alignment(str(write_alignment(tmp_path / "alignment")), held_out=[LOCI[0]])
    alignment.require_names([LOCI[0], LOCI[7]], "--name_weights")
    with pytest.raises(ValueError, match="--name_weights names locus99, but there is locus0, loc"):
        alignment.require_names([LOCI[0], "locus99"], "--name_weights")
