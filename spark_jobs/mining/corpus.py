"""What all neurons' profiles are compared with, counted once: items, tags and shares by stratum, and places.

A task holds one counter for each item and stratum (8 bytes), whatever the corpus; what the driver reads and sends to
every executor is as large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.encoding.dictionary import Dictionary
from neuronsig.encoding.sentences import Sentences, read_sentences
from neuronsig.mining.holdout import without_held_out
from neuronsig.mining.moments import RELATIVE, Places, TokenMoments, design_effect, tag_sums
from neuronsig.mining.profiling import Corpus
from neuronsig.storage.parquet import read_parquet
from spark_jobs.mining.lists import BROADCAST_SENTENCES
from spark_jobs.paths import uri

FLUSH = 1 << 22
"""Increments held back before they are counted at once: one pass over the counters costs more than the counting."""

COLUMNS = ("items", "tags", "stratum")
_NONE, _START = np.zeros(0, np.int64), np.zeros(1, np.int64)
_NOTHING = Sentences(_START, _NONE, _NONE, _NONE, _START, _NONE, _START, np.zeros(0, np.int16))
PLACES = "sentence_id bigint, position bigint, relative bigint"


def count_corpus(encoded: DataFrame, places: DataFrame, dictionary: Dictionary, folder: Path) -> Corpus:
    """Counts of the encoded sentences, written to `folder` unless they are there."""
    if not (folder / "_SUCCESS").exists():
        shared = encoded.sparkSession.sparkContext.broadcast(dictionary)

        def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            cells = CorpusCells(shared.value)
            for batch in batches:
                cells.add(batch)
            total = cells.total()
            cell = np.flatnonzero(total)
            yield pa.RecordBatch.from_arrays([pa.array(cell), pa.array(total[cell])], ["cell", "n"])

        partial = encoded.select(*COLUMNS).mapInArrow(count, "cell bigint, n bigint")
        partial.groupBy("cell").agg(F.sum("n").alias("n")).write.mode("overwrite").parquet(uri(folder))
        shared.unpersist()
    table = read_parquet(folder)
    cells = CorpusCells(dictionary)
    total = np.zeros(cells.size, np.int64)
    total[table["cell"].to_numpy()] = table["n"].to_numpy()
    row = places.agg(*_sums()).collect()[0]
    return cells.corpus(total, Places(*(int(value or 0) for value in row)))


class CorpusCells:
    """One flat counter: items by stratum, tags by stratum, then tag_sums, and the rows of TokenMoments by stratum."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary, self.strata = dictionary, dictionary.strata.size
        self.bounds = np.cumsum([0, dictionary.n_items * self.strata, len(dictionary.tags) * self.strata])
        self._counted = np.zeros(self.bounds[-1], np.int64)
        self._sums = [np.zeros_like(part) for part in self._sums_of(_NOTHING)]
        self.size = len(self._counted) + sum(part.size for part in self._sums)
        self._held: list[NDArray[np.int64]] = []
        self._held_size = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count some encoded rows."""
        found = read_sentences(batch, COLUMNS)
        strata = found.strata.astype(np.int64)
        for codes, offsets, start in (
            (found.items, found.item_offsets, self.bounds[0]),
            (found.tags, found.offsets, self.bounds[1]),
        ):
            keys = start + codes.astype(np.int64) * self.strata + np.repeat(strata, np.diff(offsets))
            self._held.append(keys)
            self._held_size += len(keys)
        if self._held_size >= FLUSH:
            self._flush()
        for total, part in zip(self._sums, self._sums_of(found), strict=True):
            total += part

    def total(self) -> NDArray[np.int64]:
        """(size,) all counts."""
        self._flush()
        return np.concatenate([self._counted, *(part.ravel() for part in self._sums)])

    def corpus(self, total: NDArray[np.int64], places: Places) -> Corpus:
        """What a counter of all sentences says."""
        items, tags, rest = np.split(total, self.bounds[1:])
        parts = []
        for part in self._sums:
            parts.append(rest[: part.size].reshape(part.shape))
            rest = rest[part.size :]
        xx, xy, moments = parts[0], parts[1], TokenMoments(*parts[2:])
        tags = tags.reshape(-1, self.strata)
        effect = design_effect(tags.sum(axis=1), xx, xy, int(moments.y.sum()), int(moments.yy.sum()))
        by_item = items.reshape(-1, self.strata).astype(np.int32)
        return Corpus(self.dictionary, by_item, tags, effect, moments, places)

    def _flush(self) -> None:
        if self._held:
            self._counted += np.bincount(np.concatenate(self._held), minlength=len(self._counted))
            self._held, self._held_size = [], 0

    def _sums_of(self, found: Sentences) -> tuple[NDArray[np.int64], ...]:
        names = self.dictionary.tags
        moments = TokenMoments.of(found.offsets, found.tags, found.strata, names, self.strata)
        return *tag_sums(found.offsets, found.tags, len(names)), *(getattr(moments, f.name) for f in fields(moments))


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
    rows = lists.join(places, "sentence_id").groupBy("neuron").agg(*_sums()).toLocalIterator()
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
