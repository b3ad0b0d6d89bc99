"""`examples/predict.py` in this process: every input, every output, and what it refuses."""

import gzip
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from tests.hub.training_runs import write_vqdna_quantizer_run, write_vqdna_run

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


def refused(predict, capsys, message, *command):
    with pytest.raises(SystemExit) as stopped:
        predict(*command)
    assert stopped.value.code == 2
    printed = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(f"predict.py: error: .*{message}.*", printed), printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seq\nACGT\n", "has no column 'sequence'; its columns are seq. Rename the sequence col"),
        ("sequence\n", "holds no rows; there is nothing to predict"),
        ("sequence,id\nACGT,1\n,2\n", "Row 1 of .*in.csv is empty; remove it or fill it in"),
        ("sequence\nACG\nACGTACGTA\n", "Row 1 of .*in.csv has 9 bases, but .* at most 8: shorten"),
        ("sequence\nACG\nAC!\n", "Row 1 of .*in.csv cannot be read: .*'!' .* position 2"),
        ("sequence,predicted_label\nACGT,x\n", r"already has columns \['predicted_label'\]"),
    ],
)
def test_refused_input_leaves_an_older_output_alone(predict, tmp_path, capsys, text, message):
    given = write(tmp_path / "in.csv", text)
    output = write(tmp_path / "out.csv", "old")
    refused(predict, capsys, message, given, output)
    assert output.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_record_of_a_fasta_file_is_named(predict, tmp_path, capsys):
    given = write(tmp_path / "in.fa", ">chr1\nACGT\n>chr2 long\nACGTACGTA\n")
    refused(predict, capsys, "Record 'chr2' of .*in.fa has 9 bases", given, tmp_path / "out.csv")


def test_longer_sequences_are_cut_and_bad_letters_read_as_n_if_asked_for(predict, tmp_path):
    output = tmp_path / "out.csv"
    given = write(tmp_path / "in.csv", "sequence\nACGTNCGTA\nACGT!CGT\n")
    predict(given, output, "--truncation", "--on_invalid", "n")
    first, second = (line.split(",")[1:] for line in output.read_text().splitlines()[1:])
    assert first == second


def test_parquet_columns_keep_their_types(predict, tmp_path):
    """Also one whose first batch is all null."""
    given, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    columns = {
        "sequence": ["ACGT", "AC", "GGG"],
        "gene": pa.array([None, None, "BRCA1"]),
        "strand": pa.array([1, -1, None], pa.int8()),
    }
    pq.write_table(pa.table(columns), given)
    predict(given, output, "--batch_size", "1")
    written = pq.read_table(output)
    assert written.select(list(columns)).equals(pq.read_table(given))
    assert written.schema.field("probability_promoter").type == pa.float64()


@pytest.mark.parametrize("batch_size", ["0", "-1"])
def test_a_batch_has_a_row_or_more(predict, tmp_path, capsys, batch_size):
    given = write(tmp_path / "in.csv", "sequence\nACGT\n")
    message = f"--batch_size is {batch_size}; give 1 or more"
    refused(predict, capsys, message, given, tmp_path / "out.csv", "--batch_size", batch_size)


def test_the_folder_of_the_output_is_made(predict, tmp_path):
    output = tmp_path / "new" / "folder" / "out.csv"
    predict(write(tmp_path / "in.csv", "sequence\nACGT\n"), output)
    assert output.is_file()


@pytest.mark.parametrize("name", ["out.xlsx", "out.parquet.gz"])
def test_an_output_of_unknown_format_is_refused(predict, tmp_path, capsys, name):
    given = write(tmp_path / "in.csv", "sequence\nACGT\n")
    refused(predict, capsys, f"{name} is not a table", given, tmp_path / name)


def test_several_models_answer_by_the_mean_of_their_probabilities(predict, model, tmp_path):
    other = tmp_path / "other"
    classifier = HyperbolicCNNForSequenceClassification.from_pretrained(model)
    with torch.no_grad():
        classifier.classifier.z.mul_(-3)
    classifier.save_pretrained(other)
    DNATokenizer().save_pretrained(other)
    given = write(tmp_path / "in.csv", "sequence\nACGT\nGGA\n")
    found = []
    for models in ([model], [other], [model, other]):
        output = tmp_path / f"out{len(found)}.parquet"
        predict(given, output, "--model", *models)
        found.append(np.array(pq.read_table(output).column(PREDICTED[1]).to_pylist()))
    assert abs(found[0] - found[1]).min() > 1e-3
    np.testing.assert_allclose(found[2], (found[0] + found[1]) / 2, rtol=1e-6)


def test_a_model_folder_that_is_not_there(predict, tmp_path, capsys):
    given = write(tmp_path / "in.csv", "sequence\nACGT\n")
    gone = ("--model", tmp_path / "gone")
    refused(predict, capsys, "There is no folder .*gone;", given, tmp_path / "o.csv", *gone)


@pytest.mark.parametrize(
    ("write_model", "message"),
    [
        (write_vqdna_run, "lm has no trained classifier of sequences: classifier.* Fine-tune it"),
        (write_vqdna_quantizer_run, "lm is a VQDNA quantizer, and no classifier; pretrain a lang"),
    ],
    ids=["language model", "quantizer"],
)
def test_a_model_that_was_not_fine_tuned_predicts_nothing(
    predict, tmp_path, capsys, write_model, message
):
    folder = write_model(tmp_path / "lm")
    given = write(tmp_path / "in.csv", "sequence\nACGT\n")
    output = tmp_path / "out.csv"
    refused(predict, capsys, message, given, output, "--model", folder)
    assert not output.exists()
