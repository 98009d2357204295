"""read_documents: all sources of a corpus in one DataFrame, one row a document or skipped record."""

from __future__ import annotations

import dataclasses
import functools
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import Unit, compression, count_lines, is_archive, is_cut_bzip2, is_hidden, readable
from neuronsig.corpora.plan import bundle, read_units, source_units
from neuronsig.corpora.reserve import left_out
from neuronsig.corpora.wikipedia import PAGE_END, page_document
from neuronsig.tables import METADATA
from spark_jobs.jvm import can_name
from spark_jobs.tables import numbered_tasks, read_files, spark_schema, uri

_ARROW = pa.schema(
    [
        pa.field("domain", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("corpus_order", pa.int32(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        ("text", pa.string()),
        ("metadata", METADATA),
        ("skipped", pa.string()),
        ("notes", pa.map_(pa.string(), pa.int64())),
    ]
)
RECORDS = spark_schema(_ARROW)
_BATCH_DOCUMENTS = 512
_BATCH_CHARACTERS = 8 << 20


class Tally(NamedTuple):
    """Counts of documents by `source: `, of skipped records by `source: reason`, of notes by `source: what`; of every
    reason the first record by name."""

    documents: dict[str, int]
    skipped: dict[str, int]
    notes: dict[str, int]
    first: dict[str, str]


@dataclass
class Documents:
    """A corpus read lazily. `records` (columns of RECORDS) has one row a document or skipped record.

    A record is a document (`skipped` null) or was skipped for the reason in `skipped` (`text` null then). `notes`
    counts what was replaced or left out inside a record. The rows' order means nothing: sort by corpus_order, doc_id.
    """

    records: DataFrame

    @property
    def frame(self) -> DataFrame:
        """The documents: corpus_order, domain, doc_id, text, metadata."""
        kept = self.records.where(F.col("skipped").isNull())
        return kept.select("corpus_order", "domain", "doc_id", "text", "metadata")

    def save(self, folder: Path) -> Documents:
        """Write the records as Parquet and go on from there, so that text is parsed once."""
        self.records.write.mode("overwrite").parquet(uri(folder))
        return Documents(read_files(self.records.sparkSession, uri(folder)))

    @functools.cached_property
    def tally(self) -> Tally:
        """What the records are, in one pass."""
        skipped = F.concat(F.lit("skipped/"), "skipped")
        counted = F.map_concat(
            F.create_map(F.coalesce(skipped, F.lit("documents/")), F.lit(1).cast("long")),
            F.transform_keys("notes", lambda key, _: F.concat(F.lit("notes/"), key)),
        )
        skipped_id = F.when(F.col("skipped").isNotNull(), F.col("doc_id"))
        rows = self.records.select("source", skipped_id.alias("id"), F.explode(counted).alias("name", "amount"))
        sums = rows.groupBy("source", "name").agg(F.sum("amount").alias("sum"), F.min("id").alias("first"))
        found = Tally({}, {}, {}, {})
        for row in sums.orderBy("source", "name").collect():
            kind, _, name = row["name"].partition("/")
            label = f"{row['source']}: {name}"
            getattr(found, kind)[label] = row["sum"]
            if kind == "skipped":
                found.first[label] = row["first"].removeprefix(f"{row['source']}/")
        return found

    def count(self) -> int:
        """The number of documents."""
        return sum(self.tally.documents.values())

    def skipped(self) -> dict[str, int]:
        """`source: reason` -> records skipped for it."""
        return self.tally.skipped

    def notes(self) -> dict[str, int]:
        """`source: what` -> how many were replaced or left out inside records."""
        return self.tally.notes


def read_documents(spark: SparkSession, corpus: CorpusConfig) -> Documents:
    """Every record of every source, lazily.

    `corpus_order` is the source's place in the config; `doc_id` begins with the source's name, so that it is
    unique in a domain that several sources share. Raises InputError for a source that cannot be read.
    """
    check_sources(corpus)
    frames = [_read_source(spark, source, name, order) for order, (name, source) in enumerate(corpus.sources.items())]
    return Documents(functools.reduce(DataFrame.unionByName, frames))


def _read_source(spark: SparkSession, source: SourceConfig, name: str, order: int) -> DataFrame:
    units, side, passed = source_units(source, f"corpus.sources.{name}")
    label = functools.partial(_labelled, source=name, domain=source.domain, order=order)
    split = source.format == "wikipedia_dump" and not source.max_documents
    dumps = [unit for unit in units if split and spark_reads(unit) and can_name(spark, unit.path)]
    rest = [unit for unit in units if unit not in dumps]
    cores = spark.sparkContext.defaultParallelism
    bundles = [rest] if source.max_documents else bundle(_numbered(spark, rest, source), 2 * cores) or [[]]

    def read(number: int) -> Iterator[pa.RecordBatch]:
        return label(read_units(bundles[number], side, () if number else passed, source))

    records = numbered_tasks(spark, len(bundles), read, RECORDS)
    return records.unionByName(_read_dump(spark, [unit.path for unit in dumps], source, label)) if dumps else records


def spark_reads(unit: Unit) -> bool:
    """Whether Spark's own text reader splits a file, and takes it for what it is.

    It leaves out hidden files without a word, unpacks by endings in small letters, fails on a bzip2 file that is cut
    short, and its paths are text. A name with a colon it opens on no local disk: its checksum's name would be a URI.
    """
    name, packed = posixpath.basename(unit.path), compression(unit.path)
    if is_archive(name) or is_hidden(name) or ":" in name or unit.path != readable(unit.path):
        return False
    return not packed or (packed == ".bz2" and name.endswith(packed) and not is_cut_bzip2(unit))


def _read_dump(
    spark: SparkSession,
    paths: list[str],
    source: SourceConfig,
    label: Callable[[Iterable[Document]], Iterator[pa.RecordBatch]],
) -> DataFrame:
    """Spark's own text reader splits even one large bzip2 file; a record is what lies between page ends."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pieces = (page_document(piece, source) for batch in batches for piece in batch.column(0).to_pylist())
        yield from label(left_out((document for document in pieces if document is not None), source))

    text = read_files(spark, *[uri(path) for path in paths], format="text", lineSep=PAGE_END)
    return text.select(F.col("value").cast("binary")).mapInArrow(read, RECORDS)


def _numbered(spark: SparkSession, units: Sequence[Unit], source: SourceConfig) -> list[Unit]:
    """Units of large JSONL files with the number of their first line, which names a record without an id column."""
    if source.format != "jsonl" or source.id_column or len({unit.path for unit in units}) == len(units):
        return list(units)
    pieces = list(units)

    def lines(index: int) -> list[pa.RecordBatch]:
        return [pa.RecordBatch.from_pydict({"id": [index], "lines": [count_lines(pieces[index])]})]

    schema = spark_schema([("id", pa.int64()), ("lines", pa.int64())])
    frame = numbered_tasks(spark, len(pieces), lines, schema)
    counts = {row["id"]: row["lines"] for row in frame.collect()}
    numbered: list[Unit] = []
    first = 0
    for index, unit in enumerate(pieces):
        first = first + counts[index - 1] if index and pieces[index - 1].path == unit.path else 0
        numbered.append(dataclasses.replace(unit, first_record=first))
    return numbered


def _labelled(found: Iterable[Document], source: str, domain: str, order: int) -> Iterator[pa.RecordBatch]:
    """Documents as Arrow batches of bounded size."""
    batch: list[Document] = []
    characters = 0
    for document in found:
        batch.append(document)
        characters += len(document.text)
        if len(batch) >= _BATCH_DOCUMENTS or characters >= _BATCH_CHARACTERS:
            yield _batch(batch, source, domain, order)
            batch, characters = [], 0
    if batch:
        yield _batch(batch, source, domain, order)


def _batch(found: Sequence[Document], source: str, domain: str, order: int) -> pa.RecordBatch:
    columns = [
        [domain] * len(found),
        [source] * len(found),
        [order] * len(found),
        [f"{source}/{document.doc_id}" for document in found],
        [None if document.skipped else document.text for document in found],
        [list(document.metadata.items()) for document in found],
        [document.skipped for document in found],
        [list(document.notes.items()) for document in found],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _ARROW, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_ARROW)
