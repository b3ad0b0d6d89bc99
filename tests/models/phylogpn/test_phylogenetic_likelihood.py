"""The likelihood of alignment columns: what it equals, what leaves it alone, where it holds."""

import itertools
import random

import pytest
import torch

from hf_genomics import Phylogeny, f81_log_likelihood
from hf_genomics.models.phylogpn import site_evaluation
from hf_genomics.models.phylogpn.phylogenetic_likelihood import (
    conditional_log_likelihood,
    log_likelihood,
)
from hf_genomics.models.phylogpn.substitution_models import F81, HKY85, JC69
from tests.references import phylogenetic_likelihood as reference

GOLDEN_TREE = "((H:0.01,C:0.02):0.05,(M:0.2,R:0.25):0.1,D:0.3);"
GOLDEN_LOG_RATES = [0.3, -0.7, 0.5, -0.2]
GOLDEN_COLUMN = [0, 0, 2, 4, 0]
# (joint, conditional, derivative of the conditional, derivative of the joint), in float64.
GOLDEN = {
    "exact": (
        -3.262503202137407,
        -2.100661730689875,
        [0.060354, -0.192162, 0.361999, -0.316822],
        [0.747444, -0.307275, -0.020189, -0.506611],
    ),
    "sigmoid": (
        -3.226315388221286,
        -2.064473916773755,
        [-0.004427, -0.156115, 0.481680, -0.257390],
        [0.682663, -0.271228, 0.099492, -0.447179],
    ),
}
MODELS = {
    "f81": (F81(), reference.f81_by_matrix_exponential),
    "f81 sigmoid": (F81("sigmoid"), reference.f81_sigmoid),
    "jc69": (JC69(), reference.jc69_by_matrix_exponential),
    "hky85": (HKY85(3.5), reference.hky85_by_matrix_exponential(3.5)),
}
EXACT = {name: pair for name, pair in MODELS.items() if pair[0].is_semigroup}
TOLERANCE = 1e-11


def random_tree(num_leaves, seed, *, longest_polytomy=3, one_child=False):
    """A random tree with polytomies and, if wanted, nodes with one child."""
    generator = random.Random(seed)
    parts = [f"L{number}" for number in range(num_leaves)]
    while len(parts) > 1:
        generator.shuffle(parts)
        joined = min(len(parts), generator.randint(2, longest_polytomy))
        inner = [f"{part}:{generator.expovariate(5) + 1e-3}" for part in parts[:joined]]
        if one_child:
            inner[0] = f"({inner[0]}):{generator.expovariate(5) + 1e-3}"
        parts = [*parts[joined:], f"({','.join(inner)})"]
    return Phylogeny.from_newick(parts[0] + ";")


def random_sites(num_sites, num_leaves, *, missing=0.2, dtype=torch.float64, spread=1.0):
    """Log rates (num_sites, 4) that ask for a gradient, and leaf states with some unknown."""
    log_rates = (spread * torch.randn(num_sites, 4, dtype=dtype)).requires_grad_()
    states = torch.randint(0, 4, (num_sites, num_leaves))
    states[torch.rand(num_sites, num_leaves) < missing] = 4
    return log_rates, states


def value_and_gradient(function, log_rates):
    """What `function` gives for log rates, and the gradient of its sum."""
    log_rates = log_rates.detach().clone().requires_grad_()
    value = function(log_rates)
    (gradient,) = torch.autograd.grad(value.sum(), log_rates)
    return value.detach(), gradient


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def golden_inputs(dtype=torch.float64):
    return torch.tensor(GOLDEN_LOG_RATES, dtype=dtype), torch.tensor(GOLDEN_COLUMN)


@pytest.mark.parametrize("transition", GOLDEN)
def test_golden_values(transition):
    tree = Phylogeny.from_newick(GOLDEN_TREE)
    log_rates, column = golden_inputs()
    joint, d_joint = value_and_gradient(
        lambda w: f81_log_likelihood(w, column, tree, transition=transition), log_rates
    )
    conditional, d_conditional = value_and_gradient(
        lambda w: conditional_log_likelihood(
            w, column, tree, reference_leaf="H", substitution_model=F81(transition)
        ),
        log_rates,
    )
    expected = GOLDEN[transition]
    assert joint.item() == pytest.approx(expected[0], abs=1e-14)
    assert conditional.item() == pytest.approx(expected[1], abs=1e-14)
    assert d_conditional.tolist() == pytest.approx(expected[2], abs=1e-6)
    assert d_joint.tolist() == pytest.approx(expected[3], abs=1e-6)


@pytest.mark.parametrize("one_child", [False, True])
@pytest.mark.parametrize(
    ("num_leaves", "longest_polytomy"), [*((n, 3) for n in range(2, 7)), (7, 6), (9, 7)]
)
@pytest.mark.parametrize("name", MODELS)
def test_equals_the_sum_over_all_ancestral_states(name, num_leaves, longest_polytomy, one_child):
    model, log_transition = MODELS[name]
    seed = 10 * num_leaves + one_child
    tree = random_tree(num_leaves, seed, longest_polytomy=longest_polytomy, one_child=one_child)
    assert longest_polytomy == 3 or max(map(len, tree.children)) > 3
    log_rates, states = random_sites(4, num_leaves)

    def enumerated(log_rates):
        return torch.stack(
            [
                reference.log_likelihood(
                    w, column, tree.parents, tree.lengths, log_transition, model.log_stationary(w)
                )
                for w, column in zip(log_rates, states.tolist(), strict=True)
            ]
        )

    ours = value_and_gradient(
        lambda w: log_likelihood(w, states, tree, substitution_model=model), log_rates
    )
    assert_same(ours, value_and_gradient(enumerated, log_rates))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("conditional", [False, True])
def test_derivatives_are_those_of_finite_differences(name, conditional):
    tree = random_tree(7, 3)
    log_rates, states = random_sites(6, 7)
    model = MODELS[name][0]

    def function(w):
        if conditional:
            return conditional_log_likelihood(
                w, states, tree, reference_leaf=2, substitution_model=model
            )
        return log_likelihood(w, states, tree, substitution_model=model)

    assert torch.autograd.gradcheck(function, log_rates)


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_of_all_columns_sum_to_one(name):
    tree = random_tree(5, 1)
    columns = torch.tensor(list(itertools.product(range(4), repeat=5)))
    log_rates = torch.randn(4, dtype=torch.float64).expand(len(columns), 4)
    values = log_likelihood(log_rates, columns, tree, substitution_model=MODELS[name][0])
    assert values.exp().sum().item() == pytest.approx(1, abs=1e-12)
    others_given_first = conditional_log_likelihood(
        log_rates, columns, tree, reference_leaf=0, substitution_model=MODELS[name][0]
    )
    # Once for each of the four bases of the reference.
    assert others_given_first.exp().sum().item() == pytest.approx(4, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_conditional_is_joint_without_the_reference(name):
    model = MODELS[name][0]
    tree = random_tree(9, 2)
    log_rates, states = random_sites(20, 9)
    states[:, 4] = torch.randint(0, 4, (20,))

    def by_hand(w):
        joint = log_likelihood(w, states, tree, substitution_model=model)
        return joint - model.log_stationary(w.T).T.gather(1, states[:, 4:5])[:, 0]

    by_name = tree.leaf_names[4]
    for leaf in (4, by_name):
        ours = value_and_gradient(
            lambda w, leaf=leaf: conditional_log_likelihood(
                w, states, tree, reference_leaf=leaf, substitution_model=model
            ),
            log_rates,
        )
        assert_same(ours, value_and_gradient(by_hand, log_rates))


def rerooted(tree, node):
    """The same unrooted tree, with the root at another internal node."""
    neighbours = {n: [] for n in range(tree.num_nodes)}
    for child, (parent, length) in enumerate(zip(tree.parents, tree.lengths, strict=False)):
        neighbours[child].append((parent, length))
        neighbours[parent].append((child, length))

    def text(n, origin):
        below = [f"{text(m, n)}:{length!r}" for m, length in neighbours[n] if m != origin]
        return f"({','.join(below)})" if below else tree.node_names[n]

    return Phylogeny.from_newick(text(node, None) + ";")


def reordered(states, tree, other):
    """Columns of `tree` in the order of the leaves of `other`."""
    return states[:, [tree.leaf_names.index(name) for name in other.leaf_names]]


@pytest.mark.parametrize("name", EXACT)
def test_the_root_may_be_anywhere(name):
    model = EXACT[name][0]
    tree = random_tree(10, 4)
    log_rates, states = random_sites(12, 10)
    expected = value_and_gradient(
        lambda w: log_likelihood(w, states, tree, substitution_model=model), log_rates
    )
    for node in range(tree.num_leaves, tree.num_nodes):
        moved = rerooted(tree, node)
        same_states = reordered(states, tree, moved)
        ours = value_and_gradient(
            lambda w, moved=moved, same_states=same_states: log_likelihood(
                w, same_states, moved, substitution_model=model
            ),
            log_rates,
        )
        assert_same(ours, expected)


def test_the_root_matters_to_the_sigmoid():
    tree = Phylogeny.from_newick("(A:0.1,B:0.9);")
    moved = Phylogeny.from_newick("(A:0.5,B:0.5);")
    log_rates, states = torch.zeros(1, 4), torch.tensor([[0, 1]])
    values = [f81_log_likelihood(log_rates, states, t, transition="sigmoid") for t in (tree, moved)]
    assert abs(values[0] - values[1]) > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_children_may_be_swapped(name):
    model = MODELS[name][0]
    tree = Phylogeny.from_newick("(((A:1,B:2):3,C:4):5,(D:6,E:7,F:8):9);")
    swapped = Phylogeny.from_newick("((E:7,F:8,D:6):9,(C:4,(B:2,A:1):3):5);")
    log_rates, states = random_sites(12, 6)
    one = value_and_gradient(
        lambda w: log_likelihood(w, states, tree, substitution_model=model), log_rates
    )
    other = value_and_gradient(
        lambda w: log_likelihood(
            w, reordered(states, tree, swapped), swapped, substitution_model=model
        ),
        log_rates,
    )
    assert_same(one, other)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", EXACT)
def test_a_leaf_that_is_missing_is_as_good_as_pruned(name, seed):
    model = EXACT[name][0]
    tree = random_tree(12, seed)
    names = random.Random(seed).sample(tree.leaf_names, 5)
    log_rates, states = random_sites(8, 12, missing=0)
    small = tree.restrict_to(names)
    for index, leaf in enumerate(tree.leaf_names):
        if leaf not in names:
            states[:, index] = 4
    # A column of all leaves keeps those that the others lack from being pruned by the code itself.
    log_rates = torch.cat([log_rates, log_rates[:1]])
    padded = torch.cat([states, torch.zeros_like(states[:1])])
    with_all = value_and_gradient(
        lambda w: log_likelihood(w, padded, tree, substitution_model=model), log_rates
    )
    with_some = value_and_gradient(
        lambda w: log_likelihood(
            w, reordered(states, tree, small), small, substitution_model=model
        ),
        log_rates[:-1],
    )
    assert_same([tensor[:-1] for tensor in with_all], list(with_some))


@pytest.mark.parametrize("name", MODELS)
def test_columns_do_not_depend_on_their_neighbours(name, monkeypatch):
    """Chunks decide which leaves are pruned: a column alone has the value it has among others."""
    model = MODELS[name][0]
    tree = random_tree(11, 5, longest_polytomy=5, one_child=True)
    log_rates, states = random_sites(17, 11, missing=0.7)
    results = []
    for sites in (1, 4, 17, 1000):
        monkeypatch.setattr(site_evaluation, "_chunk_sites", lambda *_, n=sites: n)
        results.append(
            value_and_gradient(
                lambda w: log_likelihood(w, states, tree, substitution_model=model), log_rates
            )
        )
    for result in results[1:]:
        assert_same(result, results[0])


def test_only_the_reference_known_says_nothing():
    tree = Phylogeny.from_newick(GOLDEN_TREE)
    log_rates, _ = golden_inputs()
    column = torch.tensor([0, 4, 4, 4, 4])
    joint = f81_log_likelihood(log_rates, column, tree)
    assert joint.item() == pytest.approx(-1.161841471447531, abs=1e-14)
    value, gradient = value_and_gradient(
        lambda w: conditional_log_likelihood(w, column, tree, reference_leaf="H"), log_rates
    )
    assert value.item() == 0
    assert gradient.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("unknown", [4, -1, -100])
def test_a_column_without_its_reference_counts_nothing(unknown):
    tree = Phylogeny.from_newick(GOLDEN_TREE)
    log_rates, column = golden_inputs()
    column[0] = unknown
    value, gradient = value_and_gradient(
        lambda w: conditional_log_likelihood(w, column, tree, reference_leaf="H"), log_rates
    )
    assert value.item() == 0
    assert gradient.tolist() == [0, 0, 0, 0]


def test_a_column_of_unknowns_is_certain():
    tree = Phylogeny.from_newick(GOLDEN_TREE)
    value, gradient = value_and_gradient(
        lambda w: f81_log_likelihood(w, torch.full((3, 5), -100), tree), torch.randn(3, 4)
    )
    assert value.tolist() == [0, 0, 0]
    assert not gradient.any()


@pytest.mark.parametrize("unknown", [4, -1, -100])
@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64])
def test_any_integers_and_any_unknown(dtype, unknown):
    tree = random_tree(6, 0)
    log_rates, states = random_sites(10, 6)
    expected = f81_log_likelihood(log_rates, states, tree)
    given = torch.where(states == 4, unknown, states).to(dtype)
    torch.testing.assert_close(f81_log_likelihood(log_rates, given, tree), expected)


