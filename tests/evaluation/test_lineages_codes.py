"""Codes of genomes by context, and the vectors that are made of genomes."""

import numpy as np
import pytest
import torch

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.evaluation.lineage_codes import ContextCodes, codes_of_genomes, stretches
from hf_genomics.evaluation.lineage_features import (
    code_frequencies,
    kmer_frequencies,
    kmer_presence,
    length_and_unknowns,
    mean_vectors,
    word_presence,
)
from hf_genomics.evaluation.lineage_study import (
    code_embeddings,
    codebooks_of,
    codes_in_use,
    read_labelled_genomes,
    untrained,
)


def quantizer(**options) -> VQDNAQuantizerModel:
    """One of random weights, whose codebooks are as wide as its features."""
    sizes = {"stem_dim": 8, "hidden_size": 12, "num_layers": 2, "kernel_size": 3}
    torch.manual_seed(0)
    config = VQDNAQuantizerConfig(
        **sizes | {"codebook_sizes": [8, 16], "kmeans_warmup_steps": 0} | options
    )
    model = VQDNAQuantizerModel(config).train()
    for _ in range(2):  # k-means gives it codes
        model(torch.randint(0, 4, (4, 200)))
    return model.eval()


@pytest.fixture(scope="module")
def model() -> VQDNAQuantizerModel:
    torch.manual_seed(1)
    return quantizer()


def genome(length: int, seed: int = 0) -> str:
    generator = np.random.default_rng(seed)
    return "".join("ACGT"[i] for i in generator.integers(0, 4, length))


def relatives(length: int = 1500) -> list[str]:
    """A genome, one with a substitution and a gap, one with unknown bases and shorter ends."""
    first = genome(length)
    second = first[:700] + "ACGT".replace(first[700], "")[0] + first[701:900] + first[906:]
    third = first[25:300] + "N" * 30 + first[330:600] + "r" + first[601:-11].lower()
    return [first, second, third]


def whole(model: VQDNAQuantizerModel, sequence: str) -> np.ndarray:
    ids = ["ACGT".find(letter) % 5 for letter in sequence.upper()]
    return model.tokenize(torch.tensor([ids]))[0].numpy()


def test_codes_by_context_are_those_of_the_whole_genome(model):
    reader = ContextCodes(model)
    for sequence in relatives():
        np.testing.assert_array_equal(reader(sequence), whole(model, sequence))


def test_a_substitution_has_only_its_surroundings_read_anew(model):
    reader = ContextCodes(model)
    first = genome(1500)
    reader(first)
    assert reader.num_read == 1500
    reader(first[:700] + "ACGT".replace(first[700], "")[0] + first[701:])
    assert reader.num_read == 1500 + 2 * model.receptive_radius + 1
    reader(first)
    assert reader.num_read == 1500 + 2 * model.receptive_radius + 1


def test_rna_has_the_codes_of_dna(model):
    sequence = genome(60)
    codes = ContextCodes(model)(sequence)
    np.testing.assert_array_equal(ContextCodes(model)(sequence.replace("T", "U")), codes)
    np.testing.assert_array_equal(
        kmer_frequencies([sequence.replace("T", "u")], 2), kmer_frequencies([sequence], 2)
    )


@pytest.mark.parametrize("sequence", ["A", "N", "ACG", "NNNN"])
def test_sequences_of_few_letters(model, sequence):
    np.testing.assert_array_equal(ContextCodes(model)(sequence), whole(model, sequence))


def test_a_sequence_of_no_letters_has_no_codes(model):
    assert ContextCodes(model)("").shape == (2, 0)


def test_stretches_are_runs_of_bounded_length():
    runs = [(run.start, run.stop) for run in stretches([3, 4, 5, 6, 9, 11, 12], longest=3)]
    assert runs == [(3, 6), (6, 7), (9, 10), (11, 13)]


def test_several_nucleotides_to_a_code_are_refused():
    with pytest.raises(ValueError, match="2 nucleotides to a code"):
        ContextCodes(quantizer(downsample_ratio=2))


def test_a_quantizer_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        ContextCodes(quantizer().train())


