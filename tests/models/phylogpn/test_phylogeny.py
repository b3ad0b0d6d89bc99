"""Newick in, arrays out, and back."""

import copy
import itertools
import pickle
import random

import pytest
import torch

from hf_genomics import Phylogeny

TEXT = "((H:0.01,C:0.02)apes:0.05,(M:0.2,R:0.25):0.1,D:0.3);"


def random_newick(num_leaves: int, generator: random.Random) -> str:
    """A random tree: any two or three parts are joined, and joined again, until one is left."""
    parts = [f"leaf {number}" for number in range(num_leaves)]
    parts = [f"'{name}'" for name in parts]
    while len(parts) > 1:
        generator.shuffle(parts)
        joined = generator.choice([2, 3]) if len(parts) > 2 else 2
        inner = ",".join(f"{part}:{generator.expovariate(5)}" for part in parts[:joined])
        parts = [*parts[joined:], f"({inner})"]
    return parts[0] + ";"


def caterpillar(num_leaves: int) -> str:
    """Every internal node has one leaf and one internal child, but the lowest."""
    rest = "".join(f",L{number}:1):1" for number in range(1, num_leaves - 1))
    return "(" * (num_leaves - 1) + f"L0:1{rest},L{num_leaves - 1}:1);"


def distances(tree: Phylogeny) -> dict[frozenset[str], float]:
    """Path length between each two leaves: climb from both until the paths meet."""
    result = {}
    for one, other in itertools.combinations(range(tree.num_leaves), 2):
        nodes, length = [one, other], 0.0
        while nodes[0] != nodes[1]:
            lower = nodes.index(min(nodes))
            length += tree.lengths[nodes[lower]]
            nodes[lower] = tree.parents[nodes[lower]]
        result[frozenset((tree.leaf_names[one], tree.leaf_names[other]))] = length
    return result


def test_arrays_of_a_small_tree():
    tree = Phylogeny.from_newick(TEXT)
    assert tree.leaf_names == ["H", "C", "M", "R", "D"]
    assert tree.num_leaves == 5
    assert tree.num_nodes == 8
    assert tree.node_names == ("H", "C", "M", "R", "D", "apes", "", "")
    assert tree.parents == (5, 5, 6, 6, 7, 7, 7, -1)
    assert tree.children == ((), (), (), (), (), (0, 1), (2, 3), (5, 6, 4))
    expected = torch.tensor([0.01, 0.02, 0.2, 0.25, 0.3, 0.05, 0.1], dtype=torch.float64)
    torch.testing.assert_close(tree.branch_lengths, expected, rtol=0, atol=0)


def test_leaves_are_in_the_order_of_the_text():
    tree = Phylogeny.from_newick("(D:1,((B:1,E:1):1,A:1):1,C:1);")
    assert tree.leaf_names == ["D", "B", "E", "A", "C"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("( H :1 ,\n\tC: 2 ) ;\n", "(H:1,C:2);"),
        ("[a tree](H[x]:[y]1,C:2)[z];[end]", "(H:1,C:2);"),
        ("(H:1,C[a [nested] note, with (signs);]:2);", "(H:1,C:2);"),
        ("(H:1e-3,C:2.5E+2);", "(H:0.001,C:250);"),
        ("(H:.5,C:2.);", "(H:0.5,C:2);"),
        ("(H:1,C:2):7;", "(H:1,C:2);"),
        ("('H':1,'C':2);", "(H:1,C:2);"),
    ],
)
def test_spellings_of_one_tree(text, same):
    assert Phylogeny.from_newick(text) == Phylogeny.from_newick(same)


@pytest.mark.parametrize("name", ["it's", "Mus musculus", "a(b)", "x:y", "[z]", "a,b;", "''"])
def test_a_name_with_signs_is_quoted(name):
    quoted = "'" + name.replace("'", "''") + "'"
    tree = Phylogeny.from_newick(f"({quoted}:1,C:2){quoted};")
    assert tree.node_names == (name, "C", name)
    assert Phylogeny.from_newick(tree.to_newick()) == tree


def test_underscores_stay_and_names_may_be_numbers():
    assert Phylogeny.from_newick("(Mus_musculus:1,7:2)0.95;").node_names == (
        "Mus_musculus",
        "7",
        "0.95",
    )


def test_a_node_with_one_child_is_kept():
    tree = Phylogeny.from_newick("((H:1)x:2,C:3);")
    assert tree.parents == (2, 3, 3, -1)
    assert Phylogeny.from_newick(tree.to_newick()) == tree


