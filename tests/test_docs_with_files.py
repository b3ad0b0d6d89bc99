"""The examples of pages that speak of files run, once there are such files."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
)
from hf_genomics.cli import app

ROOT = Path(__file__).parents[1]


def examples(page: str) -> list[Callable[[dict], None]]:
    """The blocks of Python of a page, each a function of the names that it finds and leaves."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    return [lambda names, code=code: exec(compile(code, page, "exec"), names) for code in blocks]


def run_command_of(page: str, beginning: str) -> None:
    text = (ROOT / page).read_text().replace("\\\n", "")
    (command, *_) = re.findall(rf"^{re.escape(beginning)}.*$", text, re.M)
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output


@pytest.mark.filterwarnings("ignore")  # what Transformers deprecates, peft still reads
def test_examples_of_the_hyperbolic_cnn_run(tmp_path, monkeypatch):
    pytest.importorskip("peft", reason="peft is in the extra `peft`")
    monkeypatch.chdir(tmp_path)
    stronger, use, convert, lora, pipelines = examples("docs/hyperbolic_cnn.md")
    names: dict = {}
    stronger(names)
    network = HyperbolicCNNForSequenceClassification(names["config"])
    assert network(torch.tensor([[0, 1, 2, 3]])).logits.shape == (1, 2)
    use(names)
    names["model"].save_pretrained("path/to/saved")
    names["tokenizer"].save_pretrained("path/to/saved")
    names["base_model"] = names["model"].base_model
    pipelines(names)

    torch.save(official_checkpoint(max_length=70), "official.pt")
    convert(names)
    assert names["model"].config.id2label == {0: "other", 1: "promoter"}
    lora(names)
    assert any("lora" in name for name, _ in names["model"].named_parameters())


def official_checkpoint(max_length: int) -> dict[str, torch.Tensor]:
    """The recorded official network, its flatten layer widened with zeros to `max_length`."""
    golden = load_file(ROOT / "tests" / "golden" / "hge_single.safetensors")
    facts = json.loads((ROOT / "tests" / "golden" / "hge_single.json").read_text())
    state = {k.removeprefix("state."): t for k, t in golden.items() if k.startswith("state.")}
    more = (max_length - facts["max_length"]) * (facts["channels"] - 1)
    weight = state["fc_layer.weight.weight"]
    state["fc_layer.weight.weight"] = torch.nn.functional.pad(weight, (0, more))
    return state


def test_a_saved_classifier_is_used_as_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = HyperbolicCNNConfig(num_channels=8, embedding_dim=16, max_length=70, num_labels=2)
    HyperbolicCNNForSequenceClassification(config).save_pretrained("runs/tata")
    DNATokenizer().save_pretrained("runs/tata")
    _, use = examples("README.md")
    names: dict = {}
    use(names)
    (answer,) = names["classify"]("ACGT")
    assert answer["label"] in ("LABEL_0", "LABEL_1")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of pyparsing, inside matplotlib
def test_examples_of_variant_scores_run(tmp_path, monkeypatch):
    pysam = pytest.importorskip("pysam", reason="pysam is in the extra `variants`")
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra `plots`")
    monkeypatch.chdir(tmp_path)
    Path("hg38.fa").write_text(f">chr17\n{'N' * 43_063_800}{'ACGTTGCA' * 40}\n")
    pysam.tabix_compress("hg38.fa", "hg38.fa.gz")
    variants = pd.DataFrame({"chrom": ["chr17"], "pos": [43_063_801], "ref": ["A"], "alt": ["G"]})
    Path("in.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr17>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr17\t43063801\t.\tA\tG\t.\t.\t.\n"
    )
    pysam.tabix_compress("in.vcf", "in.vcf.gz")
    model = PhyloGPNForMaskedLM(
        PhyloGPNConfig(outer_dim=8, inner_dim=4, stack_size=2, num_stacks=1)
    ).eval()
    for folder in ("path/to/model", "M"):
        model.save_pretrained(folder)
        DNATokenizer().save_pretrained(folder)

    score, draw = examples("docs/variant_scores.md")
    names = {"variants": variants, "model": model}
    score(names)
    assert names["frame"].attrs["counts"] == {"ok": 1}
    assert Path("out.vcf.gz").is_file()
    beginning = "hf-genomics score-variants --model M --fasta hg38.fa.gz --region chr17:"
    run_command_of("docs/variant_scores.md", beginning)
    draw(names)
    assert Path("exon.png").is_file()


def test_examples_of_benchmarks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("GUE/prom/prom_core_tata")
    folder.mkdir(parents=True)
    for split, sequence in (("train", "ACGT"), ("dev", "GGGA"), ("test", "GATT")):
        rows = f"sequence,label\n{sequence}ACGT,1\n{sequence}TTTT,0\n"
        (folder / f"{split}.csv").write_text(rows)
    run_command_of("docs/benchmarks.md", "hf-genomics build-dataset gue --source GUE --output gue")
    (load,) = examples("docs/benchmarks.md")
    names: dict = {}
    load(names)
    assert names["rows"]["train"].features["label"].names == ["not_promoter", "promoter"]
