"""Which leaf of a tree a species of an alignment is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hf_genomics.data.fasta import open_text
from hf_genomics.data.tables import csv_rows, naming_file


@dataclass(frozen=True)
class SpeciesMap:
    """Species name -> leaf name; a name without an entry stands for the leaf of the same name.

    An entry with an empty leaf says that the species has none.
    """

    leaves: Mapping[str, str]

    def leaf_of(self, species: str) -> str:
        """Name of the leaf, "" for none. Whether the tree has it is not asked here."""
        return self.leaves.get(species, species)

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        name_column: str = "name",
        leaf_column: str = "leaf",
        tree_leaves: Iterable[str] = (),
    ) -> SpeciesMap:
        """Reads a CSV or TSV table with a header line, plain or gzip.

        Where a name has several leaves (a table for several trees), the one that is among
        `tree_leaves` counts.

        Raises:
            ValueError: The file is no such table, a column is missing, a row has another number of
                fields than the header, or a name has two leaves that `tree_leaves` does not tell
                apart.
        """
        known = set(tree_leaves)
        found: dict[str, dict[str, None]] = {}  # leaves of a name, each once, in order
        with naming_file(path), open_text(path) as file:
            header = file.readline()
            rows = csv_rows(path, chain([header], file), "\t" if "\t" in header else ",")
            _, columns = next(rows, (0, []))
            for wanted, option in ((name_column, "name_column"), (leaf_column, "leaf_column")):
                if wanted not in columns:
                    raise ValueError(
                        f"{path} has no column {wanted!r}; its columns are {', '.join(columns)}. "
                        f"Name the right one ({option})."
                    )
            places = columns.index(name_column), columns.index(leaf_column)
            for number, row in rows:
                if len(row) != len(columns):
                    raise ValueError(
                        f"Line {number} of {path} has {len(row)} fields, but the header names "
                        f"{len(columns)} columns: {', '.join(columns)}."
                    )
                name, leaf = (row[place].strip() for place in places)
                found.setdefault(name, {})[leaf] = None
        found.pop("", None)
        return cls({name: _only_leaf(path, name, leaves, known) for name, leaves in found.items()})


def _only_leaf(path: str | Path, name: str, leaves: Iterable[str], known: set[str]) -> str:
    """The one leaf of a name, or the one that the tree has."""
    listed = [*leaves]
    of_tree = [leaf for leaf in listed if leaf in known]
    if len(listed) > 1 and len(of_tree) != 1:
        raise ValueError(
            f"{path} gives {name!r} the leaves {', '.join(map(repr, listed))}, and the tree has "
            f"{len(of_tree) or 'none'} of them; leave one entry."
        )
    return (of_tree or listed)[0]
