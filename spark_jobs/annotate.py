"""Documents to annotated sentences: Spark NLP's sentence detector, tokenizer, tagger and parser (P1 4.1).

Three steps, each a table on disk, so that a job that was interrupted goes on with what is missing:

    cleaned    every sentence found, normalised, with the reason it is dropped for, if any
    numbered   the sentences kept, without duplicates, in corpus order; their place is their sentence_id
    sentences  annotated in batches of ids, written in place, one manifest a batch (design section 8)
"""

import bisect
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml import PipelineModel
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from neuronsig.annotation import sentences as rules
from neuronsig.annotation.near_duplicates import buckets, jaccard, signatures
from neuronsig.annotation.sentence_files import FILE, WRITTEN, file_count, write_sentences
from neuronsig.annotation.sentences import judge_sentences, split_paragraphs, wordpiece_json
from neuronsig.config import AnnotatorConfig
from neuronsig.storage.location import absolute
from neuronsig.storage.manifests import Batch
from neuronsig.tables import SENTENCES
from spark_jobs.parser import with_heads
from spark_jobs.tables import read_files, spark_schema, uri

_METADATA = spark_schema([SENTENCES.field("metadata")])["metadata"].dataType.simpleString()
# Metadata travels as JSON text between the steps: Arrow and Python never have to unfold the map.
_DOCUMENT = [("corpus_order", pa.int32()), ("domain", pa.string()), ("doc_id", pa.string())]
_PARAGRAPHS = spark_schema([*_DOCUMENT, ("paragraph", pa.int32()), ("text", pa.string()), ("metadata", pa.string())])
CLEANED = spark_schema(
    [*_DOCUMENT, ("position", pa.int32()), ("text", pa.string()), ("reason", pa.string()), ("metadata", pa.string())]
)
_ORDER = ("corpus_order", "doc_id", "position", "text")
_PLACE = ("corpus_order", "doc_id", "position", "key")
_BATCH = 1024
_KEY = ("key", pa.string())
_BUCKETED = spark_schema(
    [("corpus_order", pa.int32()), ("doc_id", pa.string()), ("position", pa.int32()), _KEY, ("bucket", pa.int64())]
)
_ALIKE = spark_schema([_KEY])
_WRITTEN = StructField("written", StringType())
_HEADS = StructField("heads", ArrayType(IntegerType(), containsNull=False))
_PARSED = "dependency"


def clean(documents: DataFrame, config: AnnotatorConfig) -> DataFrame:
    """Every sentence of the documents, in the `cleaned` schema; `reason` is null for those to keep so far.

    documents: columns `corpus_order` int, `domain`, `doc_id`, `text` string, `metadata`
    map<string,array<string>>.
    """
    from sparknlp.annotator import SentenceDetector
    from sparknlp.base import DocumentAssembler

    tokenizer = wordpiece_json(config.wordpieces)
    plain = documents.select("corpus_order", "domain", "doc_id", "text", F.to_json("metadata").alias("metadata"))
    split = plain.mapInArrow(split_paragraphs, _PARAGRAPHS)
    assembled = DocumentAssembler().setInputCol("text").setOutputCol("document").transform(split)
    detected = SentenceDetector().setInputCols("document").setOutputCol("sentence").transform(assembled)
    found = detected.select(
        "corpus_order", "domain", "doc_id", "paragraph", F.col("sentence.result").alias("sentences"), "metadata"
    )

    def judged(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from judge_sentences(parts, tokenizer, config.min_pieces, config.max_characters)

    return found.mapInArrow(judged, CLEANED)


def number(cleaned: DataFrame, partitions: int, known: DataFrame | None = None) -> DataFrame:
    """The sentences kept, exact duplicates dropped, sorted over `partitions`; `part`, `row` give their place.

    Of equal texts the first in (corpus_order, doc_id, position) stays. An id may be there twice, so that metadata
    decides last. Texts that `known` (column `text`) holds are dropped: earlier corpora come first.
    """
    kept = distinct(cleaned)
    if known is not None:
        kept = kept.join(known, "text", how="left_anti")
    ordered = kept.repartitionByRange(partitions, *_ORDER).sortWithinPartitions(*_ORDER)
    return ordered.select(
        *(name for name, _ in _DOCUMENT),
        *("position", "text", "metadata"),
        F.spark_partition_id().alias("part"),
        # The lower 33 bits count the rows of a partition.
        F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1)).alias("row"),
    )


