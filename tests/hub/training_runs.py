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
