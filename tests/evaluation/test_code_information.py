"""Bits: hand-worked values, and none where there is nothing to tell."""

import numpy as np
import pytest

from hf_genomics.evaluation.code_information import (
    centred_kmers,
    corrected_information,
    entropy_bits,
    kmer_information,
    leak,
    mutual_information,
)


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


def random_bases(windows: int = 250, length: int = 400) -> np.ndarray:
    return generator().integers(0, 4, (windows, length))


@pytest.mark.parametrize(
    ("counts", "bits"), [([1, 1, 1, 1], 2), ([3, 0, 1], 0.8112781), ([5], 0), ([0, 0], 0)]
)
def test_entropy_of_counts(counts, bits):
    assert entropy_bits(np.array(counts)) == pytest.approx(bits)


def test_a_variable_tells_its_entropy_of_itself_and_nothing_of_a_constant():
    x = np.array([0, 1, 2, 3] * 10)
    assert mutual_information(x, x) == pytest.approx(2)
    assert mutual_information(x, 3 - x) == pytest.approx(2)
    assert mutual_information(x, x // 2) == pytest.approx(1)
    assert mutual_information(x, np.zeros(40, int)) == pytest.approx(0)
    assert mutual_information(x[:0], x[:0]) == 0


def test_the_correction_takes_the_bias_of_small_samples_away():
    x, y = generator().integers(0, 60, (2, 2000))
    assert mutual_information(x, y) > 0.9
    assert abs(corrected_information(x, y, generator())) < 0.05


def test_kmers_are_numbered_from_the_left_and_need_every_base():
    bases = np.array([[0, 1, 2, 3, 4, 3, 2]])  # ACGTNTG
    assert centred_kmers(bases, 1).tolist() == [[0, 1, 2, 3, -1, 3, 2]]
    assert centred_kmers(bases, 3).tolist() == [[-1, 6, 27, -1, -1, -1, -1]]


@pytest.mark.parametrize("k", [1, 3])
def test_the_kmer_itself_tells_all_its_bits(k):
    bases = random_bases()
    codes = centred_kmers(bases, k)
    assert kmer_information(codes, bases, k, generator()) == pytest.approx(2 * k, abs=0.05)


def test_a_code_that_reads_its_left_neighbour_leaks_one_position():
    bases = random_bases()
    codes = np.roll(bases, 1, axis=1)
    codes[:, 0] = -1
    assert leak(codes, bases, 1, generator()) == pytest.approx(2, abs=0.01)
    assert leak(codes, bases, 2, generator()) == pytest.approx(0, abs=0.01)
    assert leak(bases, bases, 1, generator()) == pytest.approx(0, abs=0.01)


def test_an_unknown_base_has_nothing_to_leak():
    bases = generator().integers(0, 5, (250, 400))
    codes = np.roll(bases, 1, axis=1)  # tells an N apart too: log2(5) bits with it
    codes[:, 0] = -1
    assert leak(codes, bases, 1, generator()) == pytest.approx(2, abs=0.01)


def test_a_position_without_a_code_is_left_out():
    bases = random_bases()
    codes = bases.copy()
    codes[:, ::3] = -1
    assert kmer_information(codes, bases, 1, generator()) == pytest.approx(2, abs=0.01)
