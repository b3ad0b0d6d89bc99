"""Random access to FASTA files in every form."""

import gzip
import os

import numpy as np
import pysam
import pytest

from hf_genomics.data import indexed_genome
from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.indexed_genome import IndexedGenome, encode
from tests.evaluation.variant_effects.conftest import write_fasta


@pytest.fixture(scope="module")
def sequences():
    """Of two contigs; the first has a run of N and one of lower case."""
    generator = np.random.default_rng(7)
    one = "".join(generator.choice(list("ACGT"), 3000))
    one = one[:1000] + 20 * "N" + one[1020:1500] + one[1500:2000].lower() + one[2000:]
    return {"chr1": one, "chr2": "".join(generator.choice(list("ACGT"), 200))}


@pytest.fixture
def genome(sequences, tmp_path):
    with IndexedGenome(write_fasta(tmp_path / "ref.fa", sequences)) as opened:
        yield opened


def compressed(path, kind):
    """A copy of a FASTA file, compressed in one of the ways."""
    if kind == "plain":
        return path
    copy = path.with_suffix(".fa.gz")
    if kind == "bgzip":
        pysam.tabix_compress(str(path), str(copy), force=True)
    else:
        copy.write_bytes(gzip.compress(path.read_bytes()))
    return copy


@pytest.mark.parametrize("kind", ["plain", "bgzip", "gzip"])
def test_every_form_has_the_same_bases(kind, sequences, tmp_path):
    path = compressed(write_fasta(tmp_path / "ref.fa", sequences), kind)
    with IndexedGenome(path) as genome:
        assert genome.lengths == {"chr1": 3000, "chr2": 200}
        for name, sequence in sequences.items():
            everything = genome.states(name, 0, len(sequence))
            assert np.array_equal(everything, encode(sequence))
        assert np.array_equal(genome.states("chr1", 990, 1510), encode(sequences["chr1"][990:1510]))


@pytest.mark.parametrize("kind", ["plain", "bgzip", "gzip"])
def test_nothing_is_left_beside_the_file(kind, sequences, tmp_path):
    path = compressed(write_fasta(tmp_path / "ref.fa", sequences), kind)
    before = sorted(tmp_path.iterdir())
    with IndexedGenome(path) as genome:
        genome.states("chr2", 0, 5)
    assert sorted(tmp_path.iterdir()) == before


def test_gzip_says_how_to_save_the_copy(sequences, tmp_path, caplog):
    path = compressed(write_fasta(tmp_path / "ref.fa", sequences), "gzip")
    IndexedGenome(path).close()
    assert f"gunzip -c {path} | bgzip" in caplog.text


def test_pages_are_put_together(monkeypatch, genome, sequences):
    monkeypatch.setattr(indexed_genome, "PAGE", 7)
    monkeypatch.setattr(indexed_genome, "PAGES_KEPT", 2)
    assert np.array_equal(genome.states("chr2", 3, 100), encode(sequences["chr2"][3:100]))
    assert np.array_equal(genome.states("chr2", 0, 10), encode(sequences["chr2"][:10]))


def test_beyond_the_ends_is_n(genome, sequences):
    around = genome.states("chr2", -3, 205)
    assert np.array_equal(around, encode("NNN" + sequences["chr2"] + "NNNNN"))
    assert genome.states("chr2", -9, -4).tolist() == [4] * 5
    assert genome.states("chr2", 300, 303).tolist() == [4] * 3


def test_letters_that_are_no_base_are_n():
    assert encode("ACGTUacgtunRY-*").tolist() == [0, 1, 2, 3, 3, 0, 1, 2, 3, 3, 4, 4, 4, 4, 4]


def test_index_beside_the_file_is_used_unless_it_is_older(sequences, tmp_path):
    path = write_fasta(tmp_path / "ref.fa", sequences)
    pysam.faidx(str(path))
    index = tmp_path / "ref.fa.fai"
    # A record that the file does not have tells who was read.
    index.write_text(index.read_text() + "ghost\t10\t6\t60\t61\n")
    with IndexedGenome(path) as genome:
        assert "ghost" in genome.lengths
    os.utime(index, (0, 0))
    with IndexedGenome(path) as genome:
        assert "ghost" not in genome.lengths


