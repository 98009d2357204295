"""Evidence as it is read: what says the same again stands under what it repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from neuronsig.miners.brackets import nodes_of
from neuronsig.signature.view import Evidence


class Entry(NamedTuple):
    """A row that nothing explains, or explained by something that is not shown; `repeated` are the rows it explains."""

    row: Evidence
    repeated: tuple[Evidence, ...]


def folded(rows: Sequence[Evidence], n: int) -> list[Entry]:
    """The first `n` entries of ranked rows that stand out; where none does, the first six rows as they are.

    A row that another one explains stands under that, or under what explains it in turn. Where the part is of another
    table, as a single word explains a sequence, there is nothing to stand under: it is left out, because the words'
    own table says it.
    """
    beyond_chance = [row for row in rows if row.stands_out]
    if not beyond_chance:
        return [Entry(row, ()) for row in rows[:6]]
    by_pattern = {row.pattern: row for row in beyond_chance}
    under: dict[tuple[str, ...], list[Evidence]] = {}
    for row in beyond_chance:
        if row.explained_by and (root := _root(row, by_pattern)) is not None:
            under.setdefault(root.pattern, []).append(row)
    plain = [row for row in beyond_chance if not row.explained_by]
    return [Entry(row, tuple(under.get(row.pattern, ()))) for row in plain[:n]]


def _root(row: Evidence, by_pattern: dict[tuple[str, ...], Evidence]) -> Evidence | None:
    seen = {row.pattern}
    while row.explained_by:
        found = by_pattern.get(row.explained_by)
        if found is None or found.pattern in seen:
            return None
        seen.add(found.pattern)
        row = found
    return row


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
