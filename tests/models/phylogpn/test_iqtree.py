"""Per-site log-likelihoods equal those of IQ-TREE 2 to the six digits that it prints.

IQ-TREE normalises Q to one expected substitution per unit of branch length, so the log rates that
mean the same are `log pi - log(expected rate of the unnormalised Q)`.

The stored numbers were made on a Debian 12 machine (iqtree 2.0.7+dfsg-1) by
`HF_GENOMICS_WRITE_IQTREE=1 python -m pytest tests/models/phylogpn/test_iqtree.py`.
"""

import csv
import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from hf_genomics import Phylogeny
from hf_genomics.models.phylogpn.phylogenetic_likelihood import log_likelihood
from hf_genomics.models.phylogpn.substitution_models import F81, HKY85, JC69

PROGRAM = shutil.which("iqtree2") or shutil.which("iqtree")
STORED = Path(__file__).parents[2] / "golden" / "iqtree_brca1.json"
EVERY = 40  # which of the columns are stored: 0, 40, 80, ...
LOCUS = "BRCA1"
PI = [0.32, 0.18, 0.21, 0.29]
KAPPA = 3.7
MODELS = {
    f"F81+F{{{','.join(map(str, PI))}}}": (F81(), PI),
    f"HKY{{{KAPPA}}}+F{{{','.join(map(str, PI))}}}": (HKY85(KAPPA), PI),
    "JC": (JC69(), [0.25] * 4),
}
ARGUMENTS = "-s alignment.fa -te tree.nh -blfix -m MODEL -wsl -nt 1 --keep-ident -pre out -redo"
STATES = {"A": 0, "C": 1, "G": 2, "T": 3}


def normalised_log_rates(model, pi):
    """(4,) log rates with which the model makes one substitution per unit of branch length."""
    pi = torch.tensor(pi, dtype=torch.float64)
    to_base = (pi.log()).expand(4, 4)
    rates = to_base.exp()
    if isinstance(model, HKY85):
        kappas = torch.ones(4, 4, dtype=torch.float64)
        for old, new in ((0, 2), (2, 0), (1, 3), (3, 1)):
            kappas[old, new] = model.kappa
        rates = rates * kappas
    expected_rate = (pi[:, None] * rates * (1 - torch.eye(4))).sum()
    return pi.log() - expected_rate.log()


def ours(tree, rows, name):
    """(columns,) log-likelihoods of aligned rows, one string per leaf of the tree."""
    model, pi = MODELS[name]
    columns = torch.tensor([[STATES.get(base, 4) for base in row] for row in rows]).T
    log_rates = normalised_log_rates(model, pi).expand(len(columns), 4)
    return log_likelihood(log_rates, columns, tree, substitution_model=model).tolist()


def by_iqtree(folder, tree, rows, name):
    """What IQ-TREE prints for each column, as text."""
    records = [f">{leaf}\n{row}\n" for leaf, row in zip(tree.leaf_names, rows, strict=True)]
    (folder / "alignment.fa").write_text("".join(records), "utf-8")
    (folder / "tree.nh").write_text(tree.to_newick(), "utf-8")
    arguments = [name if word == "MODEL" else word for word in ARGUMENTS.split()]
    subprocess.run([PROGRAM, *arguments], cwd=folder, check=True, capture_output=True, timeout=300)
    _, line = (folder / "out.sitelh").read_text("utf-8").splitlines()
    return line.split()[1:]


def assert_equal_as_printed(values, printed):
    """Half a unit of the last digit printed, and a hundredth for the program's own rounding."""
    assert len(values) == len(printed)
    wrong = []
    for column, (value, text) in enumerate(zip(values, printed, strict=True)):
        digits = len(text.partition(".")[2])
        if abs(value - float(text)) > 0.51 * 10.0**-digits:
            wrong.append((column, value, text))
    assert not wrong


@pytest.fixture(scope="module")
def locus(real_data_folder):
    """A tree of the species of a locus, and its rows; all but A, C, G, T and gaps are N."""
    folder = real_data_folder / "alignments" / "relec_mammal_exons"
    with open(folder / "species_map.csv", encoding="utf-8", newline="") as file:
        leaves = {row["relec_name"]: row["leaf_in_447_tree"] for row in csv.DictReader(file)}
    rows = {}
    with gzip.open(folder / "relec_171_loci.aligned.fasta.gz", "rt", encoding="ascii") as file:
        for record in file.read().split(">")[1:]:
            header, *lines = record.splitlines()
            name, _, species = header.partition("|")
            if name == LOCUS and leaves[species]:
                row = "".join(lines)
                rows[leaves[species]] = "".join(b if b in "ACGT-" else "N" for b in row)
    tree = Phylogeny.from_newick(real_data_folder / "trees" / "447-mammalian-2022v1.nh")
    tree = tree.restrict_to(rows)
    return tree, [rows[leaf] for leaf in tree.leaf_names]


@pytest.mark.real_data
@pytest.mark.skipif(PROGRAM is None, reason="iqtree is not installed (Debian: apt install iqtree)")
@pytest.mark.parametrize("name", MODELS)
def test_every_column_of_brca1(name, locus, tmp_path):
    tree, rows = locus
    printed = by_iqtree(tmp_path, tree, rows, name)
    assert_equal_as_printed(ours(tree, rows, name), printed)
    if os.environ.get("HF_GENOMICS_WRITE_IQTREE"):
        stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
        stored |= {"locus": LOCUS, "every": EVERY, "command": f"iqtree2 {ARGUMENTS}"}
        stored[name] = printed[::EVERY]
        STORED.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


@pytest.mark.real_data
@pytest.mark.parametrize("name", MODELS)
def test_columns_of_brca1_against_stored_numbers(name, locus):
    tree, rows = locus
    printed = json.loads(STORED.read_text("utf-8"))[name]
    assert_equal_as_printed(ours(tree, [row[::EVERY] for row in rows], name), printed)


@pytest.mark.skipif(PROGRAM is None, reason="iqtree is not installed (Debian: apt install iqtree)")
@pytest.mark.parametrize("name", MODELS)
def test_random_columns(name, tmp_path):
    tree = Phylogeny.from_newick(
        "((A:0.1,B:0.23):0.05,(C:0.3,(D:0.02,E:1.5):0.4):0.7,(F:0.2,G:0.15):0.01);"
    )
    bases = torch.randint(0, 6, (7, 200)).tolist()
    rows = ["".join("ACGTN-"[base] for base in row) for row in bases]
    assert_equal_as_printed(ours(tree, rows, name), by_iqtree(tmp_path, tree, rows, name))
