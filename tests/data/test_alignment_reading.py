"""Lines of alignment files; blocks come under a bar of the bytes read, where one is asked for."""

import gzip
import io

import pytest

from hf_genomics.data.alignment_files import alignment_format, numbered_lines
from hf_genomics.data.alignment_reading import BlockReader

BLOCK = "a\ns ref.1 {0} 4 + 9999 ACGT\ns one.1 {0} 4 + 9999 ACGA\n\n"
FILES = {
    "plain.maf": "".join(BLOCK.format(4 * i) for i in range(500)).encode(),
    "small.maf": BLOCK.format(0).encode(),
    "zipped.maf.gz": gzip.compress("".join(BLOCK.format(4 * i) for i in range(500)).encode()),
    "one.fa": b">L1|ref\nACGT\n>L1|one\nACGA\n",
}


@pytest.fixture
def paths(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in FILES]


@pytest.mark.parametrize("readings", [1, 2])
def test_bar_counts_the_bytes_on_disk_and_ends_at_its_end(paths, readings, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    seen = []
    with BlockReader(paths, readings=readings - 1, progress=True) as reader:
        reader.read_again()
        for path in paths * readings:
            for _ in reader.blocks(path):
                seen.append(reader._bar.n)
        assert reader._bar.total == readings * sum(map(len, FILES.values()))
        assert reader._bar.n == reader._bar.total
    assert seen == sorted(seen)
    assert len(set(seen)) > 10 * readings
    assert "Reading alignments: 100%" in stream.getvalue()


@pytest.mark.parametrize("turned_off", [True, False])
def test_no_bar_unasked_or_where_bars_are_turned_off(paths, turned_off, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    if turned_off:
        monkeypatch.setattr("transformers.utils.logging._tqdm_active", False)
    with BlockReader(paths, progress=turned_off) as reader:
        reader.read_again()
        assert sum(1 for path in paths for _ in reader.blocks(path)) == 1002
    assert stream.getvalue() == ""


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path, pack):
    path = tmp_path / "alignment"
    for text, expected in ((b"##maf version=1\na\n", "maf"), (b">a\nACGT\n", "fasta")):
        path.write_bytes(pack(b"\xef\xbb\xbf" + text))
        assert alignment_format(path) == expected
        assert [line for _, line in numbered_lines(path)] == text.splitlines(keepends=True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_that_end_with_carriage_returns_alone_are_refused(tmp_path, pack):
    path = tmp_path / "alignment"
    path.write_bytes(pack(b"##maf version=1\ra\rs x.1 0 4 + 9 ACGT\r"))
    with pytest.raises(
        ValueError, match="alignment has lines that end with a carriage return alone"
    ):
        list(numbered_lines(path))
    path.write_bytes(pack(b"##maf version=1\r\n\r\n"))
    assert [line for _, line in numbered_lines(path)] == [b"##maf version=1\r\n", b"\r\n"]