def test_zero_is_a_length():
    assert Phylogeny.from_newick("(H:0,C:0.0);").lengths == (0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(H,C:1);", "position 3 .* no length for the branch above 'H'"),
        ("((H:1,M:1),C:1);", "position 11 .* no length for the branch above ''"),
        ("(H:-1,C:1);", "position 4 .* 'H' has length -1.0; lengths are finite and not negative"),
        ("(H:nan,C:1);", "position 4 .* 'H' has length nan"),
        ("(H:inf,C:1);", "position 4 .* 'H' has length inf"),
        ("(H:1e999,C:1);", "position 4 .* 'H' has length inf"),
        ("(H:1,C:1):-2;", "position 11 .* has length -2.0"),
        ("(H:one,C:1);", "position 4 .* 'one' is no length for 'H'"),
        ("(H:1_0,C:1);", "position 4 .* '1_0' is no length"),
        ("(H:,C:1);", "position 4 .* ',' is no length for 'H'"),
        ("(H:1:2,C:1);", "position 5 .* a second length for 'H'"),
        ("(H:", "position 4 .* is no length"),
        ("(H:1,C:1,H:1);", r"leaf names occur more than once: \['H'\]"),
        ("(:1,C:1);", "position 2 .* without a name and without children"),
        ("(H:1,);", "position 6 .* without a name and without children"),
        ("();", "position 2 .* without a name and without children"),
        ("('':1,C:1);", "leaf 0 has no name"),
        ("((H:1,C:1);", "position 11 .* 1 parentheses are open, the last from position 1"),
        ("(H:1,C:1));", r"position 10 .* '\)' outside of all parentheses"),
        ("(H:1,C:1),D:1;", "position 10 .* ',' outside of all parentheses"),
        ("(H:1,C:1)", "position 10 .* ends without ';'"),
        ("(H:1,C:1); (H:1,C:1);", r"position 12 .* '\(' behind the end of the tree"),
        ("(H:1,C:1);x", "position 11 .* 'x' behind the end of the tree"),
        ("(H:1 C:1);", "position 6 .* 'C' follows 'H' without a comma"),
        ("(Homo sapiens:1,C:1);", "position 7 .* 'sapiens' follows 'Homo'"),
        ("(H:1,C:1)a b;", "position 12 .* 'b' follows 'a'"),
        ("(H(a:1):1,C:1);", "position 3 .* parenthesis opens behind a node"),
        ("(H:1,C[x:1);", "position 7 .* the comment that opens here does not end"),
        ("(H:1,'C:1);", 'position 6 .* "\'" without its counterpart'),
        ("(H:1],C:1);", r"position 5 .* '\]' without its counterpart"),
        ("(H:1);", "1 leaf; a phylogeny needs two or more"),
        ("(H:1,C:1)[;", "position 10 .* comment"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, message):
    with pytest.raises(ValueError, match=message):
        Phylogeny.from_newick(text)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_tree_is_read_from_a_file(tmp_path, kind):
    path = tmp_path / "a (tree).nh"
    path.write_text(TEXT, encoding="utf-8")
    assert Phylogeny.from_newick(kind(path)) == Phylogeny.from_newick(TEXT)


def test_text_without_parenthesis_is_a_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="no_such_tree"):
        Phylogeny.from_newick(str(tmp_path / "no_such_tree.nh"))


def test_text_too_long_for_a_path_is_text():
    assert Phylogeny.from_newick(caterpillar(3000)).num_leaves == 3000


@pytest.mark.parametrize("num_leaves", [2, 3, 7, 40])
def test_text_and_tree_are_the_same(num_leaves):
    tree = Phylogeny.from_newick(random_newick(num_leaves, random.Random(num_leaves)))
    again = Phylogeny.from_newick(tree.to_newick())
    assert again == tree
    assert hash(again) == hash(tree)
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert copy.deepcopy(tree) == tree


def test_trees_differ_by_length_name_and_shape():
    texts = [
        "((A:1,B:1):1,C:1);",
        "((A:1,B:1):1,C:2);",
        "((A:1,B:1):1,D:1);",
        "((A:1,B:1)x:1,C:1);",
        "(A:1,(B:1,C:1):1);",
        "(A:1,B:1,C:1);",
    ]
    assert len({Phylogeny.from_newick(text) for text in texts}) == len(texts)


def test_a_tree_does_not_change():
    tree = Phylogeny.from_newick(TEXT)
    tree.leaf_names.append("X")
    tree.branch_lengths.zero_()
    assert tree == Phylogeny.from_newick(TEXT)
    with pytest.raises(AttributeError):
        tree.lengths = ()


def test_leaves_are_found_by_name_and_by_position():
    tree = Phylogeny.from_newick(TEXT)
    assert [tree.leaf_index(name) for name in tree.leaf_names] == [0, 1, 2, 3, 4]
    assert tree.leaf_index(3) == 3


@pytest.mark.parametrize("leaf", ["X", "apes", -1, 5])
def test_a_leaf_that_is_not_there(leaf):
    with pytest.raises(ValueError, match=r"no leaf .*: the tree has 5 leaves, from 0 = 'H' to 4"):
        Phylogeny.from_newick(TEXT).leaf_index(leaf)


