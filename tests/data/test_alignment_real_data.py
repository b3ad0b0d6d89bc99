"""Real alignments: the counts of their description, and a slow reading of every column."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset

from hf_genomics.data.alignment_datasets import build_alignment
from hf_genomics.data.species_map import SpeciesMap
from hf_genomics.models.phylogpn.phylogeny import Phylogeny
from tests.references.alignment_columns import fasta_columns, maf_columns, state, text_of

pytestmark = pytest.mark.real_data


class Built:
    """A data set built from one real file, with its rows in memory."""

    def __init__(self, data: Path, folder: Path, file: str, tree: str, reference: str, **columns):
        self.file = data / "alignments" / file
        self.tree = Phylogeny.from_newick(data / "trees" / tree)
        table = columns.pop("table", "maf/species_to_tree.csv")
        self.map = SpeciesMap.from_csv(
            data / "alignments" / table, tree_leaves=self.tree.leaf_names, **columns
        )
        self.metadata = build_alignment(
            [self.file], folder / "out", tree=self.tree, reference=reference, species_map=self.map
        )
        rows = load_dataset(str(folder / "out"), split="train", cache_dir=str(folder / "cache"))
        self.rows = list(rows.with_format("numpy"))

    def states(self) -> dict[tuple[str, int], np.ndarray]:
        """(name, position) -> int (S,)"""
        return {
            (str(row["name"]), int(row["start"]) + i): states
            for row in self.rows
            for i, states in enumerate(row["leaf_states"])
        }

    def assert_columns_are(self, columns) -> None:
        """Every column, for alignments in which no two species are one leaf."""
        leaf = {name: self.map.leaf_of(name) for name in self.metadata["matched_species"]}
        index = {name: self.metadata["leaf_names"].index(leaf[name]) for name in leaf}
        found = self.states()
        assert found.keys() == columns.keys()
        for place, bases in columns.items():
            expected = np.full(len(self.metadata["leaf_names"]), 4)
            for name, base in bases.items():
                if name in index:
                    expected[index[name]] = state(base)
            assert np.array_equal(found[place], expected), place


@pytest.fixture(scope="module")
def relec(real_data_folder, tmp_path_factory) -> Built:
    return Built(
        real_data_folder,
        tmp_path_factory.mktemp("relec"),
        "relec_mammal_exons/relec_171_loci.aligned.fasta.gz",
        "447-mammalian-2022v1.nh",
        "Homo_sapiens",
        table="relec_mammal_exons/species_map.csv",
        name_column="relec_name",
        leaf_column="leaf_in_447_tree",
    )


@pytest.fixture(scope="module")
def birds(real_data_folder, tmp_path_factory) -> Built:
    file = "maf/galGal6_chr22_25_28_53birds.maf.gz"
    folder = tmp_path_factory.mktemp("birds")
    return Built(real_data_folder, folder, file, "53birds.nh", "galGal6", name_column="assembly")


def test_exons_have_the_bases_species_and_leaves_that_are_described(relec):
    counts = relec.metadata["counts"]
    assert counts["sites"] == sum(len(row["sequence"]) for row in relec.rows) == 601_134
    assert counts["blocks"] == 171
    assert counts["names"] + counts["blocks_without_reference"] == 171
    assert len(relec.metadata["leaf_names"]) == 111
    assert len(relec.metadata["matched_species"]) == 126
    assert max(len(row["sequence"]) for row in relec.rows) <= 10_240


def test_exons_list_the_species_that_are_no_leaf(relec):
    unmatched = relec.metadata["unmatched_species"]
    assert len(unmatched) == 15
    assert unmatched["Monodelphis_domestica"]["bases"] > 200_000


@pytest.mark.slow
def test_exon_columns_are_those_of_a_slow_reading(relec):
    """Every eighth locus; leaves that one species gives, once in the locus."""
    text = text_of(relec.file)
    headers = Counter(line[1:] for line in text.splitlines() if line.startswith(">"))
    leaves = relec.metadata["leaf_names"]
    names = {}
    for name, species in relec.metadata["matched_species"].items():
        names.setdefault(species["leaf"], []).append(name)
    single = {leaf: found[0] for leaf, found in names.items() if len(found) == 1}
    assert len(single) > 90
    loci = set(list(relec.metadata["sites_of_each_name"])[::8])
    columns = fasta_columns(text, "Homo_sapiens", loci)
    found = {place: states for place, states in relec.states().items() if place[0] in loci}
    assert found.keys() == columns.keys()
    numbers = [(leaves.index(leaf), name) for leaf, name in single.items()]
    for place, bases in columns.items():
        for number, name in numbers:
            if headers[f"{place[0]}|{name}"] < 2:
                assert found[place][number] == state(bases.get(name, "-"))


def test_exon_leaf_of_two_names_has_the_one_with_more_bases(relec):
    text = text_of(relec.file)
    loci = list(relec.metadata["sites_of_each_name"])[::8]
    columns = fasta_columns(text, "Homo_sapiens", loci)
    names = [n for n, s in relec.metadata["matched_species"].items() if s["leaf"] == "Equus_asinus"]
    assert len(names) == 2
    index = relec.metadata["leaf_names"].index("Equus_asinus")
    found = relec.states()
    for locus in loci:
        places = [place for place in columns if place[0] == locus]
        ours = [int(found[place][index]) for place in places]
        theirs = [[state(columns[place].get(name, "-")) for place in places] for name in names]
        assert ours == max(theirs, key=lambda states: sum(s < 4 for s in states))


def test_birds_have_the_bases_and_species_that_are_described(birds):
    counts = birds.metadata["counts"]
    assert (counts["sites"], counts["names"], counts["blocks"]) == (90_000, 3, 10_097)
    assert birds.metadata["sites_of_each_name"] == dict.fromkeys(
        ["chr22", "chr25", "chr28"], 30_000
    )
    assert (len(birds.metadata["leaf_names"]), birds.metadata["unmatched_species"]) == (53, {})
    turkey = birds.metadata["matched_species"]["melGal5"]
    assert turkey["leaf"] == "Turkey"


def test_bird_rows_of_wrong_size_are_counted(birds):
    """Columns were cut out of this file's blocks, and the sizes of some rows left as they were."""
    assert birds.metadata["counts"]["rows_of_wrong_size"] == 443


