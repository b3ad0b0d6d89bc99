"""Augmentations repeat themselves exactly and are fair."""

import numpy as np
import pytest
from datasets import Dataset

from hf_genomics import DNATokenizer
from hf_genomics.data.augmentation import SequenceAugmentation, masked
from hf_genomics.data.sequence import reverse_complement

SEQUENCES = [f"A{'C' * i}GG" for i in range(400)]


def augmented(flip=0.0, seed=0, mask=0.0):
    dataset = Dataset.from_dict({"sequence": SEQUENCES, "label": [0] * len(SEQUENCES)})
    return SequenceAugmentation(
        dataset, seed, reverse_complement_probability=flip, base_masking_probability=mask
    )


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
@pytest.mark.parametrize("option", ["reverse_complement_probability", "base_masking_probability"])
def test_a_probability_is_between_zero_and_one(option, probability):
    dataset = Dataset.from_dict({"sequence": SEQUENCES})
    with pytest.raises(ValueError, match=f"{option} is {probability}; give one from 0 to 1"):
        SequenceAugmentation(dataset, 0, **{option: probability})


def masks(dataset, indices):
    """Which bases of which rows are N; all others are those of the row."""
    found = []
    for row, index in zip(dataset.__getitems__(indices), indices, strict=True):
        bases, sequence = np.array(list(row["sequence"])), np.array(list(SEQUENCES[index]))
        hidden = bases == "N"
        assert (bases[~hidden] == sequence[~hidden]).all()
        found.append(hidden)
    return found


def test_no_base_or_every_base_is_masked():
    assert augmented(mask=0.0).__getitems__([3, 7]) == augmented(0.0).__getitems__([3, 7])
    assert augmented(mask=1.0)[3] == {"sequence": "N" * len(SEQUENCES[3]), "label": 0}
    assert len(augmented(mask=0.5)) == 400


def test_the_share_of_masked_bases_is_the_probability():
    order = np.random.default_rng(0).permutation(400).reshape(-1, 20)
    hidden = np.concatenate(
        [one for batch in order for one in masks(augmented(mask=0.1), batch.tolist())]
    )
    assert abs(hidden.mean() - 0.1) < 4 * (0.1 * 0.9 / len(hidden)) ** 0.5  # four standard errors


def test_the_same_batch_is_always_masked_alike_and_another_differently():
    first = masks(augmented(mask=0.5), [250, 3, 9])
    again, other, seeded = (
        masks(augmented(seed=seed, mask=0.5), rows)
        for seed, rows in ((0, [250, 3, 9]), (0, [250, 3]), (1, [250]))
    )
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], seeded[0])


def test_rows_of_a_batch_are_masked_apart():
    one, two = masks(augmented(mask=0.5), [398, 399])
    assert not np.array_equal(one[:300], two[:300])


def test_flips_and_masks_are_drawn_apart():
    flipped = np.array(flips(augmented(0.5), range(400)))
    hidden = np.concatenate(masks(augmented(mask=0.5), range(400)))[:400]
    assert abs((flipped == hidden).mean() - 0.5) < 4 * (0.25 / 400) ** 0.5  # four standard errors


def test_bases_are_masked_on_the_strand_that_is_read():
    rows = augmented(0.5, mask=0.5).__getitems__(range(400))
    for row, flip, sequence in zip(rows, flips(augmented(0.5), range(400)), SEQUENCES, strict=True):
        strand = reverse_complement(sequence) if flip else sequence
        assert all(a in (b, "N") for a, b in zip(row["sequence"], strand, strict=True))


@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_masking_leaves_white_space_and_masks_so_that_no_token_is_added(probability):
    sequence = "AC GT\n" * 20 + "\t[MASK]A\v[MASK]\fG"
    read = masked(sequence, probability, np.random.default_rng(0))
    assert len(read) == len(sequence)
    assert all(a in (b, "N") for a, b in zip(read, sequence, strict=True))
    assert read.endswith("\t[MASK]N\v[MASK]\fN") or probability < 1
    tokenize = DNATokenizer()
    assert len(tokenize(read).input_ids) == len(tokenize(sequence).input_ids) == 84


def test_each_base_is_masked_by_its_own_draw():
    """So that a seed means the same from one version to the next."""
    draws = np.random.default_rng(3).random(40)
    expected = "".join("N" if draw < 0.3 else "A" for draw in draws)
    assert masked("A" * 40, 0.3, np.random.default_rng(3)) == expected
