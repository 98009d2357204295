"""Encoded sentences: flat arrays to compute with, and rows of bytes to keep.

Rows hold bytes, not lists: Spark copies them in one go, and numpy reads them without a loop.

    sentence_id int64
    words   binary   int32 codes of the lower-cased words in text order; -1 for a word without a code
    items   binary   int32 codes of the distinct words and the metadata values, ascending
    tags    binary   uint8 codes of the POS tags in text order
    heads   binary   int16 1-based heads in text order; empty for a sentence without a tree
    stratum int16    code of its stratum (neuronsig.encoding.strata)
    nodes   binary   where bracketed trees are a user's: int32 codes of the labels of the nodes that `heads` has then;
                     -1 for a label without a code
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.encoding.counting import NODES
from neuronsig.encoding.vocabulary import Vocabulary
from neuronsig.miners.sequences import stack
from neuronsig.miners.trees import Forest, forest
from neuronsig.ragged import Codes, binary_column, read_binary, rows_of

_BYTES = {"words": "<i4", "items": "<i4", "tags": "u1", "heads": "<i2"}
ENCODED = pa.schema([("sentence_id", pa.int64()), *((name, pa.binary()) for name in _BYTES), ("stratum", pa.int16())])
ENCODED_NODES = ENCODED.append(pa.field(NODES, pa.binary()))
"""With a user's bracketed trees."""

ALL = (*_BYTES, "stratum")
"""Columns of all that is mined; ALL_NODES where trees are a user's."""
ALL_NODES = (*ALL, NODES)


@dataclass(frozen=True)
class Sentences:
    """Encoded sentences, flat: sentence i has the words and tags [offsets[i], offsets[i + 1])."""

    offsets: Codes  # (sentences + 1,)
    words: NDArray[np.integer]  # -1: a word of no code
    tags: NDArray[np.integer]
    items: NDArray[np.integer]  # distinct words and metadata values, ascending
    item_offsets: Codes
    heads: NDArray[np.integer]  # 1-based, 0 for a root
    head_offsets: Codes  # a sentence without a tree has no heads
    strata: NDArray[np.int16]  # (sentences,)
    nodes: NDArray[np.integer] = field(default_factory=lambda: np.zeros(0, np.int32))
    """Labels of the nodes of bracketed trees, one for each head; -1: a label of no code."""

    def __len__(self) -> int:
        return len(self.strata)

    def by_stratum(self, n_strata: int) -> Codes:
        """(n_strata,) sentences of each stratum."""
        return np.bincount(self.strata, minlength=n_strata)

    def trees_by_stratum(self, n_strata: int) -> Codes:
        """(n_strata,) sentences of each stratum that have a tree."""
        return np.bincount(self.strata[np.diff(self.head_offsets) > 0], minlength=n_strata)

    def stacked(self, vocabulary: Vocabulary) -> tuple[Codes, Codes, Codes]:
        """Items, offsets and positions of words and tags together."""
        return stack([self.words, self.tags.astype(np.int64) + vocabulary.n_items], self.offsets)

    def transactions(self, vocabulary: Vocabulary) -> tuple[Codes, Codes]:
        """Every sentence's distinct words, metadata values and tags, ascending: items and offsets."""
        n, n_tags, width = len(self), len(vocabulary.tags), vocabulary.n_codes
        seen = np.zeros(n * n_tags, bool)
        seen[rows_of(self.offsets) * n_tags + self.tags] = True
        row, tag = np.divmod(np.flatnonzero(seen), max(n_tags, 1))
        tag_keys = row * width + tag + vocabulary.n_items
        keys = np.concatenate((rows_of(self.item_offsets) * width + self.items, tag_keys))
        keys.sort()
        row, item = np.divmod(keys, max(width, 1))
        return item, np.searchsorted(row, np.arange(n + 1))

    def forest(self, vocabulary: Vocabulary, labels: str) -> Forest:
        """The trees: a user's, or the dependency trees labelled with tags (pos) or words."""
        n_labels = vocabulary.n_labels(labels)
        if vocabulary.labels is not None:
            return forest(self.nodes, self.heads, self.head_offsets, n_labels)
        label: NDArray[np.integer] = self.tags if labels == "pos" else self.words
        there = np.diff(self.head_offsets) > 0
        if not there.all():
            label = label[np.repeat(there, np.diff(self.offsets))]
        return forest(label, self.heads, self.head_offsets, n_labels)


def encoded_rows(sentence_ids: pa.Array, sentences: Sentences, nodes: bool) -> pa.RecordBatch:
    """Rows of ENCODED, or where `nodes` are kept of ENCODED_NODES."""
    lengths, tree_lengths = np.diff(sentences.offsets), np.diff(sentences.head_offsets)
    columns = {
        "words": (sentences.words, lengths),
        "items": (sentences.items, np.diff(sentences.item_offsets)),
        "tags": (sentences.tags, lengths),
        "heads": (sentences.heads, tree_lengths),
    }
    arrays = [binary_column(flat.astype(_BYTES[name]), number) for name, (flat, number) in columns.items()]
    arrays = [sentence_ids, *arrays, pa.array(sentences.strata)]
    if nodes:
        arrays.append(binary_column(sentences.nodes.astype("<i4"), tree_lengths))
    return pa.RecordBatch.from_arrays(arrays, schema=ENCODED_NODES if nodes else ENCODED)


def read_sentences(rows: pa.Table | pa.RecordBatch, columns: Sequence[str] = ALL) -> Sentences:
    """Encoded rows as arrays; a column that is not among `columns` is read as empty."""
    types = {**_BYTES, NODES: "<i4"}
    nothing = np.zeros(rows.num_rows + 1, np.int64)
    found = {
        name: read_binary(rows.column(name), dtype) if name in columns else (np.zeros(0, dtype), nothing)
        for name, dtype in types.items()
    }
    return Sentences(
        found["words" if "words" in columns else "tags"][1],
        found["words"][0],
        found["tags"][0],
        found["items"][0],
        found["items"][1],
        found["heads"][0],
        found["heads"][1],
        rows.column("stratum").to_numpy().astype(np.int16),
        found[NODES][0],
    )
