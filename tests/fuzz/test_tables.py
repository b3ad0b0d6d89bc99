"""CSV, TSV and Parquet: what is written is read; of a damaged file every row, or an error."""

import gzip

import pyarrow as pa
from hypothesis import strategies as st

from hf_genomics.data.species_map import SpeciesMap
from hf_genomics.data.tables import column_names, read_batches, table_writer
from tests.fuzz.cases import fuzz, refused
from tests.fuzz.damage import broken, damages, junk, unpacked

# A file in UTF-8 cannot hold lone surrogates, and may begin with a byte-order mark that is no text.
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")
TEXTS = st.one_of(
    st.text("ACGTN", max_size=12),
    st.sampled_from(["", "NA", "nan", "007", "1e5", '"', '""', "a,b", "a\tb", "\n", "\r\n", "\r"]),
    st.text(ANY, max_size=8),
)
DELIMITERS = {"csv": ",", "tsv": "\t"}


@st.composite
def tables(draw, texts=TEXTS):
    """Columns of text, at least one row."""
    names = draw(st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.tuples(*(texts for _ in names)), min_size=1, max_size=6))
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def read(path, batch_size=2):
    """All columns, and that every batch but the last is full."""
    names = column_names(path)
    batches = list(read_batches(path, batch_size))
    assert all(len(batch[names[0]]) == batch_size for batch in batches[:-1])
    return {name: [value for batch in batches for value in batch[name]] for name in names}


@fuzz(table=tables(), kind=st.sampled_from(["csv", "tsv", "csv.gz", "txt"]))
def test_written_text_is_read(table, kind, folder):
    path = folder / f"written.{kind}"
    with table_writer(path) as append:
        append(table)
    assert read(path) == table


@fuzz(
    table=tables(),
    numbers=st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), min_size=6, max_size=6),
)
def test_written_parquet_is_read(table, numbers, folder):
    rows = len(next(iter(table.values())))
    table = table | {"a number": numbers[:rows]}
    path = folder / "written.parquet"
    with table_writer(path, schema=pa.schema([("a number", pa.float64())])) as append:
        append(table)
    assert read(path) == table


@fuzz(
    table=tables(st.one_of(st.text("ACGT", max_size=12), st.sampled_from(['"', "a,b", "\n"]))),
    kind=st.sampled_from(["csv", "tsv"]),
    damage=damages(),
)
def test_damaged_text_gives_each_of_its_rows_or_an_error(table, kind, damage, folder):
    path = folder / f"damaged.{kind}"
    with table_writer(path) as append:
        append(table)
    path.write_bytes(damage(path.read_bytes()))
    check(path)


@fuzz(table=tables(), cut=st.integers(1, 10_000))
def test_parquet_that_is_cut_off_is_refused(table, cut, folder):
    path = folder / "cut.parquet"
    with table_writer(path) as append:
        append(table)
    whole = path.read_bytes()
    path.write_bytes(whole[: -(cut % len(whole) or len(whole))])
    _, error = refused(lambda: read(path), str(path))
    assert error is not None


@fuzz(content=junk(), kind=st.sampled_from(["csv", "tsv"]))
def test_junk_gives_each_of_its_rows_or_an_error(content, kind, folder):
    path = folder / f"junk.{kind}"
    path.write_bytes(content)
    check(path)


@fuzz(table=tables(), damage=damages())
def test_damaged_compressed_text_gives_its_rows_or_an_error(table, damage, folder):
    path = folder / "damaged.csv.gz"
    with table_writer(path) as append:
        append(table)
    text = unpacked(path)
    path.write_bytes(damage(path.read_bytes()))
    found, error = refused(lambda: read(path), str(path))
    assert error is not None or not broken(path)
    if error is None and unpacked(path) == text:
        assert found == table


@fuzz(
    content=st.one_of(junk(), tables(st.text("leafnm", max_size=5)).map(lambda t: _csv(t))),
    damage=damages(),
)
def test_damaged_map_of_species_is_a_map_or_an_error(content, damage, folder):
    path = folder / "species.csv"
    path.write_bytes(b"name,leaf\n" + damage(content))
    found, error = refused(lambda: SpeciesMap.from_csv(path), str(path))
    if error is None:
        text = path.read_bytes().decode()
        assert all(name in text.replace('""', '"') for name in found.leaves)


def check(path):
    found, error = refused(lambda: read(path), str(path))
    rows = parsed(path, DELIMITERS[path.suffix[1:]])
    fits = rows and len(set(rows[0])) == len(rows[0]) and len({len(row) for row in rows}) == 1
    assert (error is None) == bool(fits), (error, rows)
    if error is None:
        assert [list(found), *map(list, zip(*found.values(), strict=True))] == rows


def parsed(path, delimiter):
    """Rows by the rules of RFC 4180, character by character; None where the text breaks them."""
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError):
        return None
    rows, row, field, quoted, at = [], [], "", None, 0  # quoted: None, "open" or "closed"
    while at < len(text):
        sign = text[at]
        if quoted == "open":
            if sign == '"' and text[at + 1 : at + 2] == '"':
                field, at = field + '"', at + 1
            elif sign == '"':
                quoted = "closed"
            else:
                field += sign
        elif sign == '"' and not field and quoted is None:
            quoted = "open"
        elif sign == delimiter:
            row, field, quoted = [*row, field], "", None
        elif sign in "\r\n":
            if row or field or quoted:
                rows.append([*row, field])
            row, field, quoted = [], "", None
        elif quoted == "closed":
            return None
        else:
            field += sign
        at += 1
    if quoted == "open":
        return None
    return [*rows, [*row, field]] if row or field or quoted else rows


def _csv(table):
    return "\n".join(map(",".join, zip(*table.values(), strict=True))).encode()
