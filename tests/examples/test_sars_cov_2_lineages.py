"""The script on made-up genomes that carry the published mutations, with a tiny quantizer."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from examples import sars_cov_2_lineages
from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.evaluation.lineage_mutations import CONSENSUS_OF, spike_mutations, translate

LENGTH = 25_200
VARIANTS = {"Alpha": ["B.1.1.7", "Q.7"], "Delta": ["AY.4", "AY.3"], "Omicron": ["BA.1", "XBB"]}


def made_up_reference() -> str:
    """Random bases, and at every published mutation a codon that fits it."""
    generator = np.random.default_rng(0)
    bases = list(np.array(list("ACGT"))[generator.integers(0, 4, LENGTH)])
    by_codon: dict[int, list] = {}
    for mutation in itertools.chain(*spike_mutations().values()):
        by_codon.setdefault(mutation.codon_start, []).append(mutation)
    for start, mutations in by_codon.items():
        codons = map("".join, itertools.product("ACGT", repeat=3))
        bases[start : start + 3] = next(
            codon for codon in codons if all(fits(codon, mutation) for mutation in mutations)
        )
    return "".join(bases)


def fits(codon: str, mutation) -> bool:
    changed = list(codon)
    for position, old, new in mutation.substitutions:
        place = position - 1 - mutation.codon_start
        if codon[place] != old:
            return False
        changed[place] = new
    ends = mutation.name[0] + mutation.name[-1]
    return translate(codon) + translate("".join(changed)) == ends


def mutated(reference: str, variant: str) -> str:
    bases = list(reference)
    for mutation in spike_mutations()[variant]:
        for position, _, new in mutation.substitutions:
            bases[position - 1] = new
    return "".join(bases)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Five genomes of each of six lineages, some of none, and all else that the script reads."""
    folder = tmp_path_factory.mktemp("sars_cov_2")
    generator = np.random.default_rng(1)
    reference = made_up_reference()
    (folder / "reference.fa").write_text(f">reference\n{reference}\n")
    consensus = {CONSENSUS_OF[variant]: mutated(reference, variant) for variant in VARIANTS}
    fasta = [f">{lineage}\n{sequence}\n" for lineage, sequence in consensus.items()]
    (folder / "consensus.fa").write_text("".join(fasta))
    lineages = [
        (variant, lineage, mutated(reference, variant))
        for variant, of_variant in VARIANTS.items()
        for lineage in of_variant
    ]
    lineages += [("none", "B.1", reference), ("recombinant", "XA", reference)]
    records, rows = [], ["name,nearest_who,nearest_pango,jaccard"]
    for variant, lineage, sequence in lineages:
        for number in range(5):
            bases = list(sequence)
            for place in generator.integers(0, 20_000, 5):
                bases[place] = "N"
            records.append(f">{lineage}/{number}\n{''.join(bases[number:])}\n")
            rows.append(f"{lineage}/{number},{variant},{lineage},{0.9 if number else 0.3}")
    (folder / "genomes.fa").write_text("".join(records))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    torch.manual_seed(0)
    sizes = {"stem_dim": 8, "hidden_size": 16, "num_layers": 2, "kmeans_warmup_steps": 0}
    model = VQDNAQuantizerModel(VQDNAQuantizerConfig(codebook_sizes=[16, 32], **sizes)).train()
    for _ in range(2):
        model(torch.randint(0, 4, (4, 300)))
    model.save_pretrained(folder / "quantizer")
    return folder


def run(files: Path, monkeypatch, *options: str) -> dict:
    command = ["sars_cov_2_lineages.py", "--models", f"tiny={files / 'quantizer'}"]
    command += ["--genomes", str(files / "genomes.fa"), "--labels", str(files / "labels.csv")]
    command += ["--output_dir", str(files / "results"), *options]
    monkeypatch.setattr(sys, "argv", command)
    sars_cov_2_lineages.main()
    return json.loads((files / "results/sars_cov_2.json").read_text())


@pytest.mark.slow
def test_lineages_and_mutations_of_made_up_genomes(files, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra `plots`")
    sequences = ["--consensus", str(files / "consensus.fa")]
    sequences += ["--reference", str(files / "reference.fa")]
    results = run(files, monkeypatch, *sequences)
    assert results["genomes"] == dict.fromkeys([*VARIANTS, "none", "recombinant"], 8) | {
        "none": 4,
        "recombinant": 4,
    }
    scores = results["embeddings"]
    assert scores["6-mer frequencies"]["lead"] is None
    assert scores["12-mers, present or not"]["macro_f1"]["value"] == 1
    expected = {"tiny: e_1", "tiny: e_2", "tiny: Z_hat", "untrained: Z_hat"}
    assert expected <= scores.keys()
    rows = {(row["lineage"], row["mutation"]): row for row in results["mutations"]["tiny"]}
    assert len(rows) == 7 + 6 + 28
    for (variant, _), row in rows.items():
        assert row["substituted"]["in_lineage"] == 1
        assert row["same_context"]["in_lineage"] == 1
        for level in ("coarse", "fine"):
            if row[level]["marker"]:
                assert row[level]["marker"]["in_lineage"] == 1, variant
    # D614G is in all three variants and not in the genomes without a name.
    assert rows["Alpha", "D614G"]["substituted"]["elsewhere"] == pytest.approx(16 / 20)
    written = (files / "results/sars_cov_2.md").read_text()
    assert written in capsys.readouterr().out
    assert "| Omicron | S371L | T22673C C22674T |" in written
    assert (files / "results/sars_cov_2.png").read_bytes().startswith(b"\x89PNG")


def test_consensus_without_reference_is_refused(files, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(files, monkeypatch, "--consensus", str(files / "consensus.fa"))
    assert "--consensus and --reference go together" in capsys.readouterr().err


def test_models_are_named_by_their_folders():
    arguments = ["a=runs/one", "runs/two/", "b=user/name"]
    expected = {"a": "runs/one", "two": "runs/two/", "b": "user/name"}
    assert sars_cov_2_lineages.models_of(arguments) == expected