def test_restriction_adds_up_lengths():
    tree = Phylogeny.from_newick("(((A:1,B:2)x:4,C:8)y:16,(D:32,E:64)z:128)r;")
    assert tree.restrict_to(["A", "C", "E"]) == Phylogeny.from_newick("((A:5,C:8)y:16,E:192)r;")
    assert tree.restrict_to(["A", "B"]) == Phylogeny.from_newick("(A:1,B:2)x;")
    assert tree.restrict_to(["D", "A"]) == Phylogeny.from_newick("(A:21,D:160)r;")


def test_restriction_to_all_leaves_changes_nothing_but_nodes_with_one_child():
    assert Phylogeny.from_newick(TEXT).restrict_to(list("DRMCH")) == Phylogeny.from_newick(TEXT)
    tree = Phylogeny.from_newick("(((A:1)x:2,B:3)y:4);")
    assert tree.restrict_to(["A", "B"]) == Phylogeny.from_newick("(A:3,B:3)y;")


@pytest.mark.parametrize("case", range(20))
def test_restriction_keeps_distances_and_order(case):
    generator = random.Random(case)
    tree = Phylogeny.from_newick(random_newick(12, generator))
    names = generator.sample(tree.leaf_names, generator.randint(2, 12))
    small = tree.restrict_to(names)
    assert small.leaf_names == [name for name in tree.leaf_names if name in names]
    assert all(len(below) != 1 for below in small.children)
    before = distances(tree)
    assert {pair: before[pair] for pair in distances(small)} == pytest.approx(distances(small))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["H", "X", "Y"], r"2 names are not leaves of the tree: \['X', 'Y'\]"),
        (["H", "apes"], r"1 names are not leaves of the tree: \['apes'\]"),
        (["H", "C", "H"], r"more than once: \['H'\]"),
        (["H"], "1 leaves were asked for; a phylogeny needs two or more"),
        ([], "0 leaves were asked for; a phylogeny needs two or more"),
    ],
)
def test_a_restriction_that_cannot_be(names, message):
    with pytest.raises(ValueError, match=message):
        Phylogeny.from_newick(TEXT).restrict_to(names)


def test_deep_trees_are_no_recursion():
    text = caterpillar(10_000)
    tree = Phylogeny.from_newick(text)
    assert tree.num_leaves == 10_000
    assert tree.to_newick() == text.replace(":1", ":1.0")
    assert tree.restrict_to(["L1", "L9999"]).lengths == (9999, 1)


@pytest.mark.parametrize(
    ("names", "parents", "lengths", "message"),
    [
        (("A", "B", ""), (2, 2, -1), (1.0,), "3 names, 3 parents and 1 lengths are no tree"),
        (("A", "B", ""), (2, 2, 2), (1.0, 1.0), "parents is not in order"),
        (("A", "B", ""), (1, 2, -1), (1.0, 1.0), "not numbered as they must be|1 leaf"),
        (("A", "B", "C", "", ""), (3, 4, 3, 4, -1), (1.0,) * 4, "not numbered as they must be"),
        (("A", "B", ""), (2, 2, -1), (1.0, -1.0), "above 'B' has length -1.0"),
    ],
)
def test_arrays_that_are_no_tree(names, parents, lengths, message):
    with pytest.raises(ValueError, match=message):
        Phylogeny(names, parents, lengths)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "num_leaves"),
    [
        ("447-mammalian-2022v1.nh", 447),
        ("zoonomia_241.ChrX_lessGC40.nh", 241),
        ("58mammals.nh", 58),
        ("ensembl_vertebrates_species_tree.branch_len.nw", 262),
    ],
)
def test_published_trees(real_data_folder, name, num_leaves):
    tree = Phylogeny.from_newick(real_data_folder / "trees" / name)
    assert tree.num_leaves == num_leaves
    assert Phylogeny.from_newick(tree.to_newick()) == tree


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"(A:1,B:2)", r"tree\.nh: position 10 of the Newick text: the text ends without"),
        (b"(\xff:1,B:2);", r"tree\.nh is not UTF-8 text"),
    ],
    ids=["cut off", "no text"],
)
def test_an_error_names_the_file(tmp_path, content, message):
    path = tmp_path / "tree.nh"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Phylogeny.from_newick(path)


def test_a_byte_order_mark_is_no_part_of_the_tree(tmp_path):
    path = tmp_path / "tree.nh"
    path.write_bytes(b"\xef\xbb\xbf(A:1,B:2);")
    assert Phylogeny.from_newick(path) == Phylogeny.from_newick("(A:1,B:2);")


def test_no_text_is_no_folder():
    with pytest.raises(ValueError, match="the text ends without ';'"):
        Phylogeny.from_newick("")