def distinct(cleaned: DataFrame) -> DataFrame:
    """The first row of every text that is fit to be kept, in the `cleaned` schema."""
    first = Window.partitionBy("text").orderBy("corpus_order", "doc_id", "position", "metadata")
    kept = cleaned.where("reason is null").withColumn("_copy", F.row_number().over(first)).where("_copy = 1")
    return kept.drop("_copy")


def without_near_duplicates(distinct: DataFrame, threshold: float) -> DataFrame:
    """The rows of `distinct` (no text twice) but those alike by `threshold` to an earlier one, be that kept or not.

    MinHash bands in tasks, the likely pairs compared exactly. Every sentence is compared with the first one, in corpus
    order, of each of its buckets, so that work grows with the corpus and not with the pairs of a large bucket. What is
    dropped depends on the text alone, not on its partitions.
    """
    keyed = distinct.withColumn("key", F.md5("text"))
    in_buckets = keyed.select(*_PLACE, "text").mapInArrow(lambda parts: _bucketed(parts, threshold), _BUCKETED)
    placed = in_buckets.select("bucket", "key", F.struct(*_PLACE).alias("place"))
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
            columns = [part.column(name).take(rows) for name in _PLACE]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(found.ravel())], [*_PLACE, "bucket"])


def _alike(parts: Iterable[pa.RecordBatch], threshold: float) -> Iterator[pa.RecordBatch]:
    for part in parts:
        pairs = zip(part.column("text").to_pylist(), part.column("earlier").to_pylist(), strict=True)
        alike = pa.array([jaccard(text, earlier) >= threshold for text, earlier in pairs], pa.bool_())
        yield pa.RecordBatch.from_arrays([part.column("key").filter(alike)], ["key"])


@dataclass
class Numbered:
    """The files of the numbered table in corpus order; file i holds ids first_ids[i] to first_ids[i + 1] - 1."""

    files: list[str]
    parts: list[int]
    first_ids: list[int]

    @property
    def sentences(self) -> int:
        return self.first_ids[-1] - self.first_ids[0]


def read_numbered(spark: SparkSession, folder: Path, first_id: int = 0) -> Numbered:
    """Find out which file of the numbered table holds which sentence ids, from `first_id` on."""
    table = read_files(spark, uri(folder))
    # Not input_file_name(): what it says is encoded for a URL.
    located = table.select("part", F.col("_metadata.file_name").alias("file"))
    counted = located.groupBy("part", "file").count().orderBy("part").collect()
    first_ids = [first_id]
    for row in counted:
        first_ids.append(first_ids[-1] + row["count"])
    return Numbered([uri(folder / row["file"]) for row in counted], [row["part"] for row in counted], first_ids)


def batch_of(spark: SparkSession, numbered: Numbered, start: int, stop: int) -> DataFrame:
    """The numbered sentences with ids from `start` to `stop` - 1, with their `sentence_id`."""
    low = bisect.bisect_right(numbered.first_ids, start) - 1
    high = bisect.bisect_left(numbered.first_ids, stop)
    offsets: list[Column] = []
    # Said of the columns that are stored, so that row groups without one of the rows are not read.
    wanted = F.lit(False)
    for part, first in zip(numbered.parts[low:high], numbered.first_ids[low:high], strict=True):
        offsets += [F.lit(part), F.lit(first).cast("long")]
        wanted |= (F.col("part") == part) & (F.col("row") >= start - first) & (F.col("row") < stop - first)
    table = read_files(spark, *numbered.files[low:high])
    sentence_id = F.create_map(*offsets)[F.col("part")] + F.col("row")
    return table.where(wanted).withColumn("sentence_id", sentence_id)


