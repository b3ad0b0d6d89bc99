"""Tables keep every character, and appear whole or not at all."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_genomics.data.tables import column_names, read_batches, table_suffix, table_writer

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
    with pytest.raises(KeyError), table_writer(path) as append:
        _append_all(append, [{"a": ["new"]}, broken])
    assert read(path) == [{"a": ["old"]}]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def _append_all(append, batches):
    for rows in batches:
        append(rows)


def test_parquet_keeps_types(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"sequence": ["AC"], "score": [0.5], "n": [3]}), path)
    assert read(path) == [{"sequence": ["AC"], "score": [0.5], "n": [3]}]
