"""Folders as a finished run of `examples/finetune.py` leaves them, made without training."""

import json
from pathlib import Path
from typing import Any

import torch

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    VQDNAConfig,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)

CARD_FACTS = """
data:
  name: Made-up promoters
  license: cc0-1.0
  origin: https://example.org/promoters
"""
RESULTS: dict[str, Any] = {
    "train_loss": 0.25,
    "train_seconds": 12.5,
    "resumed_from": None,
    "epochs": 3.0,
    "steps": 30,
    "best_step": 20,
    "validation_accuracy": 0.91,
    "validation_matthews_correlation": 0.8123456,
    "test_loss": 0.301,
    "test_accuracy": 0.9,
    "test_matthews_correlation": 0.7987654,
    "test_auroc": None,
    "num_labels": 2,
    "rows": {"train": 400, "validation": 100, "test": 100},
    "model_arguments": {"model_name_or_path": None, "recipe": "modern"},
    "data_arguments": {
        "dataset_name": "/home/someone/data/promoters",
        "dataset_config_name": "tata",
    },
    "num_processes": 1,
    "command": "python examples/finetune.py --output_dir=/home/someone/runs/tata --seed 1",
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
}


def write_run(folder: Path, seed: int = 1, **results: Any) -> Path:
    """A run of a tiny HCNN-M; `results` replace those above."""
    torch.manual_seed(seed)
    config = HyperbolicCNNConfig(
        num_channels=5,
        embedding_dim=6,
        num_layers=2,
        max_length=20,
        multi_curvature=True,
        id2label={0: "other", 1: "promoter"},
    )
    model = HyperbolicCNNForSequenceClassification(config)
    model.save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    written = RESULTS | {"seed": seed, "model_type": "hyperbolic_cnn", "num_parameters": parameters}
    (folder / "all_results.json").write_text(json.dumps(written | results))
    state = {
        "global_step": 30,
        "train_batch_size": 16,
        "best_model_checkpoint": "/home/someone/runs/tata/checkpoint-20",
    }
    (folder / "trainer_state.json").write_text(json.dumps(state))
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "card.yaml").write_text(CARD_FACTS)
    return folder


LIKELIHOOD: dict[str, Any] = {
    "rates": [
        {
            "rates": "PhyloGPN",
            "log_likelihood": {"value": -1.5, "low": -1.75, "high": -1.25},
            "lead": None,
        },
        {
            "rates": "one vector",
            "log_likelihood": {"value": -2.0, "low": -2.25, "high": -1.75},
            "lead": {"value": 0.5, "low": 0.4375, "high": 0.5625},
        },
    ],
    "num_blocks": 7,
    "training": {"train_loss": 1.625},
}


def write_phylogpn_run(folder: Path) -> Path:
    """A run of `examples/pretrain_phylogpn.py` that was evaluated; of a tiny network."""
    torch.manual_seed(1)
    config = PhyloGPNConfig(
        outer_dim=8,
        inner_dim=4,
        num_stacks=1,
        phylogeny="((human:0.1,chimp:0.1):0.1,mouse:0.5);",
        reference_leaf="human",
    )
    model = PhyloGPNForMaskedLM(config)
    model.save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    results = {
        **{key: RESULTS[key] for key in ("train_seconds", "epochs", "steps", "best_step")},
        "train_loss": 1.625,
        "validation_log_likelihood_per_site": -1.5625,
        "num_parameters": model.num_parameters(),
        "num_leaves": 3,
        "sites": {"train": 4000, "validation": 500, "test": 500},
        "held_out": ["BRCA1"],
        "validation": ["ATRX"],
        "seed": 1,
        "num_processes": 1,
        "command": "python examples/pretrain_phylogpn.py",
        "versions": {"python": "3.11.7"},
        "model_arguments": {"model_name_or_path": None},
        "data_arguments": {"dataset_name": "/home/someone/exons", "window": 1024},
    }
    (folder / "all_results.json").write_text(json.dumps(results))
    (folder / "trainer_state.json").write_text(json.dumps({"train_batch_size": 2}))
    (folder / "likelihood.json").write_text(json.dumps(LIKELIHOOD))
    (folder / "card.yaml").write_text(CARD_FACTS)
    return folder


GENOME_RUN: dict[str, Any] = {
    **{key: RESULTS[key] for key in ("train_loss", "train_seconds", "epochs", "steps", "versions")},
    "held_out_accuracy": 0.6875,
    "held_out_active_0": 96.875,
    "held_out_runtime": 3.25,
    "windows": {"train": 400, "held_out": 12},
    "data_arguments": {
        "genomes": ["/home/someone/yeast.fa.gz"],
        "held_out": ["chrXVI", "chrI:0-1000"],
        "window": 512,
    },
    "seed": 1,
    "num_processes": 1,
    "command": "python examples/train_vqdna_tokenizer.py --genomes /home/someone/yeast.fa.gz",
}


def vqdna_quantizer_config() -> VQDNAQuantizerConfig:
    return VQDNAQuantizerConfig(
        stem_dim=8, hidden_size=16, num_layers=2, codebook_sizes=[8, 16], quantizer_layers=[1, 2]
    )


def vqdna_config(**fields: Any) -> VQDNAConfig:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return VQDNAConfig(
        quantizer_config=vqdna_quantizer_config().to_dict(), intermediate_size=32, **sizes, **fields
    )


def write_vqdna_quantizer_run(folder: Path) -> Path:
    """A run of `examples/train_vqdna_tokenizer.py`; of a tiny quantizer."""
    torch.manual_seed(1)
    model = VQDNAQuantizerModel(vqdna_quantizer_config())
    return _write(folder, model, GENOME_RUN | {"model_arguments": {"model_name_or_path": None}})


def write_vqdna_run(folder: Path) -> Path:
    """A run of `examples/pretrain_vqdna.py`; of a tiny language model."""
    torch.manual_seed(1)
    model = VQDNAForMaskedLM(vqdna_config())
    given = {"model_name_or_path": None, "quantizer": "/home/someone/runs/tokenizer"}
    trained = model.num_parameters(only_trainable=True)
    return _write(
        folder,
        model,
        GENOME_RUN | {"model_arguments": given, "num_trained_parameters": trained},
    )


def write_classifier_run(folder: Path, model_type: str) -> Path:
    """A run of `examples/finetune.py --lora` from a trained network of that type."""
    torch.manual_seed(1)
    labels = {"id2label": {0: "other", 1: "promoter"}, "label2id": {"other": 0, "promoter": 1}}
    model: Any
    if model_type == "vqdna":
        model = VQDNAForSequenceClassification(vqdna_config(**labels))
    else:
        sizes = {"outer_dim": 8, "inner_dim": 4, "num_stacks": 1, "token_padding": "same"}
        model = PhyloGPNForSequenceClassification(PhyloGPNConfig(**sizes, **labels))
    given = {"model_name_or_path": "me/network", "recipe": "modern", "lora": True, "lora_rank": 4}
    return _write(folder, model, RESULTS | {"seed": 1, "model_arguments": given})


def _write(folder: Path, model: Any, results: dict[str, Any]) -> Path:
    model.save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    written = results | {"num_parameters": model.num_parameters()}
    (folder / "all_results.json").write_text(json.dumps(written))
    (folder / "trainer_state.json").write_text(json.dumps({"train_batch_size": 8}))
    (folder / "card.yaml").write_text(CARD_FACTS)
    return folder
