"""A small genome, a small model, and files of variants on them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.data.indexed_genome import IndexedGenome

BASES = "ACGT"
VCF_HEADER = (
    "##fileformat=VCFv4.2",
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">',
    "##contig=<ID=chr1,length=3000>",
    "##contig=<ID=chr2,length=200>",
    "##contig=<ID=chr9>",
)


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    """chr1 has a run of N at 1000 to 1019 and is lower case from 1500 to 1999 (0-based)."""
    generator = np.random.default_rng(7)
    one = "".join(generator.choice(list(BASES), 3000))
    one = one[:1000] + 20 * "N" + one[1020:1500] + one[1500:2000].lower() + one[2000:]
    return {"chr1": one, "chr2": "".join(generator.choice(list(BASES), 200))}


@pytest.fixture(scope="session")
def fasta(sequences: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fasta(tmp_path_factory.mktemp("reference") / "ref.fa", sequences)


@pytest.fixture
def genome(fasta: Path):
    with IndexedGenome(fasta) as opened:
        yield opened


@pytest.fixture(scope="session")
def model() -> PhyloGPNForMaskedLM:
    """PhyloGPN in float64 with a flank of 12 on each side."""
    return tiny_phylogpn().double()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in float32, saved."""
    folder = tmp_path_factory.mktemp("model")
    tiny_phylogpn().save_pretrained(folder)
    return folder


def tiny_phylogpn(**options: object) -> PhyloGPNForMaskedLM:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = {"outer_dim": 8, "inner_dim": 4, "stack_size": 2, "num_stacks": 1}
        return PhyloGPNForMaskedLM(PhyloGPNConfig(**sizes | options)).eval()


def write_fasta(path: Path, sequences: dict[str, str], width: int = 60) -> Path:
    lines = []
    for name, sequence in sequences.items():
        lines.append(f">{name} of the tests")
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_vcf(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Rows are chrom, pos, ref, alt, or whole lines of eight and more columns."""
    whole = [
        (row[0], row[1], ".", row[2], row[3], ".", ".", ".") if len(row) == 4 else row
        for row in rows
    ]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    if whole and len(whole[0]) > 8:
        columns += "\tFORMAT\tsample"
    lines = [*VCF_HEADER, columns, *("\t".join(map(str, row)) for row in whole)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def snvs(sequences: dict[str, str]) -> Callable[..., list[tuple[str, int, str, str]]]:
    """Makes random SNVs on chr1 that agree with the reference, 1-based, in random order."""

    def make(number: int, seed: int = 0) -> list[tuple[str, int, str, str]]:
        generator = np.random.default_rng(seed)
        rows = []
        while len(rows) < number:
            site = int(generator.integers(20, 2900))
            ref = sequences["chr1"][site].upper()
            if ref in BASES:
                alt = BASES[(BASES.index(ref) + int(generator.integers(1, 4))) % 4]
                rows.append(("chr1", site + 1, ref, alt))
        return rows

    return make