def annotator_pipeline(spark: SparkSession, tagger: Any, parser: Any | None) -> PipelineModel:
    """Tokens with clitics split and Penn tags of one sentence a row, from column `text`; with a parser, heads too."""
    from sparknlp.annotator import Tokenizer
    from sparknlp.base import DocumentAssembler

    assembler = DocumentAssembler().setInputCol("text").setOutputCol("document")
    tokenizer = Tokenizer().setInputCols("document").setOutputCol("token")
    tokenizer.setInfixPatterns(list(rules.INFIX_PATTERNS))
    tokenizer.setPrefixPattern(rules.PREFIX_PATTERN).setSuffixPattern(rules.SUFFIX_PATTERN)
    empty = spark.createDataFrame([("",)], ["text"])
    stages = [
        assembler,
        tokenizer.fit(assembler.transform(empty)),
        tagger.setInputCols("document", "token").setOutputCol("pos"),
    ]
    if parser is not None:
        stages.append(parser.setInputCols("document", "pos", "token").setOutputCol(_PARSED))
    return PipelineModel(stages=stages)


def annotate(batch: DataFrame, pipeline: PipelineModel, partitions: int) -> DataFrame:
    """A batch of numbered sentences as rows of the `sentences/` table, made in so many tasks, in no order.

    Tokens are those of the text in Unicode's form C; `text` stays as it is written.
    """
    spread = batch.repartition(partitions, "sentence_id")
    composed = spread.mapInArrow(rules.with_composed, StructType([*spread.schema, _WRITTEN]))
    found = pipeline.transform(composed)
    made = {"text": F.col("written"), "tokens": F.col("token.result"), "pos": F.col("pos.result")}
    columns = [made.get(name, F.col(name)).alias(name) for name in SENTENCES.names if name != "heads"]
    if _PARSED in found.columns:
        heads = F.transform(F.col(f"{_PARSED}.metadata"), lambda token: token["head"].cast("int"))
        rows = found.select(*columns, heads.alias("heads"))
    else:
        tagged = found.select(*columns)
        rows = tagged.mapInArrow(with_heads, StructType([*tagged.schema, _HEADS]))
    last = {"heads": one_root(F.col("heads")), "metadata": F.from_json("metadata", _METADATA)}
    return rows.select(*[last.get(name, F.col(name)).alias(name) for name in SENTENCES.names])


def write_batch(annotated: DataFrame, table: Path, start: int, stop: int) -> Batch:
    """Write the sentences from `start` to `stop` - 1 into the table; they are part of it once the batch is published.

    Their files, each sorted by sentence_id, are as many as `file_count` says, whatever made the rows.
    """
    files = file_count(stop - start)
    number = F.expr(f"((sentence_id - {start}) * {files}) div {stop - start}")
    placed = annotated.withColumn(FILE, number).repartition(files, FILE).sortWithinPartitions("sentence_id")
    write = functools.partial(write_sentences, absolute(table))
    rows = placed.mapInArrow(write, spark_schema(WRITTEN)).collect()
    batch = Batch(start, stop, {row["name"]: row["rows"] for row in rows})
    if sum(batch.files.values()) != stop - start:
        raise RuntimeError(f"{sum(batch.files.values())} sentences were written, {stop - start} were due")
    return batch


def one_root(heads: Column) -> Column:
    """`neuronsig.annotation.sentences.one_root` as a column expression."""
    root = F.array_position(heads, 0).cast("int")
    return F.transform(heads, lambda head, index: F.when((head == 0) & (index + 1 != root), root).otherwise(head))
