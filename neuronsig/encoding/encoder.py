"""Sentences to codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from neuronsig.encoding.counting import NODES, has_tree, has_users_trees, metadata_values
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import OTHER, Vocabulary
from neuronsig.errors import InputError
from neuronsig.ragged import Codes, coded, flat_lists, flat_words, offsets_of, rows_of


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
