"""`examples/predict.py` in this process: every input, every output, and what it refuses."""

import gzip
import runpy
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification

PREDICT = str(Path(__file__).resolve().parents[2] / "examples" / "predict.py")
CSV = "name,dna\n007,ACGT\nNA,NA\nlast,acgtttgg\n"
PREDICTED = ["predicted_label", "probability_enhancer", "probability_promoter"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    config = HyperbolicCNNConfig(
        num_layers=1,
        num_channels=4,
        embedding_dim=6,
        max_length=8,
        id2label={0: "enhancer", 1: "promoter"},
    )
    HyperbolicCNNForSequenceClassification(config).save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def predict(model, monkeypatch):
    def run(given, output, *options):
        command = ["--model", model, "--input", given, "--output", output, "--quiet", *options]
        monkeypatch.setattr(sys, "argv", [PREDICT, *map(str, command)])
        runpy.run_path(PREDICT, run_name="__main__")

    return run


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("batch_size", [2, 100])
def test_a_table_keeps_its_rows_and_columns(predict, tmp_path, suffix, batch_size):
    given = write(tmp_path / f"in{suffix}", CSV)
    output = tmp_path / "out.tsv"
    predict(given, output, "--sequence_column", "dna", "--batch_size", batch_size)
    lines = [line.split("\t") for line in output.read_text().splitlines()]
    assert lines[0] == ["name", "dna", *PREDICTED]
    assert [line[:2] for line in lines] == [line.split(",") for line in CSV.splitlines()]
    for line in lines[1:]:
        enhancer, promoter = map(float, line[3:])
        assert enhancer + promoter == pytest.approx(1)
        assert line[2] == ("enhancer" if enhancer > promoter else "promoter")


def test_batches_do_not_change_a_prediction(predict, tmp_path):
    given = write(tmp_path / "in.csv", CSV)
    columns = []
    for batch_size in (1, 100):
        output = tmp_path / f"out{batch_size}.parquet"
        predict(given, output, "--sequence_column", "dna", "--batch_size", batch_size)
        columns.append(pq.read_table(output).column(PREDICTED[1]).to_pylist())
    assert columns[0] == pytest.approx(columns[1], abs=1e-6)


@pytest.mark.parametrize("suffix", [".fa", ".fasta.gz"])
def test_a_fasta_file_becomes_a_table(predict, tmp_path, suffix):
    given = write(tmp_path / f"in{suffix}", ">chr1 a human one\nACGT\nAC\n>chr2\nttt\n")
    output = tmp_path / "out.parquet"
    predict(given, output)
    table = pq.read_table(output)
    assert table.column_names == ["id", "description", "sequence", *PREDICTED]
    assert table.column("id").to_pylist() == ["chr1", "chr2"]
    assert table.column("sequence").to_pylist() == ["ACGTAC", "ttt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seq\nACGT\n", "has no column 'sequence'; its columns are seq. Rename the sequence col"),
        ("sequence\n", "holds no rows; there is nothing to predict"),
        ("sequence,id\nACGT,1\n,2\n", "Rows 0 to 1 of .*: Sequence 1 of the batch is empty"),
        ("sequence\nACGTACGTA\n", "Rows 0 to 0 of .*9"),
        ("sequence,predicted_label\nACGT,x\n", r"already has columns \['predicted_label'\]"),
    ],
)
def test_refused_input_leaves_an_older_output_alone(predict, tmp_path, text, message):
    given = write(tmp_path / "in.csv", text)
    output = write(tmp_path / "out.csv", "old")
    with pytest.raises(ValueError, match=message):
        predict(given, output)
    assert output.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_an_output_of_unknown_format_is_refused(predict, tmp_path):
    given = write(tmp_path / "in.csv", "sequence\nACGT\n")
    with pytest.raises(ValueError, match="out.xlsx is not a table"):
        predict(given, tmp_path / "out.xlsx")
