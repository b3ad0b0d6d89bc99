"""Simulated data sets: labels, splits, nulls, controls and repeatability."""

from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, DatasetDict

from hf_genomics.benchmarks.clades import clade_of_each_node, clades_at_depth, deal_by_subtree
from hf_genomics.benchmarks.conditions import CONDITIONS
from hf_genomics.benchmarks.conditions import _draw_tips as draw_tips
from hf_genomics.benchmarks.parameters import Condition, SimulationParameters, without_effect
from hf_genomics.benchmarks.simulator import simulate, simulate_dataset
from hf_genomics.benchmarks.trees import balanced_tree, caterpillar_tree, yule_tree

SIZES: dict[str, Any] = {
    "num_train": 60,
    "num_validation": 20,
    "num_test": 21,
    "length": 80,
    "seed": 3,
    "num_leaves": 32,
}


def make_parameters(condition: str, **options: Any) -> SimulationParameters:
    return SimulationParameters(condition=Condition(condition), **{**SIZES, **options})


def rows_of(condition: str, **options: Any):
    parameters = make_parameters(condition, **options)
    return CONDITIONS[parameters.condition](parameters, np.random.default_rng(parameters.seed))


def all_rows(dataset: DatasetDict) -> list[tuple[str, int]]:
    return [(row["sequence"], row["label"]) for part in dataset.values() for row in part]


@pytest.mark.parametrize("condition", list(Condition))
@pytest.mark.parametrize("split", ["random", "subtree"])
def test_every_condition_fills_the_splits_with_balanced_labelled_sequences(condition, split):
    dataset = simulate_dataset(condition, **SIZES, split=split)
    assert {name: len(rows) for name, rows in dataset.items()} == {
        "train": 60,
        "validation": 20,
        "test": 21,
    }
    for rows in dataset.values():
        assert rows.column_names == ["sequence", "label"]
        assert isinstance(rows.features["label"], ClassLabel)
        assert {len(sequence) for sequence in rows["sequence"]} == {80}
        assert set("".join(rows["sequence"])) == set("ACGT")
        counts = np.bincount(rows["label"], minlength=rows.features["label"].num_classes)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("condition", list(Condition))
def test_same_seed_gives_the_same_rows_and_another_seed_others(condition):
    first = all_rows(simulate_dataset(condition, **SIZES))
    assert first == all_rows(simulate_dataset(condition, **SIZES))
    assert first != all_rows(simulate_dataset(condition, **{**SIZES, "seed": 4}))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_clade_labels_are_monophyletic(depth):
    rows = rows_of("clade", clade_depth=depth, num_leaves=16, tree="balanced")
    tree = rows.tree
    assert len(rows.label_names) == 2**depth
    for label in range(len(rows.label_names)):
        members = set(rows.leaves[rows.labels == label].tolist())
        # Climb from one member until the whole class is below: no other row may be below, too.
        node = next(iter(members))
        below = rows.leaves == node
        while not members <= set(rows.leaves[below].tolist()):
            node = int(tree.parents[node])
            assert node >= 0
            below = clade_of_each_node(tree, np.array([node]))[rows.leaves] >= 0
        assert set(rows.labels[below]) == {label}


