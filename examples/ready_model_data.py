"""What is known of the data that train_ready_models.py trains on, and where they lie."""

from dataclasses import dataclass

from hf_genomics.hub.runs import DataFacts


@dataclass(frozen=True)
class AlignmentSource:
    """An alignment in the data folder, and how its species are named.

    Attributes:
        file, tree, species_map: paths from the data folder.
        columns: of names and of leaves in the species map.
        reference: as the file names it.
    """

    file: str
    tree: str
    species_map: str
    columns: tuple[str, str]
    reference: str


# What a reader of the scores has to know of a set.
GUE_NOTES = {"tf/4": " (without the training rows that are validation rows too, 358 of these)"}
BIRDS = DataFacts(
    "53 birds over chr22, chr25 and chr28 of chicken (galGal6), a whole-genome alignment",
    "none is stated for the alignment, which is UCSC's; its source repository is under AGPL-3.0",
    "https://github.com/cpockrandt/PhyloCSFpp",
)
BIRDS_ALIGNMENT = AlignmentSource(
    file="alignments/maf/galGal6_chr22_25_28_53birds.maf.gz",
    tree="trees/53birds.nh",
    species_map="alignments/maf/species_to_tree.csv",
    columns=("assembly", "leaf"),
    reference="galGal6",
)
MAMMALS_ALIGNMENT = AlignmentSource(
    file="alignments/relec_mammal_exons/relec_171_loci.aligned.fasta.gz",
    tree="trees/447-mammalian-2022v1.nh",
    species_map="alignments/relec_mammal_exons/species_map.csv",
    columns=("relec_name", "leaf_in_447_tree"),
    reference="Homo_sapiens",
)
MAMMALS = DataFacts(
    "RELEC, 171 long exons of up to 110 mammals",
    "none is stated; the sequences are those of OrthoMaM and Ensembl",
    "https://github.com/benrkarin/RELEC",
)
SIX_GENOMES = DataFacts(
    "E. coli, yeast, and a million bases each of human, rice, thale cress and worm",
    "none is stated; the sequences are those of INSDC and UCSC",
    "the sequences U00096.2 (E. coli) and S288C by PacBio (yeast), and stretches of hg17 chr22, "
    "MSU7 chr2, Col and chrI of the worm",
)
# These and the stretches kept from training are those of docs/results/vqdna.
GENOMES = (
    "genomes/arabidopsis_Col_1Mb.fa.gz",
    "genomes/celegans_chrI_first_1.01Mb.fa.gz",
    "genomes/ecoli_K12_MG1655_U00096.2.fa.gz",
    "genomes/human_hg17_chr22_14.5-15.5M.fa.gz",
    "genomes/rice_MSU7_chr2_first_1Mb.fa.gz",
    "genomes/yeast_S288C_PacBio.fa.gz",
)
HELD_OUT_STRETCHES = ("ecoli:4500000-4600000", "chrXVI:800000-900000", "chr22:900000-1000000")
