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
