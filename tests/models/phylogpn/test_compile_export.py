"""The model in one graph: torch.compile, torch.export with a dynamic batch and length, and ONNX."""

import shutil
import warnings

import pytest
import torch

from hf_genomics import PhyloGPNForSequenceClassification
from tests.models.phylogpn import tiny
from tests.models.phylogpn.tiny import PAD, random_ids, random_labels

FLOAT32 = {"rtol": 1e-4, "atol": 1e-4}
NETWORKS = [
    {},
    {"token_padding": "same"},
    {"norm": "group_norm", "tie_norm_symmetry": False},
    {"norm": "group_norm", "token_padding": "same"},
    {"tie_norm_symmetry": False, "reverse_complement": "average"},
    {"kind": PhyloGPNForSequenceClassification, "token_padding": "same"},
]
networks = pytest.mark.parametrize(
    "options", NETWORKS, ids=lambda o: "-".join(map(str, o.values()))
)
# torch's own compilers and exporters warn of themselves, and differently in every version
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def tiny_model(*dtype, **options):
    """One stack: every operation of the network, in the time of a few."""
    return tiny.tiny_model(*dtype, **{"num_stacks": 1} | options)


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def inputs():
    ids = random_ids(30, 24)
    return ids, (ids != PAD).long()


def assert_compiling_changes_nothing(options, backend):
    model, twin = tiny_model(**options), tiny_model(**options)
    twin.load_state_dict(model.state_dict())
    compiled = torch.compile(twin, fullgraph=True, backend=backend)
    batch = inputs()
    logits = [network(*batch).logits for network in (model, compiled)]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-9, atol=1e-9)
    for found in logits:
        found.square().mean().backward()
    for (name, found), expected in zip(twin.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(
            found.grad, expected.grad, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
        )


@networks
def test_one_graph_gives_the_same_logits_and_gradients(options):
    assert_compiling_changes_nothing(options, "aot_eager")


def test_compiled_code_gives_the_same_logits_and_gradients():
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("inductor needs a C++ compiler")
    assert_compiling_changes_nothing({"stack_size": 1}, "inductor")


def test_a_compiled_model_has_the_loss_of_the_plain_one():
    model = tiny_model()
    ids, labels = random_ids(30, 30), random_labels(2, 22)
    expected = model(ids, labels=labels).loss
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(ids, labels=labels).loss, expected)


def dynamic():
    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("length", min=17, max=4096)
    return {name: {0: batch, 1: length} for name in ("input_ids", "attention_mask")}


@networks
def test_an_exported_program_takes_any_batch_and_length(options):
    model = tiny_model(torch.float32, **options).eval()
    ids, mask = inputs()
    program = torch.export.export(
        model,
        (),
        {"input_ids": ids, "attention_mask": mask},
        dynamic_shapes=dynamic(),
    )
    for lengths in ((40,), (31, 26), (17, 30, 60)):
        ids = random_ids(*lengths)
        mask = (ids != PAD).long()
        logits = program.module()(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(logits, model(ids, mask).logits, **FLOAT32)


@pytest.mark.parametrize("options", [{}, {"norm": "group_norm", "token_padding": "same"}], ids=str)
def test_an_onnx_model_takes_any_batch_and_length(options, tmp_path):
    pytest.importorskip("onnxscript", reason="torch.onnx needs onnxscript (the extra `onnx`)")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
    model = tiny_model(torch.float32, **options).eval()
    file = tmp_path / "model.onnx"
    wrapped = LogitsOnly(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            wrapped,
            (),
            file,
            kwargs=dict(zip(("input_ids", "attention_mask"), inputs(), strict=True)),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes=dynamic(),
            dynamo=True,
            verbose=False,
        )
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for lengths in ((40,), (31, 26), (17, 30, 60)):
        ids = random_ids(*lengths)
        mask = (ids != PAD).long()
        (logits,) = session.run(
            ["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        )
        expected = model(ids, mask).logits.detach()
        torch.testing.assert_close(torch.from_numpy(logits), expected, **FLOAT32)


class LogitsOnly(torch.nn.Module):
    """A model with one output, as most who serve it want."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits
