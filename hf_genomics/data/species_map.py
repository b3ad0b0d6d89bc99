"""Which leaf of a tree a species of an alignment is."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hf_genomics.data.fasta import open_text


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
            ValueError: A column is missing, or a name has two leaves that `tree_leaves` does not
                tell apart.
        """
        known = set(tree_leaves)
        found: dict[str, str] = {}
        with open_text(path) as file:
            header = file.readline()
            delimiter = "\t" if "\t" in header else ","
            columns = next(csv.reader([header], delimiter=delimiter), [])
            for wanted, option in ((name_column, "name_column"), (leaf_column, "leaf_column")):
                if wanted not in columns:
                    raise ValueError(
                        f"{path} has no column {wanted!r}; its columns are {', '.join(columns)}. "
                        f"Name the right one ({option})."
                    )
            for row in csv.DictReader(file, columns, delimiter=delimiter):
                name, leaf = (row[name_column] or "").strip(), (row[leaf_column] or "").strip()
                earlier = found.get(name, leaf)
                if earlier != leaf and (earlier in known) == (leaf in known):
                    raise ValueError(
                        f"{path} gives {name!r} the leaves {earlier!r} and {leaf!r}, and the tree "
                        f"has {'both' if leaf in known else 'neither'}; leave one entry."
                    )
                found[name] = leaf if leaf in known else earlier
        found.pop("", None)
        return cls(found)
