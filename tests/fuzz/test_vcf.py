"""VCF: every line comes out as it went in, and what cannot be scored has a status or an error."""

import gzip

import numpy as np
from hypothesis import strategies as st

from hf_genomics.data.indexed_genome import encode
from hf_genomics.evaluation.variant_effects.alleles import STATUSES, Status
from hf_genomics.evaluation.variant_effects.vcf_reader import VcfSource
from hf_genomics.evaluation.variant_effects.writers import VcfWriter
from tests.fuzz.cases import fuzz, refused
from tests.fuzz.damage import broken, damages, junk, unpacked

SEQUENCE = "ACGTNacgtRACGT"
HEADER = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
ALLELES = st.one_of(
    st.text("ACGTNacgtnRU", min_size=1, max_size=3),
    st.sampled_from([".", "*", "<DEL>", "-", "A[chr1:3[", "x", ""]),
)


class Genome:
    """A reference of one contig, in memory."""

    lengths = {"chr1": len(SEQUENCE)}

    def states(self, contig, start, end):
        return encode(SEQUENCE)[start:end]


@st.composite
def records(draw):
    position = draw(
        st.one_of(st.integers(-1, 20).map(str), st.sampled_from(["", "x", "1_0", "1e1"]))
    )
    alts = ",".join(draw(st.lists(ALLELES, min_size=1, max_size=3)))
    contig = draw(st.sampled_from(["chr1", "chr2", ""]))
    info = draw(st.sampled_from([".", "", "AF=0.5", "AF=0.5;DB", "X=é;"]))
    line = [contig, position, ".", draw(ALLELES), alts, ".", "PASS", info]
    return "\t".join(line + draw(st.sampled_from([[], ["GT", "0/1"]])))


FILES = st.lists(records(), max_size=6)


def text_of(lines, end="\n"):
    return "".join(line + end for line in [*HEADER, *lines]).encode()


@fuzz(lines=FILES, end=st.sampled_from(["\n", "\r\n"]), compressed=st.booleans())
def test_lines_come_out_as_they_went_in(lines, end, compressed, folder):
    path = folder / "written.vcf"
    content = text_of(lines, end)
    path.write_bytes(gzip.compress(content, 1) if compressed else content)
    source = VcfSource(path)
    assert source.header == HEADER
    assert [line for block in source.blocks(2) for line in block.lines] == lines
    check_blocks(source)


@fuzz(lines=FILES)
def test_scores_are_added_and_nothing_else_changes(lines, folder):
    path = folder / "scored.vcf"
    path.write_bytes(text_of(lines))
    source = VcfSource(path)
    writer = VcfWriter(folder / "out.vcf", source, {"score": "a score"}, "HFG_")
    for block in source.blocks(4):
        _, codes = block.confirm(Genome(), context=(0, 0))
        scores = np.where(codes == 0, 0.25, np.nan)[:, None]
        written = writer.part(block, codes, scores).decode().splitlines()
        assert len(written) == block.num_rows
        for before, after in zip(block.lines, written, strict=True):
            old, new = before.split("\t"), after.split("\t")
            assert [*old[:7], *old[8:]] == [*new[:7], *new[8:]]
            kept = [part for part in new[7].split(";") if not part.startswith("HFG_")]
            assert ";".join(kept) == ("" if old[7] == "." else old[7].rstrip(";"))
            status = next(part for part in new[7].split(";") if part.startswith("HFG_STATUS="))
            assert status.count(",") == old[4].count(",")


@fuzz(lines=FILES, damage=damages())
def test_damaged_file_gives_each_of_its_lines_or_an_error(lines, damage, folder):
    check(folder / "damaged.vcf", damage(text_of(lines)))


@fuzz(content=junk())
def test_junk_gives_each_of_its_lines_or_an_error(content, folder):
    check(folder / "junk.vcf", content)


@fuzz(lines=FILES, damage=damages())
def test_damaged_compressed_file_gives_its_lines_or_an_error(lines, damage, folder):
    path = folder / "damaged.vcf.gz"
    path.write_bytes(damage(gzip.compress(text_of(lines), 1)))
    found, error = refused(
        lambda: [line for block in VcfSource(path).blocks(2) for line in block.lines], str(path)
    )
    assert error is not None or not broken(path)
    if error is None and unpacked(path) == text_of(lines):
        assert found == lines


def check(path, content):
    path.write_bytes(content)

    def lines():
        source = VcfSource(path)
        found = [line for block in source.blocks(2) for line in block.lines]
        check_blocks(source)
        return found

    found, error = refused(lines, str(path))
    if error is None:
        text = content.decode("utf-8", "surrogateescape")
        given = [line.rstrip("\r\n") for line in text.split("\n")]
        assert found == [line for line in given if line and not line.startswith("#")]


def check_blocks(source):
    """Every allele has a status, and one that is scored is what the columns say."""
    for block in source.blocks(3):
        substitutions, codes = block.confirm(Genome(), context=(0, 0))
        alleles = [(fields, one) for fields in block.fields for one in fields[4].split(",")]
        assert len(codes) == len(alleles) == block.table().num_rows
        scored = set(substitutions.row.tolist())
        for row, ((contig, position, _, ref, *_), alt) in enumerate(alleles):
            assert (STATUSES[codes[row]] is Status.OK) == (row in scored)
            if row in scored:
                start = int(position) - 1
                assert position.strip().lstrip("+").isdigit()
                assert contig.strip() == "chr1"
                assert len(ref.strip()) == len(alt.strip())
                here = SEQUENCE[start : start + len(ref.strip())]
                known = np.isin(encode(here), range(4))
                assert np.array_equal(encode(here)[known], encode(ref.strip())[known])
