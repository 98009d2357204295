"""Frequent patterns of many neurons at once: each neuron a group, mined whole by one executor's miners.

The lists of a batch of neurons are joined with the encoded corpus, and the sentences of a neuron meet in one partition.
A task holds the sentences of its neurons (about PARTITION_ROWS of some 200 bytes), and mines one after the other with
`neuronsig.miners`; nothing but a batch's lists ever passes the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame

from neuronsig.config import MiningConfig
from neuronsig.encoding.sentences import ALL, ALL_NODES, read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.pattern_rows import PATTERNS, by_neuron, mined_rows
from spark_jobs.mining.lists import join_lists
from spark_jobs.schemas import spark_schema

PARTITION_ROWS = 200_000
"""Sentences, of all its neurons, that a task holds, about."""


def mine_grouped(
    lists: DataFrame, encoded: DataFrame, dictionary: Dictionary, mining: MiningConfig, rows: int
) -> DataFrame:
    """The rows of PATTERNS of a batch of neurons, whose lists hold `rows` sentences together."""
    context = lists.sparkSession.sparkContext
    shared = context.broadcast((dictionary, mining))
    columns = ALL if dictionary.labels is None else ALL_NODES

    def mine(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        dictionary, mining = shared.value
        for code, sentences in by_neuron(batches):
            yield from mined_rows(code, read_sentences(sentences, columns), dictionary, mining)

    partitions = max(context.defaultParallelism, -(-rows // PARTITION_ROWS))
    joined = join_lists(lists, encoded, *columns).repartition(partitions, "neuron")
    return joined.mapInArrow(mine, spark_schema(PATTERNS))
