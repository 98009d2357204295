"""From `sentences/` to tokenized shards: the inspected model's tokenizer, one file a shard, sorted by length inside.

Only `sentence_id` and `text` are read. Texts are shuffled so that one Spark task gets the whole of one shard,
tokenizes, sorts and commits it: a killed run goes on with the shards that have no valid commit.
"""

from __future__ import annotations

import functools

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.tokenizing import COMMITTED, PLACED, ShardTask, finish, make_shards, place
from neuronsig.collection.topk import MAX_ID
from neuronsig.errors import InputError
from neuronsig.run.commits import all_committed
from spark_jobs.tables import spark_schema

_SALTS = spark_schema([("shard", pa.int32()), ("salt", pa.int32())])


def count_dense(texts: DataFrame) -> int:
    """Number of sentences; raises InputError unless their ids run from 0 to n-1 and fit in 32 bits.

    That none is missing follows from none being there twice, which `write_shards` checks.
    """
    row = texts.agg(
        F.count("*").alias("n"), F.min("sentence_id").alias("low"), F.max("sentence_id").alias("high")
    ).first()
    if row is None or row["n"] == 0:
        raise InputError("sentences/ holds no sentence; run neuronsig annotate again with another corpus")
    if row["low"] != 0 or row["high"] != row["n"] - 1:
        raise InputError(
            f"sentences/ has {row['n']} rows but sentence_id runs from {row['low']} to {row['high']}: ids must be "
            "unique and dense from 0; run neuronsig annotate again"
        )
    if row["high"] > MAX_ID:
        raise InputError(f"sentences/ has {row['n']} sentences: at most {MAX_ID + 1} fit in 32-bit ids")
    return int(row["n"])


def write_shards(spark: SparkSession, texts: DataFrame, *tasks: ShardTask) -> ShardPlan:
    """Make the shards that have no valid commit, task by task (each the `next` of the one before), then plan.json."""
    for task in tasks:
        markers = [task.marker(index) for index in task.shards]
        found = all_committed(markers, task.fingerprint)
        pending = [index for index, marker in zip(task.shards, found, strict=True) if marker is None]
        if pending:
            last = task.first_id + task.sentences - 1
            _run(spark, texts.where(F.col("sentence_id").between(task.first_id, last)), task, pending)
    return finish(tasks)


def _run(spark: SparkSession, texts: DataFrame, task: ShardTask, pending: list[int]) -> None:
    placed = texts.mapInArrow(functools.partial(place, task), spark_schema(PLACED))
    salts = _partition_salts(spark, len(pending))
    salt = spark.createDataFrame(list(zip(pending, salts, strict=True)), _SALTS)
    alone = (
        placed.join(F.broadcast(salt), "shard", how="inner")
        .repartition(len(pending), "salt")
        .select("shard", "sentence_id", "text")
    )
    alone.mapInArrow(functools.partial(make_shards, task), spark_schema(COMMITTED)).collect()


def _partition_salts(spark: SparkSession, partitions: int) -> list[int]:
    """For every partition an integer that Spark's hash partitioning sends there, so that a shard has a task alone."""
    rows = (
        spark.range(64 * partitions)
        .select(F.col("id").cast("int").alias("salt"))
        .groupBy(F.pmod(F.hash("salt"), F.lit(partitions)).alias("partition"))
        .agg(F.min("salt").alias("salt"))
        .collect()
    )
    found = {row["partition"]: row["salt"] for row in rows}
    return [found[partition] for partition in range(partitions)]
