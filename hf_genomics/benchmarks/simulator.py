"""Simulated benchmarks: labelled DNA sequences that evolved down a tree, and controls without one.

dataset = simulate_dataset("clade", num_train=2000, num_validation=500, num_test=500,
                           length=200, seed=0, tree="balanced", num_leaves=64, height=1.0)
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from numpy.typing import NDArray

from .conditions import CONDITIONS, SimulatedRows
from .parameters import ALPHABET, Condition, SimulationParameters, SplitRule, named
from .writing import DatasetFacts

SPLITS = ("train", "validation", "test")

LABEL_MEANING = {
    Condition.CLADE: "the clade of the tree from which the sequence descends",
    Condition.PERMUTED: "a clade of the tree, shuffled among the rows: there is nothing to learn",
    Condition.MOTIF: "whether a motif was planted at a random offset of independent random bases",
    Condition.DECAYED_MOTIF: "descent from the clade whose common ancestor received a motif, which "
    "mutated ever since like every other base",
    Condition.TRANSPOSON: "whether random background holds a copy of a repeat family that evolved "
    "along the tree, or the same bases in random order",
}
SPLIT_MEANING = {
    SplitRule.RANDOM: "random: every split holds individuals of the same tips of the tree",
    SplitRule.SUBTREE: "by subtree: validation and test hold whole subtrees absent from train",
}


@dataclass(frozen=True)
class Simulation:
    """A simulated data set with what is known about it.

    Attributes:
        dataset: splits train, validation and test with columns sequence and label.
        facts: parameters, meaning of the labels and the tree, for `write_dataset`.
    """

    dataset: DatasetDict
    facts: DatasetFacts


def simulate_dataset(
    condition: str,
    *,
    num_train: int,
    num_validation: int,
    num_test: int,
    length: int,
    seed: int,
    **options: Any,
) -> DatasetDict:
    """A labelled data set under a named condition; equal arguments give equal data.

    Args:
        condition: "clade", "permuted", "motif", "decayed-motif" or "transposon".
        num_train: rows of the train split.
        num_validation: rows of the validation split.
        num_test: rows of the test split.
        length: bases per sequence.
        seed: of all randomness.
        **options: any other field of `SimulationParameters`: tree, num_leaves, height, split, ...

    Returns:
        DatasetDict with splits train, validation, test and columns `sequence` (string) and
        `label` (ClassLabel).

    Raises:
        ValueError: for an argument outside its range.
        TypeError: for an unknown option.
    """
    parameters = SimulationParameters(
        condition=named(Condition, "condition", condition),
        num_train=num_train,
        num_validation=num_validation,
        num_test=num_test,
        length=length,
        seed=seed,
        **options,
    )
    return simulate(parameters).dataset


def simulate(parameters: SimulationParameters) -> Simulation:
    """As `simulate_dataset`, with the tree and the facts for the card."""
    rng = np.random.default_rng(parameters.seed)
    rows = CONDITIONS[parameters.condition](parameters, rng)
    dataset = _as_dataset(rows, parameters.num_rows)
    facts = DatasetFacts(
        config_name=parameters.condition.value,
        title=f"Simulated DNA: {parameters.condition.value}",
        label_meaning=LABEL_MEANING[parameters.condition],
        split_rule=(
            SPLIT_MEANING[parameters.split]
            if rows.tree is not None
            else "random: rows are independent"
        ),
        origin=f"hf_genomics.benchmarks.simulator (NumPy {np.__version__})",
        parameters=_used_parameters(parameters, rows),
        newick=_newick(rows, parameters.num_rows),
    )
    return Simulation(dataset, facts)


def _as_dataset(rows: SimulatedRows, num_rows: tuple[int, int, int]) -> DatasetDict:
    features = Features({"sequence": Value("string"), "label": ClassLabel(names=rows.label_names)})
    starts = np.cumsum(num_rows)[:-1]
    parts = zip(np.split(rows.states, starts), np.split(rows.labels, starts), strict=True)
    return DatasetDict(
        {
            split: Dataset(
                pa.table(
                    {"sequence": _as_strings(states), "label": labels},
                    schema=features.arrow_schema,
                )
            )
            for split, (states, labels) in zip(SPLITS, parts, strict=True)
        }
    )


def _as_strings(states: NDArray[np.uint8]) -> pa.StringArray:
    """(rows, length) bases -> one Arrow string per row, without a Python object per row."""
    rows, length = states.shape
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[states]
    offsets = np.arange(0, rows * length + 1, length, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(letters))


def _newick(rows: SimulatedRows, num_rows: tuple[int, int, int]) -> str | None:
    """The tree that connects the rows; leaf `train_7` is row 7 of the train split."""
    if rows.tree is None:
        return None
    names = [
        f"{split}_{index}"
        for split, size in zip(SPLITS, num_rows, strict=True)
        for index in range(size)
    ]
    in_tree = np.flatnonzero(rows.leaves >= 0)
    tree, leaves = rows.tree.restricted_to(rows.leaves[in_tree])
    return tree.to_newick(
        {leaf: names[row] for leaf, row in zip(leaves.tolist(), in_tree.tolist(), strict=True)}
    )


def _used_parameters(parameters: SimulationParameters, rows: SimulatedRows) -> dict[str, Any]:
    """The parameters as plain values, with what was drawn in place of None."""
    used = asdict(parameters)
    used["motif"] = rows.motif
    if parameters.condition is Condition.TRANSPOSON:
        used["element_length"] = parameters.copy_length
    return {name: str(value) if isinstance(value, str) else value for name, value in used.items()}
