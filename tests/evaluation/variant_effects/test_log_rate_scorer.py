"""Scores by log rates: the same however sites are grouped, and those of the model itself."""

import numpy as np
import pytest
import torch

from hf_genomics import DNATokenizer
from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.data.sequence import reverse_complement
from hf_genomics.evaluation.variant_effects.alleles import confirm, parse_alleles
from hf_genomics.evaluation.variant_effects.log_rate_scorer import LogRateScorer
from tests.evaluation.variant_effects.conftest import tiny_phylogpn, write_fasta

EXACT = {"rtol": 0, "atol": 1e-10}


@pytest.fixture
def substitutions(genome, snvs):
    return substitutions_of(snvs(60), genome, 12)


def substitutions_of(rows, genome, flank):
    alleles = [one for row in rows for one in parse_alleles(*row)]
    found, _ = confirm(alleles, genome, context=(flank, flank))
    assert len(found) == len(rows)
    return found


def lone_log_rates(model, sequence, site):
    """Log rates `(4,)` of a site, from a window of its own through tokenizer and model."""
    flank = model.config.flank
    padded = "N" * flank + sequence + "N" * flank
    window = padded[site : site + 2 * flank + 1]
    input_ids = DNATokenizer()([window], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids).logits[0, 0].numpy()


def test_scores_are_those_of_the_model_at_the_site(model, genome, substitutions, sequences):
    scores = LogRateScorer(model)(substitutions, genome)
    changes = substitutions.position, substitutions.reference, substitutions.alternative
    for site, ref, alt, found in zip(*changes, scores, strict=True):
        w = lone_log_rates(model, sequences["chr1"], site)
        pi = np.exp(w) / np.exp(w).sum()
        by_hand = [
            w[alt] - w[ref],
            -(pi * np.log(pi)).sum(),
            np.exp(w).sum(),
            np.exp(w).sum() * (1 - (pi**2).sum()),
        ]
        np.testing.assert_allclose(found, by_hand, **EXACT)


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_shared_chunks_give_the_scores_of_lone_windows(batch_size, model, genome, snvs):
    substitutions = substitutions_of(snvs(300), genome, 12)
    shared = LogRateScorer(model, batch_size=batch_size)
    alone = LogRateScorer(model, share=False)
    np.testing.assert_allclose(shared(substitutions, genome), alone(substitutions, genome), **EXACT)