def test_clades_partition_the_leaves_of_an_uneven_tree():
    tree = caterpillar_tree(10)
    clades = clades_at_depth(tree, 3)
    assert sorted(tree.leaf_counts[clades]) == [1, 1, 1, 7]
    assert (clade_of_each_node(tree, clades)[tree.leaves] >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_subtrees_are_never_shared_between_splits(seed):
    rng = np.random.default_rng(seed)
    tree = yule_tree(64, rng)
    dealt = deal_by_subtree(tree, np.array([0]), (80, 10, 10), rng)
    assert sorted(np.concatenate(dealt)) == tree.leaves.tolist()
    assert all(len(tips) > 0 for tips in dealt)


def test_subtree_split_holds_out_tips_and_random_split_does_not():
    def tips_per_split(split: str) -> list[set[int]]:
        rows = rows_of("clade", split=split)
        tips = rows.tree.parents[rows.leaves]
        return [set(part.tolist()) for part in np.split(tips, [60, 80])]

    train, validation, test = tips_per_split("subtree")
    assert not train & validation
    assert not train & test
    assert not validation & test
    train, validation, test = tips_per_split("random")
    assert train & validation
    assert train & test


def test_sequences_of_one_clade_are_closer_than_those_of_two():
    rows = rows_of("clade", length=2000, tree="balanced", height=0.5)
    first, second = (rows.states[rows.labels == label] for label in (0, 1))
    within = (first[0] != first[1:]).mean(axis=1)
    between = (first[0] != second).mean(axis=1)
    assert within.mean() < between.mean() - 0.02


def test_permutation_keeps_sequences_and_class_counts_and_breaks_the_pairing():
    clade = simulate_dataset("clade", **SIZES)
    permuted = simulate_dataset("permuted", **SIZES)
    for split in clade:
        assert permuted[split]["sequence"] == clade[split]["sequence"]
        assert sorted(permuted[split]["label"]) == sorted(clade[split]["label"])
    assert permuted["train"]["label"] != clade["train"]["label"]


def test_motif_is_in_every_positive_and_in_no_negative():
    # Four bases: without redrawing, a quarter of the negatives would hold it by chance.
    dataset = simulate_dataset("motif", **SIZES, motif="GATC")
    assert [("GATC" in sequence) for sequence, _ in all_rows(dataset)] == [
        bool(label) for _, label in all_rows(dataset)
    ]


def test_motif_offsets_vary():
    dataset = simulate_dataset("motif", **SIZES, motif="GATCGATCGATC")
    offsets = {sequence.find("GATCGATCGATC") for sequence, label in all_rows(dataset) if label}
    assert len(offsets) > 10


def test_motif_as_long_as_the_sequence_is_the_sequence():
    dataset = simulate_dataset("motif", **{**SIZES, "length": 8}, motif="ACGTACGT")
    assert {s for s, label in all_rows(dataset) if label} == {"ACGTACGT"}


def test_decayed_motif_is_whole_at_first_and_lost_with_time():
    def share_intact(height: float) -> np.ndarray:
        simulation = simulate(make_parameters("decayed-motif", height=height, num_train=400))
        motif = simulation.facts.parameters["motif"]
        rows = all_rows(simulation.dataset)
        return np.array([np.mean([motif in s for s, label in rows if label == k]) for k in (0, 1)])

    young, old = share_intact(0.001), share_intact(2.0)
    assert young[0] == 0.0
    assert 0.4 < young[1] <= 1.0  # a twentieth of a substitution per site on the last branch
    assert old[1] < 0.1


def test_transposons_and_their_decoys_agree_in_gc_but_not_in_order():
    rows = rows_of("transposon", num_train=2000, length=100, base_frequencies=(0.1, 0.2, 0.2, 0.5))
    gc = np.isin(rows.states, (1, 2)).mean(axis=1)
    negative, positive = (gc[rows.labels == label] for label in (0, 1))
    error = np.sqrt(negative.var() / len(negative) + positive.var() / len(positive))
    assert abs(negative.mean() - positive.mean()) < 5 * error

    def num_shared_words(states: np.ndarray) -> int:
        words = np.lib.stride_tricks.sliding_window_view(states, 16, axis=1) @ 4 ** np.arange(16)
        return words.size - len(np.unique(words))

    few = 500
    shared = [
        num_shared_words(rows.states[rows.labels == label][:few].astype(int)) for label in (0, 1)
    ]
    assert shared[1] > 5 * shared[0]


def test_only_transposon_copies_are_leaves_of_the_tree():
    simulation = simulate(make_parameters("transposon"))
    labels = {
        f"{split}_{i}": label
        for split, rows in simulation.dataset.items()
        for i, label in enumerate(rows["label"])
    }
    newick = simulation.facts.newick
    assert newick is not None
    assert all((f"{name}:" in newick) == bool(label) for name, label in labels.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": "clades"}, "condition is 'clades'; choose one of: clade, permuted, motif"),
        ({"tree": "oak"}, "tree is 'oak'"),
        ({"split": "even"}, "split is 'even'"),
        ({"model": "gtr"}, "model is 'gtr'"),
        ({"num_train": 0}, "num_train is 0; give an integer of at least 1"),
        ({"length": 2.5}, "length is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"num_leaves": 1}, "num_leaves is 1"),
        ({"height": 0.0}, "height is 0.0; give a finite number above 0"),
        ({"height": float("nan")}, "height is nan"),
        ({"kappa": float("inf")}, "kappa is inf"),
        ({"gamma_shape": -1.0}, "gamma_shape is -1.0"),
        ({"death_rate": 1.5}, "death_rate is 1.5"),
        ({"base_frequencies": (0.5, 0.5)}, "base_frequencies is"),
        ({"condition": "motif", "motif": "ACGN"}, r"motif is 'ACGN' and holds \['N'\]"),
        ({"condition": "motif", "motif_length": 81}, "81 bases does not fit into sequences of 80"),
        ({"condition": "motif", "motif": "A"}, "occurs by chance in nearly every sequence"),
        ({"condition": "transposon", "element_length": 81}, "transposon copy of 81 bases"),
        ({"num_train": 2**27}, "can hold; simulate several data sets"),
        ({"tree": "balanced", "num_leaves": 48}, "try 32 or 64"),
        ({"tree": "star"}, "num_validation is 20 but there are 32 classes"),
        (
            {"tree": "caterpillar", "clade_depth": 2, "split": "subtree"},
            "a class of 1 tips cannot be split by subtree",
        ),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        simulate_dataset(**{"condition": "clade", **SIZES, **options})


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="colour"):
        simulate_dataset("clade", **SIZES, colour="red")


def test_balanced_tree_of_the_smallest_size_works():
    dataset = simulate_dataset(
        "clade",
        num_train=2,
        num_validation=2,
        num_test=2,
        length=1,
        seed=0,
        tree="balanced",
        num_leaves=2,
    )
    assert sorted(dataset["train"]["label"]) == [0, 1]
    assert balanced_tree(2).num_nodes == 3


CHANGED = {
    "tree": "balanced",
    "num_leaves": 16,
    "height": 0.7,
    "individual_branch_length": 0.2,
    "clade_depth": 2,
    "kappa": 5.0,
    "base_frequencies": (0.1, 0.4, 0.4, 0.1),
    "gamma_shape": 0.3,
    "death_rate": 0.1,
    "split": "subtree",
    "motif": "GATTACAT",
    "motif_length": 8,
    "element_length": 11,
}


@pytest.mark.parametrize(
    "options", [{}, {"model": "jc69"}, {"tree": "birth-death"}, {"motif": "GATTACAG"}], ids=str
)
@pytest.mark.parametrize("condition", Condition)
def test_options_are_said_to_have_no_effect_where_they_have_none(condition, options):
    parameters = make_parameters(condition, **options)
    rows = all_rows(simulate(parameters).dataset)
    same = {
        name
        for name, value in CHANGED.items()
        if all_rows(simulate(make_parameters(condition, **{**options, name: value})).dataset)
        == rows
    }
    assert same == set(without_effect(parameters))


def test_a_motif_may_end_where_its_sequence_ends():
    dataset = simulate_dataset("motif", **{**SIZES, "length": 14}, motif="GATTACAGATTC")
    offsets = {sequence.find("GATTACAGATTC") for sequence, label in all_rows(dataset) if label}
    assert offsets == {0, 1, 2}


def test_classes_of_the_same_clades_hold_out_the_same_subtrees():
    """Else the decoys of a split are of copies that the transposons of another come from."""
    parameters = make_parameters("transposon", split="subtree")
    rng = np.random.default_rng(0)
    tree, root = yule_tree(32, rng), np.zeros(1, dtype=np.int64)
    labels = np.resize([0, 1], sum(parameters.num_rows))
    tips = draw_tips(tree, [root, root], labels, parameters, rng)
    train, validation, test = (set(part.tolist()) for part in np.split(tips, [60, 80]))
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_subtrees_are_dealt_in_the_wanted_shares():
    tree = balanced_tree(64)
    dealt = deal_by_subtree(tree, np.array([0]), (60, 30, 10), np.random.default_rng(0))
    assert [len(tips) for tips in dealt] == [36, 20, 8]  # 9, 5 and 2 of 16 subtrees


@pytest.mark.parametrize(
    ("condition", "split", "rule"),
    [
        ("clade", "random", "random: every split holds individuals of the same tips"),
        ("clade", "subtree", "by subtree: validation and test hold whole subtrees"),
        ("motif", "random", "random: rows are independent"),
    ],
)
def test_the_split_rule_is_that_of_the_rows(condition, split, rule):
    assert simulate(make_parameters(condition, split=split)).facts.split_rule.startswith(rule)


@pytest.mark.parametrize(("given", "used"), [(None, 40), (11, 11)])
def test_the_length_of_a_transposon_is_written_down(given, used):
    parameters = make_parameters("transposon", element_length=given)
    assert simulate(parameters).facts.parameters["element_length"] == used
