"""Some sentences with a vocabulary made of themselves: a pattern with any other word is in none of them.

`Text` has all that patterns are made of; `WordText` the words alone, for what reads no other column.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.encoding.counting import NODES, SOURCE
from neuronsig.encoding.sentences import Encoder, Sentences
from neuronsig.encoding.vocabulary import Vocabulary
from neuronsig.errors import InputError
from neuronsig.kinds import METADATA, TAGS, WORDS
from neuronsig.miners.trees import Forest, forest
from neuronsig.ragged import Codes, coded, flat_words, offsets_of, one_array


@dataclass(frozen=True)
class Text:
    """Sentences of the sentences table, ordered by id."""

    ids: Codes  # (sentences,)
    vocabulary: Vocabulary
    sentences: Sentences

    @classmethod
    def of(cls, table: pa.Table) -> Text:
        """Encode a table with the columns SOURCE, and NODES where trees are a user's.

        Raises InputError where a sentence has not one tag a token, or ids repeat.
        """
        users = NODES in table.column_names
        table = table.select([*SOURCE, *[NODES] * users]).sort_by("sentence_id")
        ids = table["sentence_id"].to_numpy().astype(np.int64)
        if (repeated := np.flatnonzero(np.diff(ids) == 0)).size:
            raise InputError(f"sentences/: sentence_id {ids[repeated[0]]} is there twice; run neuronsig annotate again")
        batch = pa.RecordBatch.from_arrays([one_array(column) for column in table.columns], table.column_names)
        vocabulary = Vocabulary.of(batch)
        return cls(ids, vocabulary, Encoder(vocabulary).encode(batch))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Codes:
        """Tokens of each sentence, (sentences,)."""
        return np.diff(self.sentences.offsets)

    @cached_property
    def tag_codes(self) -> NDArray[np.integer]:
        """(tokens,) the item code of each token's tag."""
        return self.sentences.tags + self.vocabulary.n_items

    @cached_property
    def trees(self) -> Forest:
        """The trees; a node's label is the place of its token in the text, or in a user's trees its own among all."""
        heads, offsets = self.sentences.heads, self.sentences.head_offsets
        label = np.arange(len(heads))
        if self.vocabulary.labels is None:
            label = np.flatnonzero(np.repeat(np.diff(offsets) > 0, self.lengths))
        return forest(label, heads, offsets, max(len(heads), len(self.sentences.words), 1))

    @cached_property
    def codes(self) -> dict[str, dict[str, int]]:
        """The item codes of each layer: words, metadata values named `field=value`, and tags."""
        of = self.vocabulary
        layers = {WORDS: of.words, METADATA: map("=".join, of.metadata), TAGS: of.tags}
        numbers = itertools.count()
        return {layer: {name: next(numbers) for name in names} for layer, names in layers.items()}

    def code(self, item: str, layer: str) -> int:
        """The item code of `item` in the layer words, tags or metadata; -1: no sentence has it."""
        return self.codes[layer].get(item.lower() if layer == WORDS else item, -1)


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
