"""The VQDNA quantizer under the tests that Transformers runs over every model of its own."""

import unittest
from typing import Any
from unittest import mock

import pytest
import torch
from transformers.models.auto import modeling_auto

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from tests.peer.transformers_tests import upstream

pytestmark = [
    pytest.mark.network,
    # The suites do on purpose what libraries warn of, and are run with warnings off upstream.
    pytest.mark.filterwarnings("ignore"),
]

ConfigTester: Any = upstream("test_configuration_common").ConfigTester
ModelTesterMixin: Any = upstream("test_modeling_common").ModelTesterMixin

# By these tables the suite knows which head a class has, and so which labels it wants.
modeling_auto.MODEL_MAPPING_NAMES["vqdna_quantizer"] = "VQDNAQuantizerModel"


class VQDNAQuantizerModelTester:
    """What the suite asks of a model: a tiny configuration, and inputs for it."""

    batch_size = 4
    seq_length = 11
    hidden_size = 8
    num_hidden_layers = 2
    vocab_size = 7
    is_training = True

    def __init__(self, parent: unittest.TestCase, **options: Any):
        self.parent = parent
        self.options = options

    def get_config(self) -> VQDNAQuantizerConfig:
        sizes = {
            "stem_dim": 6,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_hidden_layers,
            "kernel_size": 3,
            "codebook_sizes": [8, 12],
            "kmeans_warmup_steps": 0,
            "code_dropout": 0.25,
        }
        return VQDNAQuantizerConfig(**sizes | self.options)

    def prepare_config_and_inputs_for_common(self) -> tuple[VQDNAQuantizerConfig, dict[str, Any]]:
        input_ids = torch.randint(0, 5, (self.batch_size, self.seq_length))
        lengths = torch.randint(1, self.seq_length + 1, (self.batch_size, 1))
        attention_mask = (torch.arange(self.seq_length) < lengths).long()
        return self.get_config(), {"input_ids": input_ids, "attention_mask": attention_mask}


class VQDNAQuantizerSuite(ModelTesterMixin):
    """The suite with what it must know of this family; a class below per member."""

    options: dict[str, Any] = {}
    all_model_classes = (VQDNAQuantizerModel,)
    has_attentions = False
    # Bases are embedded one-hot: there is no table to resize.
    test_resize_embeddings = False
    # Asked of models newer than 2023 only, told from a copyright line that our files do not have.
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self) -> None:
        self.model_tester = VQDNAQuantizerModelTester(self, **self.options)
        self.config_tester = ConfigTester(
            self,
            config_class=VQDNAQuantizerConfig,
            has_text_modality=True,
            common_properties=["hidden_size", "num_hidden_layers"],
            hidden_size=8,
            **self.options,
        )

    def test_config(self) -> None:
        self.config_tester.run_common_tests()

    def test_batching_equivalence(self, **options: Any) -> None:
        """As upstream, but for the perplexity: it is that of a batch, which one row is not."""
        nothing = {"return_value": torch.zeros(())}
        with mock.patch.object(VQDNAQuantizerModel, "_perplexities", **nothing):
            super().test_batching_equivalence(**options)

    @unittest.skip("bases are embedded one-hot: there is no `nn.Embedding` to get or set")
    def test_model_get_set_embeddings(self) -> None: ...

    @unittest.skip("what the levels read is in `encode(...).latents`; there are no hidden states")
    def test_hidden_states_output(self) -> None: ...

    @unittest.skip("what the levels read is in `encode(...).latents`; there are no hidden states")
    def test_retain_grad_hidden_states_attentions(self) -> None: ...


class TestRobust(VQDNAQuantizerSuite, unittest.TestCase):
    """Two levels with k-means start and revival."""


class TestPlain(VQDNAQuantizerSuite, unittest.TestCase):
    """One level without either, four nucleotides to a code."""

    options = {
        "codebook_sizes": [8],
        "kmeans_init": False,
        "revival_threshold": 0.0,
        "code_dropout": 0.0,
        "downsample_ratio": 4,
    }


class TestNarrowCosine(VQDNAQuantizerSuite, unittest.TestCase):
    """Look-up in few channels, with the rotation trick and three levels."""

    options = {
        "codebook_sizes": [8, 8, 12],
        "codebook_dim": 4,
        "codebook_distance": "cosine",
        "codebook_gradient": "rotation",
        "residual_rule": "mean",
    }


class TestFiniteScalar(VQDNAQuantizerSuite, unittest.TestCase):
    """A grid instead of learned vectors."""

    options = {"quantizer_type": "fsq", "fsq_levels": [4, 4]}
