"""The whole way: every row once, in order, with the right status and the right score."""

import csv
import gzip
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_genomics import score_variants
from hf_genomics.evaluation.variant_effects.alleles import Status
from tests.evaluation.variant_effects.conftest import VCF_HEADER, tiny_phylogpn, write_vcf
from tests.evaluation.variant_effects.test_scorers import Constant

SCORES = ["llr", "entropy", "site_rate", "expected_substitutions"]


def faulty_rows(sequences):
    """Rows of every kind, unsorted, with the statuses of their alleles."""
    one, two = sequences["chr1"], sequences["chr2"]

    def other(base, step=1):
        return "ACGT"[("ACGT".index(base.upper()) + step) % 4]

    return [
        (("chr1", 2501, one[2500], other(one[2500])), ["ok"]),
        (("chr2", 5, two[4], other(two[4])), ["contig_end"]),
        (("chr1", 1601, one[1600], other(one[1600]).lower()), ["ok"]),
        (("chr1", 501, other(one[500]), one[500]), ["reference_mismatch"]),
        (("chr1", 1010, "N", "A"), ["ref_is_n"]),
        (("chr1", 1010, "A", "C"), ["ref_is_n"]),
        (("chr1", 301, one[300], "N"), ["alt_is_n"]),
        (("chr1", 301, one[300], f"{one[300]}AC"), ["indel"]),
        (("chr1", 301, one[300:303], one[300]), ["indel"]),
        (("chr1", 301, one[300:302], other(one[300]) + other(one[301])), ["mnv"]),
        (("chr1", 301, one[300:302], one[300] + other(one[301])), ["ok"]),
        (
            ("chr1", 301, one[300], f"{other(one[300])},{other(one[300], 2)},<DEL>,*"),
            ["ok", "ok", "symbolic", "symbolic"],
        ),
        (("chr1", 301, one[300], "G]chr2:9]"), ["symbolic"]),
        (("chr1", 301, one[300], "."), ["no_alternative"]),
        (("chr1", 301, one[300], one[300]), ["same_as_reference"]),
        (("chr9", 301, "A", "C"), ["contig_missing"]),
        (("chr1", 3001, "A", "C"), ["out_of_range"]),
        (("chr1", 0, "A", "C"), ["out_of_range"]),
        (("chr1", "12a", "A", "C"), ["malformed"]),
        (("chr1", 301, "Q", "C"), ["malformed"]),
        (("chr1", 2501, one[2500], other(one[2500])), ["ok"]),
    ]


@pytest.mark.parametrize("rows_per_part", [1, 4, 100])
@pytest.mark.parametrize("suffix", ["vcf", "tsv", "parquet"])
def test_every_case_has_its_status_and_only_scored_ones_have_scores(
    suffix, rows_per_part, model, fasta, sequences, tmp_path
):
    cases = faulty_rows(sequences)
    rows, expected = zip(*cases, strict=True)
    output = tmp_path / f"out.{suffix}"
    if suffix == "vcf":
        source = write_vcf(tmp_path / "in.vcf", rows)
    else:
        source = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"]).astype(str)
    summary = score_variants(model, fasta, source, output=output, rows_per_part=rows_per_part)
    if suffix == "vcf":
        lines = [x.split("\t") for x in output.read_text().splitlines() if x[0] != "#"]
        assert [(x[0], x[1], x[3], x[4]) for x in lines] == [tuple(map(str, row)) for row in rows]
        info = [dict(part.split("=") for part in x[7].split(";")) for x in lines]
        statuses = [x["HFG_STATUS"].split(",") for x in info]
        values = [x.get("HFG_LLR", "").split(",") for x in info]
        assert statuses == list(expected)
        for status, value in zip(statuses, values, strict=True):
            if any(one in ("ok", "contig_end") for one in status):
                assert [v != "." for v in value] == [s in ("ok", "contig_end") for s in status]
            else:
                assert value == [""]
    else:
        read = pd.read_parquet if suffix == "parquet" else lambda path: pd.read_csv(path, sep="\t")
        found = read(output)
        statuses = [one for case in expected for one in case]
        assert found["status"].tolist() == statuses
        scored = np.isin(statuses, ["ok", "contig_end"])
        for name in SCORES:
            assert found[name].notna().tolist() == scored.tolist()
    assert summary.num_rows == len(rows)
    flat = [one for case in expected for one in case]
    assert summary.counts == {one: flat.count(one) for one in Status if one in flat}


