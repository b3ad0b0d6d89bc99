"""The trainer of masked language models: what it measures does not depend on the batches."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from transformers import TrainingArguments

from hf_genomics import DNATokenizer
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
from hf_genomics.training.vqdna_language_trainer import (
    IGNORED,
    VQDNALanguageModelTrainer,
    measures_of,
    sums_of,
)
from tests.models.vqdna.tiny_language_model import tiny_model

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import kmer_transformer as control  # noqa: E402  (found by the line above)

LENGTHS = (40, 23, 61, 12)  # some end within a code


def rows():
    generator = torch.Generator().manual_seed(2)
    letters = [torch.randint(0, 4, (n,), generator=generator).tolist() for n in LENGTHS]
    sequences = ["".join("ACGT"[base] for base in row) for row in letters]
    sequences[1] = sequences[1][:9] + "NN" + sequences[1][11:]
    return [{"sequence": sequence} for sequence in sequences]


def kmer_model():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = control.KmerTransformerConfig(kmer_size=3, intermediate_size=32, **sizes)
    return control.KmerTransformerForMaskedLM(config).eval()


def test_labels_that_are_no_bases_are_not_counted():
    """A collator of Transformers hides an N, too, and labels it."""
    logits = torch.randn(2, 6, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 3, IGNORED, 1, IGNORED, IGNORED], [2, IGNORED, 1, IGNORED, 0, 3]])
    outputs = SimpleNamespace(logits=logits, code_losses=torch.tensor([1.0, 2.0]))
    others = labels.clone()
    others[labels == IGNORED] = torch.tensor([4, 5, 6, 4, 5])
    assert torch.equal(sums_of(outputs, others), sums_of(outputs, labels))


def measured(model, batch_size, collator, folder):
    arguments = TrainingArguments(
        str(folder),
        report_to="none",
        use_cpu=True,
        per_device_eval_batch_size=batch_size,
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    trainer = VQDNALanguageModelTrainer(
        model, arguments, eval_dataset=rows(), data_collator=collator
    )
    found = trainer.evaluate()
    names = ("accuracy", "nucleotide_loss", "perplexity", "code_loss")
    return {
        name: value for name, value in found.items() if name.removeprefix("eval_").startswith(names)
    }


@pytest.mark.parametrize("unit", [1, 4])
@pytest.mark.parametrize("kind", ["one nucleotide", "four nucleotides", "k-mers"])
def test_the_size_of_the_batches_does_not_matter(kind, unit, tmp_path):
    """Codes were weighted by the masked nucleotides in them."""
    torch.manual_seed(0)
    if kind == "k-mers":
        model = kmer_model()
    else:
        model = tiny_model(quantizer={"downsample_ratio": 4 if kind == "four nucleotides" else 1})
    collator = SpanMaskingCollator(DNATokenizer(), 0.4, unit=unit)
    alone = measured(model, 1, collator, tmp_path)
    assert {"eval_accuracy", "eval_nucleotide_loss", "eval_code_loss_0"} < alone.keys()
    for batch_size in (2, 4):
        found = measured(model, batch_size, collator, tmp_path)
        assert found == pytest.approx(alone, rel=1e-5)


def test_the_loss_of_codes_is_the_mean_over_the_masked_codes_of_the_split(tmp_path):
    torch.manual_seed(0)
    model = tiny_model(quantizer={"downsample_ratio": 4})
    collator = SpanMaskingCollator(DNATokenizer(), 0.4)
    losses = []
    for row in rows():
        batch = collator([row])
        masked = batch["labels"] != -100
        complete = torch.where(masked, batch["labels"], batch["input_ids"])
        codes = model.tokenize(complete)[0]
        counts = F.pad(masked, (0, -masked.shape[1] % 4)).unflatten(1, (-1, 4)).any(2)[0]
        with torch.no_grad():
            logits = model(**batch).code_logits
        per_level = [
            F.cross_entropy(level[0][counts], code[counts], reduction="none")
            for level, code in zip(logits, codes, strict=True)
        ]
        losses.append(torch.stack(per_level))
    expected = torch.cat(losses, 1).mean(1)
    found = measured(model, 2, collator, tmp_path)
    for level, value in enumerate(expected.tolist()):
        assert found[f"eval_code_loss_{level}"] == pytest.approx(value, rel=1e-5)


def test_only_bases_compete_in_what_is_reported():
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0, 9.0, 9.0]]])
    outputs = SimpleNamespace(logits=logits, code_losses=torch.ones(1), masked_codes=None)
    found = measures_of(sums_of(outputs, torch.tensor([[0]])).sum(0))
    assert found["nucleotide_loss"] == pytest.approx(math.log(4))
    assert found["accuracy"] == 1
