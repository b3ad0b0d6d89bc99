"""A small alignment whose columns depend on the sequence, as the folder that training reads."""

from pathlib import Path

import numpy as np

from hf_genomics.data.alignment_datasets import build_alignment
from hf_genomics.models.phylogpn.phylogeny import Phylogeny

TREE = "((Homo:0.2,Pan:0.2):0.1,(Mus:0.4,Rattus:0.3):0.2,Bos:0.6);"
OTHER_TREE = "((Homo:0.1,Pan:0.3):0.1,Mus:0.5);"
LOCI = tuple(f"locus{number}" for number in range(8))
LENGTH = 160


def write_alignment(folder: Path, tree: str = TREE, seed: int = 0) -> Path:
    """Eight loci; a base after a C or G never changes, the others do so with the tree's lengths.

    The species are leaves of a star here, each as far from the reference as in the tree.
    """
    phylogeny = Phylogeny.from_newick(tree)
    lengths = dict(zip(phylogeny.leaf_names, phylogeny.branch_lengths.tolist(), strict=False))
    generator = np.random.default_rng(seed)
    lines = []
    for locus in LOCI:
        reference = generator.integers(4, size=LENGTH)
        fixed = np.isin(np.roll(reference, 1), (1, 2))
        for leaf, length in lengths.items():
            changes = ~fixed & (generator.random(LENGTH) < 1 - np.exp(-2 * length))
            row = np.where(changes, generator.integers(4, size=LENGTH), reference)
            row = reference if leaf == "Homo" else row
            gaps = (generator.random(LENGTH) < 0.1) & (leaf != "Homo")
            text = np.where(gaps, "-", np.array(list("ACGT"))[row])
            lines += [f">{locus}|{leaf}", "".join(text)]
    fasta = folder.with_suffix(".fasta")
    fasta.write_text("\n".join(lines) + "\n")
    build_alignment([fasta], folder, tree=phylogeny, reference="Homo")
    return folder
