"""Tables keep every character, and appear whole or not at all."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_genomics.data.tables import (
    column_names,
    parquet_schema,
    read_batches,
    table_suffix,
    table_writer,
)

ROWS = {"id": ["007", "NA"], "sequence": ["NA", "AC,\nGT"], "note": ['say "n"', ""]}


def read(path, batch_size=100):
    return list(read_batches(path, batch_size))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".csv.gz", ".TSV.GZ", ".parquet"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    with table_writer(path) as append:
        append(ROWS)
        append(ROWS)
    assert column_names(path) == list(ROWS)
    assert read(path) == [{name: 2 * values for name, values in ROWS.items()}]


def test_compressed_text_is_compressed(tmp_path):
    path = tmp_path / "table.csv.gz"
    with table_writer(path) as append:
        append({"a": ["1"]})
    assert gzip.decompress(path.read_bytes()) == b"a\n1\n"


def test_csv_fields_stay_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid,sequence\r\n007,NA\r\n1e3,null\r\n\r\n,NaN\r\n")
    assert read(path) == [{"id": ["007", "1e3", ""], "sequence": ["NA", "null", "NaN"]}]


def test_a_field_may_be_as_long_as_a_chromosome(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sequence,label\n" + "A" * 2_000_000 + ",1\n")
    assert len(read(path)[0]["sequence"][0]) == 2_000_000


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_batches_have_the_size_asked_for_and_the_rest(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with table_writer(path) as append:
        append({"a": list("12345")})
    assert [batch["a"] for batch in read(path, 2)] == [["1", "2"], ["3", "4"], ["5"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line must name the columns"),
        ("a,b,a\n1,2,3\n", r"names these columns more than once: \['a'\]"),
        ("a,b\n1,2\n1\n", "Line 3 of .* has 1 fields, but the header names 2 columns: a, b"),
        ("a,b\n1,2,3\n", "Line 2 of .* has 3 fields"),
    ],
)
def test_broken_tables_are_refused(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read(path)


def test_other_files_are_no_tables(tmp_path):
    assert table_suffix("a.parquet.gz") == ""  # Parquet compresses itself
    assert table_suffix("a.fasta.gz") == table_suffix("csv") == table_suffix("a.json") == ""
    with pytest.raises(ValueError, match=r"a.json is not a table .* use one of .csv"):
        column_names("a.json")
    with pytest.raises(ValueError, match="out.xlsx is not a table"), table_writer("out.xlsx"):
        pass


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_failed_write_leaves_the_old_table(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with table_writer(path) as append:
        append({"a": ["old"]})
    broken = {"b": ["not the column of the first rows"]}
    message = "the columns b, the first ones a"
    with pytest.raises(ValueError, match=message), table_writer(path) as append:
        _append_all(append, [{"a": ["new"]}, broken])
    assert read(path) == [{"a": ["old"]}]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_that_the_first_rows_lack_is_not_dropped(tmp_path, suffix):
    path, message = tmp_path / f"a{suffix}", "the columns a, b, the first ones a"
    with pytest.raises(ValueError, match=message), table_writer(path) as append:
        _append_all(append, [{"a": [1]}, {"a": [2], "b": [3]}])


def test_types_that_change_are_an_error_of_parquet(tmp_path):
    path, message = tmp_path / "a.parquet", "other types than the first ones"
    with pytest.raises(ValueError, match=message), table_writer(path) as append:
        _append_all(append, [{"a": ["x"]}, {"a": [2]}])
    assert list(tmp_path.iterdir()) == []


def test_an_empty_parquet_table_has_the_columns_of_its_schema(tmp_path):
    path = tmp_path / "a.parquet"
    with table_writer(path, schema=pa.schema([("n", pa.int8())])):
        pass
    assert (column_names(path), read(path)) == (["n"], [])
    with (
        pytest.raises(ValueError, match="No row was written"),
        table_writer(tmp_path / "b.parquet"),
    ):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_a_column_name_that_repeats_in_parquet_loses_no_column(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    for reading in (column_names, read):
        with pytest.raises(ValueError, match=r"names these columns more than once: \['a'\]"):
            reading(tmp_path / "a.parquet")


def _append_all(append, batches):
    for rows in batches:
        append(rows)


def test_parquet_columns_keep_the_types_of_a_schema_that_is_given(tmp_path):
    """Also where the first rows are all null, and tell no type."""
    given, copy = tmp_path / "given.parquet", tmp_path / "copy.parquet"
    features = Features(
        {"note": Value("string"), "n": Value("int8"), "kind": ClassLabel(names=["a", "b"])}
    )
    columns = {"note": [None, None, "x"], "n": [1, 2, 3], "kind": [0, 1, 1]}
    Dataset.from_dict(columns, features=features).to_parquet(given)
    with table_writer(copy, schema=parquet_schema(given)) as append:
        for rows in read(given, batch_size=2):
            append({**rows, "score": [0.5] * len(rows["n"])})
    written = Dataset.from_parquet(str(copy), cache_dir=str(tmp_path / "cache"))
    assert written.features == Features({**features, "score": Value("float64")})
    assert written.to_dict() == {**columns, "score": [0.5] * 3}


def test_only_parquet_has_a_schema(tmp_path):
    with table_writer(tmp_path / "a.csv") as append:
        append(ROWS)
    assert parquet_schema(tmp_path / "a.csv") is None


@pytest.mark.parametrize("cut", [12, 300])
def test_a_broken_gzip_file_is_named(tmp_path, cut):
    path = tmp_path / "a.csv.gz"
    text = "sequence\n" + "".join(f"{i**5}\n" for i in range(1000))
    path.write_bytes(gzip.compress(text.encode())[:cut])
    with pytest.raises(ValueError, match="a.csv.gz is a broken gzip file .*: fetch or compress"):
        read(path)


def test_files_of_another_format_are_named(tmp_path):
    (tmp_path / "a.parquet").write_text("sequence,label\n")
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ValueError, match="a.parquet is no readable Parquet table"):
        read(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="a.parquet is no readable Parquet table"):
        column_names(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="a.csv is not UTF-8 text: .* is it another format"):
        read(tmp_path / "a.csv")


def test_parquet_keeps_types(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"sequence": ["AC"], "score": [0.5], "n": [3]}), path)
    assert read(path) == [{"sequence": ["AC"], "score": [0.5], "n": [3]}]


def test_quotation_mark_that_is_not_closed_swallows_no_rows(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('sequence,label\nAC,"1\nGT,0\nTT,1\n')
    with pytest.raises(ValueError, match=r"Line 4 of .*table\.csv: .*ends with one"):
        read(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz"])
def test_carriage_return_inside_a_field_is_no_line_end(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    table = {"a\rb": ["1\r", "\r\n"], "c": ["2", ""]}
    with table_writer(path) as append:
        append(table)
    assert read(path) == [table]
