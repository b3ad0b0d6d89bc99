"""What the scripts that train on genomes do alike: train, measure the held-out windows, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import Trainer

from hf_genomics.evaluation.results import write_results
from hf_genomics.training.genome_loading import Genomes
from hf_genomics.training.run_records import provenance, training_results


def train_and_record(
    trainer: Trainer,
    windows: Genomes,
    *,
    checkpoint: str | None,
    commit: str | None,
    arguments: dict[str, Any],
    more: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Trains, saves the model, and writes `all_results.json`.

    Args:
        trainer: with its model and data.
        windows: what it trains and is measured on.
        checkpoint: to go on from.
        commit: of the code that runs.
        arguments: dataclasses of the command line by the name that they are recorded by.
        more: further results, computed after training.
    """
    training = trainer.args
    trained = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    trainer.save_state()
    results = training_results(trainer, trained, checkpoint)
    if windows.held_out is not None:
        results |= trainer.evaluate(metric_key_prefix="held_out")
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    results |= {
        **more(),
        "num_parameters": model.num_parameters(),
        "num_trained_parameters": model.num_parameters(only_trainable=True),
        **windows.summary(),
        **provenance(training, commit=commit, arguments=arguments),
    }
    if trainer.is_world_process_zero():
        write_results(f"{training.output_dir}/all_results.json", results)
        for name, value in results.items():
            if name.startswith("held_out_") and isinstance(value, float):
                print(f"{name} {value:.5g}")
    if training.push_to_hub:
        trainer.push_to_hub()
