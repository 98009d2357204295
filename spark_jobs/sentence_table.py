"""The `sentences/` table: the batches that are there, the record that it is whole, and its statistics.

All of it is files inside the table, whose names begin with `_` so that no reader takes them for data: a table that is
deleted takes its records along, and the folder of intermediate results may be deleted when the table is whole.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.run.commits import sweep
from neuronsig.storage.files import delete_files, list_files, remove
from neuronsig.storage.manifests import FOLDER, Batch, missing_ranges, read_batches
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from spark_jobs.tables import read_files, spark_schema, table_uris

# Penn tags that begin with the letter, as P1 defines noun, verb and adjective.
TAG_INITIALS = {"noun_share": "N", "verb_share": "V", "adj_share": "J"}


def whole_file(table: Path) -> Path:
    """The record that every batch is there, with the counts of the job."""
    return table / "_whole.json"


def read_texts(spark: SparkSession, table: Path) -> DataFrame:
    """`sentence_id, text` of the sentences table."""
    schema = spark_schema([SENTENCES.field("sentence_id"), SENTENCES.field("text")])
    return read_files(spark, *table_uris(table), schema=schema, recursiveFileLookup="true")


def claim(folder: Path, fingerprint: str, record: str = "_plan") -> None:
    """Make sure that what a folder holds was made under this plan: anything else is deleted."""
    owner = folder / record
    try:
        same = owner.read_text() == fingerprint
    except OSError:
        same = False
    if not same:
        remove(folder)
        atomic_write(owner, fingerprint.encode())


def discard(work: Path) -> None:
    """Delete the steps between; their records first, so that none is ever there without its table."""
    delete_files([file for file in list_files(work) if file.suffix == ".json"])
    remove(work)


def claim_table(table: Path, fingerprint: str) -> None:
    """`claim` of the table, which has files from then on only where a manifest names them."""
    claim(table, fingerprint, f"{FOLDER}/plan")


def whole_batches(table: Path) -> list[Batch]:
    """The batches of a table whose files are all there. One listing."""
    there = {file.name for file in list_files(table)}
    return [batch for batch in read_batches(table) if there.issuperset(batch.files)]


def delete_leavings(table: Path) -> int:
    """Delete the files that no whole batch names, and the manifests of others; returns how many of the former.

    They are of attempts that died, or of a batch that has lost another file. Only while no task writes to the table.
    """
    kept = whole_batches(table)
    delete_files([batch.manifest(table) for batch in read_batches(table) if batch not in kept])
    records = [file.name for file in list_files(table) if file.name.startswith("_")]
    return sweep(table, [*records, *(name for batch in kept for name in batch.files)])


@dataclass(frozen=True)
class Whole:
    """What a finished table says of itself: sentences of the corpus it was made from, then of each one appended."""

    sentences: int
    counts: dict[str, Any]
    appended: list[int] = field(default_factory=list)

    @property
    def parts(self) -> list[int]:
        return [self.sentences, *self.appended]

    def is_there(self, table: Path) -> bool:
        """Whether every sentence is in a batch whose files are all there."""
        return not missing_ranges(whole_batches(table), 0, sum(self.parts))

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
    if not whole.is_there(table):
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