def test_a_stopped_run_goes_on_from_its_file(model, tmp_path):
    sequences = relatives()
    path = tmp_path / "codes.npz"
    first = codes_of_genomes(ContextCodes(model), sequences[:2], path)
    reader = ContextCodes(model)
    reader._read = None  # reading anything at all would fail
    again = codes_of_genomes(reader, sequences[:2], path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    reader = ContextCodes(model)
    codes = codes_of_genomes(reader, sequences, path)
    assert 0 < reader.num_read < len(sequences[2]) / 2
    for sequence, found in zip(sequences, codes, strict=True):
        np.testing.assert_array_equal(found, whole(model, sequence))


def test_a_file_of_another_quantizer_is_not_read(model, tmp_path):
    path = tmp_path / "codes.npz"
    codes_of_genomes(ContextCodes(model), relatives()[:1], path)
    other = untrained(model, seed=5)
    (codes,) = codes_of_genomes(ContextCodes(other), relatives()[:1], path)
    np.testing.assert_array_equal(codes, whole(other, relatives()[0]))


def test_a_file_of_other_genomes_is_not_read(model, tmp_path):
    path = tmp_path / "codes.npz"
    codes_of_genomes(ContextCodes(model), [genome(300, seed=1), genome(300)], path)
    (codes,) = codes_of_genomes(ContextCodes(model), [genome(300)], path)
    np.testing.assert_array_equal(codes, whole(model, genome(300)))


@pytest.mark.parametrize("damage", [lambda old: old[:100], lambda old: b"", lambda old: b"notes"])
def test_a_damaged_file_is_written_anew(model, tmp_path, damage):
    path = tmp_path / "codes.npz"
    codes_of_genomes(ContextCodes(model), [genome(300)], path)
    path.write_bytes(damage(path.read_bytes()))
    (codes,) = codes_of_genomes(ContextCodes(model), [genome(300)], path)
    np.testing.assert_array_equal(codes, whole(model, genome(300)))


def test_a_file_of_something_else_is_written_anew(model, tmp_path):
    np.savez(tmp_path / "codes.npz", other=np.zeros(3))
    (codes,) = codes_of_genomes(ContextCodes(model), [genome(300)], tmp_path / "codes.npz")
    np.testing.assert_array_equal(codes, whole(model, genome(300)))


def test_an_untrained_quantizer_is_the_same_for_a_seed(model):
    ids = torch.randint(0, 4, (1, 50))
    first, second, third = (untrained(model, seed).tokenize(ids) for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != third).any()
    assert (first != model.tokenize(ids)).any()


def test_mean_vectors_are_means_over_positions(model):
    codes = [ContextCodes(model)(sequence) for sequence in relatives()]
    codebooks = codebooks_of(model)
    embeddings = code_embeddings(codes, codebooks)
    for row, of_genome in enumerate(codes):
        there = of_genome[0] >= 0
        entries = model.get_codebook_entry(torch.from_numpy(of_genome[None]).long())[0, there]
        np.testing.assert_allclose(embeddings["Z_hat"][row], entries.mean(0).numpy(), atol=1e-6)
        for level in (0, 1):
            mean = codebooks[level][of_genome[level, there]].mean(0)
            np.testing.assert_allclose(embeddings[f"e_{level + 1}"][row], mean)


def test_permuted_vectors_are_the_same_vectors_of_other_codes(model):
    codebooks = codebooks_of(model)
    every_code_once = [np.stack([np.arange(16) % 8, np.arange(16)])]
    plain = code_embeddings(every_code_once, codebooks)
    permuted = code_embeddings(every_code_once, codebooks, permutation_seed=0)
    np.testing.assert_allclose(plain["e_2"], permuted["e_2"])
    one_code = [np.zeros((2, 5), np.int32)]
    assert not np.allclose(
        code_embeddings(one_code, codebooks)["e_2"],
        code_embeddings(one_code, codebooks, permutation_seed=0)["e_2"],
    )


CODES = [
    np.array([[0, 1, 1, -1], [2, 0, 0, -1]]),
    np.array([[1, 1], [2, 2]]),
    np.array([[0, 1], [2, 2]]),
]


def test_code_frequencies_by_hand():
    expected = [[1 / 3, 2 / 3], [0, 1], [0.5, 0.5]]
    np.testing.assert_allclose(code_frequencies(CODES, 0, 2), expected)
    expected = [[2 / 3, 0, 1 / 3], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_allclose(code_frequencies(CODES, 1, 3), expected)


def test_mean_vectors_by_hand():
    codebook = np.array([[1.0, 0], [0, 3]])
    expected = [[1 / 3, 2], [0, 3], [0.5, 1.5]]
    np.testing.assert_allclose(mean_vectors(code_frequencies(CODES, 0, 2), codebook), expected)


def test_pairs_that_some_genomes_have():
    # (0, 2): first and third; (1, 2): second and third; (1, 0): the first alone, left out.
    assert word_presence(CODES, 3).tolist() == [[1, 0], [0, 1], [1, 1]]


def test_codes_in_use_are_counted_without_none():
    assert [codes_in_use(CODES, level) for level in (0, 1)] == [2, 2]


def test_kmer_frequencies_by_hand():
    rows = kmer_frequencies(["AACNAA", "ggt"], 2)
    assert rows.shape == (2, 16)
    np.testing.assert_allclose(rows[0, [0, 1]], [2 / 3, 1 / 3])  # AA twice, AC once
    np.testing.assert_allclose(rows[1, [10, 11]], [0.5, 0.5])  # GG, GT
    np.testing.assert_allclose(rows.sum(1), 1)


def test_kmers_that_some_genomes_have():
    # AA: all; AC: two; CG: one.
    assert kmer_presence(["AACG", "AAC", "AAN"], 2).tolist() == [[1], [1], [0]]


def test_a_genome_without_kmers_is_refused():
    with pytest.raises(ValueError, match="no A, C, G or T"):
        kmer_frequencies(["ACGT", "NNNN"], 2)


def test_length_and_unknown_bases_are_z_scores():
    found = length_and_unknowns(["ACGT", "ACNN", "ACGTNN"])
    expected = np.array([[4, 0], [4, 2], [6, 2.0]])
    expected = (expected - expected.mean(0)) / expected.std(0)
    np.testing.assert_allclose(found, expected)
    assert not length_and_unknowns(["AC", "GT"]).any()


def test_genomes_are_read_by_their_labels(tmp_path):
    fasta, labels = tmp_path / "genomes.fa", tmp_path / "labels.csv"
    fasta.write_text(">one\nacgt\n>two\nGGGG\n>three\nTTTT\n")
    header = "name,nearest_who,nearest_pango,jaccard\n"
    labels.write_text(header + "two,none,B.1,0.9\none,Alpha,Q.7,0.5\nthree,Alpha,Q.7,0.49\n")
    genomes = read_labelled_genomes(fasta, labels)
    assert genomes.names == ["two", "one"]
    assert genomes.sequences == ["GGGG", "ACGT"]
    assert genomes.named.tolist() == [False, True]
    assert genomes.where(genomes.named).lineages.tolist() == ["Q.7"]
    with pytest.raises(ValueError, match="No row .* jaccard of 0.95"):
        read_labelled_genomes(fasta, labels, min_jaccard=0.95)
    labels.write_text(header + "four,Alpha,Q.7,0.9\n")
    with pytest.raises(ValueError, match="lacks 1 genomes .* such as 'four'"):
        read_labelled_genomes(fasta, labels)
    labels.write_text("name,who\none,Alpha\n")
    with pytest.raises(ValueError, match="lacks nearest_who, nearest_pango, jaccard"):
        read_labelled_genomes(fasta, labels)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("one,Alpha,Q.7,0.9\none,Alpha,Q.7,0.4\n", r"labels.csv has 1 names .* such as 'one'"),
        ("one,Alpha,Q.7,\n", r"Row 0 \(from 0\) of .*labels.csv has the jaccard ''; a number"),
        ("two,Alpha,Q.7,0.9\none,Alpha,Q.7,NA\n", r"Row 1 .* has the jaccard 'NA'"),
        ("one,Alpha,Q.7,1.5\n", "has the jaccard '1.5'"),
        ("one,Alpha\n", "Line 2 of .* has 2 fields, but the header names 4"),
    ],
)
def test_labels_that_cannot_be_meant_are_named(tmp_path, rows, message):
    (tmp_path / "genomes.fa").write_text(">one\nACGT\n>two\nGGGG\n")
    labels = tmp_path / "labels.csv"
    labels.write_text("name,nearest_who,nearest_pango,jaccard\n" + rows)
    with pytest.raises(ValueError, match=message):
        read_labelled_genomes(tmp_path / "genomes.fa", labels)


def test_a_genome_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "genomes.fa").write_text(">one\nACGT\n>one\nGGGG\n")
    labels = tmp_path / "labels.csv"
    labels.write_text("name,nearest_who,nearest_pango,jaccard\none,Alpha,Q.7,0.9\n")
    with pytest.raises(ValueError, match="genomes.fa has 1 names more than once, such as 'one'"):
        read_labelled_genomes(tmp_path / "genomes.fa", labels)
