"""What sets a neuron's facets apart (P1 4.1), or any groups of its sentences: statements of each against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from neuronsig.statements.columns import Columns, columns_of, counts
from neuronsig.statements.screening import Places, most_telling, screened
from neuronsig.statements.selection import Selection
from neuronsig.statements.statement import Mask
from neuronsig.statements.training import LEAST
from neuronsig.statements.wording import said

TOLD = 3
"""Statements of a group, at most."""


@dataclass(frozen=True)
class OfGroup:
    """A statement in words, and the shares of the group's sentences and of the other groups' that it holds of."""

    statement: str
    share: float
    others: float


def told_of_groups(table: pa.Table, groups: Sequence[Places], lists: int) -> list[list[OfGroup]]:
    """For each of two or more groups what predicts that a sentence is in it, the strongest first; often nothing.

    `table` has neuronsig.statements.tokens.COLUMNS, `groups` are places of its rows, none in two. What is told first of
    a group must be credible among all of `lists` groups, further statements as in neuronsig.statements.selection.
    """
    rows = np.concatenate(groups)
    columns = columns_of(table.take(rows), LEAST)
    group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return [_told(columns, group_of == number, lists) for number in range(len(groups))]


def _told(columns: Columns, inside: Mask, lists: int) -> list[OfGroup]:
    order = np.argsort(~inside, kind="stable")
    n, matrix = int(inside.sum()), columns.matrix[order]
    f1, f2 = counts(matrix[:n]), counts(matrix[n:])
    others = len(order) - n
    near = screened(matrix, most_telling(f1, n, f2, others), columns.singles, (f1 + f2) / len(order))
    singles = [columns.singles[place] for place in near]
    choice = Selection(matrix[:, near].tocsc(), singles, inside[order], columns.of_each_kind, lists)
    selected, model = choice.choose(TOLD)
    found = []
    for one, weight in zip(selected, model.weights, strict=True):
        holds = one.holds == (weight > 0)
        found.append(OfGroup(said(one.statement, weight > 0), float(holds[:n].mean()), float(holds[n:].mean())))
    return found
