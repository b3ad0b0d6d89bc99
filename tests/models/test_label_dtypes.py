"""Labels of any dtype give the loss that those of Transformers' own dtypes give."""

import pytest
import torch

from hf_genomics import (
    HyperbolicCNNForSequenceClassification,
    PhyloGPNForSequenceClassification,
    VQDNAForSequenceClassification,
)
from tests.models.hyperbolic_cnn.tiny import tiny_config as tiny_hyperbolic_cnn
from tests.models.phylogpn.tiny import tiny_config as tiny_phylogpn
from tests.models.vqdna.tiny_language_model import tiny_config as tiny_vqdna

HALF = (torch.bfloat16, torch.float16)
FAMILIES = [
    (HyperbolicCNNForSequenceClassification, tiny_hyperbolic_cnn),
    (PhyloGPNForSequenceClassification, tiny_phylogpn),
    (VQDNAForSequenceClassification, tiny_vqdna),
]
SEVERAL, ONE = torch.tensor([[1, 0, 1], [0, 1, 0]]), torch.tensor([2, 0])


@pytest.mark.parametrize(("family", "config"), FAMILIES, ids=lambda value: value.__name__)
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("problem", "labels", "usual", "others"),
    [
        ("multi_label_classification", SEVERAL, torch.float32, (torch.int64, torch.bool)),
        ("single_label_classification", ONE, torch.int64, (torch.int32, torch.uint8)),
        ("regression", ONE, torch.float32, (torch.int64, torch.float64)),
    ],
)
def test_the_loss_does_not_depend_on_the_dtype_of_labels(
    family, config, named, problem, labels, usual, others
):
    num_labels = 1 if problem == "regression" else 3
    fields = {"num_labels": num_labels, "problem_type": problem if named else None}
    torch.manual_seed(0)
    model = family(config(**fields)).eval()
    ids = torch.randint(0, 4, (2, 18))
    expected = model(ids, labels=labels.to(usual)).loss
    for dtype in others:
        model.config.problem_type = fields["problem_type"]  # the loss notes what it was told
        assert model(ids, labels=labels.to(dtype)).loss == expected


@pytest.mark.parametrize(("family", "config"), FAMILIES, ids=lambda value: value.__name__)
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_the_loss_of_a_model_in_half_precision_is_computed_in_float32(family, config, dtype):
    """Rounded to bfloat16, a loss near 1.1 would have steps of 0.008."""
    torch.manual_seed(0)
    model = family(config(num_labels=3)).eval().to(dtype)
    ids = torch.randint(0, 4, (8, 18))
    labels = torch.arange(8) % 3
    outputs = model(input_ids=ids, labels=labels)
    expected = torch.nn.functional.cross_entropy(outputs.logits.float(), labels)
    assert outputs.loss.dtype == torch.float32
    torch.testing.assert_close(outputs.loss, expected)
