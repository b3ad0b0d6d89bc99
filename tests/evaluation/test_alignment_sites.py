"""Sites of an alignment, their contexts, their codons and their blocks."""

import numpy as np
import pytest

from hf_genomics.evaluation.alignment_sites import AlignmentSites, contexts, reference_states
from hf_genomics.evaluation.codons import reading_frame, stop_codons


def region(name, start, sequence, **columns):
    states = columns.get("leaf_states", np.zeros((len(sequence), 3), np.int8))
    return {"name": name, "start": start, "sequence": sequence, "leaf_states": states}


def test_sites_with_an_unknown_reference_are_left_out():
    sites = AlignmentSites.from_regions([region("a", 10, "ANCG"), region("b", 0, "T")])
    assert sites.reference.tolist() == [0, 1, 2, 3]
    assert sites.position.tolist() == [10, 12, 13, 0]
    assert sites.region.tolist() == [0, 0, 0, 1]
    assert sites.names == ("a", "b")


def test_a_context_ends_where_the_sequence_ends():
    sites = AlignmentSites.from_regions([region("a", 0, "ACGT")])
    assert sites.context.tolist() == [
        [4, 4, 0, 1, 2],
        [4, 0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 4],
    ]


def test_lower_case_is_the_same_and_everything_else_is_unknown():
    assert reference_states("acgtACGTN-R").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4]
    assert contexts(reference_states("A")).tolist() == [[4, 4, 0, 4, 4]]


def test_negative_leaf_states_are_gaps():
    states = np.array([[0, -100, 3]], np.int16)
    sites = AlignmentSites.from_regions([region("a", 0, "A", leaf_states=states)])
    assert sites.leaf_states.tolist() == [[0, 4, 3]]


def test_no_known_reference_base_is_an_error():
    with pytest.raises(ValueError, match="1 region.* no site with a known reference base"):
        AlignmentSites.from_regions([region("a", 0, "NNN")])


def test_blocks_are_named_sequences_or_stretches_of_them():
    sites = AlignmentSites.from_regions(
        [region("a", 8, "ACGT"), region("b", 0, "AC"), region("a", 30, "A")]
    )
    assert sites.blocks().tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert sites.blocks(10).tolist() == [0, 0, 1, 1, 3, 3, 2]


def test_distinct_sites_are_counted():
    states = np.array([[0, 1], [0, 1], [0, 1], [0, 4]], np.int8)
    sites = AlignmentSites.from_regions(
        [region("a", 0, "CCAGG", leaf_states=np.vstack([states, states[:1]]))] * 2
    )
    kinds, counts = sites.distinct()
    assert counts.tolist() == [2] * 5
    repeated = AlignmentSites.from_regions([region("a", 0, "A" * 10, leaf_states=[[0, 1]] * 10)])
    kinds, counts = repeated.distinct()
    assert sorted(counts.tolist()) == [1, 1, 1, 1, 6]  # two at each end have shorter contexts
    assert len(kinds) == 5


def test_the_reading_frame_is_the_one_without_stops():
    coding = "ATGGCTAAC" * 20  # TAA in the third frame
    assert stop_codons(coding) == (0, 0, 20)
    assert stop_codons(coding, start=1) == (20, 0, 0)
    assert reading_frame([(0, coding)]) == 0  # of two open frames the first
    assert reading_frame([(0, "TAA" * 5 + "C"), (16, "TAATAA")]) == 2


def test_parts_of_a_locus_share_their_frame():
    coding = "ATGTAGCCCTTTACGA" + "C" * 30
    whole = AlignmentSites.from_regions([region("a", 0, coding)], codons=True)
    parts = [region("a", 0, coding[:20]), region("a", 20, coding[20:])]
    assert whole.codon_position.tolist()[:4] == [2, 0, 1, 2]  # TAG in frame 0
    cut = AlignmentSites.from_regions(parts, codons=True)
    assert cut.codon_position.tolist() == whole.codon_position.tolist()


def test_contexts_reach_into_the_flanks():
    row = region("a", 7, "AC") | {"left_flank": "GGGT", "right_flank": "T"}
    sites = AlignmentSites.from_regions([row])
    assert sites.context.tolist() == [[2, 3, 0, 1, 3], [3, 0, 1, 3, 4]]
    assert sites.position.tolist() == [7, 8]
    without = AlignmentSites.from_regions([row | {"left_flank": None, "right_flank": None}])
    assert without.context.tolist() == [[4, 4, 0, 1, 4], [4, 0, 1, 4, 4]]


def test_regions_get_codon_positions_only_if_they_are_coding():
    plain = AlignmentSites.from_regions([region("a", 0, "ATGGCT")])
    assert plain.codon_position.tolist() == [-1] * 6
    coding = AlignmentSites.from_regions([region("a", 0, "ATGGCN")], codons=True)
    assert coding.codon_position.tolist() == [0, 1, 2, 0, 1]


def test_sites_of_another_codon_position_are_of_another_kind():
    coding = AlignmentSites.from_regions([region("a", 0, "A" * 10)], codons=True)
    kinds, counts = coding[slice(2, 8)].distinct()  # equal in all but the codon position
    assert sorted(kinds.codon_position.tolist()) == [0, 1, 2]
    assert counts.tolist() == [2, 2, 2]
