"""What all neurons' profiles are compared with, counted once: items, tags and shares by stratum, and places.

A task holds one counter for each item and stratum (8 bytes), whatever the corpus; what the driver reads and sends to
every executor is as large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.corpus_counts import PROFILED, CorpusCells, CorpusCounts
from neuronsig.mining.holdout import without_held_out
from neuronsig.mining.moments import RELATIVE, Places
from neuronsig.storage.parquet import read_parquet
from spark_jobs.mining.lists import BROADCAST_SENTENCES
from spark_jobs.paths import uri, write_once
from spark_jobs.schemas import spark_schema

PLACES = spark_schema([("sentence_id", pa.int64()), ("position", pa.int64()), ("relative", pa.int64())])


def count_corpus(encoded: DataFrame, places: DataFrame, dictionary: Dictionary, folder: Path) -> CorpusCounts:
    """Counts of the encoded sentences, written to `folder` unless they are there."""
    write_once(folder, lambda: count_cells(encoded, dictionary))
    table = read_parquet(folder)
    cells = CorpusCells(dictionary)
    total = np.zeros(cells.size, np.int64)
    total[table["cell"].to_numpy()] = table["n"].to_numpy()
    row = places.agg(*_sums()).collect()[0]
    return cells.corpus(total, Places(*(int(value or 0) for value in row)))


def count_cells(encoded: DataFrame, dictionary: Dictionary) -> DataFrame:
    """(cell, n) of what CorpusCells counts that is not 0."""
    shared = encoded.sparkSession.sparkContext.broadcast(dictionary)

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cells = CorpusCells(shared.value)
        for batch in batches:
            cells.add(batch)
        total = cells.total()
        cell = np.flatnonzero(total)
        yield pa.RecordBatch.from_arrays([pa.array(cell), pa.array(total[cell])], ["cell", "n"])

    partial = encoded.select(*PROFILED).mapInArrow(count, spark_schema([("cell", pa.int64()), ("n", pa.int64())]))
    return partial.groupBy("cell").agg(F.sum("n").alias("n"))


def read_places(session: SparkSession, sentences: Path, holdout: float) -> DataFrame:
    """Rows of PLACES of the sentences that are not held out: in its document, from 0, and from 0 to RELATIVE.

    `relative` is null for the only sentence of a document, whose length is that of its last sentence's position.
    """
    source = session.read.parquet(uri(sentences)).select("sentence_id", "domain", "doc_id", "position")
    last = F.max("position").over(Window.partitionBy("domain", "doc_id"))
    relative = F.when(last > 0, F.floor(F.col("position") * F.lit(RELATIVE) / last))
    placed = source.select(
        "sentence_id", F.col("position").cast("bigint").alias("position"), relative.cast("bigint").alias("relative")
    )

    def used(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield without_held_out(batch, holdout)

    return placed.mapInArrow(used, PLACES) if holdout > 0 else placed


def places_of(lists: DataFrame, places: DataFrame, n_sentences: int) -> dict[int, Places]:
    """Neuron -> where its sentences stand; `lists` has the columns neuron and sentence_id."""
    places = F.broadcast(places) if n_sentences <= BROADCAST_SENTENCES else places
    rows = lists.join(places, "sentence_id", how="inner").groupBy("neuron").agg(*_sums()).toLocalIterator()
    return {row[0]: Places(*(int(value or 0) for value in row[1:])) for row in rows}


def _sums() -> list[Column]:
    position, relative = F.col("position"), F.col("relative")
    return [
        F.count("position"),
        F.sum(position),
        F.sum(position * position),
        F.count("relative"),
        F.sum(relative),
        F.sum(relative * relative),
    ]
