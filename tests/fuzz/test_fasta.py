"""FASTA, plain, aligned and with random access: each record that a file holds, or an error."""

import gzip
import io

import numpy as np
from hypothesis import strategies as st

from hf_genomics.data.aligned_fasta import read_aligned_fasta
from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.indexed_genome import IndexedGenome, encode
from tests.fuzz.cases import fuzz, refused
from tests.fuzz.damage import broken, damages, junk, unpacked

NAMES = st.text("abXY019_.é", min_size=1, max_size=6)
DESCRIPTIONS = st.lists(st.text("ab>;|é", min_size=1, max_size=4), max_size=2).map(" ".join)
SEQUENCES = st.text("ACGTNacgtnRY-", min_size=1, max_size=40)


@st.composite
def files(draw, sequences=SEQUENCES):
    """Records, and a text that holds them in lines of any length."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    records = [(name, draw(DESCRIPTIONS), draw(sequences)) for name in names]
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    width = draw(st.integers(1, 50))
    lines = []
    for name, description, sequence in records:
        lines.append(f">{name}{draw(st.sampled_from(' ' + chr(9)))}{description}".rstrip())
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    return records, (end.join(lines) + draw(st.sampled_from(["", end]))).encode()


@fuzz(file=files(), compressed=st.booleans())
def test_what_is_written_is_read(file, compressed, folder):
    records, text = file
    path = folder / "written.fa"
    path.write_bytes(gzip.compress(text, 1) if compressed else text)
    assert [tuple(record) for record in read_fasta(path)] == records


@fuzz(content=st.one_of(files().map(lambda file: file[1]), junk()), damage=damages())
def test_damaged_file_gives_each_of_its_records_or_an_error(content, damage, folder):
    path = folder / "damaged.fa"
    path.write_bytes(damage(content))
    found, error = refused(lambda: list(read_fasta(path)), str(path))
    if error is not None:
        return
    # the slow way: whole file, whole lines
    text = path.read_bytes().decode("utf-8-sig")
    lines = [line.strip() for line in io.StringIO(text, newline=None)]
    lines = [line for line in lines if line and not line.startswith(";")]
    headers = [i for i, line in enumerate(lines) if line.startswith(">")]
    assert headers[0] == 0
    assert len(found) == len(headers)
    for record, begin, end in zip(found, headers, [*headers[1:], len(lines)], strict=True):
        words = lines[begin][1:].split(maxsplit=1)
        assert record.name == (words[0] if words else "")
        assert record.sequence == "".join(lines[begin + 1 : end]) != ""


@fuzz(file=files(), damage=damages())
def test_damaged_compressed_file_gives_its_content_or_an_error(file, damage, folder):
    records, text = file
    path = folder / "damaged.fa.gz"
    path.write_bytes(damage(gzip.compress(text, 1)))
    found, error = refused(lambda: list(read_fasta(path)), str(path))
    assert error is not None or not broken(path)
    if error is None and unpacked(path) == text:
        assert [tuple(record) for record in found] == records


@fuzz(file=files(), damage=st.one_of(st.just(bytes), damages()))
def test_random_access_gives_what_reading_in_order_gives_or_an_error(file, damage, folder):
    path = folder / "genome.fa"
    path.write_bytes(damage(file[1]))

    def states():
        with IndexedGenome(path) as genome:
            return {name: genome.states(name, 0, size) for name, size in genome.lengths.items()}

    found, error = refused(states, str(path))
    if error is None:
        records, wrong = refused(lambda: list(read_fasta(path)), str(path))
        # a contig without bases is one that no variant lies on
        expected = {} if wrong else {record.name: encode(record.sequence) for record in records}
        assert wrong or len(found) == len(records)
        for name, sequence in expected.items():
            assert np.array_equal(found[name], sequence)


@st.composite
def alignments(draw):
    """Loci of rows of equal length, as blocks of (locus, species, text)."""
    loci = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    blocks = []
    for locus in loci:
        columns = draw(st.integers(1, 20))
        texts = st.text("ACGTN-", min_size=columns, max_size=columns)
        species = draw(st.lists(NAMES, min_size=1, max_size=3))
        blocks.append([(locus, name, draw(texts)) for name in species])
    lines = [line for block in blocks for s in block for line in (f">{s[0]}|{s[1]}", s[2])]
    return blocks, ("\n".join(lines) + "\n").encode()


@fuzz(alignment=alignments())
def test_written_alignment_is_read(alignment, folder):
    blocks, text = alignment
    path = folder / "written_alignment.fa"
    path.write_bytes(text)
    found = [
        [(row.contig, row.species, row.text.decode()) for row in block.rows]
        for block in read_aligned_fasta(path)
    ]
    assert found == blocks


@fuzz(content=st.one_of(alignments().map(lambda made: made[1]), junk()), damage=damages())
def test_damaged_alignment_gives_each_of_its_rows_or_an_error(content, damage, folder):
    path = folder / "damaged_alignment.fa"
    path.write_bytes(damage(content))
    found, error = refused(lambda: list(read_aligned_fasta(path)), str(path))
    if error is None:
        lines = [line.strip() for line in path.read_bytes().split(b"\n")]
        rows = [row for block in found for row in block.rows]
        assert len(rows) == sum(line.startswith(b">") for line in lines)
        bases = (line for line in lines if not line.startswith((b">", b";")))
        assert b"".join(row.text for row in rows) == b"".join(bases)
        assert all(len({len(row.text) for row in block.rows}) == 1 for block in found)
