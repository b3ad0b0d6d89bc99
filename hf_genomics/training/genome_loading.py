"""Genomes as the command lines of training name them: windows to train on, and those held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets import IterableDataset
from transformers import TrainingArguments

from hf_genomics.data.genome_windows import GenomeWindows, load_genomes
from hf_genomics.data.streamed_windows import stream_windows
from hf_genomics.training.trainer_options import require_batch
from hf_genomics.training.vqdna_arguments import GenomeArguments


@dataclass(frozen=True)
class Genomes:
    """Windows of genomes.

    Attributes:
        train: to train on; an `IterableDataset` where they are streamed.
        held_out: to test on, None where nothing is held out.
    """

    train: GenomeWindows | IterableDataset
    held_out: GenomeWindows | None

    def summary(self) -> dict[str, dict[str, int]]:
        """Windows of each split that can be counted, and those left out for unknown bases or short
        contigs."""
        splits = {
            name: split
            for name, split in (("train", self.train), ("held_out", self.held_out))
            if isinstance(split, GenomeWindows)
        }
        return {
            "windows": {name: len(split) for name, split in splits.items()},
            "windows_left_out": {name: split.num_left_out for name, split in splits.items()},
        }


def load_windows(data: GenomeArguments, training: TrainingArguments) -> Genomes:
    """The windows that the arguments name, read by one process and then by the others.

    Raises:
        ValueError: as `load_genomes`, `GenomeWindows`, `stream_windows` and `require_batch`.
    """
    options: dict[str, Any] = {
        "held_out": data.held_out,
        "sequence_column": data.sequence_column,
        "config_name": data.dataset_config_name,
        "split": data.dataset_split,
    }
    with training.main_process_first(desc="reading genomes"):
        # the names of --held_out are checked here, also for a stream
        held_out = (
            load_genomes(data.genomes, want_held_out=True, **options) if data.held_out else None
        )
        rows = None if data.streaming else load_genomes(data.genomes, **options)
    train: GenomeWindows | IterableDataset
    if rows is None:
        train = stream_windows(
            data.genomes,
            data.window,
            reverse_complement=data.reverse_complement_probability,
            seed=training.seed,
            **options,
        )
    else:
        train = GenomeWindows(
            rows,
            data.window,
            shift=True,
            reverse_complement=data.reverse_complement_probability,
            seed=training.seed,
        )
        require_batch(training, len(train))
    return Genomes(train, None if held_out is None else GenomeWindows(held_out, data.window))
