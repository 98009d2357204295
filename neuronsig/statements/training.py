"""A neuron's list and the text that it is set against, as columns of statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.config import MiningConfig
from neuronsig.splitmix import uniform
from neuronsig.statements.columns import Columns, columns_of, counts
from neuronsig.statements.logistic import Floats
from neuronsig.statements.mined import with_mined
from neuronsig.statements.statement import Single

FITTED = 4000
"""Sentences of a list that are fitted, at most, evenly by rank."""
REFERENCE = (8, 2000, 8000)
"""Sentences that lists are set against, about: so many times the list's, but no fewer and no more than these."""
LEAST = 6
"""Sentences with a statement, at least, of those that a block of lists and the reference have."""
_SEED = 0x7265666572  # another than that of the sentences held out

Ids = NDArray[np.int64]


def fitted(sentence_ids: Ids) -> Ids:
    """Of a list, best sentence first, those that are fitted."""
    if len(sentence_ids) <= FITTED:
        return sentence_ids
    return sentence_ids[np.linspace(0, len(sentence_ids) - 1, FITTED).astype(np.int64)]


def reference_of(ids: Ids, listed: int) -> Ids:
    """The ids that lists of `listed` sentences are set against, ascending: the same ones whatever their order."""
    return np.sort(ids[uniform(ids, _SEED) < reference_size(listed) / max(len(ids), 1)])


def reference_size(listed: int) -> int:
    """About how many sentences lists of so many are set against."""
    times, least, most = REFERENCE
    return min(max(times * listed, least), most)


@dataclass(frozen=True)
class TrainingText:
    """Sentences of some lists and of the reference."""

    ids: Ids  # (sentences,) ascending
    columns: Columns
    reference: Ids  # places of the sentences that lists are set against

    @classmethod
    def of(
        cls,
        table: pa.Table,
        reference: Ids,
        mined: tuple[Iterable[Single], MiningConfig] | None = None,
        judged: Ids | None = None,
    ) -> TrainingText:
        """Of sentences with neuronsig.statements.tokens.COLUMNS, ascending in sentence_id, those of `reference` too.

        `mined` are patterns that were mined of the lists, and how. Sentences that are `judged` count for nothing: a
        statement needs LEAST of the others.
        """
        ids = table["sentence_id"].to_numpy()
        counted = None if judged is None else ~np.isin(ids, judged)
        columns = columns_of(table, LEAST, counted)
        if mined is not None:
            columns = with_mined(columns, table, *mined, LEAST, counted)
        return cls(ids, columns, np.searchsorted(ids, reference))

    @cached_property
    def words(self) -> Ids:
        """Places of the statements that a sentence has a word."""
        singles = enumerate(self.columns.singles)
        return np.array([i for i, one in singles if one.kind == "word" and len(one.pattern) == 1], np.int64)

    @cached_property
    def reference_counts(self) -> Floats:
        """(statements,) sentences of the reference with each."""
        return counts(self.columns.matrix[self.reference])


@dataclass(frozen=True)
class Training:
    """One list and what it is set against: sentences first listed, then the others."""

    rows: Ids
    listed: NDArray[np.bool_]

    @classmethod
    def of(cls, text: TrainingText, sentence_ids: Ids) -> Training:
        """Of a list, best sentence first, whose fitted sentences the text has."""
        used = np.searchsorted(text.ids, fitted(sentence_ids))
        others = text.reference[~np.isin(text.ids[text.reference], sentence_ids)]
        return cls(np.concatenate((used, others)), np.arange(len(used) + len(others)) < len(used))