@pytest.mark.parametrize(
    "text",
    [
        ">c1\nACGT\n;abc\nGGGG\n",
        ">c1\r\nACGT\r\n;abc\r\nGGGG\r\n",
        ">c1\n;abc\nACGT\nGGGG\n",
        ">c1\nACGTGGGG\n;a",
        ">c1\nACGT\n ;a\nGGGG\n",
    ],
)
@pytest.mark.parametrize("kind", ["plain", "bgzip", "gzip"])
def test_a_comment_holds_no_bases(tmp_path, text, kind):
    path = tmp_path / "a.fa"
    path.write_bytes(text.encode())
    (record,) = read_fasta(path)
    assert record.sequence == "ACGTGGGG"
    with IndexedGenome(compressed(path, kind)) as genome:
        assert genome.lengths == {"c1": 8}
        assert np.array_equal(genome.states("c1", 0, 8), encode("ACGTGGGG"))


def test_a_comment_before_the_first_record_is_no_error(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(";abc\n>c1\nACGT\n")
    with IndexedGenome(path) as genome:
        assert genome.lengths == {"c1": 4}


def test_index_that_counts_a_comment_as_bases_is_an_error(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">c1\nACGT\n;abc\nGGGG\n")
    pysam.faidx(str(path))
    with (
        IndexedGenome(path) as genome,
        pytest.raises(ValueError, match=r"comments \(;\), or the index .*: remove the index"),
    ):
        genome.states("c1", 0, 12)


def test_lines_of_changing_length_are_read(tmp_path):
    path = tmp_path / "ragged.fa"
    path.write_text(">a\nACG\nTTTTTTTT\nA\n\n>b\nGG\n")
    with IndexedGenome(path) as genome:
        assert genome.lengths == {"a": 12, "b": 2}
        assert np.array_equal(genome.states("a", 0, 12), encode("ACGTTTTTTTTA"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no FASTA record"),
        (b"ACGT\n>a\nAC\n", "the first record must begin with a '>' header"),
        (b">\nACGT\n>b\nA\nAAA\nA", "a header without name"),
        (b">a\nACGT\n>a\nA\n", "the name 'a' for a second time"),
    ],
)
def test_faulty_gzip_file_is_refused_with_the_reason(content, message, tmp_path):
    path = tmp_path / "bad.fa.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=message):
        IndexedGenome(path)


@pytest.mark.parametrize("content", ["", "no fasta\n"])
def test_faulty_plain_file_is_refused(content, tmp_path):
    path = tmp_path / "bad.fa"
    path.write_text(content)
    with pytest.raises(ValueError, match="bad.fa"):
        IndexedGenome(path)


def test_plain_file_that_names_a_contig_twice_is_refused(tmp_path):
    path = tmp_path / "twice.fa"
    path.write_text(">a\nACGT\n>a\nTTTT\n")
    with pytest.raises(ValueError, match="the name 'a' for a second time"):
        IndexedGenome(path)


@pytest.mark.parametrize("kind", ["bgzip", "gzip"])
def test_file_that_is_cut_off_is_refused(kind, sequences, tmp_path):
    path = compressed(write_fasta(tmp_path / "ref.fa", sequences), kind)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="cut off|broken gzip file"):
        IndexedGenome(path)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.fa"):
        IndexedGenome(tmp_path / "absent.fa")


