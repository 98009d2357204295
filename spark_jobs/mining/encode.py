"""Sentences as integers, made once for all models: a dictionary with the corpus's counts, and the encoded sentences.

Encoded rows hold bytes, not arrays: Spark copies them in one go, and numpy reads them without a loop.

    sentence_id int64
    words   binary   int32 codes of the lower-cased words in text order; -1 for a word rarer than `min_count`
    items   binary   int32 codes of the distinct words and the metadata values, ascending
    tags    binary   uint8 codes of the POS tags in text order
    heads   binary   int16 1-based heads in text order; empty for a sentence without a tree
    nodes   binary   where bracketed trees are brought: int32 codes of the labels of the nodes that `heads` has then; -1
                     for a label in fewer sentences than `min_count`
    stratum smallint code of neuronsig.mining.strata.Strata: what the reference is matched in

Sentences that are held out (neuronsig.mining.holdout) are in no row and no count.

A word in fewer than `min_count` sentences of the corpus cannot be in `min_count` sentences of a neuron, so leaving
it out changes no result.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.errors import InputError
from neuronsig.mining.holdout import is_held_out
from neuronsig.mining.profiles import MAX_TAGS, OTHER, Dictionary
from neuronsig.mining.strata import Strata
from neuronsig.storage.files import remove
from neuronsig.storage.parquet import read_parquet
from neuronsig.storage.whole_files import atomic_write
from spark_jobs.paths import uri

COUNTS = "kind string, field string, item string, sentences bigint, tokens bigint"
ENCODED = "sentence_id bigint, words binary, items binary, tags binary, heads binary, stratum smallint"
COLUMNS = ("sentence_id", "domain", "tokens", "pos", "heads", "metadata")
BRACKETS = "brackets"


def encode_sentences(
    session: SparkSession,
    sentences: Path,
    folder: Path,
    min_count: int,
    metadata_skip: list[str],
    metadata_max_values: int,
    holdout: float = 0.0,
    match: str = "length",
    trees: Path | None = None,
) -> Dictionary:
    """Write `folder/dictionary.parquet` and `folder/sentences/` unless they are there, and return the dictionary.

    `holdout` is the share of sentences that are left out, `match` what strata are made of (neuronsig.mining.strata).
    Metadata items are `domain` and every field but those of `metadata_skip`; of a field, the `metadata_max_values`
    values with most sentences that occur in `min_count` sentences or more are items of their own, and all others
    together are the value OTHER. `trees` are bracketed ones (spark_jobs.mining.trees) in place of the dependency heads.
    Raises InputError when the table is empty or has more than 256 tags.
    """
    source = session.read.parquet(uri(sentences)).select(*COLUMNS)
    if trees is not None:
        brought = session.read.parquet(uri(trees)).select("sentence_id", "nodes", "heads")
        source = source.drop("heads").join(brought, "sentence_id", "left").select(*COLUMNS, "nodes")
    listed, encoded = folder / "dictionary.parquet", folder / "sentences"
    if not listed.exists():
        counted = folder / "counts"
        if not (counted / "_SUCCESS").exists():
            _count(source, min_count, metadata_skip, metadata_max_values, holdout).write.mode("overwrite").parquet(
                uri(counted)
            )
        _write_dictionary(read_parquet(counted), listed, sentences)
        remove(counted)
    dictionary = read_dictionary(listed, match)
    if not (encoded / "_SUCCESS").exists():
        shared = session.sparkContext.broadcast(dictionary)

        def encode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            encoder = Encoder(shared.value, metadata_skip)
            for batch in batches:
                yield encoder.encode(used(batch, holdout))

        schema = ENCODED if trees is None else f"{ENCODED}, nodes binary"
        source.mapInArrow(encode, schema).write.mode("overwrite").parquet(uri(encoded))
        shared.unpersist()
    return dictionary


def used(batch: pa.RecordBatch, holdout: float) -> pa.RecordBatch:
    """The sentences of a batch that are not held out."""
    out = is_held_out(batch.column("sentence_id").to_numpy(), holdout)
    return batch.filter(pa.array(~out)) if out.any() else batch


def _count(source: DataFrame, min_count: int, skip: list[str], max_values: int, holdout: float) -> DataFrame:
    """Rows of COUNTS, kinds as `count_batch` gives them; rare words and values left out or put under OTHER."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield count_batch(used(batch, holdout), skip)

    partial = source.mapInArrow(count, COUNTS)
    counted = partial.groupBy("kind", "field", "item").agg(
        F.sum("sentences").alias("sentences"), F.sum("tokens").alias("tokens")
    )
    by_field = Window.partitionBy("field").orderBy(F.desc("sentences"), "item")
    values = counted.where(F.col("kind") == "metadata").withColumn("place", F.row_number().over(by_field))
    kept = (F.col("place") <= max_values) & (F.col("sentences") >= min_count)
    values = values.withColumn("item", F.when(kept, F.col("item")).otherwise(F.lit(OTHER)))
    values = values.groupBy("kind", "field", "item").agg(
        F.sum("sentences").alias("sentences"), F.sum("tokens").alias("tokens")
    )
    others = counted.where(
        (F.col("kind") != "metadata") & (~F.col("kind").isin("word", "label") | (F.col("sentences") >= min_count))
    )
    return others.unionByName(values)


