"""The neurons' lists of top sentences, read, checked, and joined with the encoded sentences in bounded batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.errors import InputError
from neuronsig.neuron import LAYER_BITS, SITES, UNIT_BITS, Neuron
from spark_jobs.paths import uri

BROADCAST_SENTENCES = 1_000_000
"""Corpora up to this many sentences have their ids sent to every executor instead of shuffled."""


def neuron_column() -> Column:
    """The code of `neuronsig.neuron.Neuron.code`, from the columns site, layer, unit, sign."""
    site = F.lit(None).cast("bigint")
    for number, name in enumerate(SITES):
        site = F.when(F.col("site") == name, F.lit(number).cast("bigint")).otherwise(site)
    unit = ((site * (1 << LAYER_BITS) + F.col("layer")) * (1 << UNIT_BITS)) + F.col("unit")
    return unit * 2 + F.when(F.col("sign") < 0, 1).otherwise(0)


def read_topk(session: SparkSession, topk: Path) -> DataFrame:
    """(neuron bigint, sentence_id bigint) of every row of the topk table."""
    return session.read.parquet(uri(topk)).select(neuron_column().alias("neuron"), "sentence_id")


def count_neurons(topk: DataFrame, name: Path) -> dict[int, int]:
    """Neuron code -> its number of top sentences. Raises InputError when the table is empty."""
    rows = topk.groupBy("neuron").count().collect()
    if not rows:
        raise InputError(f"{name} is empty: no neuron has a top sentence; run neuronsig collect again")
    return {row["neuron"]: row["count"] for row in sorted(rows, key=lambda row: row["neuron"])}


def require_sentences(topk: DataFrame, sentences: Path, name: Path) -> None:
    """Raise InputError when a top-K list names a sentence that the sentences table does not hold."""
    ids = topk.sparkSession.read.parquet(uri(sentences)).select("sentence_id")
    ids = F.broadcast(ids) if ids.count() <= BROADCAST_SENTENCES else ids
    lost = topk.join(ids, "sentence_id", how="left_anti").agg(F.count("*").alias("n"), F.min("sentence_id").alias("id"))
    row = lost.collect()[0]
    if row["n"]:
        raise InputError(
            f"{name} has {row['n']:,} rows whose sentence is not in {sentences} (first sentence_id={row['id']}); "
            "both must come from the same run: run neuronsig collect again"
        )


def lists_of(session: SparkSession, topk: Path, codes: Sequence[int]) -> DataFrame:
    """(neuron, sentence_id) of some neurons; what of the table cannot hold them is not read.

    The table is sorted by site, layer and unit, so that conditions on them skip most of its row groups.
    """
    ranges: dict[tuple[str, int], tuple[int, int]] = {}
    for neuron in map(Neuron.of_code, codes):
        low, high = ranges.get((neuron.site, neuron.layer), (neuron.unit, neuron.unit))
        ranges[neuron.site, neuron.layer] = min(low, neuron.unit), max(high, neuron.unit)
    near = F.lit(False)
    for (site, layer), (low, high) in ranges.items():
        near |= (F.col("site") == site) & (F.col("layer") == layer) & F.col("unit").between(low, high)
    rows = session.read.parquet(uri(topk)).where(near)
    found = rows.select(neuron_column().alias("neuron"), "sentence_id")
    return found.where(F.col("neuron").isin(list(codes)))


def join_lists(lists: DataFrame, encoded: DataFrame, *columns: str) -> DataFrame:
    """(neuron, *columns) of every row of a batch of lists whose sentence is not held out.

    The lists are sent to every executor, 16 bytes a row there and here, and the corpus streams past them: what is
    held depends on the batch, not on the corpus.
    """
    wanted = encoded.select("sentence_id", *columns)
    return wanted.join(F.broadcast(lists), "sentence_id", how="inner").select("neuron", *columns)
