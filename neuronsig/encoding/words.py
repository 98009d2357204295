"""The words alone of some sentences as integers, for what reads no other column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuronsig.ragged import Codes, coded, flat_words, offsets_of


@dataclass(frozen=True)
class WordText:
    """Lower-cased words of sentences, as codes of `names`; sentence i has codes[offsets[i]:offsets[i + 1]]."""

    ids: Codes  # (sentences,) ascending
    codes: Codes  # (words,)
    offsets: Codes  # (sentences + 1,)
    names: pa.Array  # in alphabetical order, so that codes order words whatever files they came from

    @classmethod
    def of(cls, table: pa.Table) -> WordText:
        """Of a table with the columns `sentence_id` and `tokens`."""
        table = table.sort_by("sentence_id")
        values, offsets = flat_words(table["tokens"], lower=True)
        names, codes = coded(values)
        order = pc.array_sort_indices(names).to_numpy()
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(table["sentence_id"].to_numpy(), place[codes], offsets, names.take(pa.array(order)))

    def lists(self, ids: Codes) -> tuple[Codes, Codes]:
        """Codes and offsets of sentences that are all there, in the order given."""
        rows = np.searchsorted(self.ids, ids)
        lengths = np.diff(self.offsets)[rows]
        offsets = offsets_of(lengths)
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[rows], lengths)
        return self.codes[place], offsets


def word_codes(tokens: pa.Array, names: pa.Array) -> tuple[Codes, Codes]:
    """The place in `names` of every word of token lists, -1 for another word, and the lists' offsets."""
    values, offsets = flat_words(tokens, lower=True)
    return pc.fill_null(pc.index_in(values, names), -1).to_numpy(zero_copy_only=False), offsets
