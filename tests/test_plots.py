"""Figures of scored regions: what is drawn is what was scored."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from hf_genomics.plots import (
    BASE_COLORS,
    MOST_LETTERS,
    ScoredSites,
    information_content,
    llr_heat_map,
    rate_track,
    region_figure,
    sequence_logo,
)

BASES = "ACGT"


def region_table(reference, *, start=101, seed=0):
    """Scores as of a region, and the log rates behind them."""
    generator = np.random.default_rng(seed)
    log_rates = generator.normal(size=(len(reference), 4))
    rows = []
    for i, ref in enumerate(reference):
        w = log_rates[i]
        if ref == "N":
            rows.append(("chr1", start + i, ref, None, "ref_is_n", np.nan, np.nan))
            continue
        for alt in BASES:
            if alt != ref:
                llr = w[BASES.index(alt)] - w[BASES.index(ref)]
                rows.append(("chr1", start + i, ref, alt, "ok", llr, np.exp(w).sum()))
    columns = ["chrom", "pos", "ref", "alt", "status", "llr", "expected_substitutions"]
    return pd.DataFrame(rows, columns=columns), log_rates


@pytest.fixture
def axes():
    return Figure().subplots()


def test_distribution_of_a_site_is_found_again():
    table, log_rates = region_table("ACGTTG")
    sites = ScoredSites.from_table(table)
    expected = np.exp(log_rates) / np.exp(log_rates).sum(1, keepdims=True)
    np.testing.assert_allclose(sites.probabilities, expected)
    np.testing.assert_allclose(sites.rate, np.exp(log_rates).sum(1))
    assert sites.position.tolist() == list(range(101, 107))


def test_base_that_is_n_has_no_scores():
    sites = ScoredSites.from_table(region_table("ANG")[0])
    assert sites.reference.tolist() == [0, 4, 2]
    assert np.isnan(sites.llr[1]).all()
    assert np.isnan(sites.probabilities[1]).all()
    assert np.isnan(sites.rate).tolist() == [False, True, False]


def test_part_of_a_region_can_be_taken():
    sites = ScoredSites.from_table(region_table("ACGTTG")[0], start=103, end=104)
    assert sites.position.tolist() == [103, 104]
    assert sites.reference.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.drop(columns="llr"), {}, "no column llr; make it by hf-genomics"),
        (lambda t: t[t["pos"] != 103], {}, "does not hold every base from 101 to 106"),
        (lambda t: t, {"end": 110}, "does not hold every base from 101 to 110"),
        (lambda t: t.iloc[::-1], {}, "does not hold every base .* in order"),
        (lambda t: pd.concat([t, t.assign(chrom="chr2")]), {}, "contigs: chr1, chr2"),
    ],
)
def test_table_that_is_no_region_is_refused(change, options, message):
    with pytest.raises(ValueError, match=message):
        ScoredSites.from_table(change(region_table("ACGTTG")[0]), **options)


def test_information_content_by_hand():
    pi = np.array([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0]])
    np.testing.assert_allclose(information_content(pi), [0, 2, 1])


def letters(axes):
    return [patch for patch in axes.patches if isinstance(patch, PathPatch)]


def test_letters_are_as_high_as_their_information(axes):
    sequence_logo(axes, np.array([[0.7, 0.1, 0.2, 0.0]]), start=7)
    content = information_content(np.array([0.7, 0.1, 0.2, 0.0]))
    boxes = [letter.get_path().get_extents() for letter in letters(axes)]
    np.testing.assert_allclose([box.height for box in boxes], content * np.array([0.1, 0.2, 0.7]))
    # One on top of the other, the likeliest last, around position 7.
    np.testing.assert_allclose([box.y0 for box in boxes], content * np.array([0, 0.1, 0.3]))
    assert all(6.5 < box.x0 < box.x1 < 7.5 for box in boxes)


def test_letters_have_the_colour_of_their_base(axes):
    sequence_logo(axes, np.eye(4) * 0.97 + 0.0075)
    tops = letters(axes)[3::4]
    from matplotlib.colors import to_rgba

    assert [letter.get_facecolor() for letter in tops] == [to_rgba(BASE_COLORS[b]) for b in BASES]


def test_site_without_information_and_site_without_scores_are_empty(axes):
    sequence_logo(axes, np.array([[0.25] * 4, [np.nan] * 4]))
    assert letters(axes) == []


def test_long_region_has_bars_in_place_of_letters(axes):
    pi = np.full((MOST_LETTERS + 1, 4), [1.0, 0, 0, 0])
    sequence_logo(axes, pi)
    assert letters(axes) == []
    assert [bar.get_height() for bar in axes.patches] == [2.0] * len(pi)


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.5, 0.5], [1.2, -0.2, 0, 0]])
def test_row_that_is_no_distribution_is_refused(row, axes):
    with pytest.raises(ValueError, match="is no distribution"):
        sequence_logo(axes, np.array([row]))


def test_heat_map_shows_the_ratios_around_a_white_zero(axes):
    sites = ScoredSites.from_table(region_table("ACGN")[0])
    image = llr_heat_map(axes, sites)
    np.testing.assert_array_equal(image.get_array().filled(np.nan), sites.llr.T)
    assert image.norm(0.0) == 0.5
    assert tuple(image.get_extent()) == (100.5, 104.5, 3.5, -0.5)
    (dots,) = axes.lines
    assert dots.get_xydata().tolist() == [[101, 0], [102, 1], [103, 2]]


def test_track_has_a_bar_for_each_base(axes):
    sites = ScoredSites.from_table(region_table("ACN")[0])
    rate_track(axes, sites)
    np.testing.assert_allclose(
        [bar.get_height() for bar in axes.patches], [sites.rate[0], sites.rate[1], 0]
    )


@pytest.mark.parametrize("reference", ["A", "ACGTN", "N" * 3, "ACGT" * 100])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_figure_of_any_region_can_be_written(reference, suffix, tmp_path):
    sites = ScoredSites.from_table(region_table(reference)[0])
    figure = region_figure(sites)
    figure.savefig(tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000
    assert figure.axes[0].get_title().startswith("chr1:101-")
