"""Codebooks: the step they make, what moves them and what does not, and their gradients."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hf_genomics.models.vqdna.code_search import kmeans, nearest
from hf_genomics.models.vqdna.codebook import Codebook, FiniteScalarCodebook
from hf_genomics.models.vqdna.gradient_estimators import rotate, straight_through

EXACT = {"rtol": 1e-6, "atol": 1e-7}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def clusters(number: int, size: int, seed: int = 0) -> Tensor:
    """`(number * size, 6)`: tight clusters, far apart, in turn."""
    centres = 10 * normal(number, 6, seed=seed)
    return centres.repeat(size, 1) + 0.01 * normal(number * size, 6, seed=seed + 1)


def plain(size: int = 8, dim: int = 6, **options) -> Codebook:
    """Without k-means and revival unless asked for."""
    return Codebook(size, dim, **({"kmeans_init": False, "revival_threshold": 0.0} | options))


def trained(codebook: Codebook, steps: int = 3, seed: int = 5) -> Codebook:
    codebook.train()
    for step in range(steps):
        codebook(normal(40, codebook.dim, seed=seed + step).requires_grad_())
    return codebook


def state(codebook: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in codebook.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


# ---------------------------------------------------------------- look-up


@pytest.mark.parametrize("size", [1, 2, 7, 300])
def test_a_code_is_the_nearest_vector(size):
    vectors, embed = normal(500, 5), normal(size, 5, seed=1)
    assert torch.equal(nearest(vectors, embed), torch.cdist(vectors, embed).argmin(1))


def test_of_equally_near_vectors_the_first_is_taken():
    embed = torch.tensor([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    assert nearest(torch.tensor([[1.0, 0.1], [1.9, 0.0]]), embed).tolist() == [0, 1]


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("codebook_dim", [None, 3])
def test_quantized_vectors_are_the_vectors_of_their_codes(distance, codebook_dim):
    codebook = plain(distance=distance, codebook_dim=codebook_dim).eval()
    output = codebook(normal(4, 9, 6))
    assert output.quantized.shape == (4, 9, 6)
    assert output.codes.shape == (4, 9)
    assert output.codes.dtype == torch.int64
    assert torch.equal(output.quantized, codebook.lookup(output.codes))


def test_the_cosine_does_not_see_lengths():
    codebook = plain(distance="cosine").eval()
    vectors = normal(50, 6)
    assert torch.equal(codebook(vectors).codes, codebook(vectors * 7).codes)
    torch.testing.assert_close(codebook.embed.norm(dim=1), torch.ones(8))


def test_what_is_masked_has_no_code_no_vector_and_no_part_in_anything():
    mask = torch.rand(5, 20, generator=torch.Generator().manual_seed(0)) > 0.4
    vectors = normal(5, 20, 6)
    spoiled = torch.where(mask[..., None], vectors, 1e6)
    alone, among = plain(), plain()
    expected = alone(vectors[mask].requires_grad_())
    output = among(spoiled.requires_grad_(), mask)
    assert torch.equal(output.codes[mask], expected.codes)
    assert (output.codes[~mask] == -1).all()
    assert torch.equal(output.quantized[mask], expected.quantized)
    assert (output.quantized[~mask] == 0).all()
    torch.testing.assert_close(output.commitment_loss, expected.commitment_loss, **EXACT)
    assert same(state(alone), state(among))
    (gradient,) = torch.autograd.grad(output.commitment_loss + output.quantized.sum(), spoiled)
    assert (gradient[~mask] == 0).all()


def test_the_commitment_loss_is_the_mean_of_squares_and_pulls_the_input_alone():
    codebook = plain().eval()
    vectors = normal(30, 6).requires_grad_()
    output = codebook(vectors)
    distance = (vectors - codebook.embed[output.codes]).square()
    torch.testing.assert_close(output.commitment_loss, distance.mean(), **EXACT)
    (gradient,) = torch.autograd.grad(output.commitment_loss, vectors)
    torch.testing.assert_close(gradient, 2 * (vectors - output.quantized).detach() / (30 * 6))


def test_nothing_to_quantize_is_no_error():
    codebook = trained(plain())
    before = state(codebook)
    for vectors, mask in ((normal(0, 6), None), (normal(3, 6), torch.zeros(3, dtype=torch.bool))):
        output = codebook(vectors.requires_grad_(), mask)
        assert output.commitment_loss == 0
        assert (output.codes == -1).all()
    assert same(state(codebook), before)


# ---------------------------------------------------------------- moving averages


def test_without_kmeans_codes_start_within_one_over_their_number():
    embed = plain(200, 6).embed
    assert 0.9 / 200 < embed.abs().max() <= 1 / 200
    assert embed.mean().abs() < 0.1 / 200


def test_a_step_is_that_of_the_paper():
    """Appendix A of van den Oord et al. (2017), and Laplace smoothing, in NumPy."""
    codebook = plain(5, 4, decay=0.9, epsilon=1e-3)
    embed, count, total = (
        value.numpy().astype(np.float64)
        for value in (codebook.embed, codebook.ema_count, codebook.ema_sum)
    )
    for step in range(6):
        vectors = normal(30, 4, seed=step)
        codebook(vectors.requires_grad_())
        x = vectors.detach().numpy().astype(np.float64)
        codes = ((x[:, None] - embed[None]) ** 2).sum(2).argmin(1)
        for k in range(5):
            count[k] = 0.9 * count[k] + 0.1 * (codes == k).sum()
            total[k] = 0.9 * total[k] + 0.1 * x[codes == k].sum(0)
        smoothed = (count + 1e-3) / (count.sum() + 5e-3) * count.sum()
        embed = total / smoothed[:, None]
        np.testing.assert_allclose(codebook.embed.numpy(), embed, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(codebook.ema_count.numpy(), count, rtol=1e-5)
    assert codebook.num_updates == 6


def test_the_output_is_that_of_the_codebook_before_the_step():
    codebook = plain()
    before = copy.deepcopy(codebook).eval()
    vectors = normal(40, 6)
    output = codebook(vectors.requires_grad_())
    assert torch.equal(output.quantized, before(vectors).quantized)
    assert not torch.equal(codebook.embed, before.embed)


def test_a_code_that_is_not_used_stays_where_it_is_until_it_is_dead():
    codebook = plain(2, 2, epsilon=1e-9)
    codebook.embed.copy_(torch.tensor([[0.0, 0.0], [50.0, 50.0]]))
    codebook.ema_sum.copy_(codebook.embed)
    codebook(normal(200, 2).requires_grad_())
    torch.testing.assert_close(codebook.embed[1], torch.tensor([50.0, 50.0]))


def no_gradients(codebook: Codebook, vectors: Tensor) -> None:
    with torch.no_grad():
        codebook(vectors)


def evaluation(codebook: Codebook, vectors: Tensor) -> None:
    codebook.eval()(vectors)
    codebook.train()


def frozen(codebook: Codebook, vectors: Tensor) -> None:
    codebook.frozen = True
    codebook(vectors)
    codebook.frozen = False


def told_not_to(codebook: Codebook, vectors: Tensor) -> None:
    codebook(vectors, update=False)


def looking_up(codebook: Codebook, vectors: Tensor) -> None:
    codebook.lookup(torch.arange(8))


@pytest.mark.parametrize("use", [no_gradients, evaluation, frozen, told_not_to, looking_up])
@pytest.mark.parametrize("kmeans_init", [True, False])
def test_only_a_training_step_moves_a_codebook(use, kmeans_init):
    codebook = plain(kmeans_init=kmeans_init, revival_threshold=0.1).train()
    before = state(codebook)
    use(codebook, normal(30, 6).requires_grad_())
    assert same(state(codebook), before)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_moves_a_codebook_at_most_once(reentrant):
    vectors = normal(30, 6).requires_grad_()
    expected, codebook = plain(kmeans_init=True).train(), plain(kmeans_init=True).train()
    if not reentrant:  # its first pass has no gradients
        expected(vectors)
    before = state(expected)

    def loss(x: Tensor) -> Tensor:
        output = codebook(x * 1.0)
        return output.quantized.square().sum() + output.commitment_loss

    if reentrant:
        codebook.load_state_dict(before)
    checkpoint(loss, vectors, use_reentrant=reentrant).backward()
    assert same(state(codebook), before)


# ---------------------------------------------------------------- k-means and revival


def test_kmeans_finds_the_clusters():
    vectors = clusters(4, 25)
    centres, counts = kmeans(vectors, 4, 20, torch.Generator().manual_seed(3), "euclidean")
    codes = nearest(vectors, centres)
    for k in range(4):
        if counts[k]:
            torch.testing.assert_close(centres[k], vectors[codes == k].mean(0), **EXACT)
    assert counts.sum() == 100
    assert torch.equal(counts, torch.bincount(codes, minlength=4).float())


def test_centres_on_the_sphere_have_length_1_where_vectors_are_few():
    vectors = F.normalize(clusters(5, 1), dim=1)
    for iterations in (0, 3):
        generator = torch.Generator().manual_seed(3)
        centres, _ = kmeans(vectors, 12, iterations, generator, "cosine")
        torch.testing.assert_close(centres.norm(dim=1), torch.ones(12))


def test_the_first_step_starts_by_kmeans_and_uses_its_centres():
    codebook = plain(4, kmeans_init=True).train()
    vectors = clusters(4, 25)
    output = codebook(vectors.requires_grad_())
    assert len(output.codes.unique()) >= 3  # Lloyd's algorithm may join two clusters
    assert output.commitment_loss < vectors.var()
    again = codebook.eval()(vectors)
    assert torch.equal(again.codes, output.codes)
    # averages from zero: 0.99 and 0.01 of the first step's numbers, by k-means and by the step
    torch.testing.assert_close(codebook.ema_count.sum(), torch.tensor(0.99 + 1.0))


@pytest.mark.parametrize("number", [1, 3, 7])
def test_kmeans_of_fewer_vectors_than_codes_has_no_two_equal_centres(number):
    codebook = plain(8, kmeans_init=True).train()
    codebook(normal(number, 6).requires_grad_())
    assert torch.isfinite(codebook.embed).all()
    if number > 1:
        assert len(codebook.embed.unique(dim=0)) == 8


def test_a_dead_code_is_revived_with_its_averages():
    codebook = plain(4, 2, revival_threshold=0.5)
    far = torch.tensor([[0.0, 0.0], [9.0, 9.0], [90.0, 90.0], [-90.0, 90.0]])
    codebook.embed.copy_(far)
    codebook.ema_count.fill_(0.01)
    codebook.ema_sum.copy_(0.01 * far)
    vectors = torch.cat([normal(50, 2), 9 + normal(50, 2, seed=1)])
    codebook(vectors.requires_grad_())
    given = vectors.detach()
    for k in (2, 3):
        assert (given == codebook.embed[k]).all(1).any()
        torch.testing.assert_close(codebook.ema_sum[k] / codebook.ema_count[k], codebook.embed[k])
    # what is alive keeps its averages; the revived get the least count that is not dead, a half of
    # the mean of what there was
    alive = 0.99 * 0.01 + 0.01 * 50
    least = 0.5 * (2 * alive + 2 * 0.99 * 0.01) / 4
    torch.testing.assert_close(codebook.ema_count, torch.tensor([alive, alive, least, least]))


def test_revival_brings_codes_into_use():
    """All codes start far from the vectors, one behind the other: only the nearest is ever used."""
    vectors = normal(4000, 6)
    active = {}
    for threshold in (0.0, 0.1):
        codebook = plain(64, revival_threshold=threshold, decay=0.8).train()
        codebook.embed.copy_(torch.arange(100.0, 164.0)[:, None].expand(64, 6))
        codebook.ema_sum.copy_(codebook.embed)
        for part in vectors.split(100):
            codebook(part.clone().requires_grad_())
        active[threshold] = len(codebook.eval()(vectors).codes.unique())
    assert active[0.0] < 10
    assert active[0.1] > 60


def test_the_same_seed_gives_the_same_codebook_and_leaves_the_other_draws_alone():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        codebook = Codebook(8, 6, seed=seed).train()
        codebook.initial_buffers()
        drawn = torch.get_rng_state()
        assert torch.equal(before, drawn)
        trained(codebook)
        states.append(state(codebook))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_levels_draw_differently():
    states = [state(trained(Codebook(8, 6, level=level))) for level in (0, 1)]
    assert not torch.equal(states[0]["embed"], states[1]["embed"])


def test_a_codebook_that_is_saved_goes_on_as_if_it_had_not_been(tmp_path):
    whole = trained(Codebook(8, 6, revival_threshold=0.9), 3)
    save_file(state(whole), tmp_path / "codebook.safetensors")
    resumed = Codebook(8, 6, revival_threshold=0.9)
    resumed.load_state_dict(load_file(tmp_path / "codebook.safetensors"))
    assert same(state(resumed), state(whole))
    for codebook in (whole, resumed):
        trained(codebook, 3, seed=50)
    assert same(state(resumed), state(whole))


# ---------------------------------------------------------------- precision and gradients


def test_the_arithmetic_is_float32_whatever_the_dtype():
    codebook = trained(Codebook(8, 6))
    vectors = normal(30, 6).bfloat16()
    expected = copy.deepcopy(codebook)(vectors.float().requires_grad_())
    output = codebook(vectors.requires_grad_())
    assert output.quantized.dtype == output.commitment_loss.dtype == torch.float32
    assert torch.equal(output.quantized, expected.quantized)
    with torch.autocast("cpu", torch.bfloat16):
        within = codebook.eval()(vectors)
    assert torch.equal(within.codes, codebook(vectors).codes)


def test_a_codebook_that_was_cast_is_read_in_float32():
    codebook, vectors = plain(50, 6), 8 + normal(400, 6)  # of 8, bfloat16 knows sixteenths
    codebook.embed.copy_(8 + normal(50, 6, seed=1))
    codebook.to(torch.bfloat16).eval()
    assert codebook.embed.dtype == torch.bfloat16
    output, embed = codebook(vectors), codebook.embed.float()
    assert torch.equal(output.codes, torch.cdist(vectors, embed).argmin(1))
    assert torch.equal(output.quantized, embed[output.codes])
    rounded = torch.cdist(vectors.bfloat16().float(), embed).argmin(1)
    assert not torch.equal(output.codes, rounded)  # in bfloat16 some would be others


def explicit_rotation(h: Tensor, e: Tensor) -> Tensor:
    """The matrix of Eq. 6 for one pair."""
    u_h, u_e = h / h.norm(), e / e.norm()
    r = (u_h + u_e) / (u_h + u_e).norm()
    rotation = torch.eye(len(h), dtype=h.dtype) - 2 * torch.outer(r, r) + 2 * torch.outer(u_e, u_h)
    return (e.norm() / h.norm() * rotation).detach()


def test_the_rotation_trick_is_a_rotation_and_a_stretch():
    h, e = normal(20, 5, dtype=torch.float64).requires_grad_(), normal(20, 5, seed=1).double()
    direction = normal(20, 5, seed=2).double()
    (gradient,) = torch.autograd.grad((rotate(h, e) * direction).sum(), h)
    for i in range(20):
        matrix = explicit_rotation(h[i], e[i])
        torch.testing.assert_close(matrix @ h[i], e[i])
        torch.testing.assert_close(gradient[i], matrix.T @ direction[i])
    assert torch.equal(rotate(h, e), e)


def test_straight_through_is_the_code_forward_and_the_input_backward():
    h, e = normal(20, 5).requires_grad_(), normal(20, 5, seed=1) * 1e-4
    output = straight_through(h, e)
    assert torch.equal(output, e)
    (gradient,) = torch.autograd.grad((3 * output).sum(), h)
    assert (gradient == 3).all()


@pytest.mark.parametrize("h", [[0.0, 0.0], [-1.0, 0.0], [1e-30, 0.0], [1e15, 0.0]])
def test_gradients_are_finite_at_the_edges(h):
    """No length, opposite directions, very short, very long."""
    vector = torch.tensor([h]).requires_grad_()
    e = torch.tensor([[1.0, 0.0]])
    assert torch.equal(rotate(vector, e), e)
    codebook = plain(2, 2, distance="cosine", gradient="rotation").eval()
    loss = codebook(vector).quantized.square().sum() + rotate(vector, e).sum()
    (gradient,) = torch.autograd.grad(loss, vector)
    assert torch.isfinite(gradient).all()


def test_maps_to_fewer_channels_are_learned():
    codebook = Codebook(8, 6, codebook_dim=2, distance="cosine").train()
    output = codebook(normal(30, 6).requires_grad_())
    (output.quantized.square().sum() + output.commitment_loss).backward()
    for name, parameter in codebook.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    assert codebook.embed.shape == (8, 2)


# ---------------------------------------------------------------- a fixed grid


@pytest.mark.parametrize("levels", [[2], [3, 2], [8, 5, 4]])
def test_a_grid_reaches_each_of_its_codes(levels):
    codebook = FiniteScalarCodebook(levels, len(levels)).eval()
    for layer in (codebook.project_in, codebook.project_out):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    output = codebook(normal(40_000, len(levels)))
    assert output.codes.unique().tolist() == list(range(codebook.codebook_size))
    assert torch.equal(output.quantized, codebook.lookup(output.codes))
    assert output.commitment_loss == 0
    for channel, size in enumerate(levels):
        assert len(output.quantized[:, channel].unique()) == size


def test_a_grid_passes_gradients_and_masks():
    codebook = FiniteScalarCodebook([5, 4], 6).train()
    vectors = normal(3, 10, 6).requires_grad_()
    mask = torch.arange(10).expand(3, 10) < 7
    output = codebook(vectors, mask)
    output.quantized.square().sum().backward()
    assert (vectors.grad[mask].abs().sum(1) > 0).all()
    assert (vectors.grad[~mask] == 0).all()
    assert (output.codes[~mask] == -1).all()
    assert (codebook.lookup(output.codes)[~mask] == 0).all()
    for name, parameter in codebook.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_hand_worked_codes_of_a_grid():
    """5 values in the first channel, 4 in the second: code = first + 5 * second."""
    codebook = FiniteScalarCodebook([5, 4], 2).eval()
    for layer in (codebook.project_in, codebook.project_out):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    far = torch.tensor([[-99.0, -99.0], [99.0, -99.0], [0.0, -99.0], [-99.0, 99.0], [99.0, 99.0]])
    assert codebook(far).codes.tolist() == [0, 4, 2, 15, 19]


# ---------------------------------------------------------------- a peer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rotation", [True, False])
def test_another_library_agrees(rotation):
    """vector-quantize-pytorch: codes, vectors, gradients, and the step of the averages."""
    library = pytest.importorskip("vector_quantize_pytorch")
    theirs = library.VectorQuantize(
        dim=6,
        codebook_size=8,
        decay=0.9,
        eps=1e-5,
        commitment_weight=1.0,
        threshold_ema_dead_code=0,
        rotation_trick=rotation,
        kmeans_init=False,
    ).train()
    ours = plain(decay=0.9, gradient="rotation" if rotation else "straight_through").train()
    inner = theirs._codebook
    ours.embed.copy_(inner.embed[0])
    ours.ema_sum.copy_(inner.embed_avg[0])
    ours.ema_count.copy_(inner.cluster_size[0])
    for step in range(3):
        vectors = normal(2, 40, 6, seed=step).requires_grad_()
        twin = vectors.detach().clone().requires_grad_()
        output, (quantized, codes, loss) = ours(vectors), theirs(twin)
        assert torch.equal(output.codes, codes)
        torch.testing.assert_close(output.quantized, quantized, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(output.commitment_loss, loss.squeeze(), rtol=1e-5, atol=1e-6)
        direction = normal(2, 40, 6, seed=9)
        (gradient,) = torch.autograd.grad((output.quantized * direction).sum(), vectors)
        (expected,) = torch.autograd.grad((quantized * direction).sum(), twin)
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.embed, inner.embed[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.ema_count, inner.cluster_size[0], rtol=1e-5, atol=1e-6)


def test_kmeans_of_a_sample_counts_as_all_vectors():
    codebook = plain(2, kmeans_init=True).train()
    codebook(clusters(2, 640).requires_grad_())  # of 1,280 vectors k-means sees 128
    torch.testing.assert_close(codebook.ema_count.sum(), torch.tensor((0.99 + 1) * 12.8))


def test_a_centre_without_vectors_counts_as_one():
    codebook = plain(8, kmeans_init=True).train()
    codebook(normal(3, 6).requires_grad_())
    assert (codebook.ema_count < 0.0199).sum() == 5  # one of the first step's, and none since
    torch.testing.assert_close(codebook.ema_count.min(), torch.tensor(0.99 * 0.01))


def test_copies_are_moved_apart_and_the_vectors_stay():
    vectors = normal(3, 6)
    centres, _ = kmeans(vectors, 8, 0, torch.Generator().manual_seed(3), "euclidean")
    assert ((centres[:, None] == vectors).all(2).sum(0) == 1).all()


def test_each_step_draws_anew_what_it_revives_by():
    codebook, vectors, revived = plain(2, revival_threshold=0.5).train(), normal(500, 6), []
    for _ in range(3):
        codebook.embed[1] = 100.0
        codebook.ema_count[1] = 0.0
        codebook(vectors.clone().requires_grad_())
        revived.append(codebook.embed[1].clone())
    assert len(torch.stack(revived).unique(dim=0)) == 3
