"""Names and parameters of a simulated data set; standard library only, so that the CLI is light."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

ALPHABET = "ACGT"
# Arrow's string offsets are 32-bit: one split cannot hold more bases than this.
MAX_BASES_PER_SPLIT = 2**31 - 1

Names = TypeVar("Names", bound=StrEnum)


class Condition(StrEnum):
    """What the labels of a simulated data set mean."""

    CLADE = "clade"  # which clade of the tree a sequence descends from
    PERMUTED = "permuted"  # the same sequences, labels shuffled: nothing to learn
    MOTIF = "motif"  # a motif planted in i.i.d. bases: no tree behind the labels
    DECAYED_MOTIF = "decayed-motif"  # a motif planted in one clade's ancestor, then mutated
    TRANSPOSON = "transposon"  # a copy of an evolved repeat family, or a composition-matched decoy


class TreeShape(StrEnum):
    """Random and regular rooted trees; see `trees.py`."""

    YULE = "yule"
    BIRTH_DEATH = "birth-death"
    BALANCED = "balanced"
    CATERPILLAR = "caterpillar"
    STAR = "star"


class ModelName(StrEnum):
    """Substitution models; see `substitution.py`."""

    JC69 = "jc69"
    HKY85 = "hky85"


class SplitRule(StrEnum):
    """How rows are dealt to train, validation and test."""

    RANDOM = "random"  # every split samples the same tips
    SUBTREE = "subtree"  # validation and test hold whole subtrees that train never saw


@dataclass(frozen=True, kw_only=True)
class SimulationParameters:
    """Everything that decides a simulated data set: equal parameters give equal bytes.

    Attributes:
        condition: what the labels mean, a `Condition`.
        num_train, num_validation, num_test: rows per split; class sizes differ by at most one row.
        length: bases per sequence.
        seed: of the one random generator behind tree, sequences and splits.
        tree: shape of the species tree, a `TreeShape`.
        num_leaves: tips of the species tree. Rows are individuals of these tips.
        height: root-to-tip distance of the species tree, expected substitutions per site.
        individual_branch_length: private branch from a tip to each of its rows, same unit.
        clade_depth: clades are cut this many branches below the root.
        model: substitution model, a `ModelName`.
        kappa: transition/transversion *rate* ratio of HKY85 (1 makes it F81); JC69 ignores it.
        base_frequencies: stationary frequencies of A, C, G, T under HKY85; JC69 is uniform.
        gamma_shape: shape of gamma-distributed site rates in four classes; None = equal rates.
        death_rate: of the birth-death tree, per unit of birth rate, in [0, 1).
        split: a `SplitRule`.
        motif: the planted motif; None draws one of `motif_length` bases.
        motif_length: length of a drawn motif.
        element_length: bases of a transposon copy; None = half of `length`.

    Raises:
        ValueError: for a value outside its range; says what was given and what is needed.
    """

    condition: Condition
    num_train: int
    num_validation: int
    num_test: int
    length: int
    seed: int
    tree: TreeShape = TreeShape.YULE
    num_leaves: int = 256
    height: float = 0.5
    individual_branch_length: float = 0.05
    clade_depth: int = 1
    model: ModelName = ModelName.HKY85
    kappa: float = 2.0
    base_frequencies: tuple[float, float, float, float] = (0.3, 0.2, 0.2, 0.3)
    gamma_shape: float | None = None
    death_rate: float = 0.5
    split: SplitRule = SplitRule.RANDOM
    motif: str | None = None
    motif_length: int = 12
    element_length: int | None = None

    def __post_init__(self) -> None:
        choices = {
            "condition": Condition,
            "tree": TreeShape,
            "model": ModelName,
            "split": SplitRule,
        }
        for name, names in choices.items():
            object.__setattr__(self, name, named(names, name, getattr(self, name)))
        object.__setattr__(self, "base_frequencies", tuple(self.base_frequencies))
        for name in ("num_train", "num_validation", "num_test", "length", "motif_length"):
            _at_least(1, name, getattr(self, name))
        _at_least(0, "seed", self.seed)
        _at_least(2, "num_leaves", self.num_leaves)
        _at_least(1, "clade_depth", self.clade_depth)
        for name in ("height", "individual_branch_length", "kappa"):
            _finite(name, getattr(self, name))
        if self.gamma_shape is not None:
            _finite("gamma_shape", self.gamma_shape)
        check_base_frequencies(self.base_frequencies)
        check_death_rate(self.death_rate)
        self._check_lengths()

    def _check_lengths(self) -> None:
        if self.motif is not None:
            check_motif(self.motif)
        if self.condition in (Condition.MOTIF, Condition.DECAYED_MOTIF):
            wanted = len(self.motif) if self.motif is not None else self.motif_length
            _fits("motif", wanted, self.length)
        if self.element_length is not None:
            _at_least(1, "element_length", self.element_length)
        if self.condition is Condition.TRANSPOSON:
            _fits("transposon copy", self.copy_length, self.length)
        largest = max(self.num_rows)
        if largest * self.length > MAX_BASES_PER_SPLIT:
            raise ValueError(
                f"a split of {largest} rows of {self.length} bases exceeds the "
                f"{MAX_BASES_PER_SPLIT} bases that one table can hold; simulate several data sets."
            )

    @property
    def num_rows(self) -> tuple[int, int, int]:
        """Rows of train, validation and test."""
        return self.num_train, self.num_validation, self.num_test

    @property
    def copy_length(self) -> int:
        """Bases of a transposon copy."""
        return self.element_length if self.element_length is not None else max(1, self.length // 2)


def without_effect(parameters: SimulationParameters) -> dict[str, str]:
    """Fields that the others leave without effect, each with the reason."""
    condition = parameters.condition
    reasons = {}
    if parameters.tree is not TreeShape.BIRTH_DEATH:
        reasons["death_rate"] = f"the tree is {parameters.tree.value!r}"
    if parameters.model is not ModelName.HKY85:
        reasons |= dict.fromkeys(_OF_HKY85, f"the model is {parameters.model.value!r}")
    if condition is Condition.MOTIF:
        reasons |= dict.fromkeys(_OF_A_TREE, "condition 'motif' has no tree")
    if condition is Condition.TRANSPOSON:
        reasons["clade_depth"] = "condition 'transposon' has no clades"
    else:
        reasons["element_length"] = f"condition {condition.value!r} has no transposon copies"
    if condition not in (Condition.MOTIF, Condition.DECAYED_MOTIF):
        reasons |= dict.fromkeys(_OF_A_MOTIF, f"condition {condition.value!r} plants no motif")
    elif parameters.motif is not None:
        reasons["motif_length"] = "the motif is given"
    return reasons


_OF_HKY85 = ("kappa", "base_frequencies")
_OF_A_MOTIF = ("motif", "motif_length")
_OF_A_TREE = (
    *("tree", "num_leaves", "height", "individual_branch_length", "clade_depth", "death_rate"),
    *("kappa", "gamma_shape", "split"),  # nothing mutates, and rows are independent
)


def check_base_frequencies(base_frequencies: tuple[float, ...]) -> None:
    """Raises ValueError unless given four positive numbers that sum to one."""
    valid = len(base_frequencies) == len(ALPHABET) and all(f > 0 for f in base_frequencies)
    if not valid or abs(sum(base_frequencies) - 1) > 1e-6:
        raise ValueError(
            f"base_frequencies is {tuple(base_frequencies)}; give four positive numbers "
            "(A, C, G, T) that sum to 1."
        )


def check_death_rate(death_rate: float) -> None:
    """Raises ValueError unless 0 <= death_rate < 1, in units of the birth rate."""
    if not 0 <= death_rate < 1:
        raise ValueError(
            f"death_rate is {death_rate}; the tree survives for 0 <= death_rate < 1, in units of "
            "the birth rate."
        )


def check_motif(motif: str) -> None:
    """Raises ValueError unless `motif` is a non-empty string of A, C, G, T."""
    strangers = sorted(set(motif) - set(ALPHABET))
    if not motif or strangers:
        raise ValueError(
            f"motif is {motif!r}" + (f" and holds {strangers}" if strangers else "") + "; give one "
            "or more of the letters A, C, G, T."
        )


def named(names: type[Names], what: str, value: str) -> Names:
    """The member of `names` called `value`; raises ValueError with the known names otherwise."""
    try:
        return names(str(value).replace("_", "-"))
    except ValueError:
        known = ", ".join(names)
        raise ValueError(f"{what} is {value!r}; choose one of: {known}.") from None


def _at_least(least: int, what: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{what} is {value!r}; give an integer of at least {least}.")


def _finite(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} is {value!r}; give a finite number above 0.")


def _fits(what: str, wanted: int, length: int) -> None:
    if wanted > length:
        raise ValueError(
            f"a {what} of {wanted} bases does not fit into sequences of {length}; "
            "shorten it or raise length."
        )
