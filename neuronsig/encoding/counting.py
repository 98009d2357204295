"""In how many sentences each word, tag, metadata value and length occurs, counted batch by batch.

Words are lower-cased. The rows that a batch gives are added up by whoever carries the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuronsig.ragged import Codes, coded, flat_lists, flat_words, list_lengths, rows_of

SOURCE = ("sentence_id", "domain", "tokens", "pos", "heads", "metadata")
"""Columns of the sentences table that are counted and encoded."""

NODES = "nodes"
"""The column of the labels of nodes where a user's bracketed trees are; `heads` is theirs then."""

BRACKETS = "brackets"

_NAMES, _NUMBERS = ("kind", "field", "item"), ("sentences", "tokens")
COUNTS = pa.schema([*((name, pa.string()) for name in _NAMES), *((name, pa.int64()) for name in _NUMBERS)])
_Counts = list[tuple[str, str, str, int, int]]


def count_batch(batch: pa.RecordBatch, skip: Sequence[str]) -> pa.RecordBatch:
    """Rows of COUNTS of one batch: in how many of its sentences, and how often, each word, tag and metadata value is.

    Kind `length` counts the sentences of a domain (field) with so many words (item), `tree_length` those of them with a
    tree, `tree` all with a tree (field BRACKETS where it is a user's), `label` the labels of the nodes of those.
    `skip` names metadata fields that are left out.
    """
    n = batch.num_rows
    tags, words = flat_words(batch.column("pos")), flat_words(batch.column("tokens"), lower=True)
    domains = batch.column("domain").fill_null("")
    trees, users = has_tree(batch), has_users_trees(batch)
    lengths = pa.array(np.diff(words[1])).cast(pa.string())
    by_length = pc.binary_join_element_wise(domains, lengths, "\t")
    rows = [
        *_occurrences("word", words[0], rows_of(words[1]), n),
        *_occurrences("tag", tags[0], rows_of(tags[1]), n),
        *_occurrences("metadata", *metadata_values(batch, skip), n),
        *_occurrences("length", by_length, np.arange(n), n),
        *_occurrences("tree_length", by_length.filter(pa.array(trees)), np.flatnonzero(trees), n),
    ]
    if users:
        labels, offsets = flat_words(batch.column(NODES))
        rows += _occurrences("label", labels, rows_of(offsets), n)
    rows.append(("tree", BRACKETS if users else "", "", int(trees.sum()), 0))
    rows.append(("total", "", "", n, len(tags[0])))
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), COUNTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=COUNTS)


def _occurrences(kind: str, values: pa.Array, row: Codes, n: int) -> _Counts:
    distinct, code = coded(values)
    names = distinct.to_pylist()
    tokens = np.bincount(code, minlength=len(names))
    sentences = np.bincount(np.unique(code * n + row) // max(n, 1), minlength=len(names))
    split: dict[str, Callable[[str], Sequence[str]]] = {
        "metadata": lambda name: name.split("\t", 1),
        # A domain may hold a tab, a number does not.
        **dict.fromkeys(("length", "tree_length"), lambda name: name.rsplit("\t", 1)),
    }
    parts = [split[kind](name) if kind in split else ("", name) for name in names]
    return [(kind, f, item, int(s), int(t)) for (f, item), s, t in zip(parts, sentences, tokens, strict=True)]


def has_users_trees(batch: pa.RecordBatch) -> bool:
    """Whether the trees are bracketed ones of a user's (neuronsig.mining.user_trees)."""
    return NODES in batch.schema.names


def has_tree(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which sentences have a head for every word or node, and every head in its place: bool (rows,)."""
    heads, offsets = flat_lists(batch.column("heads"))
    lengths, row = np.diff(offsets), rows_of(offsets)
    value = heads.fill_null(-1).to_numpy(zero_copy_only=False)
    bad = (value < 0) | (value > lengths[row])
    of = batch.column(NODES if has_users_trees(batch) else "pos")
    fits = (lengths == list_lengths(of)) & (lengths > 0) & (lengths <= np.iinfo(np.int16).max)
    fits[row[bad]] = False
    return fits


def metadata_values(batch: pa.RecordBatch, skip: Sequence[str]) -> tuple[pa.Array, Codes]:
    """`field<TAB>value` of every metadata value and of the domain, and the row each is in; not of fields of `skip`."""
    entries = pa.list_(pa.struct([("key", pa.string()), ("value", pa.list_(pa.string()))]))
    pairs, offsets = flat_lists(batch.column("metadata").cast(entries))
    values, value_offsets = flat_lists(pairs.field("value"))
    entry = rows_of(value_offsets)
    fields = pairs.field("key").take(pa.array(entry))
    wanted = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(fields, value_set=pa.array(skip, pa.string()))))
    named = pc.binary_join_element_wise(fields, values, "\t").filter(wanted)
    domain = pc.binary_join_element_wise("domain", batch.column("domain").fill_null(""), "\t")
    row = rows_of(offsets)[entry][wanted.to_numpy(zero_copy_only=False)]
    return pa.concat_arrays([named, domain]), np.concatenate((row, np.arange(batch.num_rows)))
