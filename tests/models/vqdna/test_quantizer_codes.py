"""A code depends on the nucleotides around it, and on nothing else."""

import pytest
import torch
from torch import Tensor

from hf_genomics.models.vqdna.products import has_fast_products
from tests.models.vqdna.tiny_quantizer import MASK, PAD, N, random_ids, tiny_quantizer

RATIOS = pytest.mark.parametrize("ratio", [1, 2, 4])


def codes_alone(model, row: Tensor) -> Tensor:
    return model.tokenize(row[None])[0]


def test_codes_are_used():
    """So that the tests below compare codes that differ."""
    model = tiny_quantizer()
    for level in model.codebook_usage(model.tokenize(random_ids(2000))):
        assert level.perplexity > 15


@RATIOS
def test_neither_padding_nor_the_batch_changes_a_code(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    lengths = (61, 1, 40, 17)
    ids = random_ids(*lengths, pad_to=80)
    codes = model.tokenize(ids, (ids != PAD).long())
    assert torch.equal(model.tokenize(ids), codes)
    assert torch.equal(model.tokenize(ids.flip(0)), codes.flip(0))
    for row, found, length in zip(ids, codes, lengths, strict=True):
        count = model.get_encoded_length(length)
        assert torch.equal(found[:, :count], codes_alone(model, row[:length]))
        assert (found[:, :count] >= 0).all()
        assert (found[:, count:] == -1).all()


@RATIOS
def test_neither_padding_nor_the_batch_changes_a_bit_of_the_features(ratio):
    """So no code can be near enough to two vectors for its neighbours in the batch to decide."""
    model = tiny_quantizer(downsample_ratio=ratio, stem_dim=40, hidden_size=48)
    lengths = (133, 100, 61, 7)
    ids = random_ids(*lengths)
    if not has_fast_products(model.decoder.head.deconv.weight):
        pytest.skip("this build of torch lacks the products that do not depend on the batch")
    whole = model.encode(ids)
    for row, length in enumerate(lengths):
        alone = model.encode(ids[row : row + 1, :length])
        for found, expected in zip(whole.latents, alone.latents, strict=True):
            assert torch.equal(found[row, : expected.shape[1]], expected[0])
        assert torch.equal(
            model.decode(codes=whole.codes).logits[row, :length],
            model.decode(codes=alone.codes).logits[0, :length],
        )


def test_padding_on_the_left_changes_no_code():
    model = tiny_quantizer()
    ids = random_ids(50)
    padded = torch.cat([torch.full((1, 30), PAD), ids], 1)
    for mask in (None, (padded != PAD).long()):
        codes = model.tokenize(padded, mask)
        assert torch.equal(codes[..., 30:], model.tokenize(ids))
        assert (codes[..., :30] == -1).all()


@pytest.mark.parametrize("ratio", [2, 4])
def test_padding_on_the_left_is_refused_where_it_would_shift_the_codes(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = torch.cat([torch.full((1, 3), PAD), random_ids(50)], 1)
    with pytest.raises(ValueError, match="padding_side = 'right'"):
        model.tokenize(ids, (ids != PAD).long())


def test_special_tokens_change_no_code_and_get_none():
    model, ids = tiny_quantizer(), random_ids(50)
    special = torch.full((1, 1), MASK)
    codes = model.tokenize(torch.cat([special, ids, special], 1))
    assert torch.equal(codes[..., 1:-1], model.tokenize(ids))
    assert (codes[..., [0, -1]] == -1).all()


def test_a_masked_nucleotide_is_padding_whatever_it_is():
    model, ids = tiny_quantizer(), random_ids(50)
    mask = (torch.arange(50) < 30).long()[None]
    assert torch.equal(model.tokenize(ids, mask)[..., :30], model.tokenize(ids[:, :30]))
    assert (model.tokenize(ids, mask)[..., 30:] == -1).all()


@RATIOS
def test_n_has_no_code_and_is_felt_within_the_radius_only(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(160)
    gap = ids.clone()
    gap[:, 80:84] = N
    codes, with_gap = model.tokenize(ids), model.tokenize(gap)
    first, last = 80 // ratio, 84 // ratio
    assert (with_gap[..., first:last] == -1).all()
    assert (with_gap[..., :first] >= 0).all()
    assert (with_gap[..., last:] >= 0).all()
    reach = -(-model.receptive_radius // ratio)
    assert torch.equal(with_gap[..., : first - reach], codes[..., : first - reach])
    assert torch.equal(with_gap[..., last + reach :], codes[..., last + reach :])
    assert not torch.equal(with_gap[..., last:], codes[..., last:])


@pytest.mark.parametrize("ratio", [2, 4])
def test_a_code_reads_the_nucleotides_beside_an_n(ratio):
    model, ids = tiny_quantizer(downsample_ratio=ratio), random_ids(8)
    ids[:, 1:ratio] = N
    assert (model.tokenize(ids) >= 0).all()
    ids[:, 0] = N
    assert (model.tokenize(ids)[..., 0] == -1).all()


def test_a_sequence_without_a_nucleotide_has_no_codes_and_no_loss():
    model = tiny_quantizer()
    outputs = model(torch.full((2, 9), N))
    assert (outputs.codes == -1).all()
    assert (outputs.quantized_representation == 0).all()
    assert outputs.reconstruction_loss == 0
    assert outputs.loss.isfinite()
    assert outputs.codebook_perplexity.tolist() == [0, 0]


def test_nothing_tells_of_a_hidden_nucleotide():
    model, ids = tiny_quantizer(), random_ids(60, 60)
    hidden = torch.rand(2, 60) < 0.25
    as_n = model.encode(torch.where(hidden, N, ids))
    for bases in (ids, (ids + torch.randint(0, 4, ids.shape) * hidden) % 4):
        found = model.encode(bases, nucleotide_mask=hidden)
        assert torch.equal(found.codes, as_n.codes)
        assert torch.equal(found.quantized_representation, as_n.quantized_representation)
    assert ((as_n.codes == -1) == hidden[:, None]).all()


@RATIOS
def test_a_shift_of_the_sequence_shifts_its_codes(ratio):
    model, ids = tiny_quantizer(downsample_ratio=ratio), random_ids(200)
    reach = -(-model.receptive_radius // ratio)
    codes = model.tokenize(ids)
    for shift in (ratio, 8 * ratio):
        shifted = model.tokenize(ids[:, shift:])
        moved = codes[..., shift // ratio :]
        assert torch.equal(shifted[..., reach:], moved[..., reach:])


@pytest.mark.parametrize(
    ("fields", "radius"),
    [
        ({}, 8),
        ({"num_layers": 3, "kernel_size": 3, "stem_kernel_size": 3}, 4),
        ({"downsample_ratio": 2}, 14),
        ({"downsample_ratio": 4}, 26),
        ({"num_layers": 1, "codebook_sizes": [8], "kernel_size": 1}, 2),
    ],
    ids=str,
)
def test_the_receptive_radius_is_what_a_substitution_reaches(fields, radius):
    """Measured on what is quantized, before a code can hide a small change."""
    model = tiny_quantizer(**fields).double()
    assert model.receptive_radius == radius
    ratio = model.config.downsample_ratio
    length, reached = 40 * ratio, set()
    ids = random_ids(length)
    before = model.encode(ids).latents[-1]
    for place in range(20 * ratio, 21 * ratio):
        changed = ids.clone()
        changed[:, place] = (changed[:, place] + 1) % 4
        moved = (model.encode(changed).latents[-1] != before).any(2)[0].nonzero().flatten()
        # nucleotides between the substitution and the group of a code that feels it
        reached |= {
            max(t * ratio - place, place - t * ratio - ratio + 1, 0) for t in moved.tolist()
        }
    assert max(reached) <= radius
    assert max(reached) > radius - ratio
    if ratio == 1:
        assert reached == set(range(radius + 1))


def test_a_coarse_level_reads_less():
    model, ids = tiny_quantizer().double(), random_ids(40)
    changed = ids.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 4
    pairs = zip(model.encode(ids).latents, model.encode(changed).latents, strict=True)
    coarse, fine = ((a != b).any(2)[0].nonzero().flatten() - 20 for a, b in pairs)
    assert (coarse.min(), coarse.max()) == (-5, 5)
    assert (fine.min(), fine.max()) == (-8, 8)


@RATIOS
@pytest.mark.parametrize("length", [1, 3, 63, 64, 130])
def test_codes_by_the_chunk_are_those_of_the_whole(ratio, length):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(length, max(length - 11, 1))
    ids[0, length // 2] = N
    mask = (ids != PAD).long()
    whole = model.tokenize(ids, mask)
    for chunk_size in (4, 32, 64, 1000):
        assert torch.equal(model.tokenize(ids, mask, chunk_size=chunk_size), whole)
    assert torch.equal(model.tokenize(ids, chunk_size=8), whole)


@RATIOS
def test_a_chunk_may_begin_in_a_hole_of_the_mask(ratio):
    model, ids = tiny_quantizer(downsample_ratio=ratio), random_ids(64)
    mask = torch.ones_like(ids)
    mask[:, 10:30] = 0
    whole = model.tokenize(ids, mask)
    for chunk_size in (4, 8, 16):
        assert torch.equal(model.tokenize(ids, mask, chunk_size=chunk_size), whole)


def test_left_padding_is_refused_by_the_chunk_too():
    ids = torch.cat([torch.full((1, 3), PAD), random_ids(50)], 1)
    with pytest.raises(ValueError, match="padding_side = 'right'"):
        tiny_quantizer(downsample_ratio=2).tokenize(ids, (ids != PAD).long(), chunk_size=8)


def test_a_chunk_is_no_longer_than_its_halo_makes_it(monkeypatch):
    model, ids, widths = tiny_quantizer(), random_ids(1000), []
    encode = type(model).encode
    monkeypatch.setattr(
        type(model),
        "encode",
        lambda self, x, *a, **k: widths.append(x.shape[1]) or encode(self, x, *a, **k),
    )
    model.tokenize(ids, chunk_size=100)
    assert len(widths) == 10
    assert max(widths) == 100 + 2 * model.receptive_radius


@pytest.mark.parametrize("chunk_size", [0, -4, 6])
def test_a_chunk_that_cuts_a_code_is_refused(chunk_size):
    model = tiny_quantizer(downsample_ratio=4)
    with pytest.raises(ValueError, match="positive multiple of downsample_ratio=4"):
        model.tokenize(random_ids(20), chunk_size=chunk_size)


@RATIOS
def test_codes_and_their_vectors_decode_alike(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(60, 33)
    ids[0, 20:30] = N
    outputs = model(ids)
    by_codes = model.decode(codes=outputs.codes).logits
    by_vectors = model.decode(outputs.quantized_representation).logits
    assert torch.equal(by_codes, by_vectors)
    assert torch.equal(by_codes[:, :60], outputs.logits)
    assert torch.equal(model.get_codebook_entry(outputs.codes), outputs.quantized_representation)


def test_the_coarse_level_decodes_by_itself():
    model, ids = tiny_quantizer(), random_ids(60)
    coarse = model.encode(ids, num_quantizers=1)
    assert coarse.codes.shape == (1, 1, 60)
    assert torch.equal(coarse.codes, model.tokenize(ids)[:, :1])
    vectors = model.get_codebook(0)[coarse.codes[:, 0]]
    assert torch.equal(coarse.quantized_representation, vectors)
    assert torch.equal(model.decode(codes=coarse.codes).logits, model.decode(vectors).logits)


def test_the_vector_of_two_codes_is_their_mean():
    model = tiny_quantizer()
    codes = model.tokenize(random_ids(30))
    expected = (model.get_codebook(0)[codes[:, 0]] + model.get_codebook(1)[codes[:, 1]]) / 2
    torch.testing.assert_close(model.get_codebook_entry(codes), expected)


@RATIOS
def test_strings_are_read_back_by_the_chunk_too(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(160, 100)
    ids[0, 80:84] = N
    codes = model.tokenize(ids)
    letters = model(ids).logits.argmax(2)
    strings = model.detokenize(codes)
    assert [len(string) for string in strings] == [160, 100]
    for string, row, source in zip(strings, letters, ids, strict=True):
        expected = "".join(
            "N" if base > 3 else "ACGT"[letter] for letter, base in zip(row, source, strict=True)
        )
        assert string == expected.rstrip("N")
    for chunk_size in (1, 7, 1000):
        assert model.detokenize(codes, chunk_size=chunk_size) == strings


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32])
def test_codes_of_any_integer_type_are_read(dtype):
    model = tiny_quantizer()
    codes = model.tokenize(random_ids(60, 33))
    short = codes.to(dtype)
    assert torch.equal(short.long(), codes)
    assert model.detokenize(short) == model.detokenize(codes)
    assert torch.equal(model.get_codebook_entry(short), model.get_codebook_entry(codes))
    for use, expected in zip(model.codebook_usage(short), model.codebook_usage(codes), strict=True):
        assert torch.equal(use.counts, expected.counts)


def test_a_row_without_codes_is_an_empty_string():
    assert tiny_quantizer().detokenize(torch.full((2, 2, 5), -1)) == ["", ""]


@RATIOS
def test_the_mask_of_the_codes_follows_the_mask_of_the_input(ratio):
    model = tiny_quantizer(downsample_ratio=ratio)
    ids = random_ids(21, 10, 1)
    mask = (ids != PAD).long()
    found = model.get_codes_mask(mask)
    assert torch.equal(found, model.tokenize(ids, mask)[:, 0] >= 0)
    assert found.sum(1).tolist() == [model.get_encoded_length(n) for n in (21, 10, 1)]


def test_no_codes_are_no_letters():
    assert tiny_quantizer().detokenize(torch.zeros(2, 2, 0, dtype=torch.long)) == ["", ""]


def test_the_last_convolution_reads_the_codes_of_the_next_chunk():
    model = tiny_quantizer(downsample_ratio=4, kernel_size=1)  # its blocks read a code alone
    codes = model.tokenize(random_ids(800))
    assert model.detokenize(codes, chunk_size=1) == model.detokenize(codes)
