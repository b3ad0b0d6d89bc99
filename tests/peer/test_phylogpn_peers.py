"""PhyloGPN under the tests that Transformers runs over every model of its own."""

import tempfile
import unittest
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification
from transformers.models.auto import modeling_auto

from hf_genomics import (
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    PhyloGPNModel,
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
modeling_auto.MODEL_MAPPING_NAMES["phylogpn"] = "PhyloGPNModel"
modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES["phylogpn"] = "PhyloGPNForMaskedLM"
modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES["phylogpn"] = (
    "PhyloGPNForSequenceClassification"
)

TREE = "((a:0.1,b:0.2):0.1,c:0.3);"


class PhyloGPNModelTester:
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

    def get_config(self) -> PhyloGPNConfig:
        sizes = {
            "outer_dim": self.hidden_size,
            "inner_dim": 6,
            "stack_size": 1,
            "num_stacks": self.num_hidden_layers,
            "kernel_size": 3,
            "token_padding": "same",
            "phylogeny": TREE,
            "reference_leaf": "a",
        }
        return PhyloGPNConfig(**sizes | self.options)

    def prepare_config_and_inputs_for_common(self) -> tuple[PhyloGPNConfig, dict[str, Any]]:
        input_ids = torch.randint(0, 5, (self.batch_size, self.seq_length))
        lengths = torch.randint(1, self.seq_length + 1, (self.batch_size, 1))
        attention_mask = (torch.arange(self.seq_length) < lengths).long()
        return self.get_config(), {"input_ids": input_ids, "attention_mask": attention_mask}


class PhyloGPNSuite(ModelTesterMixin):
    """The suite with what it must know of this family; a class below per member."""

    options: dict[str, Any] = {}
    all_model_classes = (PhyloGPNModel, PhyloGPNForMaskedLM, PhyloGPNForSequenceClassification)
    has_attentions = False
    # Embeddings are tied by strand: there is no table to resize.
    test_resize_embeddings = False
    # Asked of models newer than 2023 only, told from a copyright line that our files do not have.
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self) -> None:
        self.model_tester = PhyloGPNModelTester(self, **self.options)
        self.config_tester = ConfigTester(
            self,
            config_class=PhyloGPNConfig,
            has_text_modality=True,
            common_properties=["hidden_size", "intermediate_size"],
            outer_dim=8,
            **self.options,
        )

    def _prepare_for_class(
        self, inputs_dict: dict[str, Any], model_class: type, return_labels: bool = False
    ) -> dict[str, Any]:
        inputs: dict[str, Any] = super()._prepare_for_class(inputs_dict, model_class, return_labels)
        if return_labels and model_class is PhyloGPNForMaskedLM:
            shape = (*inputs["input_ids"].shape, 3)
            inputs["labels"] = torch.zeros(shape, dtype=torch.long)
        return inputs

    def test_config(self) -> None:
        self.config_tester.run_common_tests()

    def test_hidden_states_output(self) -> None:
        """As upstream, but each block takes its flanks off what was filled in at the ends."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        lengths = [self.model_tester.seq_length + 2 * flank for flank in (2, 1, 0)]
        for model_class in self.all_model_classes:
            model = model_class(config).eval()
            asked = model(**inputs, output_hidden_states=True).hidden_states
            model.config.output_hidden_states = True
            for states in (asked, model(**inputs).hidden_states):
                assert [tuple(state.shape[1:]) for state in states] == [(n, 8) for n in lengths]
            model.config.output_hidden_states = False

    def test_inputs_embeds(self) -> None:
        """As upstream, but what is given instead of ids is one-hot."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        one_hot = nn.functional.one_hot(inputs["input_ids"], 5).float()
        mask = inputs["attention_mask"]
        for model_class in self.all_model_classes:
            model = model_class(config).eval()
            by_id = model(inputs["input_ids"], attention_mask=mask)[0]
            torch.testing.assert_close(model(inputs_embeds=one_hot, attention_mask=mask)[0], by_id)

    def test_load_with_mismatched_shapes(self) -> None:
        """As upstream, which also changes `vocab_size`: no weight here has that shape."""
        model = PhyloGPNForSequenceClassification(self.model_tester.get_config())
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            with pytest.raises(RuntimeError):
                AutoModelForSequenceClassification.from_pretrained(folder, num_labels=42)
            other, info = AutoModelForSequenceClassification.from_pretrained(
                folder, num_labels=42, ignore_mismatched_sizes=True, output_loading_info=True
            )
        assert {name for name, *_ in info["mismatched_keys"]} == {
            "classifier.weight",
            "classifier.bias",
        }
        for name, tensor in model.model.state_dict().items():
            torch.testing.assert_close(other.model.state_dict()[name], tensor, rtol=0, atol=0)
        assert other.classifier.weight.shape[0] == 42
        assert other.classifier.weight.isfinite().all()

    @unittest.skip("`test_inputs_embeds` compares them: the embedding is no module to ask for")
    def test_inputs_embeds_matches_input_ids(self) -> None: ...

    @unittest.skip("embeddings are tied by strand: there is no `nn.Embedding` to get or set")
    def test_model_get_set_embeddings(self) -> None: ...

    @unittest.skip(
        "hidden states are copies in the order of the channels, beside the path of the gradients; "
        "attributions go by `inputs_embeds`"
    )
    def test_retain_grad_hidden_states_attentions(self) -> None: ...


class TestLayerNorm(PhyloGPNSuite, unittest.TestCase):
    """New models."""


class TestConverted(PhyloGPNSuite, unittest.TestCase):
    """The first generation of the original: group norm, untied."""

    options = {"norm": "group_norm", "tie_norm_symmetry": False}


class TestBothStrands(PhyloGPNSuite, unittest.TestCase):
    """Untied norms, averaged over the strands, with zeros filled in."""

    options = {"tie_norm_symmetry": False, "reverse_complement": "average", "fill_token_id": 5}
