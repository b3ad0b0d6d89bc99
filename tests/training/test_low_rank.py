"""LoRA refuses what its layers alone could not bring back."""

import pytest

from hf_genomics import VQDNAForSequenceClassification
from hf_genomics.training.low_rank import with_lora
from tests.models.vqdna.tiny_language_model import tiny_model

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def test_a_quantizer_that_moves_in_training_is_refused():
    model = tiny_model(cls=VQDNAForSequenceClassification, freeze_quantizer=False)
    with pytest.raises(ValueError, match="is not frozen: .* LoRA does not save them; set freeze_q"):
        with_lora(model)
    model.freeze_quantizer()
    with_lora(model)


@pytest.mark.parametrize("target", ["embeddings.projection", "projection"])
def test_a_layer_is_named_by_the_end_of_its_path_and_never_of_the_quantizer(target):
    model = with_lora(tiny_model(cls=VQDNAForSequenceClassification), target_modules=[target])
    adapted = [name for name, module in model.named_modules() if hasattr(module, "lora_A")]
    assert [name.removeprefix("base_model.model.model.") for name in adapted] == [
        "embeddings.projection"
    ]


@pytest.mark.parametrize("target", ["mbeddings.projection", "stem.projection", "embeddings"])
def test_what_is_no_layer_beside_the_quantizer_is_refused(target):
    with pytest.raises(ValueError, match=f"no layer of .* is named {target}; its linear"):
        with_lora(tiny_model(cls=VQDNAForSequenceClassification), target_modules=[target])