def test_order_of_the_file_does_not_change_a_score(model, fasta, sequences):
    rows = [row for row, _ in faulty_rows(sequences)]
    frame = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"]).astype(str)
    frame = frame[~frame["alt"].str.contains(",")].reset_index(drop=True)
    order = np.random.default_rng(0).permutation(len(frame))
    straight = score_variants(model, fasta, frame)
    shuffled = score_variants(model, fasta, frame.iloc[order], rows_per_part=3)
    again = shuffled.iloc[np.argsort(order)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, straight, rtol=0, atol=1e-10)


FIELDS = st.text(st.sampled_from("ACGTNacgt.,*-<>X1"), max_size=4)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["chr1", "chr2", "chr9", ""]),
            st.sampled_from(["0", "1", "100", "200", "201", "x", "", "-4"]),
            FIELDS,
            FIELDS,
        ),
        max_size=12,
    )
)
def test_whatever_the_rows_hold_none_is_lost(fasta, rows):
    frame = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt"], dtype=str)
    frame["row"] = range(len(rows))
    found = score_variants(Constant(), fasta, frame, rows_per_part=5)
    assert found["row"].drop_duplicates().tolist() == list(range(len(rows)))
    assert len(found) == sum(alt.count(",") + 1 for alt in frame["alt"])
    scored = found["status"].isin(["ok", "contig_end"])
    assert (found["state"].notna() == scored).all()
    assert (found["status"].isin(list(Status))).all()


def test_value_that_is_not_finite_is_a_status_and_no_score(fasta, snvs, tmp_path):
    class Overflowing(Constant):
        def __call__(self, substitutions, genome):
            return np.where(substitutions.row == 1, np.inf, 2.0)[:, None]

    frame = pd.DataFrame(snvs(3), columns=["chrom", "pos", "ref", "alt"])
    found = score_variants(Overflowing(), fasta, frame)
    assert found["status"].tolist() == ["ok", "not_finite", "ok"]
    assert found["state"].isna().tolist() == [False, True, False]
    assert found.attrs["counts"] == {"ok": 2, "not_finite": 1}


def test_summary_tells_counts_and_asks_about_names_of_contigs(fasta, tmp_path):
    source = write_vcf(tmp_path / "in.vcf", [("1", 5, "A", "C"), ("chr1", 5, "A", "<DEL>")])
    summary = score_variants(Constant(), fasta, source, output=tmp_path / "out.vcf")
    assert "2 rows, 2 alleles" in str(summary)
    assert "contig_missing" in str(summary)
    assert "The FASTA has the contigs chr1, chr2" in str(summary)
    assert "chr1 and 1 are two names" in str(summary)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give either variants or a region"),
        ({"variants": "a.vcf", "region": "chr1"}, "Give either variants or a region"),
        ({"region": "chr1", "resume": True}, "are for an output file"),
        ({"region": "chr1:9-9", "rows_per_part": 0}, "rows_per_part is 0; give 1 or more"),
        ({"region": "chr1:9-9", "batch_size": 0}, "batch_size is 0; give 1 or more"),
        ({"region": "chr1:9-9", "device": "cpu"}, "device and dtype are for a model that is"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, model, fasta):
    with pytest.raises(ValueError, match=message):
        score_variants(model, fasta, **options)


def test_model_is_scored_in_evaluation_mode_and_trains_on(fasta):
    model = tiny_phylogpn().train()
    modes = []
    model.register_forward_pre_hook(lambda model, inputs: modes.append(model.training))
    score_variants(model, fasta, region="chr1:99-101")
    assert set(modes) == {False}
    assert all(part.training for part in model.modules())


