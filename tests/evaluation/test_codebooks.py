"""Measures of quantizers: bounds that hold for any, and slow twins."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.evaluation import codebooks
from hf_genomics.evaluation.codebooks import (
    as_table,
    codebook_metrics,
    effective_rank,
    matched_share,
    reverse_complement,
    usage_metrics,
)


def quantizer(**options) -> VQDNAQuantizerModel:
    sizes = {"stem_dim": 8, "hidden_size": 12, "num_layers": 2, "kernel_size": 3}
    torch.manual_seed(0)
    model = VQDNAQuantizerModel(
        VQDNAQuantizerConfig(
            **sizes | {"codebook_sizes": [8, 16], "kmeans_warmup_steps": 0} | options
        )
    )
    model.train()
    for step in range(3):  # k-means gives it codes
        model(random_ids(4, 200, seed=step))
    return model.eval()


def random_ids(windows: int, length: int, seed: int = 9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 4, (windows, length), generator=generator)


@pytest.fixture(scope="module")
def measured() -> tuple[VQDNAQuantizerModel, torch.Tensor, dict[str, float]]:
    model, ids = quantizer(), random_ids(20, 120)
    ids[3, 50:60] = 4
    return model, ids, codebook_metrics(model, ids, batch_size=7)


def test_every_measure_is_a_finite_number(measured):
    for name, value in measured[2].items():
        assert np.isfinite(value), name


def test_measures_lie_within_their_bounds(measured):
    model, _, metrics = measured
    for level, size in enumerate(model.config.codebook_sizes):
        assert 0 < metrics[f"active_{level}"] <= 100
        assert 1 <= metrics[f"perplexity_{level}"] <= size
        assert 0 < metrics[f"effective_rank_{level}"] <= 12
        assert metrics[f"kmer_1_{level}"] <= 2
        assert metrics[f"snv_most_{level}"] <= 2 * model.receptive_radius + 1
        assert metrics[f"snv_changed_{level}"] <= metrics[f"snv_most_{level}"]
        assert 0 <= metrics[f"reverse_complement_{level}"] <= 1
    assert metrics["joint_perplexity"] <= metrics["perplexity_0"] * metrics["perplexity_1"]


def test_the_use_of_codes_by_hand():
    model = quantizer()
    model.quantizer.codebooks[0].ema_count.copy_(torch.tensor([1.0] * 6 + [0.01, 0.2]))
    codes = np.array([[[0, 0, 1, 1, -1], [3, 3, 3, 5, -1]]])
    metrics = usage_metrics(model, codes, np.random.default_rng(0))
    assert metrics["positions"] == 4
    assert (metrics["active_0"], metrics["active_1"]) == (25, 12.5)
    assert (metrics["perplexity_0"], metrics["perplexity_share_0"]) == (2, 0.25)
    assert metrics["dead_0"] == 1  # 0.2 is more than a tenth of the mean of 0.78
    fine = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert metrics["perplexity_1"] == pytest.approx(2**fine)
    assert metrics["bits_per_nucleotide"] == pytest.approx(1 + fine)
    pairs = -(0.5 * np.log2(0.5) + 2 * 0.25 * np.log2(0.25))  # (0, 3) twice, (1, 3), (1, 5)
    assert metrics["joint_perplexity"] == pytest.approx(2**pairs)


def test_information_that_levels_share():
    model, generator = quantizer(), np.random.default_rng(0)
    coarse, other = generator.integers(0, 4, (2, 1, 8000))
    for fine, bits in ((3 * coarse, 2.0), (other, 0.0)):
        metrics = usage_metrics(model, np.stack([coarse, fine], 1), generator)
        assert metrics["level_information"] == pytest.approx(bits, abs=0.01)


def test_a_vocabulary_of_letters_is_measured_as_one():
    """Codes of a model that sees one base at a time: nothing of the neighbours, both strands."""
    model = quantizer(kernel_size=1, stem_kernel_size=1, stem_dim=12)
    assert model.receptive_radius == 0
    metrics = codebook_metrics(model, random_ids(40, 200))
    for level in (0, 1):
        assert metrics[f"active_{level}"] == 100 * 4 / (8, 16)[level]
        for k in (1, 3):
            assert metrics[f"kmer_{k}_{level}"] == pytest.approx(2, abs=0.05), k
        for offset in range(1, 11):
            assert metrics[f"leak_{offset}_{level}"] == pytest.approx(0, abs=0.01)
        assert metrics[f"reverse_complement_{level}"] == 1
        assert metrics[f"snv_changed_{level}"] == metrics[f"snv_most_{level}"] == 1
    assert metrics["joint_perplexity"] == pytest.approx(metrics["perplexity_0"])
    assert metrics["shift_consistency"] == 1


def test_codes_do_not_change_when_a_window_is_moved(measured):
    assert measured[2]["shift_consistency"] == 1


def test_codes_near_the_ends_change_when_a_window_is_moved(measured, monkeypatch):
    model, ids, _ = measured
    monkeypatch.setattr(VQDNAQuantizerModel, "receptive_radius", property(lambda self: 0))
    assert codebook_metrics(model, ids)["shift_consistency"] < 1


def test_a_substitution_changes_the_codes_that_it_changes():
    model, ids = quantizer(), random_ids(1, 60)
    codes, counts = model.tokenize(ids), []
    for step in (1, 2, 3):
        mutant = ids.clone()
        mutant[:, 30] = (mutant[:, 30] + step) % 4
        counts.append((model.tokenize(mutant) != codes).sum(2)[0].tolist())
    metrics = codebook_metrics(model, ids)
    assert [metrics["snv_changed_0"], metrics["snv_changed_1"]] in counts
    assert metrics["snv_most_1"] == metrics["snv_changed_1"]  # of one window


def test_accuracy_and_errors_are_those_of_the_model(measured):
    model, ids, metrics = measured
    with torch.no_grad():
        outputs = model(ids)
        encoded = model.encode(ids)
    known = ids < 4
    right = (outputs.logits.argmax(2) == ids)[known].double().mean()
    assert metrics["accuracy"] == pytest.approx(right.item())
    assert metrics["cross_entropy"] == pytest.approx(outputs.reconstruction_loss.item(), rel=1e-5)
    latent = encoded.latents[0][known]
    error = (latent - model.get_codebook(0)[encoded.codes[:, 0][known]]).square().sum()
    assert metrics["quantization_error_0"] == pytest.approx((error / latent.square().sum()).item())
    # (H_2 + e_1) / 2 is the last feature, and (e_1 + e_2) / 2 stands for it
    first = model.get_codebook(0)[encoded.codes[:, 0][known]]
    feature = (encoded.latents[1][known] + first) / 2
    error = (feature - encoded.quantized_representation[known]).square().sum()
    assert metrics["representation_error"] == pytest.approx((error / feature.square().sum()).item())
    error = (feature - first).square().sum() / feature.square().sum()
    assert metrics["representation_error_coarse"] == pytest.approx(error.item())


def test_reading_back_from_the_first_level_is_that_of_the_model(measured):
    model, ids, metrics = measured
    known = ids < 4
    with torch.no_grad():
        logits = model.decode(codes=model.tokenize(ids)[:, :1]).logits
    right = (logits.argmax(2) == ids)[known].double().mean()
    assert metrics["accuracy_coarse"] == pytest.approx(right.item())
    entropy = F.cross_entropy(logits[known], ids[known])
    assert metrics["cross_entropy_coarse"] == pytest.approx(entropy.item(), rel=1e-5)


def test_dropped_codes_are_read_as_the_vector_that_stands_for_them(measured, monkeypatch):
    model, ids, metrics = measured
    monkeypatch.setattr(codebooks, "DROPPED", 0.0)
    none = codebook_metrics(model, ids)
    assert none["cross_entropy_dropped"] == pytest.approx(metrics["cross_entropy"], rel=1e-5)
    monkeypatch.setattr(codebooks, "DROPPED", 1.0)
    known = ids < 4
    with torch.no_grad():
        logits = model.decode(known[:, :, None] * model.dropped_code).logits
    entropy = F.cross_entropy(logits[known], ids[known])
    every = codebook_metrics(model, ids)
    assert every["cross_entropy_dropped"] == pytest.approx(entropy.item(), rel=1e-5)


def test_batches_change_nothing(measured):
    model, ids, metrics = measured
    again = codebook_metrics(model, ids, batch_size=20)
    drawn = {name for name in metrics if "dropped" in name}  # hidden codes are drawn by batch
    for name in metrics.keys() - drawn:
        assert again[name] == pytest.approx(metrics[name], rel=1e-5, abs=1e-9), name


@pytest.mark.parametrize(
    "options",
    [
        {"codebook_sizes": [8]},
        {"downsample_ratio": 2},
        {"quantizer_type": "fsq", "fsq_levels": [3, 3]},
        {"code_dropout": 0.0, "residual_rule": "mean"},
    ],
)
def test_every_kind_of_quantizer_is_measured(options):
    metrics = codebook_metrics(quantizer(**options), random_ids(6, 120))
    assert metrics["accuracy"] >= metrics["accuracy_dropped"] - 0.05
    assert ("kmer_1_0" in metrics) == ("downsample_ratio" not in options)


def test_short_windows_are_refused():
    with pytest.raises(ValueError, match="windows of more than"):
        codebook_metrics(quantizer(), random_ids(3, 10))


def test_the_effective_rank_of_a_frame_is_its_dimension():
    frame = torch.cat([torch.eye(5), -torch.eye(5)])
    assert effective_rank(frame) == pytest.approx(5)
    assert effective_rank(F.pad(torch.tensor([[1.0], [-1.0]]), (0, 3))) == pytest.approx(1)


def test_the_best_map_is_the_best_of_all_maps():
    generator = np.random.default_rng(0)
    codes, others = generator.integers(0, 4, (2, 60))
    best = max(
        np.mean(np.array(order)[codes] == others) for order in itertools.permutations(range(4))
    )
    assert matched_share(codes, others, 4) == pytest.approx(best)
    assert matched_share(codes, 3 - codes, 4) == 1


def test_the_other_strand_of_ids():
    assert reverse_complement(torch.tensor([[0, 1, 2, 4, 0]])).tolist() == [[3, 4, 1, 2, 3]]


def test_a_table_has_a_dash_where_a_model_has_no_such_level():
    table = as_table({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 0.5}}, ["x", "y"])
    assert table.splitlines()[2:] == ["| x | 1 | 0.5 |", "| y | 2 | - |"]


@pytest.mark.parametrize("rule", ["mean", "paper"])
def test_errors_of_three_levels_are_those_of_the_last_feature(rule):
    model = quantizer(num_layers=3, codebook_sizes=[4, 4, 4], residual_rule=rule)
    ids, features = random_ids(3, 90), []
    with model.encoder.register_forward_hook(lambda *call: features.append(call[2][-1])):
        mean = model.encode(ids).quantized_representation
    error = (features[0] - mean).square().sum() / features[0].square().sum()
    metrics = codebook_metrics(model, ids)
    assert metrics["representation_error"] == pytest.approx(error.item(), rel=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1, 100])
def test_dead_codes_are_told_by_an_even_share(scale):
    model = quantizer()
    model.quantizer.codebooks[0].ema_count.copy_(scale * torch.tensor([1.0] * 6 + [0.01, 0.2]))
    metrics = usage_metrics(model, np.zeros((1, 2, 4), np.int64), np.random.default_rng(0))
    assert metrics["dead_0"] == 1