def count_batch(batch: pa.RecordBatch, skip: list[str]) -> pa.RecordBatch:
    """Counts of one batch: in how many of its sentences, and how often, each word, tag and metadata value occurs.

    Kind `length` counts the sentences of a domain (field) with so many words (item), `tree_length` those of them with a
    tree, `tree` all with a tree (field BRACKETS where it was brought), `label` the labels of the nodes of those.
    """
    n = batch.num_rows
    tags = _flat(batch.column("pos"))
    words = _lengths(batch.column("tokens"))
    domains = batch.column("domain").fill_null("")
    trees = _has_tree(batch)
    by_length = pc.binary_join_element_wise(domains, pa.array(words).cast(pa.string()), "\t")
    parts = [
        _occurrences("word", *_flat(batch.column("tokens"), lower=True), n),
        _occurrences("tag", *tags, n),
        _occurrences("metadata", *_metadata(batch, skip), n),
        _occurrences("length", by_length, np.arange(n), n),
        _occurrences("tree_length", by_length.filter(pa.array(trees)), np.flatnonzero(trees), n),
        _occurrences("label", *_flat(batch.column("nodes")), n) if _brought(batch) else [],
        [("tree", BRACKETS if _brought(batch) else "", "", int(trees.sum()), 0)],
        [("total", "", "", n, len(tags[0]))],
    ]
    columns = list(zip(*(row for part in parts for row in part), strict=True))
    types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64())
    names = ["kind", "field", "item", "sentences", "tokens"]
    return pa.RecordBatch.from_arrays([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names)


def _occurrences(kind: str, values: pa.Array, row: NDArray[np.int64], n: int) -> list[tuple[str, str, str, int, int]]:
    encoded = values.dictionary_encode()
    code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    names = encoded.dictionary.to_pylist()
    tokens = np.bincount(code, minlength=len(names))
    distinct = np.unique(code * n + row) // max(n, 1)
    sentences = np.bincount(distinct, minlength=len(names))
    split: dict[str, Callable[[str], Sequence[str]]] = {
        "metadata": lambda name: name.split("\t", 1),
        # A domain may hold a tab, a number does not.
        **dict.fromkeys(("length", "tree_length"), lambda name: name.rsplit("\t", 1)),
    }
    parts = [split[kind](name) if kind in split else ("", name) for name in names]
    return [(kind, f, item, int(s), int(t)) for (f, item), s, t in zip(parts, sentences, tokens, strict=True)]


def _flat(column: pa.Array, lower: bool = False) -> tuple[pa.Array, NDArray[np.int64]]:
    """All strings of a list column, and the row each is in."""
    lengths = _lengths(column)
    values = column.flatten()
    return (pc.utf8_lower(values) if lower else values), np.repeat(np.arange(len(column)), lengths)


def _lengths(column: pa.Array) -> NDArray[np.int64]:
    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _has_tree(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which sentences have a head for every word or node, and every head in its place: bool (rows,)."""
    heads, row = _flat(batch.column("heads"))
    lengths = _lengths(batch.column("heads"))
    value = heads.fill_null(-1).to_numpy(zero_copy_only=False)
    bad = (value < 0) | (value > lengths[row])
    of = batch.column("nodes" if _brought(batch) else "pos")
    fits = (lengths == _lengths(of)) & (lengths > 0) & (lengths <= np.iinfo(np.int16).max)
    fits[row[bad]] = False
    return fits


def _brought(batch: pa.RecordBatch) -> bool:
    """Whether the trees are bracketed ones that a user brought."""
    return "nodes" in batch.schema.names


def _metadata(batch: pa.RecordBatch, skip: list[str]) -> tuple[pa.Array, NDArray[np.int64]]:
    """`field<TAB>value` of every metadata value and of the domain, and the row each is in."""
    column = batch.column("metadata")
    entries = column.cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.list_(pa.string()))])))
    lengths = pc.fill_null(pc.list_value_length(entries), 0).to_numpy(zero_copy_only=False)
    pairs = entries.flatten()
    keys, lists = pairs.field("key"), pairs.field("value")
    entry_row = np.repeat(np.arange(batch.num_rows), lengths)
    values, entry = _flat(lists)
    fields = keys.take(pa.array(entry))
    row = entry_row[entry]
    wanted = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(fields, value_set=pa.array(skip, pa.string()))))
    named = pc.binary_join_element_wise(fields, values, "\t").filter(wanted)
    domain = pc.binary_join_element_wise("domain", batch.column("domain").fill_null(""), "\t")
    rows = np.concatenate((row[wanted.to_numpy(zero_copy_only=False)], np.arange(batch.num_rows)))
    return pa.concat_arrays([named, domain]), rows


def _write_dictionary(counts: pa.Table, path: Path, sentences: Path) -> None:
    total = counts.filter(pc.equal(counts["kind"], "total"))
    if total.num_rows == 0 or total["sentences"][0].as_py() == 0:
        raise InputError(f"{sentences} holds no sentence; run neuronsig annotate first")
    tags = counts.filter(pc.equal(counts["kind"], "tag")).num_rows
    if tags > MAX_TAGS:
        raise InputError(
            f"{sentences} column 'pos' holds {tags} distinct tags, at most {MAX_TAGS}; is it a tagger's output?"
        )
    order = [("kind", "ascending"), ("sentences", "descending"), ("field", "ascending"), ("item", "ascending")]
    stream = io.BytesIO()
    pq.write_table(counts.sort_by(order), stream, compression="zstd")
    atomic_write(path, stream.getvalue())


def read_dictionary(path: Path, match: str = "length") -> Dictionary:
    """The dictionary as `encode_sentences` wrote it; row order within a kind is the code."""
    table = read_parquet(path)

    def part(kind: str) -> dict[str, Any]:
        rows = table.filter(pc.equal(table["kind"], kind))
        numbers = {name: rows[name].to_numpy().astype(np.int64) for name in ("sentences", "tokens")}
        return {"field": rows["field"].to_pylist(), "item": rows["item"].to_pylist(), **numbers}

    words, tags, values, total = part("word"), part("tag"), part("metadata"), part("total")
    lengths, trees = part("length"), part("tree")
    domains = sorted(set(lengths["field"]))
    size = np.array([int(item) for item in lengths["item"]], np.int64)
    histogram = np.bincount(size, weights=lengths["sentences"]).astype(np.int64)
    strata = Strata.build(match, histogram, len(domains))

    def by_stratum(counts: dict[str, Any]) -> NDArray[np.int64]:
        number = np.array([domains.index(name) for name in counts["field"]], np.int64)
        size = np.array([int(item) for item in counts["item"]], np.int64)
        held = np.bincount(strata.codes(size, number), weights=counts["sentences"], minlength=strata.size)
        return held.astype(np.int64)

    return Dictionary(
        words=words["item"],
        word_sentences=words["sentences"],
        metadata=list(zip(values["field"], values["item"], strict=True)),
        metadata_sentences=values["sentences"],
        tags=tags["item"],
        tag_tokens=tags["tokens"],
        tag_sentences=tags["sentences"],
        n_sentences=int(total["sentences"][0]),
        n_tokens=int(total["tokens"][0]),
        strata=strata,
        domains=domains,
        stratum_sentences=by_stratum(lengths),
        stratum_trees=by_stratum(part("tree_length")),
        n_trees=int(trees["sentences"].sum()),
        labels=part("label")["item"] if BRACKETS in trees["field"] else None,
    )


class Encoder:
    """Batches of the sentences table to batches of ENCODED, with `nodes` where trees were brought."""

    def __init__(self, dictionary: Dictionary, skip: list[str]) -> None:
        self.skip = skip
        self.words = {word: code for code, word in enumerate(dictionary.words)}
        self.tags = {tag: code for code, tag in enumerate(dictionary.tags)}
        self.labels = {label: code for code, label in enumerate(dictionary.labels or ())}
        first = len(dictionary.words)
        self.strata = dictionary.strata
        self.domains = {name: number for number, name in enumerate(dictionary.domains)}
        self.values = {f"{name}\t{value}": first + i for i, (name, value) in enumerate(dictionary.metadata)}

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One encoded row for each sentence, in the same order."""
        n = batch.num_rows
        tokens, word_row = _flat(batch.column("tokens"), lower=True)
        words = _look_up(tokens, self.words)
        pos, tag_row = _flat(batch.column("pos"))
        tags = _look_up(pos, self.tags)
        values, value_row = _metadata(batch, self.skip)
        items = _look_up(values, self.values, self._other)
        known = words >= 0
        width = len(self.words) + len(self.values) + 1
        domain = _look_up(batch.column("domain").fill_null(""), self.domains)
        heads, head_row = _flat(batch.column("heads"))
        trees = _has_tree(batch)
        keys = np.unique(np.concatenate((word_row[known] * width + words[known], value_row * width + items)))
        arrays = [
            batch.column("sentence_id"),
            binary_column(words.astype(np.int32), np.bincount(word_row, minlength=n)),
            binary_column((keys % width).astype(np.int32), np.bincount(keys // width, minlength=n)),
            binary_column(tags.astype(np.uint8), np.bincount(tag_row, minlength=n)),
            binary_column(
                heads.filter(pa.array(trees[head_row])).to_numpy(zero_copy_only=False).astype(np.int16),
                np.where(trees, _lengths(batch.column("heads")), 0),
            ),
            pa.array(self.strata.codes(_lengths(batch.column("tokens")), domain)),
        ]
        names = ["sentence_id", "words", "items", "tags", "heads", "stratum"]
        if _brought(batch):
            nodes = _look_up(batch.column("nodes").flatten(), self.labels)[trees[head_row]]
            arrays.append(binary_column(nodes.astype(np.int32), np.where(trees, _lengths(batch.column("nodes")), 0)))
            names.append("nodes")
        return pa.RecordBatch.from_arrays(arrays, names)

    def _other(self, name: str) -> int:
        return self.values[f"{name.split(chr(9), 1)[0]}\t{OTHER}"]


def _look_up(values: pa.Array, codes: dict[str, int], otherwise: Any = lambda name: -1) -> NDArray[np.int64]:
    """The code of every string; only the batch's distinct strings are looked up."""
    encoded = values.dictionary_encode()
    found = [codes[name] if name in codes else otherwise(name) for name in encoded.dictionary.to_pylist()]
    return np.array(found, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]


def binary_column(values: NDArray[Any], lengths: NDArray[np.integer]) -> pa.Array:
    """A binary column whose row i holds the bytes of the next `lengths[i]` values."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths * values.dtype.itemsize, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)


def read_binary(column: pa.Array, dtype: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The inverse of `binary_column`: all rows' values in one flat array, and their numbers (rows,)."""
    if pa.types.is_large_binary(column.type):
        column = column.cast(pa.binary())
    _, offsets_buffer, data = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[column.offset : column.offset + len(column) + 1]
    size = np.dtype(dtype).itemsize
    flat = np.frombuffer(data, dtype)[offsets[0] // size : offsets[-1] // size] if data else np.zeros(0, dtype)
    return flat, (np.diff(offsets) // size).astype(np.int64)
