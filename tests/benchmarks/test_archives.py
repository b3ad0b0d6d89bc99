"""Archives as sources: read to their checksum, whatever folder they wrap their content in."""

import io
import lzma
import random
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.building import build_dataset

ROWS = "sequence,label\n" + "".join(
    f"{''.join(random.Random(row).choices('ACGT', k=60))},{row % 2}\n" for row in range(40)
)
GUE = {f"tf/0/{split}.csv": ROWS for split in ("train", "dev", "test")}


def folder_of(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def packed(root: Path, name: str, files: dict[str, str]) -> Path:
    path = root / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner, text in files.items():
                archive.writestr(inner, text)
        return path
    with tarfile.open(path, f"w:{name.rpartition('.')[2]}".replace(":tar", ":")) as archive:
        for inner, text in files.items():
            member = tarfile.TarInfo(inner)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_every_kind_of_archive_gives_the_rows_of_the_folder(tmp_path, end):
    of_folder = load_benchmark("gue", "tf_0", folder_of(tmp_path / "GUE", GUE))
    of_archive = load_benchmark("gue", "tf_0", packed(tmp_path, f"x.{end}", GUE))
    assert {s: rows[:] for s, rows in of_archive.items()} == {
        s: rows[:] for s, rows in of_folder.items()
    }


@pytest.mark.parametrize("end", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_one_wrong_bit_anywhere_is_found(tmp_path, end):
    """tarfile stops before the checksum of what is around it."""
    good = packed(tmp_path, f"good.{end}", GUE).read_bytes()
    expected = {
        s: rows[:] for s, rows in load_benchmark("gue", "tf_0", _file(tmp_path, end, good)).items()
    }
    draw, refused = random.Random(0), 0
    for _ in range(40):
        damaged = bytearray(good)
        damaged[draw.randrange(12, len(good))] ^= 1 << draw.randrange(8)
        try:
            rows = load_benchmark("gue", "tf_0", _file(tmp_path, end, bytes(damaged)))
        except ValueError:
            refused += 1
        else:  # a bit that is of no content, such as of a time
            assert {split: part[:] for split, part in rows.items()} == expected
    assert refused >= 25


def _file(folder: Path, end: str, content: bytes) -> Path:
    path = folder / f"now.{end}"
    path.write_bytes(content)
    return path


def test_a_damaged_archive_is_said_to_be_one(tmp_path):
    damaged = bytearray(lzma.compress(b"\0" * 4096))
    damaged[40] ^= 255
    (tmp_path / "x.tar.xz").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"x\.tar\.xz cannot be unpacked: .*; fetch it again"):
        load_benchmark("gue", "tf_0", tmp_path / "x.tar.xz")


@pytest.mark.parametrize("end", ["zip", "tar.gz"])
def test_folders_around_the_content_do_no_harm(tmp_path, end):
    wrapped = {f"download/GUE-main/{name}": text for name, text in GUE.items()}
    wrapped["__MACOSX/download/._GUE-main"] = "of another system"
    assert len(load_benchmark("gue", "tf_0", packed(tmp_path, f"x.{end}", wrapped))["train"]) == 40


def test_a_folder_that_names_its_configuration_keeps_its_name(tmp_path):
    wrapped = {f"GUE/tf/0/{split}.csv": ROWS for split in ("train", "dev", "test")}
    assert len(load_benchmark("gue", None, packed(tmp_path, "x.zip", wrapped))["train"]) == 40


def test_a_repository_as_one_downloads_it(tmp_path):
    rows = {f"coarse/datasets/human_enhancers_cohn/{s}.csv": ROWS for s in ("train", "test")}
    assert len(load_benchmark("genomic_benchmarks", None, packed(tmp_path, "x.zip", rows))) == 3


def test_a_built_data_set_may_be_packed(tmp_path):
    build_dataset("gue", folder_of(tmp_path / "GUE", GUE), tmp_path / "built")
    shutil.make_archive(str(tmp_path / "built"), "zip", tmp_path, "built")
    assert len(load_benchmark("gue", "tf_0", tmp_path / "built.zip")["test"]) == 40


def test_an_archive_of_one_table(tmp_path):
    table = "chrom,pos,ref,alt,label\n1,3,A,C,0\n1,4,A,C,1\n"
    (tmp_path / "genome.fa").write_text(">chr1\nAAAAAAAA\n")
    rows = load_benchmark(
        "traitgym",
        "mendelian_traits",
        packed(tmp_path, "x.zip", {"variants.csv": table}),
        genomes={"": tmp_path / "genome.fa"},
    )
    assert {split: len(part) for split, part in rows.items()} == {"test": 2}
