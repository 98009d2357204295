"""A signature's statements as rows of STATEMENTS, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from neuronsig.neuron import Neuron
from neuronsig.statements.statement import Single, Statement


@dataclass(frozen=True)
class Weighed:
    """A statement of a signature, what is known of it, and its weight (natural log odds) in each model.

    `told` is its weight among the statements that are told, `hundred` among the first HUNDRED, where several may be one
    class, and `whole` among all that are no class; None where it is not one of them. `bits` are what it added to the
    statements told before it, and `covered` the share of the list that it and those before it hold of.
    """

    statement: Statement
    f1: int
    n1: int
    f2: int
    n2: int
    log_odds: float
    log_odds_limit: float
    bits: float | None
    covered: float | None
    told: float | None
    hundred: float | None
    whole: float | None


def as_rows(neuron: Neuron, statements: Sequence[Weighed]) -> list[dict[str, Any]]:
    """Rows of STATEMENTS."""
    return [
        {
            **neuron.as_row(),
            "rank": rank,
            "operation": one.statement.operation,
            "kinds": [part.kind for part in one.statement.parts],
            "patterns": [list(part.pattern) for part in one.statement.parts],
            **{name: getattr(one, name) for name in _MEASURES},
        }
        for rank, one in enumerate(statements)
    ]


_MEASURES = [field.name for field in fields(Weighed) if field.name != "statement"]


def of_row(row: Mapping[str, Any]) -> Weighed:
    """The statement of a row of STATEMENTS."""
    parts = (Single(kind, tuple(pattern)) for kind, pattern in zip(row["kinds"], row["patterns"], strict=True))
    return Weighed(Statement(row["operation"], tuple(parts)), **{name: row[name] for name in _MEASURES})
