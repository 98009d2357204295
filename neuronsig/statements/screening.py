"""Which of thousands of statements are looked at closely: those that tell most of a list by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from neuronsig.statements.logistic import Floats, information
from neuronsig.statements.selection import halving
from neuronsig.statements.statement import Single

SCREENED = 1500
"""Statements that are looked at closely, those that tell most by themselves."""

Places = NDArray[np.int64]


def most_telling(f1: Floats, n1: int, f2: Floats, n2: int) -> Places:
    """Places of the statements, those first that tell most: f1 of n1 listed sentences and f2 of n2 others have each."""
    return np.argsort(-information(f1, n1, f2, n2), kind="stable")


def screened(matrix: sparse.csr_matrix, order: Places, singles: Sequence[Single], share: Floats) -> Places:
    """Places of the columns that are looked at closely: the first of `order`, and simple ones that halve the text.

    `share` (statements,) is that of the text's sentences with each.
    """
    return distinct(matrix, np.union1d(order[:SCREENED], halving(singles, share)))


def distinct(matrix: sparse.csr_matrix, places: Places) -> Places:
    """Of those columns that hold of the same sentences the first; `places` ascend, simple kinds first."""
    drawn = np.random.default_rng(0).random(matrix.shape[0])
    _, first = np.unique(np.round((matrix.T @ drawn)[places], 9), return_index=True)
    return places[np.sort(first)]
