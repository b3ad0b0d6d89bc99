"""Spike mutations, the codes that change at them, and the genomes that have those codes."""

import numpy as np
import pytest

from hf_genomics.data.fasta import read_fasta
from hf_genomics.evaluation.codons import STOP_CODONS
from hf_genomics.evaluation.lineage_anchors import Anchors
from hf_genomics.evaluation.lineage_markers import Marker, code_change, marker_table
from hf_genomics.evaluation.lineage_markers import _has_code as has_code
from hf_genomics.evaluation.lineage_mutations import (
    CONSENSUS_OF,
    SPIKE_START,
    SpikeMutation,
    codon_change,
    spike_mutations,
    translate,
)
from hf_genomics.evaluation.lineage_tables import mutation_summary, mutation_table, summary_table


def genome(length: int, seed: int = 0) -> str:
    generator = np.random.default_rng(seed)
    return "".join("ACGT"[i] for i in generator.integers(0, 4, length))


def with_base(sequence: str, position: int, base: str) -> str:
    """`position` is 1-based."""
    return sequence[: position - 1] + base + sequence[position:]


def neighbour_codes(sequence: str) -> np.ndarray:
    """A code of two levels whose codes are easily said by hand: the coarse one is the base, the
    fine one is 4 times the base to the left (0 at the start) plus the base two to the right."""
    ids = np.array(["ACGTN".index(letter) for letter in sequence])
    left = np.concatenate([[0], ids[:-1]])
    right = np.concatenate([ids[2:], [0, 0]])
    fine = 4 * (left % 4) + right % 4
    return np.where(ids < 4, np.stack([ids, fine]), -1).astype(np.int32)


def test_a_mutation_is_read():
    mutation = SpikeMutation.parse(" S371L T22673C C22674T")
    assert mutation == SpikeMutation("S371L", ((22673, "T", "C"), (22674, "C", "T")))
    assert mutation.nucleotides == "T22673C C22674T"
    assert mutation.codon_start == 22673 - 1


@pytest.mark.parametrize("text", ["N501Y", "A23063T", "N501Y 23063", "501 A23063T", "N501Y a2c"])
def test_what_is_no_mutation_is_refused(text):
    with pytest.raises(ValueError, match="is no mutation"):
        SpikeMutation.parse(text)


@pytest.mark.parametrize("position", [23062, 23066])
def test_a_position_outside_the_codon_is_refused(position):
    with pytest.raises(ValueError, match=f"23063 to 23065 of the genome, not at {position}"):
        SpikeMutation.parse(f"N501Y A{position}T")


def test_the_genetic_code():
    assert (
        "".join(map(translate, ["ATG", "TTT", "GGG", "AAC", "TGG", "CGA", "CAT", "ATA", "AGT"]))
        == "MFGNWRHIS"
    )
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    assert tuple(codon for codon in codons if translate(codon) == "*") == STOP_CODONS
    assert sorted({translate(codon) for codon in codons}) == sorted("ACDEFGHIKLMNPQRSTVWY*")
    with pytest.raises(ValueError, match="'ACN' is no codon"):
        translate("ACN")


def published() -> tuple[str, str]:
    """A reference whose codon 501 is AAT (N), and a sequence in which it is TAT (Y)."""
    reference = with_base(with_base(with_base(genome(23200), 23063, "A"), 23064, "A"), 23065, "T")
    return reference, with_base(reference, 23063, "T")


def test_codons_of_a_mutation():
    mutation = SpikeMutation.parse("N501Y A23063T")
    reference, variant = published()
    assert codon_change(mutation, reference, variant) == ("AAT", "TAT")


def test_a_mutation_that_the_sequences_lack_is_refused():
    reference, variant = published()
    mutation = SpikeMutation.parse("N501Y A23063T")
    with pytest.raises(ValueError, match="N501Y says A23063T, but the sequences have A23063A"):
        codon_change(mutation, reference, reference)
    with pytest.raises(ValueError, match="AAT and TAT make N501Y, not N501H"):
        codon_change(SpikeMutation.parse("N501H A23063T"), reference, variant)
    with pytest.raises(ValueError, match="has 23199 columns and the reference 23200"):
        codon_change(mutation, reference, variant[1:])


