"""Names of an alignment to leaves of a tree."""

import gzip
from itertools import permutations

import pytest

from hf_genomics.data.species_map import SpeciesMap


def read(tmp_path, text: str, **options) -> SpeciesMap:
    (tmp_path / "map.csv").write_text(text)
    return SpeciesMap.from_csv(tmp_path / "map.csv", **options)


@pytest.mark.parametrize("separator", [",", "\t"])
def test_entries_name_the_leaf(tmp_path, separator):
    text = "name,leaf,other\nhg38,Human,x\ngalGal6,Chicken,y\n".replace(",", separator)
    names = read(tmp_path, text)
    assert [names.leaf_of(name) for name in ("hg38", "galGal6")] == ["Human", "Chicken"]


def test_name_without_entry_is_its_own_leaf_and_an_empty_leaf_is_none(tmp_path):
    names = read(tmp_path, "name,leaf\nextinct,\n")
    assert (names.leaf_of("Mouse"), names.leaf_of("extinct")) == ("Mouse", "")


def test_columns_can_be_named(tmp_path):
    names = read(tmp_path, "leaf,a,b\nX,n,Y\n", name_column="a", leaf_column="b")
    assert names.leaf_of("n") == "Y"


@pytest.mark.parametrize("leaves", list(permutations(["hg38", "Human", "homo"])))
def test_table_for_several_trees_gives_the_leaf_that_this_tree_has(tmp_path, leaves):
    text = "name,leaf\n" + "".join(f"hg38,{leaf}\n" for leaf in leaves)
    assert read(tmp_path, text, tree_leaves=["Human"]).leaf_of("hg38") == "Human"


@pytest.mark.parametrize(("leaves", "word"), [(["A", "B"], "2 of them"), ([], "none of them")])
def test_two_leaves_of_one_name_are_an_error(tmp_path, leaves, word):
    with pytest.raises(ValueError, match=f"'n' the leaves 'A', 'B', and the tree has {word}"):
        read(tmp_path, "name,leaf\nn,A\nn,B\n", tree_leaves=leaves)


def test_missing_column_lists_what_there_is(tmp_path):
    with pytest.raises(ValueError, match="no column 'leaf'; its columns are name, tree. Name the"):
        read(tmp_path, "name,tree\n")


def test_compressed_tables_with_byte_order_mark_are_read(tmp_path):
    (tmp_path / "map.csv").write_bytes(gzip.compress("\ufeffname,leaf\nn,A\n".encode()))
    assert SpeciesMap.from_csv(tmp_path / "map.csv").leaf_of("n") == "A"


def test_quoted_fields_may_hold_the_separator(tmp_path):
    assert read(tmp_path, 'name,leaf\n"a,b","C"\n').leaf_of("a,b") == "C"


@pytest.mark.parametrize("row", ["galGal6", "galGal6,Chicken,x"])
def test_row_of_another_number_of_fields_is_an_error(tmp_path, row):
    with pytest.raises(ValueError, match=r"Line 3 of .*map\.csv has . fields, but .* name, leaf"):
        read(tmp_path, f"name,leaf\nhg38,Human\n{row}\n")


def test_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "map.csv").write_bytes(b"name,leaf\n\xff\xfe,a\n")
    with pytest.raises(ValueError, match=r"map\.csv is not UTF-8 text"):
        SpeciesMap.from_csv(tmp_path / "map.csv")