def test_unsigned_integers():
    tree = random_tree(6, 0)
    log_rates, states = random_sites(10, 6)
    expected = f81_log_likelihood(log_rates, states, tree)
    torch.testing.assert_close(f81_log_likelihood(log_rates, states.byte(), tree), expected)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (2, 0)])
def test_leading_dimensions(shape):
    tree = random_tree(6, 0)
    log_rates = torch.randn(*shape, 4, dtype=torch.float64)
    states = torch.randint(0, 5, (*shape, 6))
    value, gradient = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert value.shape == shape
    assert gradient.shape == (*shape, 4)
    flat = f81_log_likelihood(log_rates.reshape(-1, 4), states.reshape(-1, 6), tree)
    assert_same(value.reshape(-1), flat)


def test_any_layout_in_memory():
    tree = random_tree(6, 0)
    log_rates = torch.randn(4, 7, 3, dtype=torch.float64).permute(2, 1, 0)
    states = torch.randint(0, 5, (6, 7, 3)).permute(2, 1, 0)
    assert_same(
        f81_log_likelihood(log_rates, states, tree),
        f81_log_likelihood(log_rates.contiguous(), states.contiguous(), tree),
    )


def test_upstream_gradients_are_weights():
    tree = random_tree(6, 0)
    log_rates, states = random_sites(9, 6)
    weights = torch.rand(9, dtype=torch.float64)
    weighted = value_and_gradient(
        lambda w: weights * f81_log_likelihood(w, states, tree), log_rates
    )
    plain = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert_same(weighted[1], weights[:, None] * plain[1])


