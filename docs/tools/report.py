"""Writes the tables of the results' pages from the measured numbers: `make report`.

    python docs/tools/report.py            write
    python docs/tools/report.py --check    only say whether a table differs from its files

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; NAME is one of TABLES, a
function from the root of the repository to the rows. What is around it is written by hand. The
tables of a subject are in a file of their own, `report_*.py`, which lists them as its TABLES.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import report_geometry
import report_gue
import report_league
import report_learning_rates
import report_phylogpn
import report_pretraining
import report_speed
import report_vqdna
from report_tables import Table, as_table

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *("docs/results/README.md", "docs/results/speed.md", "docs/results/geometry.md"),
    "docs/hyperbolic_cnn.md",
)
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

TABLES: dict[str, Table] = {
    **report_vqdna.TABLES,
    **report_league.TABLES,
    **report_learning_rates.TABLES,
    **report_gue.TABLES,
    **report_pretraining.TABLES,
    **report_phylogpn.TABLES,
    **report_speed.TABLES,
    **report_geometry.TABLES,
}


def rendered(page: str, root: Path) -> str:
    """The text of a page with its tables written anew.

    Raises:
        ValueError: a table has a name that is not among TABLES.
    """

    def block(match: re.Match[str]) -> str:
        start, name, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}; those known: {', '.join(TABLES)}.")
        return start + as_table(TABLES[name](root)) + end

    return BLOCK.sub(block, page)


def main(arguments: list[str]) -> int:
    """Writes, or checks; the number of pages that differ from their files."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether a table differs")
    check = parser.parse_args(arguments).check
    differing = 0
    for name in PAGES:
        path = ROOT / name
        old = path.read_text("utf-8")
        new = rendered(old, ROOT)
        if new == old:
            continue
        differing += 1
        if check:
            print(f"{path.name} differs from the measured numbers; write it by: make report")
        else:
            aside = path.with_name(f".{path.name}.partial")
            aside.write_text(new, "utf-8")
            aside.replace(path)
            print(f"{path.name} written")
    return differing if check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
