"""A reader of Newick text that says where the text is wrong."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<sign>[(),:;])"
    r"|(?P<quoted>'(?:[^']|'')*')"
    r"|(?P<word>[^\s(),:;'\[\]]+)"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)
_COMMENT_SIGN = re.compile(r"[\[\]]")


@dataclass(eq=False)
class ParsedNode:
    """A node of the text; `position` is where it ends, counted from 1."""

    parent: "ParsedNode | None"
    is_leaf: bool
    position: int
    name: str = ""
    length: float | None = None


def parse_newick(text: str) -> list[ParsedNode]:
    """The nodes of one tree in postorder, as they end in the text; every leaf has a name.

    Every node but the last, the root, has a length; all lengths are finite and not negative.

    Raises:
        ValueError: The text is not such a tree; the message names the position, counted from 1.
    """
    nodes: list[ParsedNode] = []
    open_nodes: list[ParsedNode] = []
    # The node that ended last, which a name, a length, a comma or a parenthesis may follow.
    node: ParsedNode | None = None
    tokens = _tokens(text)
    for kind, token, position in tokens:
        if kind == "word":
            if node is None:
                node = ParsedNode(_last(open_nodes), True, position, token)
                nodes.append(node)
            elif node.is_leaf or node.name or node.length is not None:
                raise _error(position, f"{token!r} follows {node.name!r} without a comma between")
            else:
                node.name = token
        elif token == "(":
            if node is not None:
                raise _error(position, "a parenthesis opens behind a node; put a comma before it")
            open_nodes.append(ParsedNode(_last(open_nodes), False, position))
        elif node is None:
            raise _error(position, f"a node without a name and without children, before {token!r}")
        elif token == ":":
            if node.length is not None:
                raise _error(position, f"a second length for {node.name!r}")
            node.length = _length(node, *next(tokens, ("", "", len(text) + 1)))
        elif token == ";":
            if open_nodes:
                raise _error(
                    position,
                    f"the tree ends while {len(open_nodes)} parentheses are open, the last from "
                    f"position {open_nodes[-1].position}",
                )
            for _, rest, place in tokens:
                raise _error(place, f"{rest!r} behind the end of the tree; pass one tree")
            return nodes
        elif not open_nodes:
            raise _error(position, f"{token!r} outside of all parentheses")
        elif node.length is None:
            raise _error(
                position,
                f"no length for the branch above {node.name!r}; write one, as in {node.name}:0.1",
            )
        elif token == ",":
            node = None
        else:
            node = open_nodes.pop()
            node.position = position
            nodes.append(node)
    raise _error(len(text) + 1, "the text ends without ';'")


def check_length(length: float, where: str) -> None:
    """Raise ValueError, naming `where`, for a length that is not finite or is negative."""
    if not 0 <= length < math.inf:
        raise ValueError(f"{where} has length {length}; lengths are finite and not negative.")


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Kind ("sign" or "word"), text without quotes, and position of each part that matters."""
    at = 0
    while at < len(text):
        if text[at] == "[":
            at = _end_of_comment(text, at)
            continue
        found = _TOKEN.match(text, at)
        if not found:
            raise _error(at + 1, f"{text[at]!r} without its counterpart")
        kind = found.lastgroup
        if kind == "quoted":
            yield "word", found[0][1:-1].replace("''", "'"), at + 1
        elif kind != "space":
            yield str(kind), found[0], at + 1
        at = found.end()


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for sign in _COMMENT_SIGN.finditer(text, start):
        depth += 1 if sign[0] == "[" else -1
        if not depth:
            return sign.end()
    raise _error(start + 1, "the comment that opens here does not end")


def _length(node: ParsedNode, kind: str, token: str, position: int) -> float:
    if kind != "word" or not _NUMBER.fullmatch(token):
        raise _error(position, f"{token!r} is no length for {node.name!r}; a number has to follow")
    check_length(
        float(token), f"position {position} of the Newick text: the branch above {node.name!r}"
    )
    return float(token)


def _last(open_nodes: list[ParsedNode]) -> ParsedNode | None:
    return open_nodes[-1] if open_nodes else None


def _error(position: int, what: str) -> ValueError:
    return ValueError(f"position {position} of the Newick text: {what}.")
