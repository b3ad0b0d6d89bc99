"""Newick: what is written is read, and a damaged text is a tree or an error with its place."""

import pytest
from hypothesis import strategies as st

from hf_genomics import Phylogeny
from tests.fuzz.cases import fuzz, refused
from tests.fuzz.damage import damages, junk

LENGTHS = st.floats(0, 1e6, allow_nan=False)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SPACE = st.sampled_from(["", " ", "\n", "\t", "[a comment]", "[one [inside] another]"])


@st.composite
def phylogenies(draw, names=NAMES):
    """Trees of 2 to 12 leaves with nodes of two to four children, built from the leaves upwards."""
    leaves = draw(st.lists(names.filter(bool), min_size=2, max_size=12, unique=True))
    parts = [_quoted(name) for name in leaves]
    while len(parts) > 1:
        size = draw(st.integers(2, min(4, len(parts))))
        at = draw(st.integers(0, len(parts) - size))
        children = [f"{part}:{draw(LENGTHS)!r}" for part in parts[at : at + size]]
        label = draw(names)
        parts[at : at + size] = [f"({','.join(children)}){_quoted(label) if label else ''}"]
    return leaves, f"{parts[0]};"


@fuzz(tree=phylogenies())
def test_what_is_written_is_read(tree):
    leaves, text = tree
    phylogeny = Phylogeny.from_newick(text)
    assert phylogeny.leaf_names == leaves
    again = Phylogeny.from_newick(phylogeny.to_newick())
    assert again == phylogeny
    assert again.to_newick() == phylogeny.to_newick()


@fuzz(tree=phylogenies(st.text("abAB_.-|19é", max_size=5)), data=st.data())
def test_space_and_comments_between_signs_change_nothing(tree, data):
    _, text = tree
    pieces = [f"{sign}{data.draw(SPACE)}" if sign in "(),:;" else sign for sign in _unquoted(text)]
    assert Phylogeny.from_newick("".join(pieces)) == Phylogeny.from_newick(text)


@fuzz(tree=phylogenies(), damage=damages())
def test_damaged_text_is_a_tree_or_an_error(tree, damage, folder):
    path = folder / "damaged.nwk"
    path.write_bytes(damage(tree[1].encode()))
    check(path)


@fuzz(content=junk())
def test_junk_is_a_tree_or_an_error(content, folder):
    path = folder / "junk.nwk"
    path.write_bytes(content)
    check(path)


def check(path):
    phylogeny, error = refused(lambda: Phylogeny.from_newick(path), str(path))
    if error is None:
        assert Phylogeny.from_newick(phylogeny.to_newick()) == phylogeny
        # every name of a leaf is in the text as it is read
        text = path.read_bytes().decode()
        assert all(name.replace("'", "''") in text for name in phylogeny.leaf_names)
        assert text.count("(") >= phylogeny.num_nodes - phylogeny.num_leaves


@pytest.mark.parametrize("depth", [10, 5_000])
def test_depth_of_a_tree_does_not_matter(depth):
    text = "(" * depth + "a:1" + "".join(f",b{i}:1):1" for i in range(depth)) + ";"
    phylogeny = Phylogeny.from_newick(text)
    assert phylogeny.num_leaves == depth + 1
    assert Phylogeny.from_newick(phylogeny.to_newick()) == phylogeny


def _quoted(name):
    return "'" + name.replace("'", "''") + "'"


def _unquoted(text):
    return text.replace("'", "")
