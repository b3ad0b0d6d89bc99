"""MAF as it occurs, and as it breaks."""

import gzip
import struct
import zlib

import pytest

from hf_genomics.data.alignment_files import alignment_format, numbered_lines
from hf_genomics.data.maf import read_maf

TEXT = """##maf version=1 scoring=x
# a comment
track name=x

a score=1.0
s hg38.chr1       10 4 + 100 AC-gT
i hg38.chr1       N 0 C 0
s panTro6.chr1_gl2.1 3 5 - 50 ACCGT
q panTro6.chr1_gl2.1 99999
e mm10.chr4       1 2 + 9 I

a
s hg38.chr1       14 1 + 100 A
"""
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bgzip(data: bytes, size: int = 40) -> bytes:
    """As the program bgzip writes it: small gzip members with their length in an extra field."""
    members = b""
    for begin in range(0, len(data), size):
        part = data[begin : begin + size]
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = packer.compress(part) + packer.flush()
        head = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff\x06\x00BC\x02\x00"
        head += struct.pack("<H", len(body) + 25)
        members += head + body + struct.pack("<II", zlib.crc32(part), len(part))
    return members + BGZIP_END


def blocks_of(tmp_path, data: bytes | str):
    path = tmp_path / "a.maf"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_maf(path))


def error_of(tmp_path, data: bytes | str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the caller looks at the text)
        blocks_of(tmp_path, data)
    return str(caught.value)


def test_rows_hold_what_the_lines_say(tmp_path):
    first, second = blocks_of(tmp_path, TEXT)
    assert first.rows[0] == ("hg38", "chr1", 10, 4, "+", 100, b"AC-gT", 6)
    assert first.rows[1] == ("panTro6", "chr1_gl2.1", 3, 5, "-", 50, b"ACCGT", 8)
    assert (first.line, second.line, len(first.rows), len(second.rows)) == (5, 12, 2, 1)


@pytest.mark.parametrize("packed", [gzip.compress, bgzip])
def test_compression_is_told_by_content_and_not_by_name(tmp_path, packed):
    assert [b.rows for b in blocks_of(tmp_path, packed(TEXT.encode()))] == [
        b.rows for b in blocks_of(tmp_path, TEXT)
    ]


def test_windows_line_ends_and_no_last_line_end_change_nothing(tmp_path):
    plain = [block.rows for block in blocks_of(tmp_path, TEXT)]
    assert [b.rows for b in blocks_of(tmp_path, TEXT.replace("\n", "\r\n"))] == plain
    assert [b.rows for b in blocks_of(tmp_path, TEXT.rstrip("\n"))] == plain


def test_blocks_need_no_empty_line_between_them(tmp_path):
    assert len(blocks_of(tmp_path, "a\ns r.1 0 1 + 9 A\na\ns r.1 1 1 + 9 C\n")) == 2


def test_a_file_without_blocks_has_none(tmp_path):
    assert blocks_of(tmp_path, "##maf version=1\n") == []


def test_a_source_without_a_dot_is_its_own_contig(tmp_path):
    ((row,), _, _) = blocks_of(tmp_path, "a\ns virus 0 1 + 9 A\n")[0]
    assert (row.species, row.contig) == ("virus", "virus")


@pytest.mark.parametrize("removed", range(1, 60, 7))
def test_text_cut_off_within_its_last_row_is_an_error_with_the_line(tmp_path, removed):
    text = (
        TEXT.rstrip("\n") + "CCGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT"
    )
    text = text.replace("14 1 +", "14 69 +")
    assert len(blocks_of(tmp_path, text)) == 2
    assert "line 13: " in error_of(tmp_path, text[:-removed])


def test_text_cut_off_anywhere_is_an_error_or_ends_with_a_whole_row(tmp_path):
    rows = [row for block in blocks_of(tmp_path, TEXT) for row in block.rows]
    errors = []
    for end in range(len(TEXT)):
        try:
            found = [row for block in blocks_of(tmp_path, TEXT[:end]) for row in block.rows]
        except ValueError as error:
            errors.append(str(error))
        else:
            assert found == rows[: len(found)]
    assert all(", line " in error for error in errors)
    assert len(errors) >= len(TEXT) // 3


