"""Work that is killed at random moments, again and again: nothing is lost, and nothing doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.hub.loopback_hub import LoopbackHub

REPOSITORY = Path(__file__).resolve().parents[2]
WARNINGS = ("-W", "error", "-W", "ignore:Use 'content=<...>' to upload:DeprecationWarning")
SEED = 20261121

BUILDING = """
import hashlib
from pathlib import Path
from hf_genomics.benchmarks.building import build_dataset

def contents(folder):
    files = sorted(file for file in Path(folder).rglob("*") if file.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

def rehearsal():
    build_dataset("gue", "GUE", "whole")
    build_dataset("gue", "earlier GUE", "earlier")
    build_dataset("gue", "earlier GUE", "built")

def work():
    build_dataset("gue", "GUE", "built", overwrite=True)

def between():
    kinds = [name for name in ("whole", "earlier") if contents(name) == contents("built")]
    return kinds or sorted(contents("built"))
"""

SCORING = """
import numpy as np
from pathlib import Path
from hf_genomics import score_variants
import pysam, pyarrow.parquet

class Slow:
    columns, context = {"state": "of the reference"}, (0, 0)
    precision, identity = np.dtype(np.float32), {"name": "slow"}

    def __call__(self, substitutions, genome):
        import time
        time.sleep(0.002)
        return substitutions.reference[:, None].astype(float)

def score(output, **options):
    options |= {"variants": "in.vcf", "rows_per_part": 5, "output": output}
    score_variants(Slow(), "ref.fa", **options)

def rehearsal():
    score("whole.vcf.gz")

def work():
    if not Path("out.vcf.gz").exists():
        score("out.vcf.gz", resume=True)

def between():
    return len(list(Path("out.vcf.gz.parts").glob("*.part"))), Path("out.vcf.gz").exists()
"""

UPLOADING = """
from hf_genomics.hub.uploading import Destination, upload

FILES = {"README.md": b"# One", "config.json": b"{}"}
FILES |= {f"weights-{i}.safetensors": bytes([i]) * 300_000 for i in range(4)}

def rehearsal():
    upload(FILES, Destination("tester/rehearsal"))

def work():
    upload(FILES, Destination("tester/one"))
"""

TRAINING = """
import os, runpy, sys
from pathlib import Path
sys.path.insert(0, r"{repository}")
import hf_genomics, hf_genomics.training.trainer, hf_genomics.training.finetuning
script = runpy.run_path(r"{repository}/examples/finetune.py")
COMMAND = {command}

def train(output):
    sys.argv = ["finetune.py", *COMMAND, "--output_dir", output]
    script["main"]()

def rehearsal():
    train("whole")

def work():
    train("killed")

def between():
    return sorted(folder.name for folder in Path("killed").glob("checkpoint-*"))
"""
COMMAND = [
    *("--model_type", "hyperbolic_cnn", "--dataset_name", "rows", "--num_train_epochs", "3"),
    *("--config_overrides", "num_layers=1,num_channels=4,embedding_dim=6,kernel_size=3"),
    *("--per_device_train_batch_size", "8", "--disable_tqdm", "true", "--learning_rate", "0.02"),
    *("--eval_strategy", "steps", "--eval_steps", "2", "--save_strategy", "steps"),
    *(
        "--save_steps",
        "2",
        "--save_total_limit",
        "10",
        "--resume_from_checkpoint",
        "true",
        "--use_cpu",
        "true",
    ),
]


def run(folder, code, kills, environment=None, share=1.0):
    """What `attempts.py` reports of a work in a folder.

    A work that goes on where it was would be done after one or two attempts of up to its whole
    time; a smaller `share` of it leaves some to kill.
    """
    (folder / "work.py").write_text(code)
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    attempts = Path(__file__).with_name("attempts.py")
    done = subprocess.run(
        [sys.executable, *WARNINGS, attempts, "work.py", str(kills), str(SEED), str(share)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] > 0
    return report


@pytest.fixture
def note_kills(request):
    """Leaves in the report how many processes a test has killed, and at what."""

    def note(work, killed):
        request.node.user_properties.append((f"kills {work}", str(killed)))

    return note


@pytest.mark.slow
@pytest.mark.kills("building a benchmark")
def test_killed_build_leaves_the_old_data_set_or_the_new_one(tmp_path, note_kills):
    for source, rows in (("GUE", 2000), ("earlier GUE", 1)):
        for config in ("tf/0", "mouse/1"):
            (tmp_path / source / config).mkdir(parents=True)
            for split in ("train", "dev", "test"):
                text = "sequence,label\n" + "ACGTACGTTTGACCAN,1\nTTTTACGACCANACGT,0\n" * rows
                (tmp_path / source / config / f"{split}.csv").write_text(text)
    report = run(tmp_path, BUILDING, kills=15)
    assert all(seen in (["whole"], ["earlier"]) for seen in report["seen"]), report["seen"]
    assert (tmp_path / "built" / "provenance.json").read_bytes() == (
        tmp_path / "whole" / "provenance.json"
    ).read_bytes()
    note_kills("building a benchmark", report["killed"])


@pytest.mark.slow
@pytest.mark.kills("scoring variants")
def test_killed_scoring_goes_on_to_the_bytes_of_a_whole_run(tmp_path, note_kills):
    (tmp_path / "ref.fa").write_text(">chr1\n" + "ACGT" * 300 + "\n")
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [f"chr1\t{4 * i + 1}\t.\tA\tG\t.\t.\t.\n" for i in range(300)]
    (tmp_path / "in.vcf").write_text(header + "".join(lines))
    report = run(tmp_path, SCORING, kills=15, share=0.2)
    parts = [count for count, complete in report["seen"] if not complete]
    assert parts == sorted(parts)  # no part that was there is lost
    assert (tmp_path / "out.vcf.gz").read_bytes() == (tmp_path / "whole.vcf.gz").read_bytes()
    assert not list(tmp_path.glob("*.parts"))
    note_kills("scoring variants", report["killed"])


@pytest.mark.slow
@pytest.mark.kills("uploading")
def test_killed_upload_is_no_commit_or_the_whole_one(tmp_path, note_kills):
    with LoopbackHub().running() as hub:
        report = run(tmp_path, UPLOADING, kills=15, environment=hub.environment)
        whole, one = (hub.repositories[f"tester/{name}"] for name in ("rehearsal", "one"))
        assert one.files == whole.files
        assert one.messages == whole.messages  # the first commit of the Hub, and ours once
        assert set(one.commits[0][1]) == {".gitattributes"}
    note_kills("uploading", report["killed"])


@pytest.mark.slow
@pytest.mark.kills("training")
def test_killed_training_goes_on_to_the_weights_of_a_whole_run(tmp_path, note_kills):
    (tmp_path / "rows").mkdir()
    for split, rows in (("train", 48), ("dev", 8), ("test", 8)):
        lines = [
            f"{'TATAAA' if i % 2 else 'CCGGCC'}{'ACGT' * (i % 5)}AC,{i % 2}" for i in range(rows)
        ]
        (tmp_path / "rows" / f"{split}.csv").write_text("\n".join(["sequence,label", *lines, ""]))
    code = TRAINING.format(repository=REPOSITORY, command=COMMAND)
    report = run(tmp_path, code, kills=8, share=0.4)
    whole, killed = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed")
    )
    assert whole.keys() == killed.keys()
    assert all(whole[name].equal(killed[name]) for name in whole)
    states = [
        json.loads((tmp_path / name / "checkpoint-18" / "trainer_state.json").read_text())
        for name in ("whole", "killed")
    ]
    steps = [[entry["step"] for entry in state["log_history"]] for state in states]
    assert steps[0] == steps[1]  # no step counted twice
    note_kills("training", report["killed"])
