"""Which checkpoint a run goes on from."""

from __future__ import annotations

import json
import re
from pathlib import Path

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_TRAINER_STATE = "trainer_state.json"


def last_complete_checkpoint(output_dir: str | Path) -> str | None:
    """The newest checkpoint in `output_dir` that was written to its end, None if there is none.

    The Trainer writes its state last. A folder without a readable one was left by a run that was
    killed while saving; it is passed over, and written again when the run gets there.
    """
    complete = [
        (int(match[1]), folder)
        for folder in Path(output_dir).glob("checkpoint-*")
        if (match := _CHECKPOINT.fullmatch(folder.name)) and _is_complete(folder)
    ]
    return str(max(complete)[1]) if complete else None


def checkpoint_to_resume(output_dir: str | Path, resume_from_checkpoint: str | None) -> str | None:
    """Reads `--resume_from_checkpoint`: "true", a checkpoint's folder, or nothing.

    "true" means the last complete checkpoint of `output_dir`, or a fresh start where there is none,
    so that one command serves the first start and every restart.

    Raises:
        ValueError: The named checkpoint is absent or incomplete; or nothing is named and
            `output_dir` holds checkpoints of an earlier run, which must not be mixed with this one.
    """
    last = last_complete_checkpoint(output_dir)
    choice = (resume_from_checkpoint or "").strip()
    if choice.lower() in ("true", "1", "yes"):
        return last
    if choice.lower() not in ("", "false", "0", "no"):
        if not _is_complete(Path(choice)):
            raise ValueError(
                f"--resume_from_checkpoint {choice} is no complete checkpoint; give a folder "
                f"checkpoint-<step>, or 'true' for the last one in {output_dir}."
            )
        return choice
    if last is not None:
        raise ValueError(
            f"{output_dir} holds {Path(last).name} of an earlier run; go on from it with "
            "--resume_from_checkpoint true, or choose another --output_dir."
        )
    return None


def _is_complete(folder: Path) -> bool:
    try:
        json.loads((folder / _TRAINER_STATE).read_text())
    except (OSError, ValueError):
        return False
    return True
