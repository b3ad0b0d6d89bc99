"""The hyperbolic CNN under the tests that Transformers runs over every model of its own."""

import tempfile
import unittest
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification
from transformers.models.auto import modeling_auto

from hf_genomics import (
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    HyperbolicCNNModel,
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
modeling_auto.MODEL_MAPPING_NAMES["hyperbolic_cnn"] = "HyperbolicCNNModel"
modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES["hyperbolic_cnn"] = (
    "HyperbolicCNNForSequenceClassification"
)


class HyperbolicCNNModelTester:
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

    def get_config(self) -> HyperbolicCNNConfig:
        sizes = {
            "num_channels": self.hidden_size,
            "num_layers": self.num_hidden_layers,
            "embedding_dim": 10,
            "kernel_size": 3,
            "max_length": self.seq_length + 2,
        }
        return HyperbolicCNNConfig(**sizes | self.options)

    def prepare_config_and_inputs_for_common(self) -> tuple[HyperbolicCNNConfig, dict[str, Any]]:
        input_ids = torch.randint(0, 5, (self.batch_size, self.seq_length))
        lengths = torch.randint(1, self.seq_length + 1, (self.batch_size, 1))
        attention_mask = (torch.arange(self.seq_length) < lengths).long()
        return self.get_config(), {"input_ids": input_ids, "attention_mask": attention_mask}


class HyperbolicCNNSuite(ModelTesterMixin):
    """The suite with what it must know of this family; a class below per member."""

    options: dict[str, Any] = {}
    all_model_classes = (HyperbolicCNNModel, HyperbolicCNNForSequenceClassification)
    has_attentions = False
    # Bases are embedded one-hot: there is no table to resize.
    test_resize_embeddings = False
    # Asked of models newer than 2023 only, told from a copyright line that our files do not have.
    test_can_init_all_missing_weights_before_2023 = True

    def setUp(self) -> None:
        self.model_tester = HyperbolicCNNModelTester(self, **self.options)
        self.config_tester = ConfigTester(
            self,
            config_class=HyperbolicCNNConfig,
            has_text_modality=True,
            common_properties=["hidden_size", "num_hidden_layers"],
            num_channels=8,
            **self.options,
        )

    def test_config(self) -> None:
        self.config_tester.run_common_tests()

    def test_hidden_states_output(self) -> None:
        """As upstream, but the first state has the width of the embedded bases."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        time = int(config.geometry == "lorentz")
        widths = [5 + time, *[self.model_tester.hidden_size] * config.num_layers]
        length = self.model_tester.seq_length
        for model_class in self.all_model_classes:
            model = model_class(config).eval()
            asked = model(**inputs, output_hidden_states=True).hidden_states
            model.config.output_hidden_states = True
            for states in (asked, model(**inputs).hidden_states):
                assert [state.shape[1:] for state in states] == [(length, w) for w in widths]
            model.config.output_hidden_states = False

    def test_inputs_embeds(self) -> None:
        """As upstream, but the embedding is one-hot and not a module to ask for."""
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        one_hot = nn.functional.one_hot(inputs["input_ids"], 5).float()
        mask = inputs["attention_mask"]
        for model_class in self.all_model_classes:
            model = model_class(config).eval()
            by_id = model(inputs["input_ids"], attention_mask=mask)[0]
            torch.testing.assert_close(model(inputs_embeds=one_hot, attention_mask=mask)[0], by_id)

    def test_load_with_mismatched_shapes(self) -> None:
        """As upstream, which also changes `vocab_size`: no weight here has that shape."""
        model = HyperbolicCNNForSequenceClassification(self.model_tester.get_config())
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            with pytest.raises(RuntimeError):
                AutoModelForSequenceClassification.from_pretrained(folder, num_labels=42)
            other, info = AutoModelForSequenceClassification.from_pretrained(
                folder, num_labels=42, ignore_mismatched_sizes=True, output_loading_info=True
            )
        saved, loaded = model.state_dict(), other.state_dict()
        head = {name for name in saved if name.startswith("classifier.")}
        assert {name for name, *_ in info["mismatched_keys"]} == head
        for name in saved.keys() - head:
            torch.testing.assert_close(loaded[name], saved[name], rtol=0, atol=0)
        for name in head:
            assert len(loaded[name]) == 42
            assert loaded[name].isfinite().all()

    @unittest.skip("`test_load_with_mismatched_shapes` does: the head is no `nn.Linear` to find")
    def test_can_load_ignoring_mismatched_shapes(self) -> None: ...

    @unittest.skip("`test_inputs_embeds` compares them: the embedding is no module to ask for")
    def test_inputs_embeds_matches_input_ids(self) -> None: ...

    @unittest.skip("bases are embedded one-hot: there is no `nn.Embedding` to get or set")
    def test_model_get_set_embeddings(self) -> None: ...

    @unittest.skip(
        "hidden states are points, completed by their time component beside the path of the "
        "gradients; attributions go by `inputs_embeds`"
    )
    def test_retain_grad_hidden_states_attentions(self) -> None: ...


class TestHCNNS(HyperbolicCNNSuite, unittest.TestCase):
    """One curvature for the whole network."""


class TestHCNNM(HyperbolicCNNSuite, unittest.TestCase):
    """One curvature per block."""

    options = {"multi_curvature": True, "initial_curvature": 0.7}


class TestEuclideanTwin(HyperbolicCNNSuite, unittest.TestCase):
    """The same graph in flat space."""

    options = {"geometry": "euclidean"}


class TestEveryOption(HyperbolicCNNSuite, unittest.TestCase):
    """Centroid head and both strands, with a curvature that is not learned."""

    options = {
        "head": "centroid",
        "reverse_complement": "average",
        "learnable_curvature": False,
        "max_length": None,
    }
