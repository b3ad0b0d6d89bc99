"""Two processes train a tiny model on batches of their own, predict, and save.

`logits` has the predictions by the folder of the model that should have made them: those at the
last evaluation of the training, and those after it.

    torchrun --nproc_per_node 2 predict_apart.py FOLDER AVERAGING_DECAY
"""

import dataclasses
import sys
from pathlib import Path

import torch
from transformers import TrainingArguments

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.recipes import MODERN
from hf_genomics.training.trainer import GenomicsTrainer

LENGTH = 12


def main(folder: Path, decay: float) -> None:
    torch.manual_seed(0)
    model = HyperbolicCNNForSequenceClassification(
        HyperbolicCNNConfig(num_channels=6, embedding_dim=9, num_layers=2, max_length=LENGTH)
    ).double()
    ids = torch.randint(0, 4, (24, LENGTH))
    rows = [{"input_ids": row, "labels": (row[0] < 2).long()} for row in ids]
    seen = []

    def keep(prediction) -> dict[str, float]:
        seen.append(torch.from_numpy(prediction.predictions))
        return {"matthews_correlation": 0.5}

    trainer = GenomicsTrainer(
        model=model,
        recipe=dataclasses.replace(MODERN, averaging_decay=decay, early_stopping_patience=None),
        args=TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=2,
            per_device_eval_batch_size=4,
            learning_rate=1e-2,
            max_steps=5,
            eval_strategy="steps",
            save_strategy="steps",
            eval_steps=5,
            save_steps=5,
            metric_for_best_model="matthews_correlation",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=rows,
        eval_dataset=rows[:8],
        compute_metrics=keep,
    )
    trainer.train()
    trainer.save_model(str(folder / "after"))
    after = torch.from_numpy(trainer.predict(rows[:8]).predictions)
    if trainer.is_world_process_zero():
        logits = {"checkpoint-5": seen[0], "after": after}
        torch.save({"input_ids": ids[:8], "logits": logits}, folder / "found.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
    leave_process_group()
