"""Pipelines around VQDNA models, and LoRA by peft."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, pipeline

from hf_genomics import (
    DNATokenizer,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
)
from tests.models.vqdna.tiny_language_model import tiny_model

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

SEQUENCES = ["ACGTNACGTTGCA", "TTAGGG", "acguacg", "CCGCGGTACCAT"]
MASKED = ["ACGTN[MASK]GTTGCA", "TT[MASK]GGG", "acg[MASK]acg", "CCGCGGTACC[MASK]T"]
# Every linear layer of the Transformer, and none of the quantizer's.
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
TARGETS = [*ATTENTION, "up_proj", "down_proj"]
RATIOS = [1, 4]


@pytest.fixture
def inputs():
    return DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt")


def classifier(**options):
    return tiny_model(
        VQDNAForSequenceClassification, id2label={0: "other", 1: "promoter"}, **options
    )


@pytest.mark.parametrize("ratio", RATIOS)
def test_fill_mask_pipeline(ratio):
    model = tiny_model(quantizer={"downsample_ratio": ratio})
    fill = pipeline("fill-mask", model=model, tokenizer=DNATokenizer())
    for sequence, answers in zip(MASKED, fill(MASKED, top_k=4), strict=True):
        ids = DNATokenizer()(sequence, return_tensors="pt")
        (place,) = (ids["input_ids"][0] == 6).nonzero()[0]
        with torch.no_grad():
            expected = model(**ids).logits[0, place].softmax(-1)
        assert len(answers) == 4
        for answer in answers:
            assert answer["score"] == pytest.approx(expected[answer["token"]].item(), rel=1e-4)
    (answer,) = fill(MASKED[1], top_k=1, targets=["G"])
    assert (answer["token_str"], answer["sequence"]) == ("G", "TTGGGG")


def test_fill_mask_pipeline_in_batches():
    model = tiny_model()
    one_by_one = pipeline("fill-mask", model=model, tokenizer=DNATokenizer())(MASKED, top_k=1)
    model.config.output_code_logits = False  # a batch is taken apart by rows, and these by levels
    fill = pipeline("fill-mask", model=model, tokenizer=DNATokenizer(), batch_size=4)
    found = fill(MASKED, top_k=1, tokenizer_kwargs={"padding": True})
    for answer, expected in zip(found, one_by_one, strict=True):
        assert answer[0]["token"] == expected[0]["token"]
        assert answer[0]["score"] == pytest.approx(expected[0]["score"], rel=1e-4)


@pytest.mark.parametrize("ratio", RATIOS)
def test_text_classification_pipeline(ratio, inputs):
    model = classifier(quantizer={"downsample_ratio": ratio})
    classify = pipeline("text-classification", model=model, tokenizer=DNATokenizer())
    answers = classify(SEQUENCES, top_k=None, batch_size=3, padding=True)
    with torch.no_grad():
        expected = model(**inputs).logits.softmax(-1)
    for answer, probabilities in zip(answers, expected, strict=True):
        scores = {one["label"]: one["score"] for one in answer}
        assert scores == pytest.approx(
            dict(zip(("other", "promoter"), probabilities.tolist(), strict=True)), rel=1e-4
        )


def test_token_classification_and_feature_extraction_pipelines():
    model = tiny_model(VQDNAForTokenClassification, num_labels=3)
    answers = pipeline("token-classification", model=model, tokenizer=DNATokenizer())(SEQUENCES[1])
    assert [answer["word"] for answer in answers] == list("TTAGGG")
    extract = pipeline("feature-extraction", model=model.model, tokenizer=DNATokenizer())
    assert extract(SEQUENCES[1], return_tensors=True).shape == (1, 6, 24)


def test_pipelines_load_a_saved_folder(tmp_path):
    for task, model in (("fill-mask", tiny_model()), ("text-classification", classifier())):
        model.save_pretrained(tmp_path / task)
        DNATokenizer().save_pretrained(tmp_path / task)
        assert pipeline(task, model=str(tmp_path / task))(MASKED[0])


def lora(model, targets=TARGETS, task_type="SEQ_CLS"):
    return get_peft_model(model, LoraConfig(task_type=task_type, r=2, target_modules=targets))


def train(adapted, inputs, **labels):
    """Three steps, which move everything that is trained."""
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=0.5)
    adapted.train()
    for _ in range(3):  # lora_B starts at zero, so the first gradient of lora_A is zero
        optimizer.zero_grad()
        adapted(**inputs, **labels).loss.backward()
        optimizer.step()
    adapted.eval()


@pytest.mark.parametrize("targets", [TARGETS, ["q_proj", "v_proj"]])
def test_lora_reaches_the_transformer_and_not_the_quantizer(targets):
    model = classifier()
    adapted = {
        name.partition(".lora_A")[0].removeprefix("base_model.model.")
        for name, _ in lora(model, targets).named_parameters()
        if "lora_A" in name
    }
    in_attention = set(targets) & set(ATTENTION)
    assert adapted == {
        f"model.layers.{i}.{'attention.' if name in in_attention else ''}{name}"
        for i in range(2)
        for name in targets
    }


def test_lora_trains_adapters_and_head_alone(inputs):
    adapted = lora(classifier(hidden_dropout_prob=0.0))
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert all("lora_" in name or "classifier.modules_to_save" in name for name in trained)
    train(adapted, inputs, labels=torch.tensor([0, 1, 0, 1]))
    moved = {n for n, value in adapted.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == trained


def test_trained_adapter_is_saved_and_loaded(tmp_path, inputs):
    classifier().save_pretrained(tmp_path / "base")
    adapted = lora(AutoModelForSequenceClassification.from_pretrained(tmp_path / "base"))
    train(adapted, inputs, labels=torch.tensor([0, 1, 0, 1]))
    with torch.no_grad():
        expected = adapted(**inputs).logits
    adapted.save_pretrained(tmp_path / "adapter")

    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    with torch.no_grad():
        assert not torch.allclose(base.eval()(**inputs).logits, expected, atol=1e-3)
        loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
        torch.testing.assert_close(loaded(**inputs).logits, expected)


def test_merged_adapter_is_an_ordinary_model(tmp_path, inputs):
    adapted = lora(classifier())
    train(adapted, inputs, labels=torch.tensor([0, 1, 0, 1]))
    with torch.no_grad():
        expected = adapted(**inputs).logits
        adapted.merge_and_unload().save_pretrained(tmp_path)
        loaded, info = AutoModelForSequenceClassification.from_pretrained(
            tmp_path, output_loading_info=True
        )
        assert not any(info.values())
        torch.testing.assert_close(loaded(**inputs).logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@pytest.mark.parametrize("reentrant", [False, True])
def test_lora_with_gradient_checkpointing(reentrant, inputs):
    """Adapters get gradients though nothing before them is trained."""
    model = classifier()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    adapted = lora(model).train()
    adapted.enable_input_require_grads()
    adapted(**inputs, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    gradients = [p.grad for name, p in adapted.named_parameters() if "lora_B" in name]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_adapters_of_a_language_model(tmp_path, inputs):
    tiny_model().save_pretrained(tmp_path / "base")
    adapted = lora(VQDNAForMaskedLM.from_pretrained(tmp_path / "base"), task_type=None)
    labels = inputs["input_ids"].masked_fill(inputs["input_ids"] > 3, -100)
    train(adapted, inputs, labels=labels)
    with torch.no_grad():
        expected = adapted(**inputs).logits
    adapted.save_pretrained(tmp_path / "adapter")
    base = VQDNAForMaskedLM.from_pretrained(tmp_path / "base")
    with torch.no_grad():
        loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
        torch.testing.assert_close(loaded(**inputs).logits, expected)
