"""Sentences as codes: flat arrays to compute with, and rows of bytes to keep.

Rows hold bytes, not lists: Spark copies them in one go, and numpy reads them without a loop.

    sentence_id int64
    words   binary   int32 codes of the lower-cased words in text order; -1 for a word without a code
    items   binary   int32 codes of the distinct words and the metadata values, ascending
    tags    binary   uint8 codes of the POS tags in text order
    heads   binary   int16 1-based heads in text order; empty for a sentence without a tree
    stratum int16    code of its stratum (neuronsig.encoding.vocabulary)
    nodes   binary   where bracketed trees are a user's: int32 codes of the labels of the nodes that `heads` has then;
                     -1 for a label without a code
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.encoding.counting import NODES, has_tree, has_users_trees, metadata_values
from neuronsig.encoding.vocabulary import OTHER, Vocabulary
from neuronsig.errors import InputError
from neuronsig.miners.frequent import stack
from neuronsig.miners.trees import Forest, forest
from neuronsig.ragged import Codes, binary_column, coded, flat_lists, flat_words, offsets_of, read_binary, rows_of

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


class Encoder:
    """Batches with the columns SOURCE of the sentences table (and NODES) as integers."""

    def __init__(self, vocabulary: Vocabulary, skip: Sequence[str] = ()) -> None:
        """`skip` names the metadata fields that are left out."""
        self.skip, self.strata, first = skip, vocabulary.strata, len(vocabulary.words)
        self.words = {word: code for code, word in enumerate(vocabulary.words)}
        self.tags = {tag: code for code, tag in enumerate(vocabulary.tags)}
        self.labels = {label: code for code, label in enumerate(vocabulary.labels or ())}
        self.domains = {name: number for number, name in enumerate(vocabulary.domains)}
        self.values = {f"{name}\t{value}": first + i for i, (name, value) in enumerate(vocabulary.metadata)}

    def encode(self, batch: pa.RecordBatch) -> Sentences:
        """The sentences of a batch in the same order. A value without a code counts as OTHER of its field.

        Raises InputError for a sentence that has not one tag a token.
        """
        tokens, offsets = flat_words(batch.column("tokens"), lower=True)
        pos, tag_offsets = flat_words(batch.column("pos"))
        lengths, tag_lengths = np.diff(offsets), np.diff(tag_offsets)
        if (wrong := np.flatnonzero(lengths != tag_lengths)).size:
            raise InputError(
                f"sentences/: sentence_id {batch.column('sentence_id')[wrong[0]]} has {lengths[wrong[0]]} tokens and "
                f"{tag_lengths[wrong[0]]} pos; run neuronsig annotate again"
            )
        words, tags = look_up(tokens, self.words), look_up(pos, self.tags)
        names, value_row = metadata_values(batch, self.skip)
        values = look_up(names, self.values, self._other)
        width = len(self.words) + len(self.values) + 1
        known = words >= 0
        word_keys = rows_of(offsets)[known] * width + words[known]
        items = np.unique(np.concatenate((word_keys, value_row * width + values)))
        domains = look_up(batch.column("domain").fill_null(""), self.domains)
        heads, head_offsets = flat_lists(batch.column("heads"))
        trees = has_tree(batch)
        in_tree = trees[rows_of(head_offsets)]
        nodes = np.zeros(0, np.int64)
        if has_users_trees(batch):
            nodes = look_up(batch.column(NODES).flatten(), self.labels)[in_tree]
        return Sentences(
            offsets=offsets,
            words=words,
            tags=tags,
            items=items % width,
            item_offsets=np.searchsorted(items, np.arange(batch.num_rows + 1) * width),
            heads=heads.filter(pa.array(in_tree)).to_numpy(zero_copy_only=False).astype(np.int64),
            head_offsets=offsets_of(np.where(trees, np.diff(head_offsets), 0)),
            strata=self.strata.codes(lengths, domains),
            nodes=nodes,
        )

    def _other(self, name: str) -> int:
        return self.values[f"{name.split(chr(9), 1)[0]}\t{OTHER}"]


def look_up(values: pa.Array, codes: Mapping[str, int], otherwise: Callable[[str], int] = lambda name: -1) -> Codes:
    """The code of every string, int64; only the distinct strings are looked up."""
    names, place = coded(values)
    found = [codes[name] if name in codes else otherwise(name) for name in names.to_pylist()]
    return np.array(found, np.int64)[place]


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
    nothing = np.zeros(rows.num_rows + 1, np.int64)

    def flat(name: str, dtype: str) -> tuple[NDArray[np.integer], Codes]:
        return read_binary(rows.column(name), dtype) if name in columns else (np.zeros(0, dtype), nothing)

    words, tags, items, heads = (flat(name, _BYTES[name]) for name in ("words", "tags", "items", "heads"))
    strata = rows.column("stratum").to_numpy().astype(np.int16)
    offsets = words[1] if "words" in columns else tags[1]
    return Sentences(offsets, words[0], tags[0], *items, *heads, strata, flat(NODES, "<i4")[0])
