"""The quantizer in one graph: torch.compile, and torch.export with a dynamic batch and length."""

import shutil

import pytest
import torch
from torch import nn

from hf_genomics import VQDNAQuantizerModel
from tests.models.vqdna.tiny_quantizer import PAD, random_ids, tiny_quantizer

# torch's own compilers and exporters warn of themselves, and differently in every version
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("ratio", [1, 4])
def test_one_graph_for_inference(ratio, backend):
    if backend == "inductor" and not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("inductor needs a C++ compiler")
    model, ids = tiny_quantizer(downsample_ratio=ratio), random_ids(40, 25)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    with torch.no_grad():
        found, expected = compiled(ids), model(ids)
    assert torch.equal(found.codes, expected.codes)
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-4, atol=1e-4)


def test_compiled_training_moves_weights_and_codebooks_as_plain_training_does():
    model = tiny_quantizer(code_dropout=0.0, kmeans_warmup_steps=1).train()
    twin = VQDNAQuantizerModel(model.config).train()
    twin.load_state_dict(model.state_dict())
    compiled = torch.compile(twin, backend="aot_eager")
    for _ in range(3):
        ids = random_ids(300)
        losses = [one(ids).loss for one in (compiled, model)]
        torch.testing.assert_close(losses[0], losses[1])
        for loss in losses:
            loss.backward()
    for (name, found), expected in zip(twin.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, msg=lambda m, n=name: f"{n}: {m}")
    for name, found in twin.quantizer.state_dict().items():
        torch.testing.assert_close(found, model.quantizer.state_dict()[name])


class CodesAndLogits(nn.Module):
    """What most who serve a tokenizer want of it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        outputs = self.model(input_ids, attention_mask, return_loss=False)
        return outputs.codes, outputs.logits


@pytest.mark.parametrize("ratio", [1, 4])
def test_an_exported_program_takes_any_batch_and_length(ratio):
    """Any multiple of the ratio, that is: export knows no rounding up."""
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(40, 25)
    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("codes", min=2, max=1024)
    length = length if ratio == 1 else ratio * length
    dynamic = {name: {0: batch, 1: length} for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        program = torch.export.export(
            CodesAndLogits(model),
            (),
            {"input_ids": ids, "attention_mask": (ids != PAD).long()},
            dynamic_shapes=dynamic,
        )
        for lengths in ((60,), (32, 26), (17, 30, 92)):
            ids = random_ids(*lengths)
            mask = (ids != PAD).long()
            codes, logits = program.module()(input_ids=ids, attention_mask=mask)
            expected = model(ids, mask)
            assert torch.equal(codes, expected.codes)
            torch.testing.assert_close(logits, expected.logits, rtol=1e-4, atol=1e-4)
