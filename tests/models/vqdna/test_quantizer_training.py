"""Real runs with Trainer: codes are used, nucleotides come back, and a run resumes exactly."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from hf_genomics import VQDNAQuantizerModel
from tests.models.vqdna.tiny_quantizer import tiny_config

LENGTH = 96


def genome(length: int) -> Tensor:
    """A second-order Markov chain, the same in every test: some 3-mers are common, others rare."""
    generator = torch.Generator().manual_seed(7)
    table = torch.rand(4, 4, 4, generator=generator).pow(2) + 0.05
    cumulative = (table / table.sum(2, keepdim=True)).cumsum(2).tolist()
    draws = torch.rand(length, generator=generator).tolist()
    bases = [0, 1]
    for draw in draws:
        bases.append(sum(draw > bound for bound in cumulative[bases[-2]][bases[-1]][:3]))
    return torch.tensor(bases[2:])


def rows(genome: Tensor) -> list[dict[str, Tensor]]:
    return [{"input_ids": window} for window in genome.unfold(0, LENGTH, LENGTH)]


def make_trainer(folder: Path, callbacks: Any = None, **options: Any) -> Trainer:
    windows = rows(genome(LENGTH * 600))
    arguments = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 16,
        "learning_rate": 4e-3,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": 3,
        "logging_steps": 1,
    }
    torch.manual_seed(3)
    model = VQDNAQuantizerModel(
        tiny_config(hidden_size=32, stem_dim=16, kmeans_warmup_steps=6, code_dropout=0.25)
    )
    return Trainer(
        model=model,
        args=TrainingArguments(**arguments | options),
        train_dataset=windows[:500],
        eval_dataset=windows[500:],
        callbacks=callbacks,
        compute_metrics=accuracy,
    )


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    logits, codes = prediction.predictions
    bases = torch.cat([row["input_ids"] for row in rows(genome(LENGTH * 600))[500:]]).numpy()
    share = {f"active_{n}": len(set(codes[:, n].ravel())) / (32, 64)[n] for n in (0, 1)}
    return {"accuracy": float((logits.argmax(-1).ravel() == bases).mean()), **share}


def test_a_run_learns_to_reconstruct_and_uses_its_codes(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=200, save_strategy="no")
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert before["eval_accuracy"] < 0.5
    assert after["eval_accuracy"] > 0.99
    assert after["eval_active_0"] > 0.5
    assert after["eval_active_1"] > 0.5
    assert after["eval_loss"] < before["eval_loss"]
    assert trainer.model.training_steps == 200


class StopAt(TrainerCallback):
    """Ends a run early, as a crash would, after its last checkpoint."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop = state.global_step >= self.step


@pytest.mark.parametrize("crash", [5, 13])
def test_a_resumed_run_is_the_same_to_the_bit(crash, tmp_path):
    """One crash in the warm-up, before k-means; one after."""
    options: dict[str, Any] = {"max_steps": 20, "save_steps": 4}
    whole = make_trainer(tmp_path / "whole", **options)
    whole.train()
    make_trainer(tmp_path / "halves", [StopAt(crash)], **options).train()
    resumed = make_trainer(tmp_path / "halves", **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / f"halves/checkpoint-{crash // 4 * 4}"))
    expected = whole.model.state_dict()
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    losses = [
        [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        for trainer in (whole, resumed)
    ]
    assert losses[0] == losses[1]


def test_accumulating_gradients_gives_the_loss_of_the_batch(tmp_path):
    """The losses are means over a batch: Trainer has to divide by the micro-batches."""
    losses = []
    for size, pieces in ((16, 1), (4, 4)):
        trainer = make_trainer(
            tmp_path,
            max_steps=1,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=pieces,
            save_strategy="no",
        )
        trainer.model.config.code_dropout = 0.0
        losses.append(trainer.train().training_loss)
        assert trainer.model.training_steps == pieces  # codebooks count micro-batches
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