def test_row_cut_off_in_its_fields_is_an_error(tmp_path):
    assert "line 2: 3 fields but a sequence line has 7" in error_of(tmp_path, "a\ns r.1 0\n")


def test_cut_gzip_is_an_error_with_the_line(tmp_path):
    long = TEXT + "".join(f"\na\ns hg38.chr1 {i} 1 + 99999 A\n" for i in range(20, 5000))
    assert "breaks off or is damaged after line" in error_of(
        tmp_path, gzip.compress(long.encode())[:-4000]
    )


def test_damaged_gzip_is_an_error(tmp_path):
    data = bytearray(gzip.compress(TEXT.encode()))
    data[-6] ^= 0xFF  # in the checksum
    assert "is damaged after line" in error_of(tmp_path, bytes(data))


def test_bgzip_cut_between_two_blocks_is_an_error(tmp_path):
    """To gzip such a file is whole."""
    whole = bgzip(TEXT.encode())
    cut = whole[: -len(BGZIP_END)]
    assert gzip.decompress(cut) == TEXT.encode()
    assert "breaks off near line 13" in error_of(tmp_path, cut)


def test_rows_of_different_length_are_an_error(tmp_path):
    text = "a\ns r.1 0 2 + 9 AC\ns q.1 0 1 + 9 A\n"
    assert "line 3: the row has 1 aligned columns but its block (line 1) has 2" in error_of(
        tmp_path, text
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s r.1 x 1 + 9 A", "start, size and source size are b'x', b'1', b'9'; whole num"),
        ("s r.1 1_0 1 + 99 A", "are b'1_0', b'1', b'99'; whole num"),
        ("s r.1 99999999999999999999 1 + 9 A", "whole numbers are needed"),
        ("s r.1 0 1 * 9 A", "the strand is b'*'"),
        ("s r.1 9 1 + 9 A", "bases 9 to 10 do not lie within the source of 9 bases"),
        ("s r.1 -1 1 + 9 A", "do not lie within"),
        ("x r.1", "is no line of MAF"),
        ("sr.1 0 1 + 9 A", "is no line of MAF"),
    ],
)
def test_other_damage_names_the_line(tmp_path, line, message):
    error = error_of(tmp_path, f"a\n{line}\n")
    assert message in error
    assert "line 2" in error


@pytest.mark.parametrize("size", range(2, 18))
def test_a_compressed_file_of_a_few_bytes_breaks_off(tmp_path, size):
    assert "breaks off" in error_of(tmp_path, bgzip(TEXT.encode())[:size])


def test_rows_outside_a_block_are_an_error(tmp_path):
    assert "line 1: a sequence outside a block" in error_of(tmp_path, "s r.1 0 1 + 9 A\n")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"##maf version=1\n", "maf"),
        (b"\n\na score=1\n", "maf"),
        (b"track x\n", "maf"),
        (b">x\nA\n", "fasta"),
        (gzip.compress(b"\n>x\nA\n"), "fasta"),
    ],
)
def test_kind_of_file_is_told_by_content(tmp_path, data, kind):
    (tmp_path / "x").write_bytes(data)
    assert alignment_format(tmp_path / "x") == kind


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "is empty"), (b"CLUSTAL W\n", "is neither MAF nor aligned FASTA")]
)
def test_other_kinds_of_file_are_errors(tmp_path, data, message):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        alignment_format(tmp_path / "x")


@pytest.mark.parametrize(
    ("magic", "name"), [(b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")]
)
def test_other_compressions_are_named(tmp_path, magic, name):
    (tmp_path / "x").write_bytes(magic + b"rest")
    with pytest.raises(ValueError, match=f"compressed by {name}; use gzip"):
        list(numbered_lines(tmp_path / "x"))


def test_a_row_of_another_size_is_given_as_it_is_unless_the_file_ends_in_it(tmp_path):
    """Tools that cut columns out of blocks leave the sizes as they were."""
    text = "a\ns hg38.chr1 10 9 + 100 AC-GT\n"
    (block,) = blocks_of(tmp_path, text)
    assert block.rows[0][:6] == ("hg38", "chr1", 10, 9, "+", 100)
    assert "line 2: the row says that it has 9 bases but holds 4" in error_of(tmp_path, text[:-1])
