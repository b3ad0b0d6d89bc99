"""The model in one graph: torch.compile, torch.export with a dynamic batch, and ONNX."""

import shutil
import warnings

import pytest
import torch

from tests.models.hyperbolic_cnn.tiny import RESIDUAL, random_ids, set_curvatures_, tiny_model

PER_BLOCK = [0.5, 2.0, 0.8, 1.6]
# compiled code adds in another order; logits of 3 to 5 were seen to differ by up to 5e-5
FLOAT32 = {"rtol": 5e-5, "atol": 1e-5}

NETWORKS = [
    {"geometry": "lorentz", "multi_curvature": False, "head": "flatten"},
    {"geometry": "lorentz", "multi_curvature": True, "head": "flatten"},
    {"geometry": "lorentz", "multi_curvature": True, "head": "centroid"},
    {"geometry": "lorentz", "multi_curvature": True, "reverse_complement": "average"},
    {"geometry": "euclidean", "head": "flatten"},
    {"geometry": "euclidean", "head": "centroid"},
    {"geometry": "lorentz", **RESIDUAL, "reverse_complement": "average", "oriented_parts": True},
    {"geometry": "euclidean", **RESIDUAL},
]
networks = pytest.mark.parametrize(
    "options", NETWORKS, ids=lambda options: "-".join(map(str, options.values()))
)
# torch's own compilers and exporters warn of themselves, and differently in every version
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def network(options, dtype=torch.float32):
    model = tiny_model(dtype, **options)
    if options.get("multi_curvature"):
        set_curvatures_(model, PER_BLOCK[: model.config.num_curvatures])
    return model


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def assert_compiling_changes_nothing(options, training, backend):
    ids, labels = random_ids(14, 9, 4), torch.tensor([0, 2, 1])
    model, twin = (network(options, torch.float64).train(training) for _ in range(2))
    twin.load_state_dict(model.state_dict())
    compiled = torch.compile(twin, fullgraph=True, backend=backend)

    outputs = [m(ids, labels=labels) for m in (model, compiled)]

    torch.testing.assert_close(outputs[1].logits, outputs[0].logits, rtol=1e-9, atol=1e-9)
    for output in outputs:
        output.loss.backward()
    for (name, found), expected in zip(twin.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(
            found.grad, expected.grad, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
        )
    for found, expected in zip(twin.buffers(), model.buffers(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@networks
@pytest.mark.parametrize("training", [True, False])
def test_one_graph_gives_the_same_logits_gradients_and_statistics(options, training):
    assert_compiling_changes_nothing(options, training, "eager")


@pytest.mark.parametrize("problem_type", [None, "multi_label_classification"])
def test_one_graph_casts_labels(problem_type):
    ids, labels = random_ids(14, 9), torch.tensor([[1, 0, 1], [0, 0, 0]])
    model = network({"geometry": "lorentz", "problem_type": problem_type}).eval()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    found = compiled(ids, labels=labels).loss
    torch.testing.assert_close(found, model(ids, labels=labels.float()).loss)


def test_compiled_code_gives_the_same_logits_gradients_and_statistics():
    """One block: every operation of the network, in the time of a few."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("inductor needs a C++ compiler")
    options = {"multi_curvature": True, "num_layers": 1}
    assert_compiling_changes_nothing(options, True, "inductor")


def example(length=20):
    ids = random_ids(length, 9, 4, pad_to=length)
    return ids, (ids != 5).long()


@networks
def test_an_exported_program_takes_any_batch_size(options):
    model = network(options).eval().double()  # in float32 two orders of the same sums differ
    batch = torch.export.Dim("batch", min=1, max=4096)
    ids, mask = example()
    program = torch.export.export(
        model,
        (),
        {"input_ids": ids, "attention_mask": mask},
        dynamic_shapes={"input_ids": {0: batch}, "attention_mask": {0: batch}},
    )
    for size in (1, 2, 7):
        ids = random_ids(*([20, 11, 3] * 3)[:size], pad_to=20)
        mask = (ids != 5).long()
        logits = program.module()(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(logits, model(ids, mask).logits)


@networks
def test_a_traced_model_reads_padding_though_its_example_had_none(options):
    model = network(options).eval().double().requires_grad_(False)
    full, padded = random_ids(20, 20), random_ids(20, 9, pad_to=20)

    def logits(ids, mask):
        return model(ids, mask).logits

    traced = torch.jit.trace(logits, (full, torch.ones_like(full)), check_trace=False)
    mask = (padded != 5).long()
    torch.testing.assert_close(traced(padded, mask), logits(padded, mask))


@networks
def test_an_onnx_model_takes_any_batch_size(options, tmp_path):
    pytest.importorskip("onnxscript", reason="torch.onnx needs onnxscript (the extra `onnx`)")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
    model = network(options).eval()
    batch = torch.export.Dim("batch", min=1, max=4096)
    file = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            model,
            (),
            file,
            kwargs=dict(zip(("input_ids", "attention_mask"), example(), strict=True)),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": {0: batch}, "attention_mask": {0: batch}},
            dynamo=True,
            verbose=False,
        )
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for size in (1, 2, 7):
        ids = random_ids(*([20, 11, 3] * 3)[:size], pad_to=20)
        mask = (ids != 5).long()
        feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        (logits,) = session.run(["logits"], feed)
        expected = model(ids, mask).logits.detach()
        torch.testing.assert_close(torch.from_numpy(logits), expected, **FLOAT32)