def test_without_gradient_the_value_is_the_same():
    tree = random_tree(6, 0)
    log_rates, states = random_sites(9, 6)
    expected = f81_log_likelihood(log_rates, states, tree)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            value = f81_log_likelihood(log_rates, states, tree)
        assert not value.requires_grad
        assert value.tolist() == expected.tolist()


def test_second_derivatives_are_refused():
    tree = random_tree(3, 0)
    log_rates, states = random_sites(2, 3)
    value = f81_log_likelihood(log_rates, states, tree).sum()
    with pytest.raises(RuntimeError, match="no second derivatives; .* without create_graph"):
        torch.autograd.grad(value, log_rates, create_graph=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    tree = random_tree(30, 0)
    log_rates, states = random_sites(9, 30, dtype=dtype)
    value, gradient = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    wide = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates.float())
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert value.tolist() == wide[0].tolist()
    assert gradient.tolist() == wide[1].to(dtype).tolist()


def test_autocast_changes_nothing():
    tree = random_tree(30, 0)
    log_rates, states = random_sites(9, 30, dtype=torch.float32)
    expected = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    with torch.autocast("cpu", torch.bfloat16):
        value = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert [tensor.tolist() for tensor in value] == [tensor.tolist() for tensor in expected]


def large_tree(num_leaves=447, longest_polytomy=2):
    return random_tree(num_leaves, 7, longest_polytomy=longest_polytomy)


