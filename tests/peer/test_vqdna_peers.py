"""The VQDNA language model under the tests that Transformers runs over every model of its own."""

import unittest
from typing import Any

import pytest
import torch
from transformers.models.auto import modeling_auto

from hf_genomics import (
    VQDNAConfig,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
    VQDNAModel,
    VQDNAQuantizerConfig,
)
from tests.peer.transformers_tests import upstream

pytestmark = [
    pytest.mark.network,
    # The suites do on purpose what libraries warn of, and are run with warnings off upstream.
    pytest.mark.filterwarnings("ignore"),
]

ConfigTester: Any = upstream("test_configuration_common").ConfigTester
ModelTesterMixin: Any = upstream("test_modeling_common").ModelTesterMixin

# By these tables the suite knows which head a class has, and so which labels it wants.
modeling_auto.MODEL_MAPPING_NAMES["vqdna"] = "VQDNAModel"
modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES["vqdna"] = "VQDNAForMaskedLM"
modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES["vqdna"] = (
    "VQDNAForSequenceClassification"
)
modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES["vqdna"] = "VQDNAForTokenClassification"


class VQDNAModelTester:
    """What the suite asks of a model: a tiny configuration, and inputs for it."""

    batch_size = 4
    seq_length = 12
    hidden_size = 16
    num_hidden_layers = 2
    num_attention_heads = 2
    vocab_size = 40
    is_training = True

    def __init__(self, parent: unittest.TestCase, pad_token_id: int | None = 5, **options: Any):
        self.parent = parent
        self.pad_token_id = pad_token_id
        self.options = options

    @property
    def encoder_seq_length(self) -> int:
        return self.seq_length // self.options.get("downsample_ratio", 1)

    key_length = encoder_seq_length

    def get_config(self) -> VQDNAConfig:
        quantizer = {
            "stem_dim": 6,
            "hidden_size": 8,
            "num_layers": 2,
            "kernel_size": 3,
            "codebook_sizes": [8, 12],
            "kmeans_init": False,
        }
        return VQDNAConfig(
            quantizer_config=VQDNAQuantizerConfig(**quantizer | self.options),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=20,
            hidden_dropout_prob=0.0,
            vocab_size=self.vocab_size,
            pad_token_id=self.pad_token_id,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[VQDNAConfig, dict[str, Any]]:
        input_ids = torch.randint(0, 5, (self.batch_size, self.seq_length))
        lengths = torch.randint(1, self.seq_length + 1, (self.batch_size, 1))
        attention_mask = (torch.arange(self.seq_length) < lengths).long()
        return self.get_config(), {"input_ids": input_ids, "attention_mask": attention_mask}


class VQDNASuite(ModelTesterMixin):
    """The suite with what it must know of this family; a class below per member."""

    options: dict[str, Any] = {}
    pad_token_id: int | None = 5
    all_model_classes = (
        VQDNAModel,
        VQDNAForMaskedLM,
        VQDNAForSequenceClassification,
        VQDNAForTokenClassification,
    )
    # Asked of models newer than 2023 only, told from a copyright line that our files do not have.
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self) -> None:
        self.model_tester = VQDNAModelTester(self, self.pad_token_id, **self.options)
        self.config_tester = ConfigTester(
            self,
            config_class=VQDNAConfig,
            has_text_modality=True,
            common_properties=["hidden_size", "num_hidden_layers", "num_attention_heads"],
            hidden_size=16,
            num_attention_heads=2,
        )

    def test_config(self) -> None:
        self.config_tester.run_common_tests()


class TestOneToOne(VQDNASuite, unittest.TestCase):
    """A code for each nucleotide."""


class TestFourToOne(VQDNASuite, unittest.TestCase):
    """One level, four nucleotides to a code."""

    options = {"codebook_sizes": [8], "downsample_ratio": 4}
    # Ids are drawn without a mask and without a seed: padding in the first column would raise.
    pad_token_id = None

    def setUp(self) -> None:
        super().setUp()
        if "pad_left" in self._testMethodName:
            self.skipTest("groups of nucleotides count from the first column: left padding raises")
