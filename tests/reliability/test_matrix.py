"""Every family in every precision on every device: saved, loaded, and the same outputs again."""

import pytest
import torch

from hf_genomics import (
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    VQDNAConfig,
    VQDNAForMaskedLM,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)

QUANTIZER = {
    **{"stem_dim": 6, "hidden_size": 8, "num_layers": 2, "kernel_size": 3},
    **{"codebook_sizes": [5, 7], "kmeans_warmup_steps": 0, "kmeans_init": False},
}


def hyperbolic(**options):
    sizes = {"num_channels": 5, "embedding_dim": 6, "num_layers": 2, "max_length": 32}
    return HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**sizes, **options))


def phylogpn(**options):
    sizes = {"outer_dim": 8, "inner_dim": 4, "stack_size": 1, "num_stacks": 2}
    return PhyloGPNForMaskedLM(PhyloGPNConfig(**sizes, **options))


def quantizer():
    return VQDNAQuantizerModel(VQDNAQuantizerConfig(**QUANTIZER))


def language_model():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 8, "quantizer_config": QUANTIZER}
    return VQDNAForMaskedLM(VQDNAConfig(**sizes))


MODELS = {
    "hyperbolic_cnn": hyperbolic,
    "hyperbolic_cnn_multi": lambda: hyperbolic(multi_curvature=True, head="centroid"),
    "hyperbolic_cnn_residual": lambda: hyperbolic(
        block="residual", batch_norm="tangent", head="parts", reverse_complement="average"
    ),
    "hyperbolic_cnn_euclidean": lambda: hyperbolic(geometry="euclidean"),
    "phylogpn": phylogpn,
    "phylogpn_group_norm": lambda: phylogpn(norm="group_norm", tie_norm_symmetry=False),
    "vqdna_quantizer": quantizer,
    "vqdna": language_model,
}
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
DEVICES = ("cpu", "cuda")


def outputs(model, input_ids):
    with torch.no_grad():
        found = model(input_ids)
    return [value for value in found.to_tuple() if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_saved_model_gives_the_same_outputs_again(make, dtype, device, tmp_path, request):
    cell = request.node.callspec.id.replace("-", " ")
    if device == "cuda" and not torch.cuda.is_available():
        request.node.user_properties.append((f"matrix {cell}", "no such device"))
        pytest.skip("there is no CUDA device")
    make().save_pretrained(tmp_path / "first")
    kind = type(make())
    model = kind.from_pretrained(tmp_path / "first", dtype=dtype).to(device).eval()
    assert dtype in {parameter.dtype for parameter in model.parameters()}

    model.save_pretrained(tmp_path / "again")
    loaded = kind.from_pretrained(tmp_path / "again", dtype="auto").to(device).eval()
    again = loaded.state_dict()
    for name, tensor in model.state_dict().items():
        assert again[name].dtype == tensor.dtype, name
        assert torch.equal(again[name], tensor), name

    input_ids = torch.randint(0, 5, (2, 32), device=device)
    first, second = outputs(model, input_ids), outputs(loaded, input_ids)
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
        assert not one.is_floating_point() or torch.isfinite(one).all()
    request.node.user_properties.append((f"matrix {cell}", "same bits after loading"))