@pytest.mark.parametrize("longest_polytomy", [2, 60])
@pytest.mark.parametrize("name", MODELS)
def test_float32_is_close_to_float64_on_447_leaves(name, longest_polytomy):
    tree = large_tree(longest_polytomy=longest_polytomy)
    log_rates, states = random_sites(30, 447, dtype=torch.float32)
    single, double = (
        value_and_gradient(
            lambda w: log_likelihood(w, states, tree, substitution_model=MODELS[name][0]), w
        )
        for w in (log_rates, log_rates.double())
    )
    torch.testing.assert_close(single[0].double(), double[0], rtol=1e-6, atol=0)
    torch.testing.assert_close(single[1].double(), double[1], rtol=1e-4, atol=1e-3)


def extreme_sites(num_leaves, dtype=torch.float32):
    """Log rates of -60, 0 and 60 in every combination; columns of one base, two bases, and all."""
    log_rates = torch.tensor(list(itertools.product([-60.0, 0.0, 60.0], repeat=4)), dtype=dtype)
    columns = torch.stack(
        [
            torch.zeros(num_leaves, dtype=torch.long),
            torch.arange(num_leaves) % 2,
            torch.arange(num_leaves) % 5,
            torch.arange(num_leaves) // (num_leaves // 4 + 1),
        ]
    )
    return log_rates.repeat_interleave(len(columns), 0), columns.repeat(81, 1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scale", [1e-6, 1.0])
def test_log_rates_of_60_are_finite_in_float32(name, scale):
    tree = large_tree()
    tree = Phylogeny(tree.node_names, tree.parents, tuple(scale * t for t in tree.lengths))
    log_rates, states = extreme_sites(447)
    value, gradient = value_and_gradient(
        lambda w: log_likelihood(w, states, tree, substitution_model=MODELS[name][0]), log_rates
    )
    assert value.isfinite().all()
    assert (value <= 0).all()
    assert gradient.isfinite().all()


@pytest.mark.real_data
def test_log_rates_of_60_are_finite_on_the_tree_of_447_mammals(real_data_folder):
    tree = Phylogeny.from_newick(real_data_folder / "trees" / "447-mammalian-2022v1.nh")
    log_rates, states = extreme_sites(447)
    value, gradient = value_and_gradient(
        lambda w: conditional_log_likelihood(w, states, tree, reference_leaf="hg38"), log_rates
    )
    assert value.isfinite().all()
    assert gradient.isfinite().all()


def test_log_rates_of_60_are_right():
    """Against the sum over all ancestral states, in logarithms, in which nothing underflows."""
    tree = random_tree(5, 0)
    log_rates, states = extreme_sites(5)

    def enumerated(log_rates):
        return torch.stack(
            [
                reference.log_likelihood(
                    w,
                    column,
                    tree.parents,
                    tree.lengths,
                    reference.f81_in_logarithms,
                    w.log_softmax(0),
                )
                for w, column in zip(log_rates, states.tolist(), strict=True)
            ]
        )

    ours = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    expected = value_and_gradient(enumerated, log_rates.double())
    torch.testing.assert_close(ours[0].double(), expected[0], rtol=1e-6, atol=1e-6)
    known = expected[1].isfinite().all(1)
    assert known.sum() > 100
    torch.testing.assert_close(ours[1].double()[known], expected[1][known], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("log_rate", [1e3, 1e30])
def test_absurd_log_rates_are_finite(log_rate):
    tree = large_tree(50)
    log_rates = torch.tensor(list(itertools.product([-log_rate, 0.0, log_rate], repeat=4)))
    states = torch.randint(0, 4, (81, 50))
    value, gradient = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


def test_log_rates_that_are_no_numbers_stay_at_their_site():
    tree = random_tree(6, 0)
    log_rates, states = random_sites(4, 6, missing=0)
    with torch.no_grad():
        log_rates[1, 2] = float("nan")
    value, gradient = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert value.isnan().tolist() == [False, True, False, False]
    assert gradient[[0, 2, 3]].isfinite().all()


def test_a_branch_of_length_zero_is_none():
    with_zero = Phylogeny.from_newick("((A:0.1,B:0.2):0,(C:0.3,D:0.4):0.5);")
    without = Phylogeny.from_newick("(A:0.1,B:0.2,(C:0.3,D:0.4):0.5);")
    log_rates, states = random_sites(10, 4)
    for dtype in (torch.float32, torch.float64):
        one, other = (
            value_and_gradient(
                lambda w, tree=tree: f81_log_likelihood(w, states, tree), log_rates.to(dtype)
            )
            for tree in (with_zero, without)
        )
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_different_bases_across_branches_of_length_zero_are_finite(name):
    tree = Phylogeny.from_newick("((A:0,B:0):0,(C:0,D:0):0);")
    log_rates, states = torch.randn(1, 4), torch.tensor([[0, 1, 2, 3]])
    value, gradient = value_and_gradient(
        lambda w: log_likelihood(w, states, tree, substitution_model=MODELS[name][0]), log_rates
    )
    assert -200 < value.item() < -40
    assert gradient.isfinite().all()


def test_a_tree_that_is_deep():
    text = "(" * 1999 + "L0:0.1" + "".join(f",L{n}:0.1):0.01" for n in range(1, 2000))
    tree = Phylogeny.from_newick(text + ";")
    log_rates, states = random_sites(2, 2000, dtype=torch.float32)
    value, gradient = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


def star(lengths):
    leaves = ",".join(f"L{number}:{length.item()!r}" for number, length in enumerate(lengths))
    return Phylogeny.from_newick(f"({leaves});")


def star_by_hand(w, states, lengths):
    """With one internal node the likelihood is one sum over four states."""
    y = w.exp().sum() * lengths
    stay, redraw = torch.exp(-y), -torch.expm1(-y)
    same = torch.arange(4)[:, None] == states
    at_root = (stay * same + redraw * w.softmax(0)[states]).log().sum(1)
    return (w.log_softmax(0) + at_root).logsumexp(0)


def test_a_star_is_a_product():
    lengths = torch.rand(500, dtype=torch.float64)
    log_rates = torch.randn(4, dtype=torch.float64)
    states = torch.randint(0, 4, (500,))
    ours = value_and_gradient(lambda w: f81_log_likelihood(w, states, star(lengths)), log_rates)
    by_hand = value_and_gradient(lambda w: star_by_hand(w, states, lengths), log_rates)
    assert_same(ours, by_hand)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1e-2, 1e-4, 1e-6, 1e-10])
