"""Parts survive a kill, and nothing else does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hf_genomics import score_variants
from hf_genomics.evaluation.variant_effects.resume import MANIFEST, PartStore
from tests.evaluation.variant_effects.conftest import tiny_phylogpn, write_fasta, write_vcf
from tests.evaluation.variant_effects.test_scorers import Constant

PROGRAM = """
import sys, time
import hf_genomics
from hf_genomics.evaluation.variant_effects import scoring
score = scoring._Run._score
def slowly(self, block):
    time.sleep(0.03)
    return score(self, block)
scoring._Run._score = slowly
model, fasta, source, output, region = sys.argv[1:]
kind = {"region": source} if region == "region" else {"variants": source}
kind |= {"rows_per_part": 4, "batch_size": 2, "resume": True}
scoring.score_variants(model, fasta, output=output, **kind)
"""


def join(files, output):
    output.write_bytes(b"".join(file.read_bytes() for file in files))


def store_of(tmp_path, made_from=None, *, resume=False, overwrite=False):
    return PartStore(tmp_path / "out", made_from or {"a": 1}, resume=resume, overwrite=overwrite)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "kind", "kills"),
    [("vcf.gz", "vcf", (5, 60)), ("parquet", "region", (30,))],
)
def test_killed_and_resumed_run_writes_the_bytes_of_a_whole_one(
    suffix, kind, kills, model_folder, fasta, snvs, tmp_path
):
    source = "chr1:100-500" if kind == "region" else write_vcf(tmp_path / "in.vcf", snvs(400))
    output = tmp_path / f"out.{suffix}"
    command = [sys.executable, "-c", PROGRAM, model_folder, fasta, source, output, kind]
    for wanted in kills:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[3])
        try:
            wait_for_parts(tmp_path / f"out.{suffix}.parts", wanted, process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not output.exists()
    subprocess.run(command, cwd=Path(__file__).parents[3], check=True)
    whole = tmp_path / f"whole.{suffix}"
    options = {"region": source} if kind == "region" else {"variants": source}
    score_variants(str(model_folder), fasta, output=whole, rows_per_part=4, batch_size=2, **options)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.parts")) == []


def wait_for_parts(folder, wanted, process):
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.part"))) < wanted:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_finished_parts_are_not_scored_again(genome, fasta, snvs, tmp_path):
    source = write_vcf(tmp_path / "in.vcf", snvs(30))

    class Stopping(Constant):
        calls = 0
        last = 2

        def __call__(self, substitutions, genome):
            Stopping.calls += 1
            if Stopping.calls > Stopping.last:
                raise KeyboardInterrupt
            return super().__call__(substitutions, genome)

    options = {"variants": source, "output": tmp_path / "out.tsv", "rows_per_part": 10}
    with pytest.raises(KeyboardInterrupt):
        score_variants(Stopping(), fasta, **options)
    Stopping.calls, Stopping.last = 0, 9
    summary = score_variants(Stopping(), fasta, **options, resume=True)
    assert Stopping.calls == 1
    assert (summary.num_rows, summary.counts) == (30, {"ok": 30})


def interrupted(tmp_path, fasta, snvs, **options):
    """Leaves the first of three parts, and returns the options of the run."""
    source = write_vcf(tmp_path / "in.vcf", snvs(30))
    options = {"variants": source, "output": tmp_path / "out.tsv", "rows_per_part": 10} | options

    class Broken(Constant):
        def __call__(self, substitutions, genome):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_variants(Broken(), fasta, **options)
    return options


def test_rerun_without_resume_is_refused(tmp_path, fasta, snvs):
    options = interrupted(tmp_path, fasta, snvs)
    with pytest.raises(ValueError, match="interrupted run: .* --resume .* --overwrite"):
        score_variants(Constant(), fasta, **options)
    score_variants(Constant(), fasta, **options, overwrite=True)
    assert options["output"].exists()


def test_to_go_on_and_to_begin_anew_exclude_each_other(tmp_path, fasta, snvs):
    options = interrupted(tmp_path, fasta, snvs)
    with pytest.raises(ValueError, match="give one of them"):
        score_variants(Constant(), fasta, **options, resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prefix": "x_"}, "prefix was None, is x_"),
        ({"rows_per_part": 11}, "rows_per_part was 10, is 11"),
    ],
)
def test_resuming_with_other_options_is_refused(change, named, tmp_path, fasta, snvs):
    options = interrupted(tmp_path, fasta, snvs)
    with pytest.raises(ValueError, match=named):
        score_variants(Constant(), fasta, **options | change, resume=True)


def test_resuming_with_changed_variants_is_refused(tmp_path, fasta, snvs):
    options = interrupted(tmp_path, fasta, snvs)
    write_vcf(tmp_path / "in.vcf", snvs(30, seed=1))
    with pytest.raises(ValueError, match="was made from something else: variants was"):
        score_variants(Constant(), fasta, **options, resume=True)


def test_resuming_with_another_reference_is_refused(tmp_path, fasta, snvs, sequences):
    options = interrupted(tmp_path, fasta, snvs)
    other = write_fasta(tmp_path / "other.fa", sequences | {"chr3": "ACGT"})
    with pytest.raises(ValueError, match="was made from something else: fasta was"):
        score_variants(Constant(), other, **options, resume=True)


def test_resuming_with_another_model_is_refused(tmp_path, fasta, snvs):
    options = interrupted(tmp_path, fasta, snvs)

    class Other(Constant):
        identity = {"name": "other"}

    with pytest.raises(ValueError, match=r"scorer\.name was constant, is other"):
        score_variants(Other(), fasta, **options, resume=True)


def test_resuming_with_other_options_of_the_model_is_refused(tmp_path, fasta, snvs, monkeypatch):
    source = write_vcf(tmp_path / "in.vcf", snvs(10))
    options = {"variants": source, "output": tmp_path / "out.tsv"}
    with monkeypatch.context() as patch:
        patch.setattr(PartStore, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            score_variants(tiny_phylogpn(), fasta, **options)
    with pytest.raises(ValueError, match=r"scorer\.rc_average was False, is True"):
        score_variants(tiny_phylogpn(), fasta, **options, rc_average=True, resume=True)


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_complete_output_is_not_overwritten_by_accident(tmp_path, fasta, snvs):
    options = {
        "variants": write_vcf(tmp_path / "in.vcf", snvs(5)),
        "output": tmp_path / "out.tsv",
    }
    score_variants(Constant(), fasta, **options)
    for resume in (False, True):
        with pytest.raises(ValueError, match="the file is complete. .* --overwrite"):
            score_variants(Constant(), fasta, **options, resume=resume)
    score_variants(Constant(), fasta, **options, overwrite=True)


def test_output_is_whole_or_absent(tmp_path):
    store = store_of(tmp_path)
    store.write(0, b"one", {"ok": 1})

    def fail(files, output):
        output.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.assemble(1, fail)
    assert not (tmp_path / "out").exists()
    again = store_of(tmp_path, resume=True)
    again.assemble(1, join)
    assert (tmp_path / "out").read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_killed_between_output_and_cleaning_up_is_resumed(tmp_path):
    store = store_of(tmp_path)
    store.write(0, b"one", {"ok": 1})
    store.close()
    (tmp_path / "out").write_bytes(b"one")
    again = store_of(tmp_path, resume=True)
    assert 0 in again
    again.assemble(1, join)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.mark.parametrize("damage", ["gone", "changed", "shortened"])
def test_damaged_part_is_made_again(damage, tmp_path):
    store = store_of(tmp_path)
    store.write(0, b"one", {"ok": 1})
    store.write(1, b"two", {"ok": 2})
    store.close()
    part = tmp_path / "out.parts" / "00000000.part"
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(b"ONE" if damage == "changed" else b"on")
    again = store_of(tmp_path, resume=True)
    assert 0 not in again
    assert again.counts(1) == {"ok": 2}
    again.close()


@pytest.mark.parametrize("kept", [0, 5])
def test_line_that_was_being_written_is_forgotten(kept, tmp_path):
    store = store_of(tmp_path)
    store.write(0, b"one", {"ok": 1})
    store.close()
    manifest = tmp_path / "out.parts" / MANIFEST
    first, last = manifest.read_text().splitlines(keepends=True)
    manifest.write_text(first + last[:kept])
    again = store_of(tmp_path, resume=True)
    assert 0 not in again
    again.write(0, b"one", {"ok": 1})
    again.close()
    entries = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [entry.get("part") for entry in entries] == [None, 0]


def test_kill_while_the_first_line_was_written_is_no_run(tmp_path):
    folder = tmp_path / "out.parts"
    os.mkdir(folder)
    (folder / MANIFEST).write_text('{"a"')
    store = store_of(tmp_path, resume=True)
    assert 0 not in store
    store.close()
