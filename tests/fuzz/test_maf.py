"""MAF: what is written is read; of a damaged file every row that is still there, or an error."""

import gzip

from hypothesis import strategies as st

from hf_genomics.data.alignment_files import AlignedRow, alignment_format
from hf_genomics.data.maf import read_maf
from tests.fuzz.cases import fuzz, refused
from tests.fuzz.damage import broken, damages, junk, unpacked

WORDS = st.text("abcXYZ019_-", min_size=1, max_size=6)
OTHERS = st.sampled_from(["i hg38.chr1 N 0 C 0", "q pan.chr1 99", "e mm10.chr4 1 2 + 9 I", "# c"])


@st.composite
def rows(draw, columns):
    text = draw(st.text("ACGTNacgtn-", min_size=columns, max_size=columns))
    size = len(text) - text.count("-")
    start, rest = draw(st.integers(0, 10**12)), draw(st.integers(0, 10**6))
    contig = draw(st.one_of(WORDS, st.builds("{}.{}".format, WORDS, WORDS)))
    place = (start, size, draw(st.sampled_from("+-")), start + size + rest)
    return AlignedRow(draw(WORDS), contig, *place, text.encode(), 0)


@st.composite
def blocks(draw):
    columns = draw(st.integers(1, 20))
    return draw(st.lists(rows(columns), min_size=1, max_size=4))


@st.composite
def files(draw):
    """Blocks, and a text that holds them between lines that say nothing of bases."""
    drawn = draw(st.lists(blocks(), max_size=4))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = ["##maf version=1"]
    for block in drawn:
        lines += ["", draw(st.sampled_from(["a", "a score=1.0"]))]
        for row in block:
            lines += draw(st.lists(OTHERS, max_size=1))
            fields = (row.start, row.size, row.strand, row.contig_size, row.text.decode())
            lines.append(f"s {row.species}.{row.contig}\t" + " ".join(map(str, fields)))
    return drawn, (end.join(lines) + end).encode()


@fuzz(file=files(), compressed=st.booleans())
def test_what_is_written_is_read(file, compressed, folder):
    drawn, text = file
    path = folder / "written.maf"
    path.write_bytes(gzip.compress(text, 1) if compressed else text)
    assert alignment_format(path) == "maf"
    assert [[row._replace(line=0) for row in b.rows] for b in read_maf(path)] == drawn


@fuzz(file=files(), damage=damages())
def test_damaged_file_gives_each_of_its_rows_or_an_error(file, damage, folder):
    check(folder / "damaged.maf", damage(file[1]))


@fuzz(content=junk())
def test_junk_gives_each_of_its_rows_or_an_error(content, folder):
    check(folder / "junk.maf", content)


@fuzz(file=files(), damage=damages())
def test_damaged_compressed_file_gives_its_content_or_an_error(file, damage, folder):
    drawn, text = file
    path = folder / "damaged.maf.gz"
    compressed = gzip.compress(text, 1)
    path.write_bytes(damage(compressed))
    found, error = refused(lambda: list(read_maf(path)), str(path))
    assert error is not None or not broken(path)
    if error is None and unpacked(path) == text:
        assert [[row._replace(line=0) for row in block.rows] for block in found] == drawn


def check(path, content):
    path.write_bytes(content)
    found, error = refused(lambda: list(read_maf(path)), f"{path}")
    if error is not None:
        assert f"{path}, line " in str(error) or f"{path} " in str(error)
        return
    given = [line.split() for line in content.split(b"\n") if line.split()[:1] == [b"s"]]
    read = [row for block in found for row in block.rows]
    assert len(read) == len(given)
    for row, fields in zip(read, given, strict=True):
        assert len(fields) == 7
        assert fields[1].decode(errors="replace") in (row.species, f"{row.species}.{row.contig}")
        assert [row.start, row.size, row.contig_size] == [int(fields[i]) for i in (2, 3, 5)]
        assert (row.strand.encode(), row.text) == (fields[4], fields[6])
    assert all(len({len(row.text) for row in block.rows}) == 1 for block in found)
