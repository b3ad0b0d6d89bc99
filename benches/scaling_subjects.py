"""What `bench_scaling.py` measures: calls of a given size, by length and by batch."""

import functools
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_phylogenetic_likelihood import loss_step
from bench_variant_scores import write_genome, write_variants
from torch import nn
from transformers import AutoTokenizer

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNModel,
    VQDNAConfig,
    VQDNAModel,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
    score_variants,
)

Call = Callable[[], object]
Make = Callable[[int], Call]

LENGTHS = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
BATCHES = (1, 4, 16, 64, 256)
LEAVES = 58
# Networks whose long inputs one thread can take; that of PhyloGPN keeps its depth.
SMALL_PHYLOGPN = {"outer_dim": 48, "inner_dim": 24}
SMALL_QUANTIZER: dict[str, Any] = {"stem_dim": 32, "hidden_size": 32, "codebook_sizes": [64, 128]}
SMALL_LANGUAGE_MODEL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
}


@dataclass(frozen=True)
class Subject:
    """A kind of work at several sizes, ours first, and what is measured beside it.

    Attributes:
        name: what is done.
        by: `"length"` of one sequence or `"batch"` of sequences of one length.
        sizes: lengths, or numbers of sequences, in ascending order.
        makes: name -> from a size the call that does work of it.
        unit: what a size counts.
        units_each: how many bases (sites, variants) a size of 1 stands for.
    """

    name: str
    by: str
    sizes: tuple[int, ...]
    makes: Mapping[str, Make]
    unit: str = "bases"
    units_each: int = 1

    def at_first(self, count: int | None) -> "Subject":
        """With so many of its sizes, the smallest ones; with all for None."""
        return replace(self, sizes=self.sizes[:count])


def subjects(folder: Path) -> list[Subject]:
    """All of them, in the order of the tables.

    Args:
        folder: where genomes and variants may be written.
    """
    length = functools.partial(Subject, by="length", sizes=LENGTHS)
    tokenizers = {"ours": encode_ours, "generic tokenizer": encode_generic}
    found = [length("tokenizer: encode", makes=tokenizers)]
    for what, training in (("forward", False), ("training step", True)):
        makes = {
            name: functools.partial(of_length, hyperbolic_cnn(geometry, training))
            for name, geometry in (("ours", "lorentz"), ("Euclidean twin", "euclidean"))
        }
        found.append(length(f"hyperbolic CNN, HCNN-S, centroid head: {what}", makes=makes))
    found += [
        length(
            "PhyloGPN, published size: forward",
            makes={"ours": functools.partial(of_length, phylogpn({}))},
        ),
        length(
            "PhyloGPN, a twentieth of the width: forward",
            makes={"ours": functools.partial(of_length, phylogpn(SMALL_PHYLOGPN))},
        ),
        length(
            "VQDNA quantizer, published size: tokenize",
            makes={"ours": functools.partial(of_length, quantizer({}))},
        ),
        length(
            "VQDNA quantizer, small: tokenize",
            makes={"ours": functools.partial(of_length, quantizer(SMALL_QUANTIZER))},
        ),
        length(
            "VQDNA language model, small: forward",
            makes={"ours": functools.partial(of_length, language_model)},
        ),
        length(
            f"F81 likelihood and gradient, {LEAVES} leaves, sites",
            makes={"ours": lambda sites: loss_step(LEAVES, sites, "cpu")},
            unit="sites",
        ),
        length(
            "variant scoring around the model, variants",
            makes={"ours": functools.partial(score, folder)},
            unit="variants",
        ),
    ]
    return found + [in_batches(subject) for subject in found if subject.name in IN_BATCHES]


# Subjects that are also measured in batches, by the bases of each sequence.
IN_BATCHES = {
    "tokenizer: encode": 1_000,
    "hyperbolic CNN, HCNN-S, centroid head: forward": 500,
    "hyperbolic CNN, HCNN-S, centroid head: training step": 500,
    "PhyloGPN, a twentieth of the width: forward": 200,
    "VQDNA quantizer, small: tokenize": 500,
    "VQDNA language model, small: forward": 500,
}


