"""VCF in and out: every line as it was, with INFO fields that other programs read."""

import codecs
import gzip

import numpy as np
import pysam
import pytest

from hf_genomics import score_variants
from hf_genomics.data.indexed_genome import compression
from tests.evaluation.variant_effects.conftest import VCF_HEADER, write_vcf
from tests.evaluation.variant_effects.test_scorers import Constant


def lines_of(path):
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()


def other(base):
    return "ACGT"[("ACGT".index(base.upper()) + 1) % 4]


@pytest.fixture
def scored(fasta, tmp_path):
    """Scores rows with a scorer that needs no model; the lines of the output."""

    def run(rows, suffix="vcf", **options):
        output = tmp_path / f"out.{suffix}"
        source = rows if not isinstance(rows, list) else write_vcf(tmp_path / "in.vcf", rows)
        summary = score_variants(Constant(), fasta, source, output=output, **options)
        return lines_of(output), summary

    return run


def test_header_is_kept_and_the_new_fields_are_declared(scored, snvs):
    lines, _ = scored(snvs(3))
    head = [line for line in lines if line.startswith("#")]
    assert head[: len(VCF_HEADER)] == list(VCF_HEADER)
    assert head[-1].startswith("#CHROM\t")
    new = head[len(VCF_HEADER) : -1]
    assert [line.split(",")[0] for line in new] == ["##INFO=<ID=HFG_STATUS", "##INFO=<ID=HFG_STATE"]


def test_every_line_comes_out_in_order_and_only_info_grows(scored, sequences):
    ref = sequences["chr1"][100]
    rows = [
        ("chr1", 101, "rs1", ref, other(ref), "29.50", "q10;s50", "AF=0.1", "GT:DP", "0|1:7"),
        ("chr1", 30, ".", "N", "<DEL>", ".", ".", ".", "GT", "./."),
        ("chr1", 101, "rs1", ref, other(ref), "29.50", "q10", "FLAG;", "GT", "1"),
    ]
    lines, summary = scored(rows)
    body = [line.split("\t") for line in lines if not line.startswith("#")]
    assert [row[:7] + row[8:] for row in body] == [
        list(map(str, row[:7] + row[8:])) for row in rows
    ]
    state = "ACGT".index(ref)
    assert [row[7] for row in body] == [
        f"AF=0.1;HFG_STATUS=ok;HFG_STATE={state}",
        "HFG_STATUS=symbolic",
        f"FLAG;HFG_STATUS=ok;HFG_STATE={state}",
    ]
    assert summary.counts == {"ok": 2, "symbolic": 1}


def test_each_alternative_has_its_value_and_status(scored, sequences):
    ref = sequences["chr1"][100]
    lines, summary = scored([("chr1", 101, ref, f"{other(ref)},{ref}A,<DEL>,*,{ref}")])
    state = "ACGT".index(ref)
    assert lines[-1].split("\t")[7] == (
        f"HFG_STATUS=ok,indel,symbolic,symbolic,same_as_reference;HFG_STATE={state},.,.,.,."
    )
    assert (summary.num_rows, sum(summary.counts.values())) == (1, 5)


@pytest.mark.parametrize("suffix", ["vcf", "vcf.gz"])
def test_pysam_reads_what_is_written(suffix, model_folder, fasta, snvs, sequences, tmp_path):
    ref = sequences["chr1"][100]
    rows = [*snvs(20), ("chr1", 101, ref, f"{other(ref)},{ref}A"), ("chr1", 101, ref, ".")]
    source, output = write_vcf(tmp_path / "in.vcf", rows), tmp_path / f"out.{suffix}"
    score_variants(str(model_folder), fasta, source, output=output)
    expected = score_variants(str(model_folder), fasta, source)
    with pysam.VariantFile(str(output)) as file:
        records = list(file)
    for record, row in zip(records[:20], expected.itertuples(), strict=False):
        assert record.info["HFG_STATUS"] == ("ok",)
        (llr,) = record.info["HFG_LLR"]
        assert llr == pytest.approx(row.llr, rel=1e-6)
        (rate,) = record.info["HFG_SITE_RATE"]
        assert rate == pytest.approx(row.site_rate, rel=1e-6)
    assert records[20].info["HFG_STATUS"] == ("ok", "indel")
    assert records[20].info["HFG_LLR"][1] is None
    assert records[21].info["HFG_STATUS"] == ("no_alternative",)
    assert "HFG_LLR" not in records[21].info


def test_gz_is_written_by_bgzip(scored, snvs, tmp_path):
    scored(snvs(3), suffix="vcf.gz")
    assert compression(tmp_path / "out.vcf.gz") == "bgzip"


@pytest.mark.parametrize("kind", ["gzip", "bgzip", "bcf", "crlf", "mark", "mark.gz"])
def test_every_form_of_input_is_read(kind, scored, snvs, tmp_path):
    plain = write_vcf(tmp_path / "plain.vcf", snvs(9))
    expected, _ = scored(plain)
    suffix = {"bcf": "bcf", "crlf": "vcf", "mark": "vcf"}.get(kind, "vcf.gz")
    path = tmp_path / f"in.{suffix}"
    if kind == "gzip":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    elif kind == "bgzip":
        pysam.tabix_compress(str(plain), str(path))
    elif kind == "crlf":
        path.write_bytes(plain.read_bytes().replace(b"\n", b"\r\n"))
    elif kind.startswith("mark"):  # a byte-order mark, which was no '#'
        marked = codecs.BOM_UTF8 + plain.read_bytes()
        path.write_bytes(gzip.compress(marked) if suffix == "vcf.gz" else marked)
    else:
        with (
            pysam.VariantFile(str(plain)) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as target,
        ):
            for record in source:
                target.write(record)
    found, _ = scored(path, overwrite=True)
    records = [line for line in expected if not line.startswith("#")]
    assert [line for line in found if not line.startswith("#")] == records
    if kind.startswith("mark"):
        assert found == expected


