"""The example draws what the command has scored."""

import runpy
import sys
from pathlib import Path

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM, score_variants

EXAMPLE = Path(__file__).parents[2] / "examples" / "plot_region.py"


def test_scored_region_becomes_a_figure(tmp_path, monkeypatch, capsys):
    (tmp_path / "ref.fa").write_text(f">chr1\n{'ACGTTGCAAC' * 30}\n")
    sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1}
    model = PhyloGPNForMaskedLM(PhyloGPNConfig(**sizes)).eval()
    scores = tmp_path / "region.parquet"
    score_variants(model, tmp_path / "ref.fa", region="chr1:101-150", output=scores)
    figure = tmp_path / "figure.svg"
    arguments = ["--scores", scores, "--output", figure, "--start", 111, "--end", 130]
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, arguments)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "20 bases of chr1" in capsys.readouterr().out
    assert "<svg" in figure.read_text()
