"""Tables of rates per context: which cell a site falls into, shrinkage, both strands."""

import numpy as np
import pytest
import torch

from hf_genomics.evaluation.alignment_sites import AlignmentSites
from hf_genomics.evaluation.context_rates import (
    Context,
    ContextRates,
    fit_context_rates,
    site_log_likelihoods,
)


def sites_of(*sequences, leaves=None, codons=False):
    """One leaf that copies the reference, unless told otherwise."""
    rows = []
    for number, sequence in enumerate(sequences):
        column = sequence if leaves is None else leaves[number]
        states = np.array([["ACGTN".index(base)] for base in column], np.int8)
        row = {"name": f"r{number}", "start": 0, "sequence": sequence, "leaf_states": states}
        rows.append(row)
    return AlignmentSites.from_regions(rows, codons=codons)


def draws_of_the_leaf(log_rates, leaf_states):
    """Each site's one leaf is a draw from softmax(log_rates)."""
    return log_rates.log_softmax(-1).gather(-1, leaf_states.long())[:, 0]


def random_sequences(count, length, seed=0):
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list("ACGT"), length)) for _ in range(count)]


def test_cells_are_numbers_in_base_four():
    cells, _ = Context(3).cells(sites_of("ACGT"))
    assert cells.tolist() == [-1, 0b000110, 0b011011, -1]
    cells, _ = Context(1).cells(sites_of("ACGT"))
    assert cells.tolist() == [0, 1, 2, 3]
    cells, _ = Context(0).cells(sites_of("ACGT"))
    assert cells.tolist() == [0, 0, 0, 0]
    cells, _ = Context(5).cells(sites_of("TTTTT"))
    assert cells.tolist() == [-1, -1, 1023, -1, -1]


def test_cells_with_codon_positions():
    coding = sites_of("ATGGCT", codons=True)
    cells, _ = Context(1, codon=True).cells(coding)
    assert cells.tolist() == [0, 3 * 3 + 1, 2 * 3 + 2, 2 * 3, 3 + 1, 3 * 3 + 2]
    cells, _ = Context(1, codon=True).cells(sites_of("ATG"))
    assert cells.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_both_strands_share_a_cell(size):
    (sequence,) = random_sequences(1, 50)
    opposite = sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))
    context = Context(size, both_strands=True)
    cells, flipped = context.cells(sites_of(sequence))
    other_cells, other_flipped = context.cells(sites_of(opposite))
    assert cells.tolist() == other_cells[::-1].tolist()
    known = cells >= 0
    assert (flipped ^ other_flipped[::-1])[known].all()  # odd k-mers are never palindromes
    assert not flipped[~known].any()

    table = torch.randn(context.num_cells, 4, dtype=torch.float64)
    root = ContextRates(Context(0), torch.zeros(1, 4, dtype=torch.float64), None, 1.0)
    rates = ContextRates(context, table, root, 1.0)
    torch.testing.assert_close(
        rates.log_rates(sites_of(sequence)),
        rates.log_rates(sites_of(opposite)).flip(0, 1),
    )


def test_an_unknown_context_takes_the_smaller_one():
    root = ContextRates(Context(0), torch.full((1, 4), 7.0), None, 1.0)
    base = ContextRates(Context(1), torch.arange(16.0).reshape(4, 4), root, 1.0)
    triple = ContextRates(Context(3), torch.full((64, 4), -1.0), base, 1.0)
    rates = triple.log_rates(sites_of("CAG"))
    assert rates.tolist() == [[4, 5, 6, 7], [-1] * 4, [8, 9, 10, 11]]


def test_every_context_has_a_line_of_smaller_ones():
    def line(context):
        return [context.name, *(line(context.parent) if context.parent else [])]

    assert line(Context(5)) == ["5-mer", "3-mer", "base", "one vector"]
    assert line(Context(3, both_strands=True)) == [
        "3-mer, both strands",
        "base, both strands",
        "one vector",
    ]
    assert line(Context(3, codon=True)) == [
        "codon position x 3-mer",
        "codon position x base",
        "base",
        "one vector",
    ]


@pytest.mark.parametrize("options", [{"size": 2}, {"size": 7}])
def test_other_sizes_are_refused(options):
    with pytest.raises(ValueError, match="take 0, 1, 3 or 5"):
        Context(**options)


def test_codons_have_one_strand():
    with pytest.raises(ValueError, match="combine codon=True with size 1, 3 or 5"):
        Context(3, codon=True, both_strands=True)


def test_tables_learn_what_depends_on_the_context():
    """The leaf shows the base before the site, so a 3-mer tells all and one vector nothing."""

    def sample(seed):
        sequences = random_sequences(20, 100, seed)
        return sites_of(*sequences, leaves=["A" + sequence[:-1] for sequence in sequences])

    train, validation, test = sample(1), sample(2), sample(3)
    fitted = fit_context_rates([Context(3), Context(5)], train, validation, draws_of_the_leaf)
    assert list(fitted) == ["one vector", "base", "3-mer", "5-mer"]
    scores = {
        name: site_log_likelihoods(rates.log_rates(test), test, draws_of_the_leaf).mean()
        for name, rates in fitted.items()
    }
    assert scores["one vector"] == pytest.approx(np.log(1 / 4), abs=0.02)
    assert scores["base"] == pytest.approx(np.log(1 / 4), abs=0.02)
    assert scores["3-mer"] > -0.2
    # 1,920 sites in 1,024 cells: a 5-mer learns no more, and the prior keeps it from learning less
    assert scores["5-mer"] > scores["3-mer"] - 0.05


def test_where_contexts_say_nothing_the_prior_is_narrow():
    generator = np.random.default_rng(0)

    def sample():
        sequences = random_sequences(10, 200, int(generator.integers(1000)))
        return sites_of(*sequences, leaves=["".join(generator.choice(list("ACGT"), 200))] * 10)

    fitted = fit_context_rates([Context(5)], sample(), sample(), draws_of_the_leaf)
    assert fitted["5-mer"].prior_std <= 0.25


def test_a_likelihood_that_is_not_finite_is_an_error():
    sites = sites_of("ACGT")
    with pytest.raises(ValueError, match="log-likelihood of 4 of 4 sites is not finite"):
        site_log_likelihoods(
            torch.zeros(4, 4), sites, lambda rates, states: rates.sum(-1) * float("nan")
        )


def test_the_search_for_a_width_gives_up_after_two_without_a_gain(monkeypatch):
    """One without a gain is no end; what comes after two is not tried."""
    scores = {0.03: -5.0, 0.06: -6.0, 0.125: -4.0, 0.25: -4.5, 0.5: -4.6, 1.0: -1.0}
    tried = []

    def fit_width(problem, start=None):
        tried.append(problem.prior_std)
        return torch.full_like(problem.prior_mean, problem.prior_std)

    def log_likelihood(log_rates, states):
        widths = [round(width, 4) for width in log_rates[:, 0].tolist()]
        return torch.tensor([scores.get(width, -9.0) for width in widths])

    monkeypatch.setattr("hf_genomics.evaluation.context_rates.fit_table", fit_width)
    sites = sites_of("ACGT")
    fitted = fit_context_rates([Context(1)], sites, sites, log_likelihood, prior_stds=[*scores])
    assert fitted["base"].prior_std == 0.125
    assert tried[1:] == [0.03, 0.06, 0.125, 0.25, 0.5]  # the first is that of the one vector
