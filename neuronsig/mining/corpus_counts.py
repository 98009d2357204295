"""What all neurons' profiles are compared with, counted batch by batch: items, tags and shares by stratum."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.encoding.sentences import Sentences, read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.moments import Places, TokenMoments, design_effect, tag_sums
from neuronsig.ragged import Codes

PROFILED = ("items", "tags", "stratum")
"""Columns of encoded rows that profiles are made of."""

FLUSH = 1 << 22
"""Increments held back before they are counted at once: one pass over the counters costs more than the counting."""

_NONE, _START = np.zeros(0, np.int64), np.zeros(1, np.int64)
_NOTHING = Sentences(_START, _NONE, _NONE, _NONE, _START, _NONE, _START, np.zeros(0, np.int16))


@dataclass(frozen=True)
class CorpusCounts:
    """What neurons are compared with: all sentences but those held out, a neuron's own included."""

    dictionary: Dictionary
    items: NDArray[np.integer]  # (n_items, strata) sentences with the word or metadata value
    tags: Codes  # (n_tags, strata) tokens with the tag
    tag_effect: NDArray[np.float64]  # (n_tags,) design effect of the tag's tokens: see moments.design_effect
    moments: TokenMoments
    places: Places


class CorpusCells:
    """One flat counter: items by stratum, tags by stratum, then tag_sums, and the rows of TokenMoments by stratum."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary, self.strata = dictionary, dictionary.strata.size
        self.bounds = np.cumsum([0, dictionary.n_items * self.strata, len(dictionary.tags) * self.strata])
        self._counted = np.zeros(self.bounds[-1], np.int64)
        self._sums = [np.zeros_like(part) for part in self._sums_of(_NOTHING)]
        self.size = len(self._counted) + sum(part.size for part in self._sums)
        self._held: list[NDArray[np.int64]] = []
        self._held_size = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count some encoded rows."""
        found = read_sentences(batch, PROFILED)
        strata = found.strata.astype(np.int64)
        for codes, offsets, start in (
            (found.items, found.item_offsets, self.bounds[0]),
            (found.tags, found.offsets, self.bounds[1]),
        ):
            keys = start + codes.astype(np.int64) * self.strata + np.repeat(strata, np.diff(offsets))
            self._held.append(keys)
            self._held_size += len(keys)
        if self._held_size >= FLUSH:
            self._flush()
        for total, part in zip(self._sums, self._sums_of(found), strict=True):
            total += part

    def total(self) -> NDArray[np.int64]:
        """(size,) all counts."""
        self._flush()
        return np.concatenate([self._counted, *(part.ravel() for part in self._sums)])

    def corpus(self, total: NDArray[np.int64], places: Places) -> CorpusCounts:
        """What a counter of all sentences says."""
        items, tags, rest = np.split(total, self.bounds[1:])
        parts = []
        for part in self._sums:
            parts.append(rest[: part.size].reshape(part.shape))
            rest = rest[part.size :]
        xx, xy, moments = parts[0], parts[1], TokenMoments(*parts[2:])
        tags = tags.reshape(-1, self.strata)
        effect = design_effect(tags.sum(axis=1), xx, xy, int(moments.y.sum()), int(moments.yy.sum()))
        by_item = items.reshape(-1, self.strata).astype(np.int32)
        return CorpusCounts(self.dictionary, by_item, tags, effect, moments, places)

    def _flush(self) -> None:
        if self._held:
            self._counted += np.bincount(np.concatenate(self._held), minlength=len(self._counted))
            self._held, self._held_size = [], 0

    def _sums_of(self, found: Sentences) -> tuple[NDArray[np.int64], ...]:
        names = self.dictionary.tags
        moments = TokenMoments.of(found.offsets, found.tags, found.strata, names, self.strata)
        return *tag_sums(found.offsets, found.tags, len(names)), *(getattr(moments, f.name) for f in fields(moments))
