"""Some sentences with a vocabulary made of themselves: a pattern with any other word is in none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.encoding.counting import NODES, SOURCE
from neuronsig.encoding.encoder import Encoder
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import Vocabulary
from neuronsig.errors import InputError
from neuronsig.miners.trees import Forest, forest
from neuronsig.ragged import Codes, one_array


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
    def n_codes(self) -> int:
        """Words, metadata values and tags together."""
        return self.vocabulary.n_codes

    @property
    def offsets(self) -> Codes:
        """(sentences + 1,) of the tokens."""
        return self.sentences.offsets

    @property
    def lengths(self) -> Codes:
        """Tokens of each sentence, (sentences,)."""
        return np.diff(self.offsets)

    @property
    def word_codes(self) -> NDArray[np.integer]:
        """(tokens,) the item code of each token's word."""
        return self.sentences.words

    @cached_property
    def tag_codes(self) -> NDArray[np.integer]:
        """(tokens,) the item code of each token's tag."""
        return self.sentences.tags + self.vocabulary.n_items

    @cached_property
    def sets(self) -> tuple[Codes, Codes]:
        """The distinct words, tags and metadata values of every sentence, and their offsets."""
        return self.sentences.transactions(self.vocabulary)

    @cached_property
    def trees(self) -> Forest:
        """The trees; a node's label is the place of its token in the text, or in a user's trees its own among all."""
        heads, offsets = self.sentences.heads, self.sentences.head_offsets
        label = np.arange(len(heads))
        if self.vocabulary.labels is None:
            label = np.flatnonzero(np.repeat(np.diff(offsets) > 0, self.lengths))
        return forest(label, heads, offsets, max(len(heads), len(self.word_codes), 1))

    @cached_property
    def words(self) -> dict[str, int]:
        """Item codes of words."""
        return {word: code for code, word in enumerate(self.vocabulary.words)}

    @cached_property
    def tags(self) -> dict[str, int]:
        """Item codes of tags."""
        return {tag: code for code, tag in enumerate(self.vocabulary.tags, self.vocabulary.n_items)}

    @cached_property
    def metadata(self) -> dict[str, int]:
        """Item codes of metadata values, named `field=value`."""
        return {"=".join(pair): code for code, pair in enumerate(self.vocabulary.metadata, len(self.vocabulary.words))}

    def code(self, item: str, layer: str) -> int:
        """The item code of `item` in the layer words, tags or metadata; -1: no sentence has it."""
        codes: dict[str, int] = getattr(self, layer)
        return codes.get(item.lower() if layer == "words" else item, -1)
