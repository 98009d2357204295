"""Patterns with their counts in the corpus, judged neuron by neuron (mining.pattern_keyness) to rows of SIGNATURES.

The counts of all neurons are joined once and laid down with one row a neuron and kind. Two passes over these follow:
one counts the p-values of all tests on a grid, the other makes the rows and looks each false-discovery rate up there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.pattern_rows import EVERY, GATHERED, count_p_values, gathered, judge_rules, judged
from neuronsig.tables import SIGNATURES
from spark_jobs.schemas import spark_schema

PARTITION_NEURONS = 64
"""Neurons whose patterns, some 1 MB each, a task gathers."""


def gather(patterns: DataFrame, counted: DataFrame, neurons: int) -> DataFrame:
    """The rows of GATHERED of rows of PATTERNS of so many neurons, and of COUNTED of all their patterns."""
    every = patterns.where(F.col("kind") == EVERY).withColumn("corpus", F.lit(None).cast("binary"))
    found = patterns.where(F.col("kind") != EVERY).join(counted, ["kind", "items"], how="inner")
    columns = ["neuron", "kind", "items", "strata", "corpus"]
    rows = every.select(*columns).unionByName(found.select(*columns))
    partitions = max(patterns.sparkSession.sparkContext.defaultParallelism, -(-neurons // PARTITION_NEURONS))
    return rows.repartition(partitions, "neuron").mapInArrow(gathered, spark_schema(GATHERED))


def judge_patterns(
    patterns: DataFrame, dictionary: Dictionary, mining: MiningConfig, tests: Mapping[str, int]
) -> DataFrame:
    """Rows of SIGNATURES: each neuron's strongest patterns of each kind, and its most frequent (P1 Table 2).

    `tests` is the number of hypotheses of each kind: neurons x distinct patterns.
    """
    context = patterns.sparkSession.sparkContext
    shared = context.broadcast((dictionary, mining))
    seen: dict[str, PValueCounts] = {}

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for kind, counts in count_p_values(batches, *shared.value).items():
            arrays = [pa.array([kind]), pa.array([counts.bins.astype(np.int64).tobytes()], pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["kind", "bins"])

    for row in patterns.mapInArrow(count, spark_schema([("kind", pa.string()), ("bins", pa.binary())])).collect():
        seen.setdefault(row["kind"], PValueCounts()).bins += np.frombuffer(row["bins"], np.int64)
    rules = judge_rules(tests, dictionary, mining)

    def make(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from judged(batch, rules, seen, *shared.value)

    return patterns.mapInArrow(make, spark_schema(SIGNATURES))
