"""`examples/evaluate_phylogpn.py` and `examples/zero_shot_variants.py` as users start them."""

import json
import random

import pyarrow.parquet as pq
import pytest
import torch

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.evaluation.context_rates_file import load_context_rates
from hf_genomics.evaluation.model_likelihood import model_log_likelihoods
from hf_genomics.training.alignment_loading import load_alignment
from tests.examples.small_alignment import LENGTH, LOCI, OTHER_TREE, TREE, write_alignment
from tests.examples.test_finetune import REPOSITORY, run, start

EVALUATE = str(REPOSITORY / "examples" / "evaluate_phylogpn.py")
ZERO_SHOT = str(REPOSITORY / "examples" / "zero_shot_variants.py")
HELD_OUT, VALIDATION = LOCI[6:], LOCI[4:6]


def save_model(folder, tree=TREE, reference="Homo"):
    torch.manual_seed(0)
    config = PhyloGPNConfig(
        outer_dim=8, inner_dim=4, num_stacks=1, phylogeny=tree, reference_leaf=reference
    )
    PhyloGPNForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Data, model and results of one evaluation."""
    folder = tmp_path_factory.mktemp("evaluation")
    data = write_alignment(folder / "alignment")
    model = save_model(folder / "model")
    named = {"dataset_name": str(data), "held_out": list(HELD_OUT), "validation": list(VALIDATION)}
    (model / "all_results.json").write_text(json.dumps({"data_arguments": named}))
    options = ["--codons", "--strands", "one", "both", "--num_resamples", "50"]
    run(EVALUATE, "--model", model, "--output_dir", folder / "results", *options)
    return data, model, folder / "results"


@pytest.mark.slow
def test_the_report_has_the_model_and_every_baseline(evaluated):
    data, folder, results = evaluated
    report = json.loads((results / "likelihood.json").read_text())
    first, *others = report["rates"]
    assert first["rates"] == "PhyloGPN"
    names = {row["rates"] for row in others}
    assert {"one vector", "3-mer", "5-mer, both strands", "codon position x 5-mer"} <= names
    assert len(others) == 10
    for row in others:
        difference = first["log_likelihood"]["value"] - row["log_likelihood"]["value"]
        assert row["lead"]["value"] == pytest.approx(difference)
        assert row["lead"]["low"] <= row["lead"]["value"] <= row["lead"]["high"]
    assert report["sites"] == {"train": 4 * LENGTH, "validation": 2 * LENGTH, "test": 2 * LENGTH}
    assert report["num_blocks"] == 2
    assert list(report["blocks"]) == list(HELD_OUT)
    assert report["training"]["data_arguments"]["held_out"] == list(HELD_OUT)
    assert "examples/evaluate_phylogpn.py" in report["command"]

    model = PhyloGPNForMaskedLM.from_pretrained(folder)
    splits = load_alignment(str(data), held_out=HELD_OUT, flank=model.config.flank).splits
    values = model_log_likelihoods(model, splits["test"], window=37)
    assert first["log_likelihood"]["value"] == pytest.approx(values.mean(), abs=1e-5)
    assert (results / "likelihood.md").read_text().count("\n") == 2 + len(report["rates"])

    fitted = load_context_rates(results / "context_rates.safetensors")
    assert {name: rates.prior_std for name, rates in fitted.items()} == report["prior_stds"]
    # A base after C or G never changes, which a 3-mer shows and a base does not.
    scores = {row["rates"]: row["log_likelihood"]["value"] for row in others}
    assert scores["3-mer"] > scores["base"] + 0.1


@pytest.mark.slow
def test_another_tree_is_an_error(evaluated, tmp_path):
    data, _, _ = evaluated
    model = save_model(tmp_path / "model", OTHER_TREE)
    options = ["--held_out", LOCI[0], "--validation", LOCI[1], "--output_dir", tmp_path / "out"]
    status, printed = start(EVALUATE, "--model", model, "--dataset_name", data, *options)
    assert status == 1
    assert "was trained with another tree" in printed


@pytest.mark.slow
@pytest.mark.slow
def test_another_reference_is_an_error(evaluated, tmp_path):
    data, _, _ = evaluated
    model = save_model(tmp_path / "model", reference="Pan")
    options = ["--dataset_name", data, "--held_out", *HELD_OUT, "--validation", *VALIDATION]
    status, printed = start(EVALUATE, "--model", model, "--output_dir", tmp_path / "out", *options)
    assert status == 1
    assert "trained on the sequence of Pan, but the rows of" in printed
    assert "are that of Homo" in printed


def test_data_have_to_be_named_where_the_model_does_not(tmp_path):
    model = save_model(tmp_path / "model")
    status, printed = start(EVALUATE, "--model", model, "--output_dir", tmp_path / "out")
    assert status == 2
    assert "give --dataset_name: the model's all_results.json does not say it" in printed


@pytest.fixture
def brca1(tmp_path):
    """A table of every substitution of a small region, with its FASTA."""
    pytest.importorskip("pysam")
    generator = random.Random(0)
    sequence = "".join(generator.choices("ACGT", k=60))
    (tmp_path / "region.fa").write_text(f">chr17 a region\n{sequence}\n")
    columns = "index0,ref,alt,transcript_variant,consequence,function_score,func_class"
    lines = [f"{columns},phylop_mammalian,cadd"]
    for index, ref in enumerate(sequence):
        for alt in sorted(set("ACGT") - {ref}):
            score = generator.gauss(0, 1)
            kind = "FUNC" if score > -0.3 else "LOF" if score < -0.6 else "INT"
            change = f"c.{60 - index}{'TGCA'['ACGT'.index(ref)]}>{'TGCA'['ACGT'.index(alt)]}"
            lines.append(f"{index},{ref},{alt},{change},Missense,{score},{kind},{index},{-score}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return ["brca1", "--table", tmp_path / "table.csv", "--fasta", tmp_path / "region.fa"]


@pytest.mark.slow
def test_variants_are_scored_beside_the_scores_of_the_table(evaluated, brca1, tmp_path):
    _, model, results = evaluated
    options = ["--context_rates", results / "context_rates.safetensors", "--num_resamples", "20"]
    run(ZERO_SHOT, *brca1, "--model", f"ours={model}", "--output_dir", tmp_path / "out", *options)
    report = json.loads((tmp_path / "out" / "brca1.json").read_text())
    rows = {(row["kind"], row["score"]): row for row in report["scores"]}
    cadd = rows["all", "CADD"]
    assert cadd["variants"] == 180
    assert cadd["auroc"]["value"] == 1.0  # the table's CADD is minus the function score
    assert cadd["spearman"]["value"] == pytest.approx(1.0)
    for score in ("ours: log-likelihood ratio", "ours: site rate", "phyloP (mammals)", "5-mer"):
        assert ("all", score) in rows
        assert rows["all", score]["auroc"]["low"] <= rows["all", score]["auroc"]["high"]
    assert ("Missense", "codon position x 3-mer") in rows

    table = pq.read_table(tmp_path / "out" / "brca1.parquet").to_pydict()
    assert len(table["index0"]) == 180
    network = PhyloGPNForMaskedLM.from_pretrained(model)
    network.config.token_padding = "same"
    region = (tmp_path / "region.fa").read_text().splitlines()[1]
    states = torch.tensor([["ACGT".index(base) for base in region]])
    with torch.no_grad():
        rates = network(states).logits[0]
    for row in (0, 90, 179):
        at, ref, alt = (table[name][row] for name in ("index0", "ref", "alt"))
        expected = rates[at, "ACGT".index(ref)] - rates[at, "ACGT".index(alt)]
        assert table["ours: log-likelihood ratio"][row] == pytest.approx(float(expected), abs=1e-4)
