"""Trains a tiny model on copies of eight sequences; the log goes to a JSON file.

Batch norm takes its statistics from one micro-batch of one process, so runs that cut 32 sequences
differently agree only if every micro-batch is alike. Here each is made of copies of the same eight.

    python train_copies.py LOG BATCH_SIZE ACCUMULATION
"""

import json
import os
import sys
from pathlib import Path

import torch
from transformers import TrainingArguments

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.recipes import MODERN
from hf_genomics.training.trainer import GenomicsTrainer

STEPS = 3
LENGTH = 12


def train_copies(
    folder: Path, batch_size: int, accumulation: int, accepts_loss_kwargs: bool = False
) -> list[dict[str, float]]:
    """Trains for `STEPS` steps; loss, gradient norm and curvatures logged at each."""
    torch.manual_seed(0)
    model = HyperbolicCNNForSequenceClassification(
        HyperbolicCNNConfig(num_channels=6, embedding_dim=9, num_layers=2, max_length=LENGTH)
    ).double()
    model.accepts_loss_kwargs = accepts_loss_kwargs
    eight = [
        {"input_ids": torch.randint(0, 4, (LENGTH,)), "labels": torch.tensor(i % 2)}
        for i in range(8)
    ]
    trainer = GenomicsTrainer(
        model=model,
        recipe=MODERN,
        args=TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=accumulation,
            train_sampling_strategy="sequential",
            max_steps=STEPS,
            logging_steps=1,
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=eight * 4 * STEPS,
    )
    trainer.train()
    keys = ("loss", "grad_norm", "learning_rate", "curvature_0", "curvature_0_grad")
    return [{key: log[key] for key in keys} for log in trainer.state.log_history if "loss" in log]


if __name__ == "__main__":
    log, batch_size, accumulation = sys.argv[1:]
    history = train_copies(Path(log).parent, int(batch_size), int(accumulation))
    if int(os.environ["RANK"]) == 0:
        Path(log).write_text(json.dumps(history))
    leave_process_group()