def test_dtype_decides_the_type_of_the_scores(model_folder, fasta):
    options = {"region": "chr1:99-110"}
    single = score_variants(str(model_folder), fasta, **options)
    double = score_variants(str(model_folder), fasta, dtype="float64", **options)
    half = score_variants(str(model_folder), fasta, dtype="bfloat16", **options)
    assert (single["llr"].dtype, double["llr"].dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single["llr"], double["llr"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(half["llr"], double["llr"], rtol=0, atol=5e-2)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_memory_does_not_grow_with_the_file(fasta, snvs, run_python, tmp_path):
    """The peak of a process that scores 80,000 rows is within 30 MiB of one that scores 10,000."""
    rows = snvs(2000)
    peaks = {}
    for thousands in (10, 80):
        path = tmp_path / f"{thousands}.vcf.gz"
        with gzip.open(path, "wt", compresslevel=1) as file:
            file.write("\n".join([*VCF_HEADER, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"]))
            chunk = "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t.\n" for c, p, r, a in rows)
            for _ in range(thousands // 2):
                file.write(chunk)
        printed = run_python(
            "import resource\n"
            "from hf_genomics import score_variants\n"
            "from tests.evaluation.variant_effects.test_scorers import Constant\n"
            f"summary = score_variants(Constant(), {str(fasta)!r}, {str(path)!r},\n"
            f"    output={str(tmp_path / f'{thousands}.out.vcf.gz')!r})\n"
            f"assert summary.counts == {{'ok': {thousands * 1000}}}\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        peaks[thousands] = int(printed.split()[-1]) / 1024  # KiB to MiB
    assert peaks[80] - peaks[10] < 30, peaks


@pytest.mark.real_data
def test_all_variants_of_brca1_agree_with_the_reference(real_data_folder, model_folder, tmp_path):
    folder = real_data_folder / "variants" / "brca1_sge"
    fasta = folder / "brca1_region_hg19_plus_strand.fa.gz"
    with gzip.open(fasta, "rt") as file:
        name = file.readline()[1:].split()[0]
    with gzip.open(folder / "brca1_sge_findlay2018.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = pd.DataFrame(rows)
    frame["chrom"], frame["pos"] = name, frame["index0"].astype(int) + 1
    frame = frame.drop(columns=["chromosome"])
    found = score_variants(str(model_folder), fasta, frame)
    assert found.attrs["counts"] == {"ok": 3893}
    assert found[SCORES].notna().all().all()
    assert found["func_class"].tolist() == frame["func_class"].tolist()
    swapped = frame.rename(columns={"ref": "alt", "alt": "ref"})
    found = score_variants(str(model_folder), fasta, swapped)
    assert found.attrs["counts"] == {"reference_mismatch": 3893}


@pytest.mark.real_data
def test_deletions_of_the_mpra_are_marked(real_data_folder, fasta, tmp_path):
    folder = real_data_folder / "variants" / "mpra_satmut"
    frame = pd.read_csv(folder / "satmut_kircher2019_grch38.csv.gz", keep_default_na=False)
    # Here the reference is one record for each element, which starts at index 0.
    with gzip.open(folder / "elements_reference.fa.gz", "rt") as file:
        names = {line[1:].split()[0] for line in file if line.startswith(">")}
    frame = frame[frame["element"].isin(names)]
    frame["pos"] = frame["index0"] + 1
    found = score_variants(
        Constant(),
        folder / "elements_reference.fa.gz",
        frame.drop(columns="chrom"),
        columns={"chrom": "element"},
    )
    deletions = (frame["alt"] == "").to_numpy()
    assert len(frame) > 10_000
    assert found["status"][deletions].isin(["indel"]).all()
    assert found["status"][~deletions].isin(["ok", "ref_is_n"]).all()


def test_one_value_that_is_not_finite_leaves_no_score_of_its_row(fasta, snvs):
    class HalfOverflowing(Constant):
        columns = {"state": "a state", "other": "another"}

        def __call__(self, substitutions, genome):
            return np.stack([np.full(len(substitutions), 2.0), 1 / (substitutions.row != 1)], 1)

    frame = pd.DataFrame(snvs(3), columns=["chrom", "pos", "ref", "alt"])
    with np.errstate(divide="ignore"):
        found = score_variants(HalfOverflowing(), fasta, frame)
    assert found["status"].tolist() == ["ok", "not_finite", "ok"]
    for name in ("state", "other"):
        assert found[name].notna().tolist() == [True, False, True]
