"""Near-duplicates are dropped while a corpus is numbered: MinHash bands in tasks, the likely pairs compared exactly.

Every sentence is compared with the first one, in corpus order, of each of its buckets, so that work grows with the
corpus and not with the pairs of a large bucket. What is dropped depends on the text alone, not on its partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from neuronsig.annotation.near_duplicates import buckets, jaccard, signatures
from spark_jobs.schemas import spark_schema

_ORDER = ("corpus_order", "doc_id", "position", "key")
_BATCH = 1024
_BUCKETED = spark_schema(
    [
        ("corpus_order", pa.int32()),
        ("doc_id", pa.string()),
        ("position", pa.int32()),
        ("key", pa.string()),
        ("bucket", pa.int64()),
    ]
)
_ALIKE = spark_schema([("key", pa.string())])


def without_near_duplicates(distinct: DataFrame, threshold: float) -> DataFrame:
    """The rows of `distinct` (no text twice) but those alike by `threshold` to an earlier one, be that kept or not."""
    keyed = distinct.withColumn("key", F.md5("text"))
    in_buckets = keyed.select(*_ORDER, "text").mapInArrow(
        lambda parts: _bucketed(parts, threshold),
        _BUCKETED,
    )
    placed = in_buckets.select("bucket", "key", F.struct(*_ORDER).alias("place"))
    firsts = placed.groupBy("bucket").agg(F.min("place")["key"].alias("first"))
    pairs = placed.join(firsts, "bucket", how="inner").where("key != first").select("key", "first").distinct()
    texts = keyed.select("key", "text")
    earlier = texts.select(F.col("key").alias("first"), F.col("text").alias("earlier"))
    likely = pairs.join(texts, "key", how="inner").join(earlier, "first", how="inner")
    dropped = (
        likely.select("key", "text", "earlier").mapInArrow(lambda parts: _alike(parts, threshold), _ALIKE).distinct()
    )
    return keyed.join(dropped, "key", how="left_anti").drop("key")


def _bucketed(parts: Iterable[pa.RecordBatch], threshold: float) -> Iterator[pa.RecordBatch]:
    for whole in parts:
        for start in range(0, whole.num_rows, _BATCH):
            part = whole.slice(start, _BATCH)
            found = buckets(signatures(part.column("text").to_pylist()), threshold)
            rows = pa.array(np.repeat(np.arange(part.num_rows), found.shape[1]))
            columns = [part.column(name).take(rows) for name in _ORDER]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(found.ravel())], [*_ORDER, "bucket"])


def _alike(parts: Iterable[pa.RecordBatch], threshold: float) -> Iterator[pa.RecordBatch]:
    for part in parts:
        pairs = zip(part.column("text").to_pylist(), part.column("earlier").to_pylist(), strict=True)
        alike = pa.array([jaccard(text, earlier) >= threshold for text, earlier in pairs], pa.bool_())
        yield pa.RecordBatch.from_arrays([part.column("key").filter(alike)], ["key"])