@pytest.mark.slow
def test_bird_columns_are_those_of_a_slow_reading(birds):
    birds.assert_columns_are(maf_columns(text_of(birds.file), "galGal6"))


@pytest.mark.parametrize(
    ("file", "reference", "sites", "leaves"),
    [
        ("rphast_ENr334_hg18_4way", "hg18", 100_000, 4),
        ("rphast_chr1_100k_hg18_4primates", "hg18", 100_000, 4),
        ("phast_chr22_14.5-15.5M_hg17_5way", "hg17", None, 5),
        ("mm10_chr2_HoxD_15way", "mm10", 21_899, None),
        ("hg19_chr22_46vertebrates_516blocks", "hg19", 43_610, None),
        ("hg19_chr22_46vertebrates_516blocks", "panTro4", None, None),
    ],
)
def test_maf_columns_are_those_of_a_slow_reading(
    real_data_folder, tmp_path, file, reference, sites, leaves
):
    built = Built(
        real_data_folder,
        tmp_path,
        f"maf/{file}.maf.gz",
        "100vertebrates.nh",
        reference,
        name_column="assembly",
    )
    assert sites in (built.metadata["counts"]["sites"], None)
    assert leaves in (len(built.metadata["leaf_names"]), None)
    built.assert_columns_are(maf_columns(text_of(built.file), reference))


def test_genome_of_the_same_assembly_fits_the_alignment(real_data_folder, tmp_path):
    built = "maf/phast_chr22_14.5-15.5M_hg17_5way.maf.gz"
    tree = Phylogeny.from_newick(real_data_folder / "trees" / "100vertebrates.nh")
    table = real_data_folder / "alignments/maf/species_to_tree.csv"
    names = SpeciesMap.from_csv(table, name_column="assembly", tree_leaves=tree.leaf_names)
    metadata = build_alignment(
        [real_data_folder / "alignments" / built],
        tmp_path / "out",
        tree=tree,
        reference="hg17",
        species_map=names,
        genome=real_data_folder / "genomes" / "human_hg17_chr22_14.5-15.5M.fa.gz",
    )
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert metadata["counts"]["sites"] > 200_000
    assert all(len(row["left_flank"]) == min(row["start"], 240) for row in rows)