def test_lists_are_in_the_order_of_the_genome():
    mutations = spike_mutations()
    assert {name: len(of_one) for name, of_one in mutations.items()} == {
        "Alpha": 7,
        "Delta": 6,
        "Omicron": 28,
    }
    for of_one in mutations.values():
        positions = [mutation.substitutions[0][0] for mutation in of_one]
        assert positions == sorted(positions)


@pytest.mark.real_data
def test_published_mutations_agree_with_the_genomes(real_data_folder):
    path = real_data_folder / "genomes/sars_cov_2_MN908947.fa.gz"
    reference = next(read_fasta(path)).sequence
    assert reference[SPIKE_START - 1 : SPIKE_START + 2] == "ATG"
    path = real_data_folder / "sars_cov_2/pango_consensus_aligned.fasta.gz"
    aligned = {r.name: r.sequence for r in read_fasta(path) if r.name in CONSENSUS_OF.values()}
    for variant, of_variant in spike_mutations().items():
        for mutation in of_variant:
            codons = codon_change(mutation, reference, aligned[CONSENSUS_OF[variant]])
            assert codons[0] != codons[1]


@pytest.mark.real_data
def test_no_labelled_genome_is_among_those_of_2020(real_data_folder):
    """So a quantizer that is adapted to the genomes of 2020 has seen none of the labelled ones."""
    names, sequences = [], []
    for file in ("genbank_examples_322", "ncov_example_2020"):
        records = list(read_fasta(real_data_folder / f"sars_cov_2/{file}.fasta.gz"))
        names.append({record.name for record in records})
        sequences.append({record.sequence.upper().strip("N") for record in records})
    assert not names[0] & names[1]
    assert not sequences[0] & sequences[1]


def test_positions_are_found_in_other_genomes():
    reference = genome(2000)
    anchors = Anchors(reference)
    changed = with_base(with_base(reference, 1001, "N"), 1010, "N")
    other = "ACCA" + changed[:500] + changed[509:]
    places = anchors.index(other)
    assert anchors.find(places, 100) == 104
    assert anchors.find(places, 1000) == 995
    assert anchors.find(places, 1004) == 999  # no 21-mer nearby is whole
    # A deletion of 500 to 508: the nearer side is believed.
    assert anchors.find(places, 499) == 503
    assert anchors.find(places, 509) == 504


def test_positions_that_are_not_found():
    reference = genome(2000)
    anchors = Anchors(reference)
    assert anchors.find(anchors.index(genome(2000, seed=1)), 1000) is None
    assert anchors.find(anchors.index("N" * 2000), 1000) is None
    assert anchors.find(anchors.index(reference + reference), 1000) is None  # twice


def site(reference: str) -> SpikeMutation:
    """A mutation of the base at 23063, whatever it is."""
    old = reference[23062]
    return SpikeMutation("N501Y", ((23063, old, "T" if old != "T" else "C"),))


def test_codes_that_a_mutation_changes():
    reference, variant = published()
    change = code_change(
        SpikeMutation.parse("N501Y A23063T"), reference, variant, neighbour_codes, 2
    )
    # The coarse code is the base; the fine ones see it from two to the left and one to the right.
    assert change.offsets == [[0], [-2, 1]]
    assert change.at_site[0] == (0, 3)
    assert change.at_site[1][0] == change.at_site[1][1]
    coarse, fine = change.markers
    assert coarse == Marker(0, 0, 3)
    right = "ACGT".index(reference[23065])
    assert fine == Marker(1, right, 12 + right)
    assert change.context == reference[23060:23062] + "TAT"


def test_codes_next_to_a_deletion():
    reference, variant = published()
    gapped = variant[:23050] + "---" + variant[23053:]
    mutation = SpikeMutation.parse("N501Y A23063T")
    change = code_change(mutation, reference, gapped, neighbour_codes, 2)
    assert change.offsets == [[0], [-2, 1]]
    assert change.markers[0] == Marker(0, 0, 3)


