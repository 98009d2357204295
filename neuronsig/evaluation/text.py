"""Some sentences as integers, with codes made from themselves: a pattern with any other word is in none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.errors import InputError
from neuronsig.miners.trees import Forest, forest

Codes = NDArray[np.int64]
COLUMNS = ("sentence_id", "domain", "tokens", "pos", "heads", "metadata")
NODES = "nodes"
"""The column of the labels of nodes where bracketed trees were brought, and `heads` is theirs."""


@dataclass(frozen=True)
class Items:
    """Codes of many sentences end to end; sentence i is `codes[offsets[i]:offsets[i + 1]]`."""

    codes: Codes
    positions: Codes  # of each code in its sentence, ascending; equal for alternatives
    offsets: Codes  # (sentences + 1,)


@dataclass(frozen=True)
class Text:
    """Sentences of the sentences table, ordered by id.

    Codes: word w of `words` is w, tag t is len(words) + t, metadata value m is len(words) + len(tags) + m.
    """

    ids: Codes  # (sentences,)
    words: dict[str, int]  # lower-cased
    tags: dict[str, int]
    metadata: dict[str, int]  # field, "=", value
    word_codes: Codes  # (tokens,) one a token
    tag_codes: Codes  # (tokens,)
    offsets: Codes  # (sentences + 1,) of the tokens
    heads: Codes  # 1-based; 0: root
    head_offsets: Codes  # (sentences + 1,) a sentence without a tree has no heads
    labels: dict[str, int] | None  # of the nodes of trees that were brought; None: dependency trees of the words
    node_codes: Codes  # (nodes,) of those; none for dependency trees
    metadata_codes: Codes
    metadata_offsets: Codes

    @classmethod
    def of(cls, table: pa.Table) -> Text:
        """Encode a table with COLUMNS, and NODES where trees were brought.

        Raises InputError where a sentence's lists differ in length, or ids repeat.
        """
        brought = NODES in table.column_names
        table = table.select([*COLUMNS, *[NODES] * brought]).sort_by("sentence_id").combine_chunks()
        ids = table["sentence_id"].to_numpy().astype(np.int64)
        if (repeated := np.flatnonzero(np.diff(ids) == 0)).size:
            raise InputError(f"sentences/: sentence_id {ids[repeated[0]]} is there twice; run jobs.annotate again")
        words, word_codes, offsets = _coded(table["tokens"], lower=True)
        tags, tag_codes, tag_offsets = _coded(table["pos"])
        heads, head_offsets = _flat(table["heads"])
        for name, other in (("pos", tag_offsets), ("heads", head_offsets)):
            differs = np.diff(offsets) != np.diff(other)
            if name == "heads":
                differs &= (np.diff(other) > 0) & (not brought)
            if (wrong := np.flatnonzero(differs)).size:
                row = wrong[0]
                raise InputError(
                    f"sentences/: sentence_id {ids[row]} has {np.diff(offsets)[row]} tokens and {np.diff(other)[row]} "
                    f"{name}; run jobs.annotate again"
                )
        values, value_codes, value_offsets = _metadata(table)
        labels, node_codes = _coded(table[NODES])[:2] if brought else (None, np.zeros(0, np.int64))
        return cls(
            ids,
            *(words, tags, values),
            *(word_codes, tag_codes + len(words), offsets),
            *(heads.to_numpy(zero_copy_only=False).astype(np.int64), head_offsets),
            labels,
            node_codes,
            *(value_codes + len(words) + len(tags), value_offsets),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_codes(self) -> int:
        return len(self.words) + len(self.tags) + len(self.metadata)

    @property
    def lengths(self) -> Codes:
        """Tokens of each sentence, (sentences,)."""
        return np.diff(self.offsets)

    @cached_property
    def token_items(self) -> Items:
        """Word and tag of every token, as alternatives at one position."""
        positions = np.arange(len(self.word_codes)) - np.repeat(self.offsets[:-1], self.lengths)
        stacked = np.stack((self.word_codes, self.tag_codes), axis=1).reshape(-1)
        return Items(stacked, np.repeat(positions, 2), 2 * self.offsets)

    @cached_property
    def sets(self) -> Items:
        """The distinct words, tags and metadata values of every sentence; their positions say nothing."""
        rows = np.repeat(np.arange(len(self)), self.lengths)
        value_rows = np.repeat(np.arange(len(self)), np.diff(self.metadata_offsets))
        width = max(self.n_codes, 1)
        keys = np.unique(
            np.concatenate(
                (
                    rows * width + self.word_codes,
                    rows * width + self.tag_codes,
                    value_rows * width + self.metadata_codes,
                )
            )
        )
        counts = np.bincount(keys // width, minlength=len(self))
        return Items(keys % width, np.zeros(len(keys), np.int64), np.concatenate(([0], np.cumsum(counts))))

    @cached_property
    def trees(self) -> Forest:
        """The trees; a node's label is its number among all `node_items`: of its token, in dependency trees."""
        if self.labels is not None:
            return forest(np.arange(len(self.heads)), self.heads, self.head_offsets, max(len(self.heads), 1))
        parsed = np.repeat(np.diff(self.head_offsets) > 0, self.lengths)
        return forest(np.flatnonzero(parsed), self.heads, self.head_offsets, max(len(self.word_codes), 1))

    @property
    def node_items(self) -> tuple[Codes, Codes, int]:
        """Two codes for each label of `trees`, either of which a pattern's node may have, and the number of codes.

        Word and tag of every token, or twice the label of every node that was brought, which has codes of its own.
        """
        if self.labels is not None:
            return self.node_codes, self.node_codes, len(self.labels)
        return self.word_codes, self.tag_codes, self.n_codes

    def code(self, item: str, layer: str) -> int:
        """The code of `item` in the layer words, tags or metadata; -1: no sentence has it."""
        if layer == "words":
            return self.words.get(item.lower(), -1)
        if layer == "tags":
            found = self.tags.get(item, -1)
            return found + len(self.words) if found >= 0 else -1
        found = self.metadata.get(item, -1)
        return found + len(self.words) + len(self.tags) if found >= 0 else -1


