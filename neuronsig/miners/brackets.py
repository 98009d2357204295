"""Trees as brackets: `(S (NP (PRP it)) (VP (VBZ rains)))`, and subtrees as P2's Table 2 writes them.

Brackets of a word itself are written as the Penn Treebank does, -LRB- and -RRB-.
"""

import re
from collections.abc import Iterable

from neuronsig.errors import InputError

Node = tuple[int, str]
"""Depth (root 0) and label. The nodes of a tree in preorder determine it."""

ROOT = "ROOT"
"""The label of an outermost bracket without one, as in the Penn Treebank's files."""

TOKEN = re.compile(r"[()]|[^\s()]+")


def parse_tree(text: str, words: bool = False, lower: bool = False) -> tuple[list[str], list[int]]:
    """Labels and 1-based heads, in preorder, of one bracketed tree.

    The words at the leaves are left out unless `words`, and in lower case if `lower`. Raises InputError that names the
    character when brackets are not balanced, a bracket has no label, or text stands outside of them.
    """
    labels: list[str] = []
    heads: list[int] = []
    open_nodes: list[int] = []
    previous = ""
    for found in TOKEN.finditer(text):
        token, place = found.group(), found.start() + 1
        if token == "(":
            if previous == "(" and labels:
                if len(open_nodes) > 1:
                    raise _malformed(text, place, "'(' where a label should stand")
                labels[-1] = ROOT
            if not open_nodes and labels:
                raise _malformed(text, place, "a second tree; give one a line")
            labels.append("")
            heads.append(open_nodes[-1] if open_nodes else 0)
            open_nodes.append(len(labels))
        elif token == ")":
            if previous == "(":
                raise _malformed(text, place, "a bracket without a label")
            if not open_nodes:
                raise _malformed(text, place, "')' without its '('")
            open_nodes.pop()
        elif previous == "(":
            labels[-1] = token
        elif not open_nodes:
            raise _malformed(text, place, f"{token!r} outside of all brackets")
        elif words:
            labels.append(token.lower() if lower else token)
            heads.append(open_nodes[-1])
        previous = token
    if open_nodes:
        raise _malformed(text, len(text) + 1, f"{len(open_nodes)} ')' missing")
    if not labels:
        raise _malformed(text, 1, "no bracket")
    return labels, heads


def _malformed(text: str, place: int, what: str) -> InputError:
    start = max(place - 21, 0)
    return InputError(f"bracketed tree, character {place}: {what}, near {text[start : place + 20]!r}")


def nodes_of(text: str) -> tuple[Node, ...]:
    """The nodes of a bracketed subtree in preorder; the inverse of `brackets`. Raises InputError as `parse_tree`."""
    labels, heads = parse_tree(text, words=True)
    depth: list[int] = []
    for head in heads:
        depth.append(depth[head - 1] + 1 if head else 0)
    return tuple(zip(depth, labels, strict=True))


def brackets(nodes: Iterable[Node]) -> str:
    """The bracketed string of nodes in preorder: `(VBD (PRP) (NN (DT)))`."""
    parts: list[str] = []
    before = -1
    for depth, label in nodes:
        parts.append(")" * (before - depth + 1) + (" (" if parts else "(") + bracket_label(label))
        before = depth
    return "".join(parts) + ")" * (before + 1)


def bracket_label(label: str) -> str:
    """A label that can stand in brackets: without brackets or spaces of its own."""
    return re.sub(r"\s+", "_", label.replace("(", "-LRB-").replace(")", "-RRB-"))


def drawn_tree(pattern: str) -> str:
    """A bracketed subtree as lines, a node each below its parent: `VB`, `├ RB`, `└ NN`."""
    nodes = nodes_of(pattern)
    lines = [nodes[0][1]]
    for place, (depth, label) in enumerate(nodes[1:], 1):
        bars = ""
        for level in range(1, depth + 1):
            # Whether a later node of this level hangs on the same parent.
            rest = next((other for other, _ in nodes[place + 1 :] if other <= level), 0)
            goes_on = rest == level
            bars += ("├ " if goes_on else "└ ") if level == depth else ("│ " if goes_on else "  ")
        lines.append(bars + label)
    return "\n".join(lines)
