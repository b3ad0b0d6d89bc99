"""Scoring of variants: rows per second and memory around the model, and what shared chunks save.

Run it with `python benches/bench_variant_scores.py`; it writes benches/results/variant_scores.json.

- "pipeline": VCF in, VCF out, with a scorer that costs nothing, so what is timed is reading, the
  look at the reference, and writing. Memory is the peak of a process of its own.
- "plan": positions that a PhyloGPN of the published depth (flank 240) computes for SNVs at several
  densities, one window per SNV against shared chunks; counted, not timed.
- "forward": the same on a network of that depth and a quarter of its width, timed.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

THREADS = 1
os.environ |= {"OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS)}

import time  # noqa: E402  (the environment above comes first)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from measure import compare, ratio, summary, write_result  # noqa: E402

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM  # noqa: E402
from hf_genomics.data.indexed_genome import IndexedGenome  # noqa: E402
from hf_genomics.evaluation.variant_effects.alleles import Substitutions  # noqa: E402
from hf_genomics.evaluation.variant_effects.log_rate_scorer import LogRateScorer  # noqa: E402

CONTIG_LENGTH = 2_000_000
ROWS = (25_000, 200_000)
DENSITIES = {"every base": 1, "1 in 10": 10, "1 in 100": 100, "1 in 1000": 1000}  # bases per SNV
PLANNED, TIMED = 1500, 32  # SNVs

PIPELINE = """
import resource, sys, time
import numpy as np
from hf_genomics import score_variants

class Free:
    columns = {"llr": "always zero"}
    context = (240, 240)
    precision = np.dtype(np.float32)
    identity = {"name": "free"}
    def __call__(self, substitutions, genome):
        return np.zeros((len(substitutions), 1))

fasta, source, output = sys.argv[1:]
began = time.process_time()
summary = score_variants(Free(), fasta, source, output=output)
seconds = time.process_time() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, summary.counts["ok"])
"""


def write_genome(folder: Path) -> tuple[Path, str]:
    """One random contig, 60 bases a line."""
    sequence = "".join(np.random.default_rng(0).choice(list("ACGT"), CONTIG_LENGTH))
    path = folder / "ref.fa"
    lines = [sequence[i : i + 60] for i in range(0, CONTIG_LENGTH, 60)]
    path.write_text(">chr1\n" + "\n".join(lines) + "\n")
    return path, sequence


def write_variants(path: Path, sequence: str, number: int) -> None:
    """Random SNVs in the order of the contig."""
    generator = np.random.default_rng(1)
    sites = np.sort(generator.choice(np.arange(300, CONTIG_LENGTH - 300), number, replace=False))
    following = dict(zip("ACGT", "CGTA", strict=True))
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for site in sites:
            ref = sequence[site]
            file.write(f"chr1\t{site + 1}\trs{site}\t{ref}\t{following[ref]}\t50\tPASS\tAF=0.01\n")


def pipeline(folder: Path, fasta: Path, sequence: str) -> dict[str, Any]:
    """Rows per second of one processor, and peak memory, for a file and one eight times as long."""
    result = {}
    for rows in ROWS:
        source = folder / f"{rows}.vcf.gz"
        write_variants(source, sequence, rows)
        arguments = [fasta, source, folder / f"{rows}.out.vcf.gz"]
        command = [sys.executable, "-c", PIPELINE, *map(str, arguments)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, mebibytes, scored = map(float, printed.split())
        assert scored == rows
        speed = {"rows_per_second": rows / seconds, "peak_mebibytes": mebibytes}
        result[f"{rows} rows"] = speed
    return result


def substitutions_at(spacing: int, number: int, sequence: str) -> Substitutions:
    """SNVs at random sites with a mean distance of `spacing`."""
    generator = np.random.default_rng(2)
    inside = np.arange(1000, 1000 + number * spacing)
    sites = np.sort(generator.choice(inside, number, replace=False)).astype(np.int64)
    reference = np.array(["ACGT".index(sequence[site]) for site in sites], np.uint8)
    alternative = ((reference + 1) % 4).astype(np.uint8)
    return Substitutions(
        ("chr1",), np.zeros(number, np.int64), sites, reference, alternative, np.arange(number)
    )


def model_of_published_depth() -> PhyloGPNForMaskedLM:
    torch.manual_seed(0)
    return PhyloGPNForMaskedLM(PhyloGPNConfig(outer_dim=240, inner_dim=120)).eval()


def main() -> None:
    torch.set_num_threads(THREADS)
    model = model_of_published_depth()
    shared, alone = LogRateScorer(model), LogRateScorer(model, share=False)
    plan: dict[str, Any] = {}
    forward: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fasta, sequence = write_genome(folder)
        around = pipeline(folder, fasta, sequence)
        for density, spacing in DENSITIES.items():
            some = substitutions_at(spacing, PLANNED, sequence)
            chunks = shared.chunks(some)
            cost, lone = shared.cost(chunks), alone.cost(alone.chunks(some))
            plan[density] = {"chunks": len(chunks), "positions": cost, "saved": lone / cost}
        with IndexedGenome(fasta) as genome:
            for density in ("1 in 10", "1 in 100", "1 in 1000"):
                some = substitutions_at(DENSITIES[density], TIMED, sequence)
                candidates = {
                    "shared": lambda some=some: shared(some, genome),
                    "alone": lambda some=some: alone(some, genome),
                }
                times = compare(candidates, rounds=7, warm_up=1, clock=time.process_time)
                forward[density] = summary(times) | {"saved": ratio(times, "alone", "shared")}
    result = {
        "method": "processor time of one thread; forward: median of 7 interleaved rounds",
        "pipeline": around,
        "plan": plan,
        "forward": forward,
    }
    print(json.dumps(result, indent=2))
    print(write_result("variant_scores", result, threads=THREADS))


if __name__ == "__main__":
    main()