def test_bytes_that_are_no_utf8_pass_through(fasta, snvs, tmp_path):
    source = write_vcf(tmp_path / "in.vcf", snvs(1))
    source.write_bytes(source.read_bytes().replace(b"\t.\t.\t.\n", b"\t.\t.\tX=\xe9\xff\n"))
    score_variants(Constant(), fasta, source, output=tmp_path / "out.vcf")
    assert b"\tX=\xe9\xff;HFG_STATUS=ok" in (tmp_path / "out.vcf").read_bytes()
    assert score_variants(Constant(), fasta, source)["info"].tolist() == ["X=\ufffd\ufffd"]


def test_fields_that_are_there_already_are_not_written_twice(scored, snvs, tmp_path):
    scored(snvs(2))
    (tmp_path / "out.vcf").rename(tmp_path / "first.vcf")
    with pytest.raises(ValueError, match="already has the INFO fields HFG_STATUS, HFG_STATE"):
        scored(tmp_path / "first.vcf")
    lines, _ = scored(tmp_path / "first.vcf", prefix="B_")
    assert all("B_STATUS=ok" in line and "HFG_STATUS=ok" in line for line in lines[-2:])


class OneNameTwice(Constant):
    """Labels of a classifier that differ in their case only."""

    columns = {"delta_a": "of a", "delta_A": "of A", "delta_b": "of b"}

    def __call__(self, substitutions, genome):
        return np.repeat(super().__call__(substitutions, genome), 3, axis=1)


def test_scores_that_would_be_one_info_field_are_refused(fasta, snvs, tmp_path):
    """Two fields of one name were written."""
    source, output = write_vcf(tmp_path / "in.vcf", snvs(2)), tmp_path / "out.vcf"
    message = r"one name: delta_a and delta_A \(HFG_DELTA_A\); write .tsv or .parquet, or rename"
    with pytest.raises(ValueError, match=message):
        score_variants(OneNameTwice(), fasta, source, output=output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf"]
    score_variants(OneNameTwice(), fasta, source, output=tmp_path / "out.tsv")
    assert "\tdelta_a\tdelta_A\tdelta_b" in lines_of(tmp_path / "out.tsv")[0]


def test_pos_of_a_vcf_is_an_integer(scored, sequences):
    """A table may have 21.0."""
    ref = sequences["chr1"][100]
    lines, summary = scored([("chr1", "101.0", ref, other(ref)), ("chr1", ".", ref, other(ref))])
    assert summary.counts == {"malformed": 2}
    assert [line.split("\t")[1] for line in lines[-2:]] == ["101.0", "."]


def test_file_without_records_is_written_without_records(scored):
    lines, summary = scored([])
    assert lines[-1].startswith("#CHROM")
    assert (summary.num_rows, summary.counts) == (0, {})


def test_table_of_a_vcf_has_a_row_for_each_alternative(fasta, sequences, tmp_path):
    ref = sequences["chr1"][100]
    rows = [
        ("chr1", 101, "rs1", ref, f"{other(ref)},<DEL>", "3", "PASS", "AF=0.1"),
        ("chr1", "x", ".", "A", "C", ".", ".", "."),
    ]
    frame = score_variants(Constant(), fasta, write_vcf(tmp_path / "in.vcf", rows))
    assert frame.columns.tolist() == [
        *("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info", "status", "state")
    ]
    assert frame["alt"].tolist() == [other(ref), "<DEL>", "C"]
    assert frame["status"].tolist() == ["ok", "symbolic", "malformed"]
    assert frame["pos"].tolist()[:2] == [101, 101]
    assert np.isnan(frame["pos"][2])
    assert frame.attrs["counts"] == {"ok": 1, "symbolic": 1, "malformed": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not VCF: the line before the records must begin with '#CHROM'"),
        ("chr1\t5\t.\tA\tC\t.\t.\t.\n", "is not VCF"),
        ("#CHROM\tPOS\tID\nchr1\t5\t.\tA\tC\n", "Line 2 of .* has 5 columns, but a VCF record has"),
    ],
)
def test_file_that_is_no_vcf_is_refused(content, message, scored, tmp_path):
    path = tmp_path / "bad.vcf"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        scored(path)


def test_vcf_that_is_cut_off_is_refused(scored, snvs, tmp_path):
    plain = write_vcf(tmp_path / "plain.vcf", snvs(500))
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(gzip.compress(plain.read_bytes())[:-50])
    with pytest.raises(ValueError, match="is cut off"):
        scored(cut)
    damaged = bytearray(gzip.compress(plain.read_bytes()))
    damaged[len(damaged) // 2] ^= 0xFF
    cut.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match="is cut off or damaged"):
        scored(cut, resume=True)
    whole = tmp_path / "whole.vcf.gz"
    pysam.tabix_compress(str(plain), str(whole))
    cut.write_bytes(whole.read_bytes()[:-50])
    with pytest.raises(ValueError, match="is cut off"):
        scored(cut, resume=True)
