"""Reverse-complement augmentation repeats itself exactly and is fair."""

import numpy as np
import pytest
from datasets import Dataset

from hf_genomics.data.augmentation import ReverseComplementAugmentation
from hf_genomics.data.sequence import reverse_complement

SEQUENCES = [f"A{'C' * i}GG" for i in range(400)]


def augmented(probability, seed=0):
    dataset = Dataset.from_dict({"sequence": SEQUENCES, "label": [0] * len(SEQUENCES)})
    return ReverseComplementAugmentation(dataset, probability, seed)


def flips(dataset, indices):
    rows = dataset.__getitems__(indices)
    for row, index in zip(rows, indices, strict=True):
        assert row["sequence"] in (SEQUENCES[index], reverse_complement(SEQUENCES[index]))
    return [row["sequence"] != SEQUENCES[i] for row, i in zip(rows, indices, strict=True)]


def test_probabilities_zero_and_one():
    assert not any(flips(augmented(0.0), range(400)))
    assert all(flips(augmented(1.0), range(400)))
    assert augmented(1.0)[3]["sequence"] == reverse_complement(SEQUENCES[3])
    assert len(augmented(0.5)) == 400


def test_the_same_batch_is_always_flipped_alike_whatever_came_before():
    dataset = augmented(0.5)
    first = flips(dataset, [5, 3, 9, 250])
    np.random.seed(1)
    flips(dataset, range(100))
    assert flips(dataset, [5, 3, 9, 250]) == first == flips(augmented(0.5), [5, 3, 9, 250])


def test_a_row_is_drawn_anew_in_other_company_and_by_another_seed():
    draws = {flips(augmented(0.5), [7, other])[0] for other in range(8, 40)}
    seeds = {flips(augmented(0.5, seed), [7, 8])[0] for seed in range(32)}
    assert draws == seeds == {True, False}


def test_the_share_of_flips_is_the_probability():
    order = np.random.default_rng(0).permutation(400)
    dataset = augmented(0.3)
    share = np.mean([flips(dataset, batch.tolist()) for batch in order.reshape(-1, 20)])
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / 400) ** 0.5  # four standard errors


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_a_probability_is_between_zero_and_one(probability):
    with pytest.raises(ValueError, match=f"probability is {probability}; give one from 0 to 1"):
        augmented(probability)