def test_sharing_computes_fewer_positions(model, genome, snvs, monkeypatch):
    substitutions = substitutions_of(snvs(300), genome, 12)

    def positions(scorer):
        seen = []
        forward = type(model).forward

        def count(self, input_ids, *args, **kwargs):
            seen.append(input_ids.numel())
            return forward(self, input_ids, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(type(model), "forward", count)
            scorer(substitutions, genome)
        return sum(seen)

    # 300 sites on 2,900 bases: chunks of about that many, where windows have 25 bases each.
    alone, shared = LogRateScorer(model, share=False), LogRateScorer(model)
    assert positions(shared) < positions(alone) / 2


def test_dense_sites_cost_little_more_than_their_bases(model, genome, sequences):
    rows = [
        ("chr1", site + 1, ref, "ACGT"["ACGT".index(ref) - 1])
        for site in range(2100, 2400)
        if (ref := sequences["chr1"][site])
    ]
    substitutions = substitutions_of(rows, genome, 12)
    chunks = LogRateScorer(model).chunks(substitutions)
    assert chunks[:, 1:3].tolist() == [[2100, 2400]]


def test_far_sites_have_windows_of_their_own_where_sharing_saves_nothing(model, genome, sequences):
    # Each 13 from the next: joined, the gap costs what a second window's flanks would.
    sites = range(2100, 2400, 14)
    rows = [("chr1", i + 1, r := sequences["chr1"][i], "ACGT"["ACGT".index(r) - 1]) for i in sites]
    substitutions = substitutions_of(rows, genome, 12)
    chunks = LogRateScorer(model).chunks(substitutions)
    assert chunks[:, 1:3].tolist() == [[i, i + 1] for i in sites]


def test_contig_ends_are_padded_with_n(model, genome, sequences):
    chr2 = sequences["chr2"]
    rows = [("chr2", i + 1, chr2[i], "ACGT"["ACGT".index(chr2[i]) - 1]) for i in (0, 3, 196, 199)]
    substitutions = substitutions_of(rows, genome, 12)
    rates = LogRateScorer(model).log_rates(substitutions, genome)
    by_hand = [lone_log_rates(model, chr2, site) for site in substitutions.position]
    np.testing.assert_allclose(rates, by_hand, **EXACT)


def test_model_that_pads_inside_gives_the_same(genome, substitutions, model):
    same = tiny_phylogpn(token_padding="same").double()
    np.testing.assert_allclose(
        LogRateScorer(same)(substitutions, genome),
        LogRateScorer(model)(substitutions, genome),
        **EXACT,
    )


def test_group_norm_gives_each_variant_the_window_of_its_own(genome, substitutions, sequences):
    model = tiny_phylogpn(norm="group_norm").double()
    rates = LogRateScorer(model, batch_size=7).log_rates(substitutions, genome)
    by_hand = [lone_log_rates(model, sequences["chr1"], s) for s in substitutions.position]
    np.testing.assert_allclose(rates, by_hand, **EXACT)
    assert not LogRateScorer(model).share
    with pytest.raises(ValueError, match="makes a value depend on the whole window"):
        LogRateScorer(model, share=True)


def test_longer_window_changes_group_norm_only(model, genome, substitutions):
    group = tiny_phylogpn(norm="group_norm").double()
    wide = LogRateScorer(model, window=101)(substitutions, genome)
    np.testing.assert_allclose(wide, LogRateScorer(model)(substitutions, genome), **EXACT)
    wide = LogRateScorer(group, window=101)
    assert wide.context == (50, 50)
    narrow = LogRateScorer(group)(substitutions, genome)
    assert np.abs(wide(substitutions, genome) - narrow).max() > 1e-4


@pytest.mark.parametrize("window", [24, 23, 0])
def test_window_must_hold_the_receptive_field_and_a_middle(model, window):
    with pytest.raises(ValueError, match=f"window is {window}; .* at least 25"):
        LogRateScorer(model, window=window)


@pytest.fixture
def untied():
    """A model that is not equivariant: its norms differ between a channel and its partner."""
    model = tiny_phylogpn(tie_norm_symmetry=False).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter += 0.5 * torch.randn(parameter.shape, generator=generator).double()
    return model


@pytest.mark.parametrize("embeddings", [False, True])
def test_averaged_strands_score_a_variant_as_its_opposite(
    untied, genome, sequences, snvs, tmp_path, embeddings
):
    rows = snvs(20)
    length = len(sequences["chr1"])
    opposite = {"chr1": reverse_complement(sequences["chr1"])}
    complement = dict(zip("ACGT", "TGCA", strict=True))
    opposite_rows = [(c, length - p + 1, complement[r], complement[a]) for c, p, r, a in rows]
    forward = substitutions_of(rows, genome, 12)
    with IndexedGenome(write_fasta(tmp_path / "rc.fa", opposite)) as other:
        backward = substitutions_of(opposite_rows, other, 12)
        scorer = LogRateScorer(untied, rc_average=True, embeddings=embeddings)
        here, there = scorer(forward, genome), scorer(backward, other)
        plain = LogRateScorer(untied, embeddings=embeddings)
        assert np.abs(plain(forward, genome)[::-1] - plain(backward, other)).max() > 1e-3
    np.testing.assert_allclose(
        here[np.argsort(forward.row)], there[np.argsort(backward.row)], **EXACT
    )


def test_embedding_distances_are_those_of_the_model(model, genome, substitutions, sequences):
    scorer = LogRateScorer(model, embeddings=True, batch_size=5)
    assert list(scorer.columns)[4:] == ["embedding_cosine", "embedding_euclidean"]
    scores = scorer(substitutions, genome)
    for i in range(0, 60, 13):
        site = substitutions.position[i]
        window = sequences["chr1"][site - 12 : site + 13]
        changed = window[:12] + "ACGT"[substitutions.alternative[i]] + window[13:]
        input_ids = DNATokenizer()([window, changed], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            x, y = model.get_embeddings(input_ids)[:, 0]
        cosine = 1 - torch.cosine_similarity(x, y, 0)
        np.testing.assert_allclose(scores[i, 4:], [cosine, (x - y).norm()], **EXACT)


def test_substitution_model_decides_what_scores_mean(genome, substitutions, model):
    plain = LogRateScorer(model)(substitutions, genome)
    faster = tiny_phylogpn(substitution_model="hky85", kappa=4.0).double()
    other = LogRateScorer(faster)(substitutions, genome)
    np.testing.assert_allclose(other[:, :3], plain[:, :3], **EXACT)
    assert (other[:, 3] > plain[:, 3]).all()
    with pytest.raises(ValueError, match="no variant score is defined; f81 and hky85 have one"):
        LogRateScorer(tiny_phylogpn(substitution_model="jc69"))


def test_averaging_strands_changes_nothing_where_they_agree(model, genome, substitutions):
    both = LogRateScorer(model, rc_average=True, embeddings=True)(substitutions, genome)
    one = LogRateScorer(model, embeddings=True)(substitutions, genome)
    np.testing.assert_allclose(both, one, **EXACT)
