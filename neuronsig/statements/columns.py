"""Which sentences each statement holds of: a sparse matrix of a column for every single statement.

A *single* statement is of one family; to have it several times is another one, with how often at the end of its
pattern. Statements in fewer than `least` of the counted sentences have no column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from neuronsig.ragged import Codes
from neuronsig.statements.families import FAMILIES, FOUND, REPEATS, Family, Frequent
from neuronsig.statements.statement import TIMES, Single
from neuronsig.statements.tokens import Layer, Tokens


@dataclass(frozen=True)
class Columns:
    """`matrix` (sentences, statements), 1 where the statement holds; `singles` names its columns."""

    matrix: sparse.csr_matrix
    singles: list[Single]

    def __len__(self) -> int:
        return self.matrix.shape[0]

    @cached_property
    def place(self) -> dict[Single, int]:
        """The column of each statement."""
        return {single: column for column, single in enumerate(self.singles)}

    @cached_property
    def of_each_kind(self) -> Counter[str]:
        """How many statements there are of each kind."""
        return Counter(single.kind for single in self.singles)

    def of_kinds(self, kinds: Iterable[str]) -> NDArray[np.int64]:
        """The columns of these kinds."""
        wanted = set(kinds)
        return np.array([i for i, single in enumerate(self.singles) if single.kind in wanted], np.int64)

    def dense(self, singles: Iterable[Single]) -> NDArray[np.bool_]:
        """(sentences, statements) of these; one without a column holds of no sentence."""
        places = [self.place.get(single, -1) for single in singles]
        found = np.zeros((len(self), len(places)), bool)
        known = [i for i, place in enumerate(places) if place >= 0]
        if known:
            found[:, known] = self.matrix[:, [places[i] for i in known]].toarray().astype(bool)
        return found


def counts(matrix: Any) -> NDArray[np.float64]:
    """(columns,) rows of a sparse 0/1 matrix that have each."""
    return np.asarray(matrix.sum(axis=0), np.float64).ravel()


def columns_of(
    table: pa.Table, least: int, counted: NDArray[np.bool_] | None = None, kinds: Iterable[str] = FOUND
) -> Columns:
    """The columns of a table with neuronsig.statements.tokens.COLUMNS, its rows in their order.

    A statement needs `least` sentences of those `counted` (rows,), all where it is None.
    """
    tokens = Tokens.of(table)
    n = len(tokens)
    here = np.ones(n, bool) if counted is None else counted
    known: dict[int, NDArray[np.bool_]] = {}

    def frequent(layer: Layer) -> NDArray[np.bool_]:
        if id(layer) not in known:
            rows, codes, _ = _distinct(tokens.rows, layer.codes, n)
            known[id(layer)] = np.bincount(codes[here[rows]], minlength=len(layer.names)) >= least
        return known[id(layer)]

    rows: list[Codes] = []
    columns: list[Codes] = []
    singles: list[Single] = []
    for name in kinds:
        for part_rows, part_codes, names in _family(FAMILIES[name], tokens, frequent, here, least):
            rows.append(part_rows)
            columns.append(part_codes + len(singles))
            singles += names
    row, column = (np.concatenate(parts) if parts else np.zeros(0, np.int64) for parts in (rows, columns))
    values = np.ones(len(row), np.float32)
    return Columns(sparse.csr_matrix((values, (row, column)), shape=(n, len(singles))), singles)


def _family(
    family: Family, tokens: Tokens, frequent: Frequent, here: NDArray[np.bool_], least: int
) -> Iterator[tuple[Codes, Codes, list[Single]]]:
    """(sentences, places in the statements, statements) of a family: to have it, and to have it so many times."""
    assert family.find is not None
    found = family.find(tokens, frequent)
    rows, codes, times = _distinct(found.rows, found.codes, len(tokens))
    for number in (1, *REPEATS) if family.repeats else (1,):
        if number > 1:
            often = times >= number
            rows, codes, times = rows[often], codes[often], times[often]
        kept, counts = np.unique(codes[here[rows]], return_counts=True)
        kept = kept[counts >= least]
        if not len(kept):
            return
        place = np.searchsorted(kept, codes)
        place[place == len(kept)] = 0
        known = kept[place] == codes
        more = (f"{TIMES}{number}",) if number > 1 else ()
        yield rows[known], place[known], [Single(family.name, (*found.pattern(int(code)), *more)) for code in kept]


def _distinct(rows: Codes, codes: Codes, n: int) -> tuple[Codes, Codes, Codes]:
    """Each (row, code) once, by row and code, and how often it is there."""
    if not len(rows):
        return rows, codes, np.zeros(0, np.int64)
    names, place = np.unique(codes, return_inverse=True)
    keys, times = np.unique(rows * len(names) + place, return_counts=True)
    return keys // len(names), names[keys % len(names)], times