def test_a_mutation_of_two_bases():
    reference, variant = published()
    variant = with_base(variant, 23064, "G")
    mutation = SpikeMutation.parse("N501C A23063T A23064G")
    change = code_change(mutation, reference, variant, neighbour_codes, 2)
    assert change.offsets == [[0, 1], [-2, -1, 1, 2]]


def test_a_mutation_that_no_code_tells():
    reference, variant = published()
    mutation = SpikeMutation.parse("N501Y A23063T")
    change = code_change(
        mutation, reference, variant, lambda letters: np.zeros((2, len(letters)), np.int32), 2
    )
    assert change.markers == [None, None]


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """Three genomes of Alpha (one unknown at the site, one without the mutation), two others (one
    with the mutation and another base to its right)."""
    reference, variant = published()
    others = "ACGT".replace(reference[23065], "")
    genomes = [
        "GG" + variant,
        variant[:23060] + "NNNNN" + variant[23065:],
        reference,
        reference[7:],
        with_base(variant, 23066, others[0]),
    ]
    return marker_table(
        {"Alpha": [SpikeMutation.parse("N501Y A23063T")]},
        {"Alpha": variant},
        reference,
        genomes,
        [neighbour_codes(sequence) for sequence in genomes],
        ["Alpha", "Alpha", "Alpha", "none", "Delta"],
        neighbour_codes,
        2,
    )


def test_genomes_with_the_mutation_and_with_its_codes(rows):
    (row,) = rows
    assert (row["position"], row["nucleotides"], row["codons"]) == (
        23063,
        "A23063T",
        ["AAT", "TAT"],
    )
    half = {"in_lineage": 0.5, "elsewhere": 0.5, "known_in_lineage": 2, "known_elsewhere": 2}
    assert row["substituted"] == half
    coarse, fine = row["coarse"]["marker"], row["fine"]["marker"]
    assert {key: coarse[key] for key in half} == half
    assert coarse["agrees"] == 1
    # The fine marker sees two to its right, which differs in the last genome.
    assert (fine["in_lineage"], fine["elsewhere"], fine["agrees"]) == (0.5, 0, 0.75)
    assert (coarse["offset"], coarse["code"], fine["offset"]) == (0, 3, 1)
    reference, _ = published()
    assert coarse["anywhere_in_reference"] == reference.count("T")
    context = row["same_context"]
    assert (context["in_lineage"], context["elsewhere"]) == (0.5, 0.5)
    assert context["known_in_lineage"] == 2


def test_tables_of_mutations(rows):
    lines = mutation_table(rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| Alpha | N501Y | A23063T | 50 / 50.0 % | 0 to 3 | 1 (+0 to +0) |")
    summary = mutation_summary(rows)
    assert summary["coarse"]["changed_at_site"] == 1
    assert summary["fine"]["changed_at_site"] == 0
    assert (summary["fine"]["changed_codes"], summary["fine"]["radius"]) == (2, 2)
    assert summary["fine"]["agrees"] == 0.75
    lines = summary_table({"name": summary}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3].startswith("| name | fine | 0 % | 2.0 | 2 | 75.0 % | 50.0 % | 0.0 % |")


def test_a_variant_without_genomes_has_a_dash(rows):
    none = {"in_lineage": float("nan"), "elsewhere": 0.125}
    (cells,) = mutation_table([rows[0] | {"substituted": none}]).splitlines()[2:]
    assert cells.startswith("| Alpha | N501Y | A23063T | - / 12.5 % |")


def test_a_marker_beside_an_unknown_site_is_unknown():
    codes = np.array([[5, 5, 5], [-1, 5, 5], [5, 5, -1], [5, 5, 4]])[:, None]
    marker = Marker(2, 0, 5)
    found = has_code(marker, 0, list(codes), [0, 0, 0, 0])
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, 0])
    np.testing.assert_array_equal(has_code(marker, 0, list(codes[:2]), [None, 1]), [np.nan] * 2)
