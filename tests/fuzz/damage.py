"""Ways in which files get damaged: cut off, lines lost or doubled, bytes changed, junk."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

PLACES = st.integers(0, 1 << 20)  # taken modulo what there is
Damage = Callable[[bytes], bytes]


def damages() -> st.SearchStrategy[Damage]:
    """One to three kinds of damage, one after the other."""
    one = st.one_of(
        st.builds(_cut, PLACES),
        st.builds(_without_line, PLACES),
        st.builds(_doubled_line, PLACES),
        st.builds(_swapped_lines, PLACES, PLACES),
        st.builds(_swapped_bytes, PLACES, PLACES),
        st.builds(_overwritten, PLACES, st.binary(min_size=1, max_size=3)),
        st.builds(_inserted, PLACES, st.binary(min_size=1, max_size=8)),
        st.builds(
            _inserted, PLACES, st.sampled_from([b"\n", b"\r", b"\t", b",", b'"', b" ", b">"])
        ),
        st.builds(_removed, PLACES, st.integers(1, 12)),
    )
    return st.lists(one, min_size=1, max_size=3).map(_all)


def junk() -> st.SearchStrategy[bytes]:
    """Bytes that are no file of any kind, some of which look compressed."""
    heads = st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x04", b"BZh", b"PAR1", b"\xff\xfe"])
    return st.builds(bytes.__add__, heads, st.binary(max_size=60))


def unpacked(path: Path) -> bytes | None:
    """What gzip makes of a file, None where it is broken or begins as another kind of file."""
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return None


def broken(path: Path) -> bool:
    """Whether a file begins as gzip and is none."""
    return path.read_bytes()[:2] == b"\x1f\x8b" and unpacked(path) is None


def _all(parts: list[Damage]) -> Damage:
    def damage(data: bytes) -> bytes:
        for part in parts:
            data = part(data)
        return data

    return damage


def _cut(place: int) -> Damage:
    return lambda data: data[: place % (len(data) + 1)]


def _without_line(place: int) -> Damage:
    def damage(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        at = place % len(lines) if lines else 0
        return b"".join(lines[:at] + lines[at + 1 :])

    return damage


def _doubled_line(place: int) -> Damage:
    def damage(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        at = place % len(lines) if lines else 0
        return b"".join(lines[: at + 1] + lines[at:])

    return damage


def _swapped_lines(first: int, second: int) -> Damage:
    def damage(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        if lines:
            i, j = first % len(lines), second % len(lines)
            lines[i], lines[j] = lines[j], lines[i]
        return b"".join(lines)

    return damage


def _swapped_bytes(first: int, second: int) -> Damage:
    def damage(data: bytes) -> bytes:
        changed = bytearray(data)
        if changed:
            i, j = first % len(changed), second % len(changed)
            changed[i], changed[j] = changed[j], changed[i]
        return bytes(changed)

    return damage


def _overwritten(place: int, by: bytes) -> Damage:
    def damage(data: bytes) -> bytes:
        at = place % (len(data) + 1)
        return data[:at] + by + data[at + len(by) :]

    return damage


def _inserted(place: int, what: bytes) -> Damage:
    def damage(data: bytes) -> bytes:
        at = place % (len(data) + 1)
        return data[:at] + what + data[at:]

    return damage


def _removed(place: int, size: int) -> Damage:
    def damage(data: bytes) -> bytes:
        at = place % (len(data) + 1)
        return data[:at] + data[at + size :]

    return damage