def test_carriage_return_inside_the_last_line_is_a_line_end(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(b">chr1\nACGT\nA\rC\n")
    with IndexedGenome(path) as genome:
        assert np.array_equal(genome.states("chr1", 0, 6), encode("ACGTAC"))


def test_index_that_counts_a_carriage_return_as_a_base_is_an_error(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(b">chr1\nACGT\nA\rC\n")
    pysam.faidx(str(path))
    with (
        IndexedGenome(path) as genome,
        pytest.raises(ValueError, match=r"a\.fa: bases 0 to 6 of chr1 are not where the index"),
    ):
        genome.states("chr1", 0, 6)


@pytest.mark.parametrize("ends", [("\r\n", "\r\n", "\n"), ("\n", "\n", "\r\n")], ids=repr)
def test_lines_of_one_record_may_end_in_either_way(tmp_path, ends):
    path = tmp_path / "a.fa"
    # each line of as many bytes as the one before, so that an index of the file is made
    lines = [">chr1", *("ACGT"[: 5 - len(end)] for end in ends[1:])]
    path.write_bytes("".join(map(str.__add__, lines, ends)).encode())
    with IndexedGenome(path) as genome:
        assert genome.lengths == {"chr1": 7}
        assert np.array_equal(genome.states("chr1", 0, 7), encode("".join(lines[1:])))


def test_index_of_a_longer_file_is_an_error(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(b">chr1\nACGTACGT\n")
    pysam.faidx(str(path))
    path.write_bytes(b">chr1\nACGT\n")
    os.utime(f"{path}.fai")
    with (
        IndexedGenome(path) as genome,
        pytest.raises(ValueError, match=r"a\.fa: bases 0 to 8 of chr1 are not where the index"),
    ):
        genome.states("chr1", 0, 8)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["AC\u00e9"], r"Line 2 of .*a\.fa has characters that are no letters"),
        (["ACGT", "A\x05C"], r"Line 3 of .*a\.fa has characters that are no letters"),
        (["ACGT", "A C"], r"Line 3 of .*a\.fa has characters that are no letters"),
        (["AC\u00e9GT", "AC", "G"], r"Line 2 of .*a\.fa has characters that are no letters"),
    ],
    ids=["at the end", "inside", "control", "space"],
)
def test_sequence_of_other_characters_is_an_error(tmp_path, lines, message):
    (tmp_path / "a.fa").write_text("\n".join([">chr1", *lines, ""]), "utf-8")
    with pytest.raises(ValueError, match=message):
        IndexedGenome(tmp_path / "a.fa")


def test_name_of_other_letters_is_kept(tmp_path):
    (tmp_path / "a.fa").write_text(">chr\u00e9\nACGT\n", "utf-8")
    with IndexedGenome(tmp_path / "a.fa") as genome:
        assert genome.lengths == {"chr\u00e9": 4}


def test_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "a.fa").write_bytes(b"\xff\xfe>chr1\nACGT\n")
    with pytest.raises(ValueError, match=r"a\.fa is not FASTA"):
        IndexedGenome(tmp_path / "a.fa")


@pytest.mark.parametrize(
    "text", [">chr1 a b\tc\nACGT\nAC\n>chr2\nA\n", ">a\r\nAC\r\n>b x\r\nA\r\n"]
)
def test_scan_in_pieces_is_that_of_the_whole(tmp_path, text, monkeypatch):
    path = tmp_path / "a.fa"
    path.write_bytes(text.encode())
    assert indexed_genome._scan(path) == (2, True)
    for size in range(1, 12):
        monkeypatch.setattr(indexed_genome, "CHUNK", size)
        assert indexed_genome._scan(path) == (2, True)
        for place in range(len(text)):
            for sign in ("\r", " ", "\x05", "\u00e9", ";"):
                path.write_bytes((text[:place] + sign + text[place:]).encode())
                found = indexed_genome._scan(path)
                monkeypatch.setattr(indexed_genome, "CHUNK", 1 << 20)
                assert found == indexed_genome._scan(path), (place, sign, size)
                monkeypatch.setattr(indexed_genome, "CHUNK", size)
        path.write_bytes(text.encode())


def test_few_pages_are_kept_and_those_read_last(genome, sequences, monkeypatch):
    """Whole chromosomes would stay in memory."""
    monkeypatch.setattr(indexed_genome, "PAGE", 10)
    monkeypatch.setattr(indexed_genome, "PAGES_KEPT", 2)
    for start in (0, 10, 0, 20):
        found = genome.states("chr1", start, start + 10)
        assert np.array_equal(found, encode(sequences["chr1"][start : start + 10]))
    assert list(genome._pages) == [("chr1", 0), ("chr1", 2)]