@pytest.mark.parametrize("num_leaves", [4, 16, 100, 600])
def test_a_star_of_short_branches_does_not_underflow(num_leaves, length, dtype):
    """The product over the leaves with an A is 0 in floating point for a C, and the reverse."""
    lengths = torch.full((num_leaves,), length, dtype=torch.float64)
    states = torch.arange(num_leaves) * 4 // num_leaves  # equal bases side by side
    log_rates = torch.tensor([0.3, -0.2, 0.5, 0.1], dtype=dtype)
    tree = star(lengths)
    ours = value_and_gradient(lambda w: f81_log_likelihood(w, states, tree), log_rates)
    by_hand = value_and_gradient(lambda w: star_by_hand(w, states, lengths), log_rates.double())
    rtol = 1e-6 if dtype == torch.float32 else 1e-11
    for one, other in zip(ours, by_hand, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("x", [0.0, 9.0, 11.0, 20.0, 60.0])
def test_the_sigmoid_falls_as_one_over_the_rate(x, dtype):
    """Two leaves with a C each, which the rates lead away from; summed by hand over the root."""
    log_rates = torch.tensor([x, 0, 0, 0], dtype=torch.float64)

    def by_hand(w):
        total, pi = w.exp().sum(), w.softmax(0)
        carried = []
        for length in (1.0, 2.0):
            stay = 1 / (1 + total * length)
            carried.append(stay * torch.eye(4, dtype=w.dtype)[1] + (1 - stay) * pi[1])
        return (pi * carried[0] * carried[1]).sum().log()

    tree, states = Phylogeny.from_newick("(A:1,B:2);"), torch.tensor([1, 1])
    ours = value_and_gradient(
        lambda w: f81_log_likelihood(w, states, tree, transition="sigmoid"), log_rates.to(dtype)
    )
    rtol = 1e-5 if dtype == torch.float32 else 1e-11
    for one, other in zip(ours, value_and_gradient(by_hand, log_rates), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=rtol, atol=rtol)


def test_what_is_kept_for_the_backward_pass_is_four_numbers_a_site():
    tree = large_tree()
    log_rates, states = random_sites(600, 447, dtype=torch.float32)
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        f81_log_likelihood(log_rates, states, tree)
    assert sum(kept) == 4 * 600


# torch's own compiler warns of itself, and differently in every version
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_caller():
    tree = random_tree(8, 0)
    log_rates, states = random_sites(9, 8)

    def loss(w):
        scaled = 2 * w
        return -conditional_log_likelihood(scaled, states, tree, reference_leaf=0).mean()

    compiled = torch.compile(loss, backend="aot_eager")
    assert_same(value_and_gradient(compiled, log_rates), value_and_gradient(loss, log_rates))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", MODELS)
def test_on_a_gpu(name):
    tree = large_tree()
    log_rates, states = random_sites(50, 447, dtype=torch.float64)
    cpu, gpu = (
        value_and_gradient(
            lambda w, device=device: log_likelihood(
                w, states.to(device), tree, substitution_model=MODELS[name][0]
            ),
            log_rates.to(device),
        )
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close([tensor.cpu() for tensor in gpu], list(cpu))


@pytest.mark.parametrize(
    ("log_rates", "states", "message"),
    [
        (
            torch.zeros(3, 5),
            torch.zeros(3, 5).long(),
            r"log_rates .* shape \(3, 5\); pass .*\.\.\., 4",
        ),
        (torch.zeros(3, 4).long(), torch.zeros(3, 5).long(), "log_rates is torch.int64"),
        (torch.zeros(3, 4), torch.zeros(3, 4).long(), r"shape \(3, 4\); pass .* shape \(3, 5\)"),
        (torch.zeros(3, 4), torch.zeros(2, 5).long(), r"shape \(2, 5\); pass .* shape \(3, 5\)"),
        (torch.zeros(3, 4), torch.zeros(3, 5), "leaf_states is torch.float32"),
        (torch.zeros(1, 4), torch.tensor([[0, 1, 2, 5, 0]]), "leaf_states has the value 5"),
    ],
)
def test_inputs_that_do_not_fit(log_rates, states, message):
    with pytest.raises(ValueError, match=message):
        f81_log_likelihood(log_rates, states, Phylogeny.from_newick(GOLDEN_TREE))


def test_every_site_may_have_its_own_reference():
    tree = random_tree(7, 3)
    log_rates, states = random_sites(30, 7)
    leaves = torch.randint(7, (30,))
    weights = torch.randn(30, dtype=torch.float64)

    def one_by_one(w):
        sites = zip(w, states, leaves.tolist(), strict=True)
        return torch.stack(
            [conditional_log_likelihood(r, s, tree, reference_leaf=leaf) for r, s, leaf in sites]
        )

    def together(w):
        return conditional_log_likelihood(w, states, tree, reference_leaf=leaves)

    values, gradients = [], []
    for function in (together, one_by_one):
        w = log_rates.clone().requires_grad_()
        values.append(function(w))
        gradients.append(torch.autograd.grad((weights * values[-1]).sum(), w)[0])
    torch.testing.assert_close(values[0], values[1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        (torch.tensor([0, 5]), "values from 0 to 5; the tree has leaves 0 to 4"),
        (torch.tensor([0]), "integers of shape \\(2,\\)"),
        (torch.tensor([0.0, 1.0]), "torch.float32"),
    ],
)
def test_references_that_do_not_fit(leaves, message):
    log_rates, states = torch.zeros(2, 4), torch.zeros(2, 5, dtype=torch.int8)
    with pytest.raises(ValueError, match=message):
        conditional_log_likelihood(
            log_rates, states, Phylogeny.from_newick(GOLDEN_TREE), reference_leaf=leaves
        )


def test_a_reference_that_is_no_leaf():
    log_rates, column = golden_inputs()
    with pytest.raises(ValueError, match="no leaf 'X'"):
        conditional_log_likelihood(
            log_rates, column, Phylogeny.from_newick(GOLDEN_TREE), reference_leaf="X"
        )
