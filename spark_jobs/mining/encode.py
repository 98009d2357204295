"""Sentences as integers, made once for all models: the dictionary's counts and the encoded rows, on Spark.

Sentences that are held out (neuronsig.mining.holdout) are in no row and no count. A word in fewer than `min_count`
sentences of the corpus cannot be in `min_count` sentences of a neuron, so leaving it out changes no result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.encoding.counting import COUNTS, NODES, SOURCE, count_batch
from neuronsig.encoding.sentences import ENCODED, ENCODED_NODES, Encoder, encoded_rows
from neuronsig.encoding.vocabulary import OTHER, Dictionary, read_dictionary, write_dictionary
from neuronsig.mining.holdout import without_held_out
from neuronsig.storage.files import remove
from neuronsig.storage.parquet import read_parquet
from spark_jobs.paths import uri, write_once
from spark_jobs.schemas import spark_schema


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

    `holdout` is the share of sentences that are left out, `match` what strata are made of (neuronsig.encoding.strata).
    Metadata items are `domain` and every field but those of `metadata_skip`; of a field, the `metadata_max_values`
    values with most sentences that occur in `min_count` sentences or more are items of their own, and all others
    together are the value OTHER. `trees` are a user's bracketed ones (spark_jobs.mining.trees) in place of the
    dependency heads. Raises InputError when the table is empty or has more than 256 tags.
    """
    source = session.read.parquet(uri(sentences)).select(*SOURCE)
    if trees is not None:
        users = session.read.parquet(uri(trees)).select("sentence_id", NODES, "heads")
        source = source.drop("heads").join(users, "sentence_id", how="left").select(*SOURCE, NODES)
    listed = folder / "dictionary.parquet"
    if not listed.exists():
        counted, counts = folder / "counts", count_items(source, metadata_skip, holdout)
        write_once(counted, lambda: kept_items(counts, min_count, metadata_max_values))
        write_dictionary(read_parquet(counted), listed, sentences)
        remove(counted)
    dictionary = read_dictionary(listed, match)
    write_once(folder / "sentences", lambda: encode(source, dictionary, metadata_skip, holdout))
    return dictionary


def count_items(source: DataFrame, skip: list[str], holdout: float) -> DataFrame:
    """Rows of COUNTS of all sentences, one for each item."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield count_batch(without_held_out(batch, holdout), skip)

    return _added(source.mapInArrow(count, spark_schema(COUNTS)))


def kept_items(counts: DataFrame, min_count: int, max_values: int) -> DataFrame:
    """Rows of COUNTS without rare words and labels, and with rare and surplus metadata values under OTHER."""
    by_field = Window.partitionBy("field").orderBy(F.desc("sentences"), "item")
    values = counts.where(F.col("kind") == "metadata").withColumn("place", F.row_number().over(by_field))
    kept = (F.col("place") <= max_values) & (F.col("sentences") >= min_count)
    values = values.withColumn("item", F.when(kept, F.col("item")).otherwise(F.lit(OTHER)))
    others = counts.where(
        (F.col("kind") != "metadata") & (~F.col("kind").isin("word", "label") | (F.col("sentences") >= min_count))
    )
    return others.unionByName(_added(values))


def _added(counts: DataFrame) -> DataFrame:
    sums = [F.sum(name).alias(name) for name in ("sentences", "tokens")]
    return counts.groupBy("kind", "field", "item").agg(*sums)


def encode(source: DataFrame, dictionary: Dictionary, skip: list[str], holdout: float) -> DataFrame:
    """The sentences as rows of ENCODED, with `nodes` where trees are a user's."""
    shared = source.sparkSession.sparkContext.broadcast(dictionary)
    nodes = dictionary.labels is not None

    def encoded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        encoder = Encoder(shared.value, skip)
        for batch in batches:
            used = without_held_out(batch, holdout)
            yield encoded_rows(used.column("sentence_id"), encoder.encode(used), nodes)

    return source.mapInArrow(encoded, spark_schema(ENCODED_NODES if nodes else ENCODED))
