"""What people reach for around a Transformers model: pipelines, and LoRA by peft."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    BatchEncoding,
    TrainingArguments,
    pipeline,
)

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.models.hyperbolic_cnn.lorentz_layers import LorentzConv1d, LorentzLinear
from hf_genomics.training.trainer import GenomicsTrainer

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

SEQUENCES = ["ACGTNACGTTGCA", "TTAGGG", "acguacg", "CCGCGGTACCAT"]
RESIDUAL = {
    **{"block": "residual", "batch_norm": "tangent", "head": "parts", "num_parts": 3},
    **{"embedding_dim": None, "max_length": None, "reverse_complement": "average"},
}
VARIANTS = [
    {},
    {"multi_curvature": True, "head": "centroid", "max_length": None},
    {"geometry": "euclidean"},
    RESIDUAL,
    RESIDUAL | {"geometry": "euclidean"},
]
# The weights of the convolutions and of the linear layer before the classifier.
LORA_TARGETS = {"lorentz": ["space"], "euclidean": ["stem", "conv", "linear"]}


@pytest.fixture(
    params=VARIANTS, ids=["HCNN-S", "HCNN-M", "euclidean", "residual", "residual-euclidean"]
)
def model(request):
    sizes = {"num_channels": 5, "embedding_dim": 6, "num_layers": 2, "max_length": 16}
    labels = {"id2label": {0: "other", 1: "promoter"}}
    config = HyperbolicCNNConfig(**sizes | labels | request.param)
    return HyperbolicCNNForSequenceClassification(config).eval()


@pytest.fixture
def inputs():
    return DNATokenizer()(SEQUENCES, padding=True, return_tensors="pt")


def test_text_classification_pipeline(model, inputs):
    classify = pipeline("text-classification", model=model, tokenizer=DNATokenizer())
    answers = classify(SEQUENCES, top_k=None, batch_size=3, padding=True)
    with torch.no_grad():
        expected = model(**inputs).logits.softmax(-1)
    for answer, probabilities in zip(answers, expected, strict=True):
        scores = {one["label"]: one["score"] for one in answer}
        assert scores == pytest.approx(
            dict(zip(("other", "promoter"), probabilities.tolist(), strict=True))
        )


def test_text_classification_pipeline_gives_logits_and_truncates(model, inputs):
    classify = pipeline("text-classification", model=model, tokenizer=DNATokenizer())
    (answer,) = classify(
        ["ACGT" * 10], function_to_apply="none", top_k=None, truncation=True, max_length=16
    )
    with torch.no_grad():
        logits = model(**DNATokenizer()(["ACGT" * 4], return_tensors="pt")).logits[0]
    scores = {one["label"]: one["score"] for one in answer}
    assert scores == pytest.approx({"other": logits[0].item(), "promoter": logits[1].item()})


def test_feature_extraction_pipeline(model, inputs):
    extract = pipeline("feature-extraction", model=model.base_model, tokenizer=DNATokenizer())
    features = extract(SEQUENCES[1], return_tensors=True)
    with torch.no_grad():
        expected = model.base_model(**DNATokenizer()(SEQUENCES[1:2], return_tensors="pt"))
    torch.testing.assert_close(features, expected.last_hidden_state)
    assert np.asarray(extract(SEQUENCES[1])).shape == features.shape


def test_pipelines_load_a_saved_folder(tmp_path, model):
    model.save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    (answer,) = pipeline("text-classification", model=str(tmp_path))([SEQUENCES[0]])
    assert answer["label"] in ("other", "promoter")


def lora(model: HyperbolicCNNForSequenceClassification) -> PeftModel:
    """The model with adapters on every convolution and linear layer, and a head to train.

    The norms are saved with the adapter, because training moves their running statistics.
    """
    options = LoraConfig(
        task_type="SEQ_CLS",
        r=2,
        target_modules=LORA_TARGETS[model.config.geometry],
        modules_to_save=["norm", "classifier"],
    )
    return get_peft_model(model, options)


def test_lora_reaches_every_convolution_and_linear_layer(model):
    kinds = (
        (LorentzConv1d, LorentzLinear)
        if model.config.geometry == "lorentz"
        else (torch.nn.Conv1d, torch.nn.Linear)
    )
    wanted = {
        name
        for name, module in model.named_modules()
        if isinstance(module, kinds) and not name.startswith("classifier")
    }
    config = model.config
    assert len(wanted) == (1 if config.block == "residual" else 2) * config.num_layers + 1
    adapted = {
        name.partition(".lora_A")[0].removeprefix("base_model.model.").removesuffix(".space")
        for name, _ in lora(model).named_parameters()
        if "lora_A" in name
    }
    assert adapted == wanted


def train(adapted: PeftModel, inputs: BatchEncoding) -> None:
    """Three steps, which move everything that is trained."""
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=0.5)
    adapted.train()
    for _ in range(3):  # lora_B starts at zero, so the first gradient of lora_A is zero
        optimizer.zero_grad()
        adapted(**inputs, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
        optimizer.step()
    adapted.eval()


def test_lora_trains_adapters_norms_and_head_alone(model, inputs):
    adapted = lora(model)
    before = {name: value.clone() for name, value in adapted.named_parameters()}
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name for name in trained)
    train(adapted, inputs)
    moved = {
        name for name, value in adapted.named_parameters() if not torch.equal(value, before[name])
    }
    assert moved == trained


def test_trained_adapter_is_saved_and_loaded(tmp_path, model, inputs):
    model.save_pretrained(tmp_path / "base")
    adapted = lora(model)
    train(adapted, inputs)
    with torch.no_grad():
        expected = adapted(**inputs).logits
    adapted.save_pretrained(tmp_path / "adapter")

    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    with torch.no_grad():
        assert not torch.allclose(base(**inputs).logits, expected)
        loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
        assert torch.equal(loaded(**inputs).logits, expected)


def test_genomics_trainer_moves_the_points_of_an_adapted_model(tmp_path, model, inputs):
    model.save_pretrained(tmp_path / "base")
    adapted = lora(model)
    points = {name: point.detach().clone() for name, point, _ in model.manifold_points()}
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "adapter"),
        max_steps=3,
        learning_rate=0.01,
        use_cpu=True,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
    )
    tokenizer = DNATokenizer()
    rows = [{**tokenizer(text), "labels": i % 2} for i, text in enumerate(SEQUENCES)]
    trainer = GenomicsTrainer(
        model=adapted, args=arguments, train_dataset=rows, processing_class=tokenizer
    )
    trainer.train()
    trainer.save_model()
    for name, point, _ in model.manifold_points():
        assert not torch.equal(point, points[name]), name

    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        assert torch.equal(loaded(**inputs).logits, adapted.eval()(**inputs).logits)


def test_merged_adapter_is_an_ordinary_model(tmp_path, model, inputs):
    adapted = lora(model)
    train(adapted, inputs)
    with torch.no_grad():
        expected = adapted(**inputs).logits
        merged = adapted.merge_and_unload()
        merged.save_pretrained(tmp_path)
        loaded, info = AutoModelForSequenceClassification.from_pretrained(
            tmp_path, output_loading_info=True
        )
        assert not any(info.values())
        torch.testing.assert_close(loaded(**inputs).logits, expected, atol=1e-5, rtol=1e-4)
