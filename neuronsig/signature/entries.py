"""The rows of a neuron's patterns that a reader is shown: redundant ones under what they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from neuronsig.signature.view import Evidence


class Entry(NamedTuple):
    """A row that nothing explains, or explained by something that is not shown; `repeated` are the rows it explains."""

    row: Evidence
    repeated: tuple[Evidence, ...] = ()


def without_redundancy(rows: Sequence[Evidence], n: int) -> list[Entry]:
    """The first `n` entries of ranked rows that stand out; where none does, the first six rows as they are.

    A row that another one explains stands under that, or under what explains it in turn. Where the part is of another
    table, as a single word explains a sequence, there is nothing to stand under: it is left out, because the words'
    own table says it.
    """
    beyond_chance = [row for row in rows if row.stands_out]
    if not beyond_chance:
        return [Entry(row) for row in rows[:6]]
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
