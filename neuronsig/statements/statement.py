"""Statements: what is said of a sentence, one of a family or several joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Pattern = tuple[str, ...]

TIMES = "×"
"""`×2` at the end of a pattern: at least twice."""


@dataclass(frozen=True, order=True)
class Single:
    """One statement of a family."""

    kind: str
    pattern: Pattern


@dataclass(frozen=True)
class Statement:
    """Something that holds of a sentence or not: one statement, or several joined by `operation`.

    Operations: or (any of the parts), and, but_not (the first without the second), either (one of both, not both).
    """

    operation: str
    parts: tuple[Single, ...]

    def joined(self, parts: Iterable[Mask]) -> Mask:
        """(sentences,) whether it holds of each, of whether its parts do."""
        return joined(self.operation, parts)


def joined(operation: str, parts: Iterable[Mask]) -> Mask:
    """(n,) of the parts' (n,)."""
    first, *rest = parts
    if operation == "but_not":
        return first & ~rest[0]
    combine = {"or": np.logical_or, "and": np.logical_and, "either": np.logical_xor, "": np.logical_or}[operation]
    return np.asarray(reduce(combine, rest, first))
