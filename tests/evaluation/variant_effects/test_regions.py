"""Every base of a region, with every base it can change to."""

import gzip

import numpy as np
import pandas as pd
import pytest

from hf_genomics import score_variants
from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.evaluation.variant_effects.region_reader import parse_region
from tests.evaluation.variant_effects.conftest import write_fasta


@pytest.fixture
def region(model, fasta):
    return lambda text, **options: score_variants(model, fasta, region=text, **options)


def test_region_has_every_snv_once_in_order(region, sequences):
    found = region("chr1:101-120")
    expected = [
        ("chr1", site + 1, sequences["chr1"][site], alt)
        for site in range(100, 120)
        for alt in "ACGT"
        if alt != sequences["chr1"][site]
    ]
    assert list(found[["chrom", "pos", "ref", "alt"]].itertuples(index=False)) == expected


def test_scores_are_those_of_the_same_variants_in_a_table(region, model, fasta):
    found = region("chr1:1-300")
    table = score_variants(model, fasta, found[["chrom", "pos", "ref", "alt"]])
    assert found["status"].tolist() == table["status"].tolist()
    scores = ["llr", "entropy", "site_rate", "expected_substitutions"]
    np.testing.assert_allclose(found[scores], table[scores], rtol=0, atol=1e-10)


def test_parts_do_not_change_the_scores(region):
    whole, parts = region("chr1:1-300"), region("chr1:1-300", rows_per_part=7, batch_size=3)
    assert whole["status"].equals(parts["status"])
    np.testing.assert_allclose(whole["llr"], parts["llr"], rtol=0, atol=1e-10)


def test_base_that_is_n_has_a_row_without_an_alternative(region):
    found = region("chr1:1000-1002")
    assert found["ref"].tolist() == [found["ref"][0]] * 3 + ["N", "N"]
    assert found["alt"].isna().tolist() == [False] * 3 + [True] * 2
    assert found["status"].tolist()[3:] == ["ref_is_n"] * 2


def test_lower_case_is_scored(region):
    found = region("chr1:1501-1502")
    assert found["status"].tolist() == ["ok"] * 6
    assert set(found["ref"]) <= set("ACGT")


def test_ends_of_the_contig_are_marked(region):
    found = region("chr2")
    assert len(found) == 600
    marked = found[found["status"] == "contig_end"]["pos"].unique().tolist()
    assert marked == [*range(1, 13), *range(189, 201)]


def read_bedgraph(path):
    return pd.read_csv(path, sep="\t", names=["chrom", "start", "end", "value"])


@pytest.mark.parametrize("suffix", ["bedgraph", "bg", "bedGraph.gz"])
@pytest.mark.parametrize("track", ["site_rate", "min_llr", "mean_llr", None])
def test_bedgraph_has_one_sorted_value_for_each_base(suffix, track, region, tmp_path):
    output = tmp_path / f"out.{suffix}"
    summary = region("chr1:991-1030", output=output, track=track, rows_per_part=8)
    found = read_bedgraph(output)
    table = region("chr1:991-1030").dropna(subset="llr").groupby("pos")
    expected = {
        "site_rate": table["site_rate"].first(),
        "min_llr": table["llr"].min(),
        "mean_llr": table["llr"].mean(),
        None: table["expected_substitutions"].first(),
    }[track]
    # The N at 1,001 to 1,020 have no value.
    assert found["start"].tolist() == [*range(990, 1000), *range(1020, 1030)]
    assert (found["end"] - found["start"] == 1).all()
    assert set(found["chrom"]) == {"chr1"}
    np.testing.assert_allclose(found["value"], expected, rtol=1e-6)
    assert summary.counts == {"ok": 60, "ref_is_n": 20}


def test_bedgraph_has_no_header(region, tmp_path):
    region("chr1:101-103", output=tmp_path / "out.bedgraph.gz", track="entropy")
    with gzip.open(tmp_path / "out.bedgraph.gz", "rt") as file:
        assert [line.split("\t")[:3] for line in file] == [
            ["chr1", "100", "101"],
            ["chr1", "101", "102"],
            ["chr1", "102", "103"],
        ]


@pytest.mark.parametrize("track", ["llr", "rate", "sum_llr", "min_", "llr_min"])
def test_track_that_is_not_one_value_of_a_base_names_those_that_are(track, region, tmp_path):
    message = f"track is '{track}'; a base has one value of entropy, .*, min_llr"
    with pytest.raises(ValueError, match=message):
        region("chr1:101-103", output=tmp_path / "out.bg", track=track)


def test_options_that_a_region_has_no_use_for_are_refused(region, tmp_path):
    with pytest.raises(ValueError, match="columns are named for a table"):
        region("chr1:101-103", columns={"pos": "position"})
    with pytest.raises(ValueError, match="prefix goes before .*out.bg has none"):
        region("chr1:101-103", output=tmp_path / "out.bg", prefix="x_")


def test_track_is_for_bedgraph(region, tmp_path):
    with pytest.raises(ValueError, match="track says what a bedGraph shows"):
        region("chr1:101-103", output=tmp_path / "out.tsv", track="llr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr1:101-120", ("chr1", 100, 120)),
        ("chr1:1,001-1,020", ("chr1", 1000, 1020)),
        ("chr2", ("chr2", 0, 200)),
        ("chr1:5", ("chr1", 4, 5)),
        ("chr2:150-", ("chr2", 149, 200)),
    ],
)
def test_regions_are_read_as_samtools_reads_them_but_a_lone_base_is_one(text, expected, genome):
    assert parse_region(text, genome) == expected


@pytest.mark.parametrize("text", ["chr2:150-201", "chr2:0-5", "chr2:9-8"])
def test_region_outside_the_contig_is_refused(text, genome):
    with pytest.raises(ValueError, match="which has the bases 1 to 200"):
        parse_region(text, genome)


@pytest.mark.parametrize("text", ["chr3:1-5", "chr1:a-b", "chr1:,", "chr1:1-,", ""])
def test_region_on_no_contig_is_refused(text, genome):
    with pytest.raises(ValueError, match="which has chr1, chr2; write it as contig:start-end"):
        parse_region(text, genome)


def test_name_of_a_contig_may_hold_a_colon(tmp_path):
    path = write_fasta(tmp_path / "colon.fa", {"chr17:100-200": "ACGT" * 25})
    with IndexedGenome(path) as genome:
        assert parse_region("chr17:100-200", genome) == ("chr17:100-200", 0, 100)
        assert parse_region("chr17:100-200:5-9", genome) == ("chr17:100-200", 4, 9)