def _flat(column: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    return array.flatten(), np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def _codes(values: pa.Array) -> tuple[dict[str, int], Codes]:
    encoded = values.dictionary_encode()
    names = {name: code for code, name in enumerate(encoded.dictionary.to_pylist())}
    return names, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _coded(column: pa.ChunkedArray, lower: bool = False) -> tuple[dict[str, int], Codes, Codes]:
    values, offsets = _flat(column)
    values = values.cast(pa.string()).fill_null("")
    names, codes = _codes(pc.utf8_lower(values) if lower else values)
    return names, codes, offsets


def _metadata(table: pa.Table) -> tuple[dict[str, int], Codes, Codes]:
    """`field=value` of every metadata value, and of the domain."""
    entries = table["metadata"].cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.list_(pa.string()))])))
    pairs, pair_offsets = _flat(entries)
    values, offsets = _flat(pairs.field("value"))
    fields = pairs.field("key").take(pa.array(np.repeat(np.arange(len(pairs)), np.diff(offsets))))
    pair_rows = np.repeat(np.arange(len(table)), np.diff(pair_offsets))
    rows = np.concatenate((np.repeat(pair_rows, np.diff(offsets)), np.arange(len(table))))
    domains = table["domain"].combine_chunks().cast(pa.string()).fill_null("")
    named = [pc.binary_join_element_wise(fields, values.cast(pa.string()).fill_null(""), "=")]
    named.append(pc.binary_join_element_wise("domain", domains, "="))
    names, codes = _codes(pa.concat_arrays(named))
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=len(table))
    return names, codes[order], np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
