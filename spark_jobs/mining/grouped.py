"""Frequent patterns of many neurons at once: each neuron a group, mined whole by one executor's miners.

The lists of a batch of neurons are joined with the encoded corpus, and the sentences of a neuron meet in one partition.
A task holds the sentences of its neurons (about PARTITION_ROWS of some 200 bytes), and mines one after the other with
`neuronsig.miners`; nothing but a batch's lists ever passes the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from neuronsig.config import MiningConfig
from neuronsig.encoding.dictionary import Dictionary
from neuronsig.encoding.sentences import ALL, ALL_NODES, Sentences, read_sentences
from neuronsig.miners.mined_patterns import Patterns
from neuronsig.mining.kinds import KindCounter, mine_kind
from neuronsig.ragged import binary_column
from spark_jobs.mining.batches import EVERY, PATTERNS
from spark_jobs.mining.lists import join_lists, whole
from spark_jobs.paths import uri

PARTITION_ROWS = 200_000
"""Sentences, of all its neurons, that a task holds, about."""


def mine_grouped(
    lists: DataFrame, encoded: DataFrame, dictionary: Dictionary, mining: MiningConfig, rows: int, folder: Path
) -> None:
    """Write the rows of PATTERNS of a batch of neurons, whose lists hold `rows` sentences together."""
    context = lists.sparkSession.sparkContext
    shared = context.broadcast((dictionary, mining))
    columns = ALL if dictionary.labels is None else ALL_NODES

    def mine(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        dictionary, mining = shared.value
        for code, sentences in by_neuron(batches, columns):
            yield from mined_rows(code, sentences, dictionary, mining)

    partitions = max(context.defaultParallelism, -(-rows // PARTITION_ROWS))
    joined = join_lists(lists, encoded, *columns).repartition(partitions, "neuron")
    joined.mapInArrow(mine, PATTERNS).write.mode("overwrite").parquet(uri(folder))
    shared.unpersist()


def by_neuron(batches: Iterable[pa.RecordBatch], columns: Sequence[str] = ALL) -> Iterator[tuple[int, Sentences]]:
    """The sentences of every neuron of a partition; neurons in ascending order."""
    table = whole(batches)
    if table is None:
        return
    codes = table["neuron"].to_numpy()
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    for start, stop in zip(starts, [*starts[1:], len(codes)], strict=True):
        rows = table.take(pa.array(order[start:stop])).combine_chunks()
        yield int(codes[start]), read_sentences(rows, columns)


def mined_rows(
    code: int, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig
) -> Iterator[pa.RecordBatch]:
    """The rows of PATTERNS of one neuron, one batch for each kind."""
    n_strata = dictionary.strata.size
    every = [sentences.by_stratum(n_strata)]
    if "subtree" in mining.kinds:
        every.append(sentences.trees_by_stratum(n_strata))
    yield pattern_rows(code, EVERY, np.zeros(len(every) - 1), [0, *range(len(every))], np.stack(every), raised=False)
    for kind in mining.kinds:
        found = mine_kind(kind, sentences, dictionary, mining)
        yield counted_rows(code, kind, found, sentences, dictionary, mining)


def counted_rows(
    code: int, kind: str, found: Patterns, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig
) -> pa.RecordBatch:
    """The rows of one neuron and kind, with the sentences of each stratum."""
    counter = KindCounter(kind, found.items, found.offsets, dictionary, mining, dictionary.strata.size)
    counts = counter.count(sentences)
    if not np.array_equal(counts.sum(axis=1), found.supports):
        raise AssertionError(f"neuron {code}, {kind}: patterns mined and counted in the same sentences differ")
    return pattern_rows(code, kind, found.items, found.offsets, counts, found.raised)


def pattern_rows(code: int, kind: str, items: Any, offsets: Any, counts: Any, raised: bool) -> pa.RecordBatch:
    """Rows of PATTERNS from flat patterns and their counts (patterns, strata)."""
    n = len(counts)
    arrays = [
        pa.array(np.full(n, code, np.int64)),
        pa.array([kind] * n, pa.string()),
        binary_column(np.asarray(items, np.int32), np.diff(offsets)),
        pa.array(counts.sum(axis=1), pa.int64()),
        binary_column(counts.astype(np.int32).reshape(-1), np.full(n, counts.shape[1])),
        pa.array(np.full(n, raised)),
    ]
    return pa.RecordBatch.from_arrays(arrays, ["neuron", "kind", "items", "f1", "strata", "raised"])
