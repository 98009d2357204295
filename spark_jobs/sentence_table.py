"""The `sentences/` table: batches committed one by one, the record that it is whole, and its statistics.

All of it is files inside the table, whose names begin with `_` so that no reader takes them for data: a table that is
deleted takes its records along, and the folder of intermediate results may be deleted when the table is whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.annotation.sentences import batches
from neuronsig.storage.files import delete_files, list_files, move, read_bytes, remove
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from spark_jobs.tables import spark_schema, uri

# Penn tags that begin with the letter, as P1 defines noun, verb and adjective.
TAG_INITIALS = {"noun_share": "N", "verb_share": "V", "adj_share": "J"}


def whole_file(table: Path) -> Path:
    """The record that every batch is there, with the counts of the job."""
    return table / "_whole.json"


def read_texts(spark: SparkSession, table: Path) -> DataFrame:
    """`sentence_id, text` of the sentences table."""
    schema = spark_schema([SENTENCES.field("sentence_id"), SENTENCES.field("text")])
    return spark.read.schema(schema).option("recursiveFileLookup", "true").parquet(uri(table))


def marker_folder(table: Path) -> Path:
    return table / "_batches"


def claim(folder: Path, fingerprint: str) -> None:
    """Make sure that what a folder holds was made under this plan: anything else is deleted."""
    owner = folder / "_plan"
    try:
        same = owner.read_text() == fingerprint
    except OSError:
        same = False
    if not same:
        remove(folder)
        atomic_write(owner, fingerprint.encode())


def discard(work: Path) -> None:
    """Delete the steps between; their records first, so that none is ever there without its table."""
    for record in work.glob("*.json"):
        record.unlink()
    remove(work)


def commit_batch(written: Path, table: Path, marker: Path, index: int, start: int, stop: int) -> None:
    """Move a batch's files into the table and then write its marker; earlier leftovers of the batch go first."""
    delete_files([file for file in list_files(table) if file.name.startswith(f"part-{index:06d}-")])
    files = [file for file in list_files(written) if file.name.startswith("part-")]
    for number_in_batch, file in enumerate(files):
        move(file, table / f"part-{index:06d}-{number_in_batch:04d}.parquet")
    record = {"files": len(files), "start": start, "stop": stop}
    atomic_write(marker, json.dumps(record).encode())
    remove(written)


def missing_batches(ranges: Sequence[tuple[int, int]], markers: Path, table: Path) -> list[int]:
    """Indices of the batches that have no marker, or whose files are not all there."""
    there = {marker.name for marker in list_files(markers)}
    files = Counter(file.name.rpartition("-")[0] for file in list_files(table) if file.name.endswith(".parquet"))
    missing = []
    for index, (start, stop) in enumerate(ranges):
        marker = f"{index:06d}.json"
        try:
            record = json.loads(read_bytes(markers / marker)) if marker in there else None
        except (OSError, ValueError):
            record = None
        expected = {"files": files[f"part-{index:06d}"], "start": start, "stop": stop}
        if record != expected:
            missing.append(index)
    return missing


@dataclass(frozen=True)
class Whole:
    """What a finished table says of itself: sentences of the corpus it was made from, then of each one appended."""

    sentences: int
    batch_sentences: int
    counts: dict[str, Any]
    appended: list[int] = field(default_factory=list)

    @property
    def parts(self) -> list[int]:
        return [self.sentences, *self.appended]

    def missing(self, table: Path) -> list[int]:
        """Indices of the batches that are not all there."""
        return missing_batches(batches(self.parts, self.batch_sentences), marker_folder(table), table)

    def write(self, table: Path) -> None:
        # A table in one piece has no list of what was appended.
        record = {key: value for key, value in asdict(self).items() if key != "appended" or value}
        atomic_write(whole_file(table), json.dumps(record).encode())


def read_whole(table: Path) -> Whole | None:
    try:
        return Whole(**json.loads(whole_file(table).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def whole_counts(table: Path) -> dict[str, Any] | None:
    """The counts of a table that is whole, else None; the record of one that has lost a file is deleted."""
    whole = read_whole(table)
    if whole is None:
        return None
    if whole.missing(table):
        # neuronsig append needs to know the parts of such a table, even to say what it has lost.
        if not whole.appended:
            whole_file(table).unlink()
        return None
    return whole.counts


def corpus_statistics(sentences: DataFrame) -> DataFrame:
    """P1 Table 1: one row a domain, in the order in which the domains first occur, then the row `total`.

    Columns: `domain`, `sentences`, `words` int64, `length_mean` words a sentence, `noun_share`, `verb_share`,
    `adj_share` of the words, `metadata` the sorted keys that occur.
    """

    def tags(initial: str) -> Column:
        return F.sum(F.size(F.filter("pos", lambda tag: tag.startswith(initial))))

    words = F.sum(F.size("tokens"))
    grouped = sentences.rollup("domain").agg(
        F.count("*").alias("sentences"),
        words.cast("long").alias("words"),
        (words / F.count("*")).alias("length_mean"),
        *[(tags(initial) / words).alias(name) for name, initial in TAG_INITIALS.items()],
        F.array_sort(F.array_distinct(F.flatten(F.collect_set(F.map_keys("metadata"))))).alias("metadata"),
        F.min("sentence_id").alias("_first"),
        F.grouping("domain").alias("_total"),
    )
    named = grouped.withColumn("domain", F.when(F.col("_total") == 1, F.lit("total")).otherwise(F.col("domain")))
    return named.orderBy("_total", "_first").drop("_first", "_total")
