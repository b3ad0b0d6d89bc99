"""Tables in and out: all rows, all columns, their types."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_genomics import score_variants
from tests.evaluation.variant_effects.test_scorers import Constant


@pytest.fixture
def frame(snvs):
    """SNVs with columns that are to be kept, in the right types."""
    rows = pd.DataFrame(snvs(6), columns=["chrom", "pos", "ref", "alt"])
    return rows.assign(
        gene=["a", "NA", "", "007", 'quoted "x"', "tab"],
        effect=np.linspace(0, 1, 6),
        index0=range(6),
    )


@pytest.fixture
def run(fasta, tmp_path):
    def score(table, suffix=None, **options):
        output = tmp_path / f"out.{suffix}" if suffix else None
        result = score_variants(Constant(), fasta, table, output=output, **options)
        return result if output is None else output

    return score


@pytest.mark.parametrize("suffix", ["tsv", "csv", "tsv.gz", "csv.gz", "parquet"])
def test_columns_of_the_input_are_kept(suffix, frame, run, tmp_path):
    path = tmp_path / f"in.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
        found = pd.read_parquet(run(path, suffix))
        assert found["effect"].dtype == np.float64
        assert found["state"].dtype == np.float32
    else:
        options = {"sep": "\t" if "tsv" in suffix else ",", "keep_default_na": False}
        frame.to_csv(path, sep=options["sep"], index=False)
        found = pd.read_csv(run(path, suffix), **options, dtype={"gene": str})
    assert found.columns.tolist() == [*frame.columns, "status", "state"]
    pd.testing.assert_frame_equal(found[frame.columns], frame, check_dtype=False, check_exact=False)
    assert found["state"].tolist() == ["ACGT".index(ref) for ref in frame["ref"]]


def test_types_of_parquet_are_kept(frame, run, tmp_path):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(1, "pos", table["pos"].cast(pa.uint32()))
    table = table.set_column(4, "gene", table["gene"].dictionary_encode())
    pq.write_table(table, tmp_path / "in.parquet")
    found = pq.read_schema(run(tmp_path / "in.parquet", "parquet"))
    assert found.field("pos").type == pa.uint32()
    assert found.field("index0").type == pa.int64()


@pytest.mark.parametrize(
    "values",
    [
        pa.array(list("abcabc"), pa.large_string()).dictionary_encode(),  # a pandas categorical
        pa.array(range(6), pa.timestamp("s")),
        pa.array(range(6), pa.time32("s")),
        pa.array([day * 86_400_000 for day in range(6)], pa.date64()),
        pa.array(list("abcabc"), pa.string_view()),
    ],
    ids=lambda values: str(values.type),
)
def test_types_that_parquet_lacks_are_written_as_those_it_has(values, frame, run):
    """Parts came back in other types than the whole was opened with, after all the scoring."""
    table = pa.Table.from_pandas(frame, preserve_index=False).append_column("more", values)
    output = run(table, "parquet", rows_per_part=4)
    assert pq.read_table(output).column("more").to_pylist() == values.to_pylist()


def test_categories_of_a_frame_are_kept(frame, run):
    frame["gene"] = frame["gene"].astype("category")
    found = pd.read_parquet(run(frame, "parquet", rows_per_part=4))
    assert found["gene"].tolist() == frame["gene"].tolist()


def test_a_type_that_parquet_cannot_hold_is_named_before_anything_is_scored(frame, run, tmp_path):
    ends = pa.RunEndEncodedArray.from_arrays([6], ["a"])
    table = pa.Table.from_pandas(frame, preserve_index=False).append_column("more", ends)
    with pytest.raises(pa.ArrowNotImplementedError, match="run_end_encoded"):
        run(table, "parquet")
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize("kind", ["memory", "parquet"])
def test_views_are_read_with_several_alternatives_in_a_row(kind, frame, run, tmp_path):
    """pyarrow cannot repeat the rows of a column of views."""
    alts = [",".join(base for base in "ACGT" if base != ref) for ref in frame["ref"]]
    frame = frame.assign(alt=alts)
    texts = {name: frame[name].tolist() for name in ("chrom", "ref", "alt", "gene")}
    table = pa.table(
        {name: pa.array(values, pa.string_view()) for name, values in texts.items()}
        | {"pos": frame["pos"].tolist(), "raw": pa.array([b"x", None] * 3, pa.binary_view())}
    )
    if kind == "parquet":
        pq.write_table(table, tmp_path / "in.parquet")
        table = tmp_path / "in.parquet"
    found = run(table)
    assert found["status"].tolist() == ["ok"] * 18
    assert found["gene"].tolist() == [gene for gene in texts["gene"] for _ in range(3)]
    assert found["raw"].tolist()[2:4] == [b"x", None]
    again = pd.read_parquet(run(table, "parquet"))
    assert again["alt"].tolist() == found["alt"].tolist()


@pytest.mark.parametrize("make", [lambda frame: frame, pa.Table.from_pandas])
def test_tables_in_memory_are_read(make, frame, run):
    found = run(make(frame))
    assert found["status"].tolist() == ["ok"] * 6
    assert found["gene"].tolist() == frame["gene"].tolist()


def test_frame_with_an_index_of_its_own_is_read_by_row(frame, run):
    found = run(frame.set_index(frame["gene"] + "x"))
    assert found["pos"].tolist() == frame["pos"].tolist()


@pytest.mark.parametrize(
    "names",
    [
        ["CHROM", "POS", "REF", "ALT"],
        ["#Chrom", "Pos", "Ref", "Alt"],
        ["chromosome", "position", "ref", "alt"],
    ],
)
def test_names_of_columns_are_read_in_any_case(names, frame, run):
    renamed = frame.set_axis([*names, *frame.columns[4:]], axis=1)
    assert run(renamed)["status"].tolist() == ["ok"] * 6


def test_a_column_of_the_very_name_goes_before_another_that_could_be_meant(frame, run):
    """A table with `chromosome` and `chrom` was refused."""
    found = run(frame.assign(chromosome="17", Position=0))
    assert found["status"].tolist() == ["ok"] * 6
    with pytest.raises(ValueError, match="2 columns 'chrom'"):
        run(frame.drop(columns="chrom").assign(chromosome="chr1", contig="chr1"))


def test_columns_can_be_named(frame, run):
    renamed = frame.rename(columns={"chrom": "seq", "pos": "pos_hg19"}).assign(pos=0)
    found = run(renamed, columns={"chrom": "seq", "pos": "pos_hg19"})
    assert found["status"].tolist() == ["ok"] * 6


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.drop(columns="ref"), {}, "no column 'ref' .*--column ref="),
        (lambda f: f.assign(POS=1), {}, "2 columns 'pos'"),
        (lambda f: f, {"columns": {"pos": "start"}}, "no column 'start'"),
        (lambda f: f, {"columns": {"start": "pos"}}, "the names are chrom, pos, ref, alt"),
        (lambda f: f.assign(state=1, status=2), {}, "already has the columns state, status"),
    ],
)
def test_columns_that_do_not_fit_are_named(change, options, message, frame, run):
    with pytest.raises(ValueError, match=message):
        run(change(frame), **options)


def test_prefix_keeps_names_apart(frame, run):
    found = run(frame.assign(state=1), prefix="new_")
    assert found.columns.tolist()[-3:] == ["state", "new_status", "new_state"]


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_row_with_several_alternatives_becomes_several(suffix, frame, run, tmp_path):
    alts = [",".join(b for b in "ACGT" if b != ref) for ref in frame["ref"]]
    alts[1:3] = [f"{frame['alt'][1]},<DEL>", ""]
    frame = frame.assign(alt=alts)
    found = run(frame)
    assert found["index0"].tolist() == [0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
    expected = [part for alt in alts for part in alt.split(",")]
    assert found["alt"].tolist() == expected
    assert found["status"].tolist()[3:6] == ["ok", "symbolic", "indel"]
    output = run(frame, suffix)
    again = pd.read_parquet(output) if suffix == "parquet" else pd.read_csv(output, sep="\t")
    assert again["alt"].fillna("").tolist() == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [([1, "X", 1], ["ok", "ok", "ok"]), ([1, None, 1], ["ok", "malformed", "ok"])],
)
def test_chromosomes_may_be_numbers(tmp_path, names, expected):
    """Beside letters, and beside rows without any, of which pandas makes 1.0 and NaN."""
    genome = tmp_path / "numbers.fa"
    genome.write_text(f">1\n{'A' * 40}\n>X\n{'A' * 40}\n")
    rows = {"chrom": names, "pos": [20] * 3, "ref": ["A"] * 3, "alt": ["C"] * 3}
    found = score_variants(Constant(), genome, pd.DataFrame(rows))
    assert found["status"].tolist() == expected


@pytest.mark.parametrize("suffix", ["tsv", "csv", "parquet", None])
def test_positions_beside_a_missing_one_are_read_from_every_format(suffix, frame, run, tmp_path):
    """pandas writes 21.0 where a column has a missing value, and text of it was malformed."""
    gappy = frame.assign(pos=frame["pos"].where(frame.index != 2))
    assert gappy["pos"].dtype == np.float64
    path = tmp_path / f"in.{suffix}"
    if suffix == "parquet":
        gappy.to_parquet(path)
    elif suffix:
        gappy.to_csv(path, sep="\t" if suffix == "tsv" else ",", index=False)
    found = run(path if suffix else gappy)
    assert found["status"].tolist() == ["ok", "ok", "malformed", "ok", "ok", "ok"]


LISTS = {
    "chrom": ["chr2"] * 6,
    "pos": [50] * 6,
    "alt": [["A", "C", "G", "T"], ["A"], [], None, ["<DEL>", None], ["A"]],
}


@pytest.mark.parametrize("kind", ["list", "large_list", "frame", "arrays", "tuples", "file"])
def test_alternatives_may_be_lists(kind, sequences, run, tmp_path):
    """As Parquet of Hail and Glow has them; they ended in an error of pyarrow, or as malformed."""
    rows = {**LISTS, "ref": [sequences["chr2"][49]] * 6}
    if kind in ("frame", "arrays", "tuples"):
        make = {"frame": list, "arrays": np.array, "tuples": tuple}[kind]
        rows["alt"] = [None if alt is None else make(alt) for alt in rows["alt"]]
        given = pd.DataFrame(rows)
    else:
        make = pa.large_list if kind == "large_list" else pa.list_
        given = pa.table(rows | {"alt": pa.array(rows["alt"], make(pa.string()))})
    if kind == "file":
        pq.write_table(given, tmp_path / "in.parquet")
        given = tmp_path / "in.parquet"
    found = run(given)
    expected = [*"ACGT", "A", ".", "missing", "<DEL>", "", "A"]
    assert found["alt"].fillna("missing").tolist() == expected
    statuses = found["status"].tolist()
    assert sorted(statuses[:4]) == ["ok"] * 3 + ["same_as_reference"]
    assert statuses[5:9] == ["no_alternative", "indel", "symbolic", "indel"]
    output = run(given, "parquet")
    assert str(pq.read_schema(output).field("alt").type) in ("string", "large_string")
    assert pd.read_parquet(output)["status"].tolist() == statuses
    assert pd.read_csv(run(given, "tsv"), sep="\t")["status"].tolist() == statuses


def test_lists_beside_text_are_read_and_other_lists_stay(frame, run):
    ref = frame["ref"][0]
    first = [base for base in "ACGT" if base != ref]
    alts = [first, *frame["alt"][1:]]
    found = run(frame.assign(alt=alts, effect=[[0.5, 1.0]] * 6))
    assert found["alt"].tolist() == [*first, *frame["alt"][1:]]
    assert found["status"].tolist() == ["ok"] * 8
    assert found["effect"].tolist() == ["[0.5, 1.0]"] * 8


def test_rows_that_say_nothing_are_kept(run):
    frame = pd.DataFrame(
        {
            "chrom": ["chr1", None, "chr1", "chr1"],
            "pos": [np.nan, 5, 6, 7],
            "ref": ["A", "A", None, "A"],
            "alt": ["C", "C", "C", None],
        }
    )
    found = run(frame)
    assert found["status"].tolist()[:2] == ["malformed", "malformed"]
    assert len(found) == 4
    assert found["state"].isna().all()


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_table_without_rows_has_the_columns(suffix, frame, run, tmp_path):
    empty = frame.iloc[:0]
    assert run(empty).columns.tolist() == [*frame.columns, "status", "state"]
    path = tmp_path / f"in.{suffix}"
    empty.to_csv(path, sep="\t", index=False) if suffix == "tsv" else empty.to_parquet(path)
    output = run(path, suffix)
    found = pd.read_csv(output, sep="\t") if suffix == "tsv" else pd.read_parquet(output)
    assert found.columns.tolist() == [*frame.columns, "status", "state"]
    assert len(found) == 0


def test_columns_of_one_name_are_kept_in_parquet(frame, run):
    table = pa.Table.from_pandas(frame[["chrom", "pos", "ref", "alt"]])
    for values in (["x"] * 6, ["y"] * 6):
        table = table.append_column("note", pa.array(values))
    scored = pq.ParquetFile(run(table, "parquet")).read()
    notes = [place for place, name in enumerate(scored.column_names) if name == "note"]
    assert [scored.column(place)[0].as_py() for place in notes] == ["x", "y"]


def test_parquet_that_is_damaged_is_named(run, tmp_path):
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="in.parquet is no readable Parquet table"):
        run(tmp_path / "in.parquet")


def test_line_with_too_few_fields_is_named(run, tmp_path):
    path = tmp_path / "in.tsv"
    path.write_text("chrom\tpos\tref\talt\nchr1\t5\tA\n")
    with pytest.raises(ValueError, match=r"Line 2 of .* has 3 fields"):
        run(path)


@pytest.mark.parametrize(
    ("source", "suffix", "message"),
    [
        ("in.bed", "tsv", "is no file of variants by its name; use .vcf"),
        ("in.tsv", "vcf", "VCF .* is written from VCF only"),
        ("in.tsv", "bedgraph", "bedGraph is written for a region only"),
        ("in.tsv", "json", "has none of the suffixes .vcf, .vcf.gz, .bedgraph"),
    ],
)
def test_files_of_other_kinds_are_refused(source, suffix, message, frame, run, tmp_path):
    path = tmp_path / source
    frame.to_csv(path, sep="\t", index=False)
    with pytest.raises(ValueError, match=message):
        run(path, suffix)


def test_gz_is_gzip_that_everything_reads(frame, run, tmp_path):
    frame.to_csv(tmp_path / "in.tsv", sep="\t", index=False)
    with gzip.open(run(tmp_path / "in.tsv", "tsv.gz"), "rt") as file:
        assert file.readline().split("\t")[:4] == ["chrom", "pos", "ref", "alt"]
