"""The language model in one graph: torch.compile, and torch.export of any batch and length."""

import shutil

import pytest
import torch
from torch import nn

from hf_genomics import VQDNAForMaskedLM, VQDNAForSequenceClassification, VQDNAModel
from tests.models.vqdna.tiny_language_model import mask_of, masked_batch, messy_ids, tiny_model
from tests.models.vqdna.tiny_quantizer import PAD, random_ids

# torch's own compilers and exporters warn of themselves, and differently in every version
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize(
    ("cls", "ratio"),
    [(VQDNAModel, 1), (VQDNAForMaskedLM, 4), (VQDNAForSequenceClassification, 1)],
)
def test_one_graph_for_inference(cls, ratio, backend):
    if backend == "inductor" and not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("inductor needs a C++ compiler")
    model = tiny_model(cls, quantizer={"downsample_ratio": ratio})
    ids, mask = messy_ids(40, 25), mask_of(40, 25)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    with torch.no_grad():
        torch.testing.assert_close(
            compiled(ids, mask)[0], model(ids, mask)[0], rtol=1e-4, atol=1e-4
        )


def test_compiled_training_gives_the_gradients_of_plain_training():
    model, batch = tiny_model(hidden_dropout_prob=0.0).train(), masked_batch(40, 25)
    gradients = []
    for one in (model, torch.compile(model, backend="aot_eager")):
        model.zero_grad()
        one(**batch).loss.backward()
        gradients.append(
            {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}
        )
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name, rtol=1e-4, atol=1e-5)


class Logits(nn.Module):
    """What most who serve a model want of it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask).logits


@pytest.mark.parametrize(
    ("cls", "ratio"),
    [(VQDNAForMaskedLM, 1), (VQDNAForMaskedLM, 4), (VQDNAForSequenceClassification, 1)],
)
def test_an_exported_program_takes_any_batch_and_length(cls, ratio):
    """Any multiple of the ratio, that is: export knows no rounding up."""
    model = tiny_model(cls, quantizer={"downsample_ratio": ratio})
    ids = random_ids(40, 25)
    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("codes", min=2, max=1024)
    length = length if ratio == 1 else ratio * length
    dynamic = {name: {0: batch, 1: length} for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        program = torch.export.export(
            Logits(model),
            (),
            {"input_ids": ids, "attention_mask": (ids != PAD).long()},
            dynamic_shapes=dynamic,
        )
        for lengths in ((60,), (32, 26), (17, 30, 92)):
            ids, mask = random_ids(*lengths), mask_of(*lengths)
            found = program.module()(input_ids=ids, attention_mask=mask)
            torch.testing.assert_close(found, model(ids, mask).logits, rtol=1e-4, atol=1e-4)