def in_batches(subject: Subject) -> Subject:
    """The same work on batches of sequences of one length."""
    length = IN_BATCHES[subject.name]

    def batched(make: Callable[..., Call]) -> Make:
        return lambda batch_size: make(length, batch_size=batch_size)

    makes = {name: batched(make) for name, make in subject.makes.items()}
    name = f"{subject.name}, {length:,} bases each"
    return Subject(name, "batch", BATCHES, makes, units_each=length)


def of_length(network: Callable[[int, int], Call], length: int, *, batch_size: int = 1) -> Call:
    """A call of a network, whose weights are the same whatever the size."""
    torch.manual_seed(0)
    return network(length, batch_size)


def bases(length: int, batch_size: int) -> torch.Tensor:
    return torch.randint(0, 4, (batch_size, length))


def without_gradients(network: nn.Module, *inputs: torch.Tensor) -> None:
    with torch.inference_mode():
        network(*inputs)


def hyperbolic_cnn(geometry: str, training: bool) -> Callable[[int, int], Call]:
    def make(length: int, batch_size: int) -> Call:
        config = HyperbolicCNNConfig(geometry=geometry, head="centroid", max_length=length)
        model = HyperbolicCNNForSequenceClassification(config)
        ids, labels = bases(length, batch_size), torch.randint(0, 2, (batch_size,))
        if not training:
            return functools.partial(without_gradients, model.eval(), ids)

        def step() -> None:
            model.zero_grad()
            model(ids, labels=labels).loss.backward()

        return step

    return make


def phylogpn(sizes: dict[str, Any]) -> Callable[[int, int], Call]:
    """Log rates of `length` bases; the network also reads their flanks."""

    def make(length: int, batch_size: int) -> Call:
        model = PhyloGPNModel(PhyloGPNConfig(**sizes)).eval()
        ids = bases(length + 2 * model.config.flank, batch_size)
        return functools.partial(without_gradients, model, ids)

    return make


def quantizer(sizes: dict[str, Any]) -> Callable[[int, int], Call]:
    """Codes, read in chunks of 4,096 bases."""

    def make(length: int, batch_size: int) -> Call:
        model = VQDNAQuantizerModel(VQDNAQuantizerConfig.preset("robust", **sizes)).eval()
        return functools.partial(model.tokenize, bases(length, batch_size), chunk_size=4_096)

    return make


def language_model(length: int, batch_size: int) -> Call:
    inside = VQDNAQuantizerConfig.preset("robust", **SMALL_QUANTIZER)
    model = VQDNAModel(VQDNAConfig(quantizer_config=inside, **SMALL_LANGUAGE_MODEL)).eval()
    return functools.partial(without_gradients, model, bases(length, batch_size))


def encode_ours(length: int, *, batch_size: int = 1) -> Call:
    return encode(DNATokenizer(), length, batch_size)


def encode_generic(length: int, *, batch_size: int = 1) -> Call:
    """The generic class, from the file that ours saves."""
    with tempfile.TemporaryDirectory() as folder:
        DNATokenizer().save_pretrained(folder)
        return encode(AutoTokenizer.from_pretrained(folder), length, batch_size)


def encode(tokenizer: Any, length: int, batch_size: int) -> Call:
    source = random.Random(0)
    texts = ["".join(source.choices("ACGT", k=length)) for _ in range(batch_size)]
    return functools.partial(tokenizer, texts, padding=True, return_tensors="np")


class Free:
    """A scorer that costs nothing."""

    columns = {"llr": "always zero"}
    context = (240, 240)
    precision = np.dtype(np.float32)
    identity = {"name": "free"}

    def __call__(self, substitutions: Any, genome: Any) -> np.ndarray:
        return np.zeros((len(substitutions), 1))


def score(folder: Path, rows: int) -> Call:
    """VCF in, VCF out."""
    fasta, sequence = write_genome(folder)
    source, output = folder / f"{rows}.vcf.gz", folder / f"{rows}.out.vcf.gz"
    write_variants(source, sequence, rows)

    def run() -> None:
        output.unlink(missing_ok=True)
        score_variants(Free(), fasta, source, output=output)

    return run
