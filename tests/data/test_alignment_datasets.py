"""Alignment files to data sets: what is written, and that nothing else is."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset

from hf_genomics.data import alignment_sorting
from hf_genomics.data.alignment_datasets import (
    AlignmentOptions,
    build_alignment,
    read_alignment_metadata,
    read_alignment_phylogeny,
)
from hf_genomics.data.species_map import SpeciesMap
from hf_genomics.hub.runs import front_matter
from hf_genomics.models.phylogpn.phylogeny import Phylogeny
from tests.data import synthetic_maf
from tests.references.alignment_columns import fasta_columns, maf_columns, state

SEEDS = range(6)
TREE = Phylogeny.from_newick(synthetic_maf.TREE)


def build(folder: Path, text: str | bytes, **options):
    """The rows of a data set that was built from one file of this content, and its metadata."""
    folder.mkdir(exist_ok=True)
    file = folder / "input"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    arguments = {"tree": TREE, "reference": "ref", **options}
    metadata = build_alignment([file], folder / "out", **arguments)
    return rows_of(folder / "out"), metadata


def rows_of(folder: Path) -> list[dict]:
    rows = load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache"))
    return list(rows.with_format("numpy"))


def columns_of(rows: list[dict], leaves: list[str]) -> dict:
    """(name, position) -> leaf -> state, the form of the slow twin."""
    return {
        (str(row["name"]), int(row["start"]) + i): dict(zip(leaves, states.tolist(), strict=True))
        for row in rows
        for i, states in enumerate(row["leaf_states"])
    }


def expected(columns: dict, leaves: list[str]) -> dict:
    return {
        place: {leaf: state(bases.get(leaf, "-")) for leaf in leaves}
        for place, bases in columns.items()
    }


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def same(one: list[dict], other: list[dict]) -> bool:
    return len(one) == len(other) and all(
        a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_are_those_of_the_slow_reading(tmp_path, seed):
    text = synthetic_maf.text_of(synthetic_maf.random_blocks(np.random.default_rng(seed)))
    rows, metadata = build(tmp_path, text)
    leaves = metadata["leaf_names"]
    assert columns_of(rows, leaves) == expected(maf_columns(text, "ref"), leaves)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "rewrite",
    [
        synthetic_maf.with_flipped_strands,
        synthetic_maf.with_split_blocks,
        synthetic_maf.with_reordered_rows,
    ],
)
def test_the_same_alignment_written_differently_gives_the_same_rows(tmp_path, seed, rewrite):
    generator = np.random.default_rng(seed)
    blocks = synthetic_maf.random_blocks(generator)
    options = {"options": AlignmentOptions(max_length=50, flank=20)}
    rows, _ = build(tmp_path / "a", synthetic_maf.text_of(blocks), **options)
    others, _ = build(tmp_path / "b", synthetic_maf.text_of(rewrite(generator, blocks)), **options)
    assert same(rows, others)


@pytest.mark.parametrize("seed", SEEDS)
def test_unsorted_blocks_are_sorted(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(alignment_sorting, "_BIN", 13)  # blocks lie in several temporary files
    generator = np.random.default_rng(seed)
    blocks = synthetic_maf.random_blocks(generator, contigs=3)
    shuffled = synthetic_maf.with_reordered_blocks(generator, blocks)
    rows, sorted_metadata = build(tmp_path / "a", synthetic_maf.text_of(blocks))
    others, metadata = build(tmp_path / "b", synthetic_maf.text_of(shuffled))
    assert same(rows, others)
    assert not sorted_metadata["sorted_on_disk"]
    if shuffled != blocks:
        assert metadata["counts"] == sorted_metadata["counts"]
    assert not list((tmp_path / "b").glob("**/columns"))


def test_mixed_contigs_are_sorted_by_number(tmp_path):
    blocks = "".join(
        f"a\ns ref.chr{c} {p} 2 + 99 AC\ns one.x 0 2 + 9 AC\n" for p in (0, 2) for c in (10, 2)
    )
    rows, metadata = build(tmp_path, blocks)
    assert [(row["name"], row["sequence"]) for row in rows] == [("chr2", "ACAC"), ("chr10", "ACAC")]
    assert metadata["sorted_on_disk"]


def test_overlapping_blocks_give_each_position_once(tmp_path):
    text = (
        "a\ns ref.1 0 4 + 9 ACGT\ns one.x 0 4 + 9 AAAA\n\n"
        "a\ns ref.1 2 3 + 9 GTA\ns one.x 5 3 + 9 CCC\n"
    )
    rows, metadata = build(tmp_path, text)
    assert [row["sequence"] for row in rows] == ["ACGTA"]
    assert metadata["counts"]["overlapping_columns"] == 2
    assert rows[0]["leaf_states"].T.tolist() == [[0, 1, 2, 3, 0], [0, 0, 0, 0, 1]]


FASTA = """>L1|ref
AC-GTN
>L1|one
ACCG-T
>L1|yeti
ACCGTT
>L2|two
AC
>L3|ref
GGA
>L3|two
G-A
"""


def test_aligned_fasta_has_a_region_for_each_locus(tmp_path):
    rows, metadata = build(tmp_path, FASTA)
    assert [(row["name"], row["start"], row["sequence"]) for row in rows] == [
        ("L1", 0, "ACGTN"),
        ("L3", 0, "GGA"),
    ]
    leaves = metadata["leaf_names"]
    assert leaves == ["ref", "one", "two"]
    assert columns_of(rows, leaves) == expected(fasta_columns(FASTA, "ref"), leaves)
    assert metadata["counts"]["blocks_without_reference"] == 1
    assert metadata["sites_of_each_name"] == {"L1": 5, "L3": 3}


def test_unmatched_species_are_listed_with_their_bases(tmp_path):
    _, metadata = build(tmp_path, FASTA)
    assert metadata["unmatched_species"] == {"yeti": {"leaf": "yeti", "rows": 1, "bases": 5}}
    assert metadata["matched_species"]["one"] == {"leaf": "one", "rows": 1, "bases": 4}


def test_map_names_the_leaves(tmp_path):
    names = SpeciesMap({"Rx": "ref", "yeti": "four", "one": ""})
    rows, metadata = build(tmp_path, FASTA.replace("ref", "Rx"), reference="Rx", species_map=names)
    assert metadata["leaf_names"] == ["ref", "two", "four"]
    assert (metadata["reference"], metadata["reference_leaf"]) == ("Rx", "ref")
    assert rows[0]["leaf_states"].T.tolist()[2] == [0, 1, 2, 3, 3]
    assert list(metadata["unmatched_species"]) == ["one"]


def test_tree_is_restricted_to_what_occurs_unless_all_is_wanted(tmp_path):
    build(tmp_path / "a", FASTA)
    assert read_alignment_phylogeny(tmp_path / "a" / "out") == TREE.restrict_to(
        ["ref", "one", "two"]
    )
    rows, metadata = build(tmp_path / "b", FASTA, options=AlignmentOptions(leaves="tree"))
    assert read_alignment_phylogeny(tmp_path / "b" / "out") == TREE
    assert metadata["leaf_names"] == TREE.leaf_names
    assert rows[0]["leaf_states"].shape == (5, 5)
    assert (rows[0]["leaf_states"][:, 3:] == 4).all()


def test_several_files_follow_each_other(tmp_path):
    blocks = synthetic_maf.random_blocks(np.random.default_rng(1))
    rows, _ = build(tmp_path / "whole", synthetic_maf.text_of(blocks))
    files = []
    for number, block in enumerate(blocks):
        files.append(tmp_path / f"{number}.maf")
        files[-1].write_bytes(gzip.compress(synthetic_maf.text_of([block]).encode()))
    metadata = build_alignment(files, tmp_path / "parts", tree=TREE, reference="ref")
    assert same(rows, rows_of(tmp_path / "parts"))
    assert [source["file"] for source in metadata["sources"]] == [file.name for file in files]


def test_locus_in_two_files_is_an_error(tmp_path):
    for name in ("a.fa", "b.fa"):
        (tmp_path / name).write_text(FASTA)
    with pytest.raises(ValueError, match="b.fa, line 1: locus 'L1' is also in .*a.fa"):
        build_alignment(
            [tmp_path / "a.fa", tmp_path / "b.fa"], tmp_path / "o", tree=TREE, reference="ref"
        )


def test_long_regions_are_cut_and_keep_their_context(tmp_path):
    text = "ACGTTGCAAC" * 5
    rows, _ = build(
        tmp_path,
        f">ref\n{text}\n>one\n{text}\n",
        options=AlignmentOptions(max_length=20, flank=15),
    )
    assert [len(row["sequence"]) for row in rows] == [20, 20, 10]
    assert [(len(row["left_flank"]), len(row["right_flank"])) for row in rows] == [
        (0, 15),
        (15, 10),
        (15, 0),
    ]
    for row in rows:
        begin = int(row["start"]) - len(row["left_flank"])
        known = f"{row['left_flank']}{row['sequence']}{row['right_flank']}"
        assert text[begin : begin + len(known)] == known


def test_genome_gives_context_and_is_compared(tmp_path):
    genome = "TTACGTGGCATT"
    (tmp_path / "g.fa").write_text(f">1\n{genome}\n")
    block = "a\ns ref.1 2 4 + 12 ACGT\ns one.1 0 4 + 9 ACGT\n"
    options = {"genome": tmp_path / "g.fa", "options": AlignmentOptions(flank=3)}
    rows, metadata = build(tmp_path / "a", block, **options)
    assert [(row["left_flank"], row["right_flank"]) for row in rows] == [("TT", "GGC")]
    assert metadata["genome"]["file"] == "g.fa"
    with pytest.raises(ValueError, match="reference base at 1:3 .* is A in the alignment but C in"):
        build(tmp_path / "b", block.replace("ACGT\ns", "AAGT\ns"), **options)


def test_genome_may_name_records_as_the_alignment_names_sources(tmp_path):
    (tmp_path / "g.fa").write_text(">ref.1\nTTACGTGG\n")
    block = "a\ns ref.1 2 4 + 8 ACGT\ns one.1 0 4 + 9 ACGT\n"
    rows, _ = build(tmp_path / "a", block, genome=tmp_path / "g.fa")
    assert rows[0]["left_flank"] == "TT"


def test_second_build_is_the_same_to_the_byte(tmp_path):
    text = synthetic_maf.text_of(synthetic_maf.random_blocks(np.random.default_rng(0)))
    build(tmp_path / "a", text)
    build(tmp_path / "b", text)
    assert content(tmp_path / "a" / "out") == content(tmp_path / "b" / "out")


def test_folder_holds_shards_tree_metadata_and_card(tmp_path):
    _, metadata = build(tmp_path, FASTA, options=AlignmentOptions(shard_sites=1))
    written = content(tmp_path / "out")
    shards = [name for name in written if name.startswith("data/train-00000-of-00001-")]
    assert sorted(written) == sorted(["README.md", "alignment.json", "phylogeny.nh", *shards])
    stored = json.loads(written["alignment.json"])
    assert stored.pop("sha256").keys() == set(shards)
    assert stored == metadata
    assert read_alignment_metadata(tmp_path / "out").keys() - metadata.keys() == {"sha256"}
    assert metadata["sources"][0]["format"] == "fasta"


def test_many_sites_become_several_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("hf_genomics.data.alignment_writing._GROUP_SITES", 5)
    text = "ACGTT" * 8
    rows, _ = build(
        tmp_path,
        f">ref\n{text}\n>one\n{text}\n",
        options=AlignmentOptions(max_length=4, shard_sites=16),
    )
    shards = sorted(file.name for file in (tmp_path / "out" / "data").iterdir())
    assert [name[:20] for name in shards] == [f"train-0000{i}-of-00003"[:20] for i in range(3)]
    assert "".join(str(row["sequence"]) for row in rows) == text


def test_data_set_is_read_anew_after_it_was_built_anew(tmp_path):
    """`datasets` tells its cached copies apart by the file names in the card."""
    build(tmp_path, FASTA)
    (tmp_path / "input").write_text(FASTA.replace("GGA", "GGT"))
    build_alignment(
        [tmp_path / "input"], tmp_path / "out", tree=TREE, reference="ref", overwrite=True
    )
    assert [row["sequence"] for row in rows_of(tmp_path / "out")] == ["ACGTN", "GGT"]


def test_an_input_that_lies_in_the_output_is_not_lost(tmp_path):
    build(tmp_path, FASTA)
    file = tmp_path / "out" / "mine.fa"
    file.write_text(FASTA)
    with pytest.raises(ValueError, match="not written with its alignment.json: mine.fa"):
        build_alignment([file], tmp_path / "out", tree=TREE, reference="ref", overwrite=True)
    assert file.read_text() == FASTA


def test_rows_stream(tmp_path):
    rows, _ = build(tmp_path, FASTA)
    streamed = load_dataset(str(tmp_path / "out"), split="train", streaming=True)
    assert same(list(streamed.with_format("numpy")), rows)


def nothing_is_left(folder: Path) -> bool:
    return [file.name for file in folder.iterdir()] == ["input"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">ref\nAC\n>one\nA\n", "cut off or not aligned"),
        (
            "a\ns ref.1 0 2 + 9 AC\ns one.1 0 2 + 9 AC\n\na\ns ref.1 5 2 + 9 A",
            "line 6: the row says",
        ),
        (
            gzip.compress(b"a\ns ref.1 0 1 + 9 A\ns one.1 0 1 + 9 A\n" * 9, mtime=0)[:-9],
            "breaks off or is dam",
        ),
        (">other\nA\n", "'ref' has no base in any block; the files name other"),
        (">ref\nA\n>yeti\nA\n", "only 'ref' is a leaf of the tree: the files name ref, yeti"),
        (">ref\n--\n>one\nAC\n", "has no base in any block"),
        (
            "a\ns ref.1 0 1 + 9 A\ns one.1 0 1 + 9 A\n\na\ns ref.1 0 1 + 9 C\n",
            "earlier block says A",
        ),
        ("", "is empty"),
    ],
)
def test_bad_input_is_an_error_and_leaves_nothing_behind(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        build(tmp_path, text)
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("leaves", ["occurring", "tree"])
def test_alignment_without_another_leaf_is_an_error(tmp_path, leaves):
    with pytest.raises(ValueError, match="only 'ref' is a leaf of the tree"):
        build(tmp_path, ">ref\nA\n>yeti\nA\n", options=AlignmentOptions(leaves=leaves))
    assert nothing_is_left(tmp_path)


def test_reference_that_is_no_leaf_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'yeti' is leaf 'yeti', which the tree has not; its leav"):
        build(tmp_path, FASTA, reference="yeti")


def test_file_that_is_given_twice_is_an_error(tmp_path):
    (tmp_path / "a.fa").write_text(FASTA)
    files = [tmp_path / "a.fa", tmp_path / "x" / ".." / "a.fa"]
    with pytest.raises(ValueError, match="a.fa is given 2 times; give each file once"):
        build_alignment(files, tmp_path / "o", tree=TREE, reference="ref")


def test_missing_file_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.maf"):
        build_alignment([tmp_path / "missing.maf"], tmp_path / "o", tree=TREE, reference="ref")
    assert list(tmp_path.iterdir()) == []


def test_no_files_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="No alignment file was given"):
        build_alignment([], tmp_path / "o", tree=TREE, reference="ref")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 0}, "max_length is 0; give 1 or more"),
        ({"flank": -1}, "flank is -1; give 0 or more"),
        ({"shard_sites": 0}, "shard_sites is 0"),
        ({"leaves": "some"}, "leaves is 'some'; 'occurring' or 'tree'"),
    ],
)
def test_options_out_of_range_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        AlignmentOptions(**options)


def test_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"holds files but no alignment.json"):
            build(tmp_path, FASTA, overwrite=overwrite)
    assert content(tmp_path / "out") == {"mine": b"x"}


def test_data_set_is_replaced_only_if_asked_and_the_message_says_how(tmp_path):
    build(tmp_path, FASTA)
    before = content(tmp_path / "out")
    with pytest.raises(ValueError, match=r"holds a data set already; .* --overwrite"):
        build(tmp_path, FASTA)
    assert content(tmp_path / "out") == before


def test_card_has_licence_and_source(tmp_path):
    source = 'https://example.org/a: "b"\n# c'
    _, metadata = build(tmp_path, FASTA, license="cc-by-4.0", source=source)
    card = (tmp_path / "out" / "README.md").read_text()
    assert front_matter(card)["license"] == metadata["license"] == "cc-by-4.0"
    assert metadata["origin"] == 'https://example.org/a: "b" # c'
    assert f"Source of the alignment: {metadata['origin']}. The alignment's licence" in card


def test_card_says_where_licence_and_source_are_missing(tmp_path):
    _, metadata = build(tmp_path, FASTA)
    assert not {"license", "origin"} & metadata.keys()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license" not in front_matter(card)
    assert "`--license`" in card
    assert "`--source`" in card


def test_title_of_the_card_may_hold_any_name(tmp_path):
    tree = Phylogeny.from_newick("""('''x'': "y"':0.1,one:0.2);""")
    names = SpeciesMap({"ref": "'x': \"y\""})
    build(tmp_path, ">ref\nAC\n>one\nAC\n", tree=tree, species_map=names)
    card = (tmp_path / "out" / "README.md").read_text()
    assert front_matter(card)["pretty_name"] == "Alignment columns over 'x': \"y\", 2 species"


def test_licence_is_a_name_of_the_hub(tmp_path):
    with pytest.raises(ValueError, match="license is 'CC BY 4.0'; give it as the Hub spells it"):
        build(tmp_path, FASTA, license="CC BY 4.0")


def test_failed_overwriting_keeps_the_old_data_set(tmp_path):
    build(tmp_path, FASTA)
    before = content(tmp_path / "out")
    with pytest.raises(ValueError, match="not aligned"):
        build(tmp_path, FASTA + "ACGT", overwrite=True)
    assert content(tmp_path / "out") == before


def test_folder_without_metadata_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"holds no alignment.json; make it with `build-alignment"):
        read_alignment_metadata(tmp_path)
