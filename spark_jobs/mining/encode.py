"""Sentences as integers, made once for all models: the dictionary's counts and the encoded rows, on Spark.

Sentences that are held out (neuronsig.holdout) are in no row and no count. A word in fewer than `min_count`
sentences of the corpus cannot be in `min_count` sentences of a neuron, so leaving it out changes no result. Of the
others a dictionary has the most frequent MAX_WORDS and says how many it leaves out: no process holds more, whatever the
corpus. The trees that a user brings (neuronsig.mining.user_trees) are parsed once and set against the run's sentences.
"""

import functools
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.corpora.plan import bundle
from neuronsig.encoding.counting import COUNTS, NODES, SOURCE, count_batch
from neuronsig.encoding.sentences import ENCODED, ENCODED_NODES, Encoder, encoded_rows
from neuronsig.encoding.vocabulary import OTHER, Bound, Dictionary, read_dictionary, write_dictionary
from neuronsig.errors import InputError
from neuronsig.holdout import NO_IDS, Holdout
from neuronsig.mining.user_trees import KEY, PARSED, parsed_trees, tree_units
from neuronsig.progress import task
from neuronsig.storage.files import remove
from neuronsig.storage.parquet import read_rows
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES
from spark_jobs.connect import parallelism
from spark_jobs.shared import Shared, share
from spark_jobs.tables import numbered_tasks, open_table, read_files, spark_schema, uri, write_once


def encode_sentences(
    session: SparkSession, sentences: Path, folder: Path, mining: MiningConfig, trees: Path | None = None
) -> Dictionary:
    """Write `folder/dictionary.parquet` and `folder/sentences/` unless they are there, and return the dictionary.

    Metadata items are `domain` and every field but those of `metadata_skip`; of a field, the `metadata_max_values`
    values with most sentences that occur in `min_count` sentences or more are items of their own, and all others
    together are the value OTHER. `trees` are a user's bracketed ones, parsed, in place of the dependency heads. Raises
    InputError when the table is empty or has more than 256 tags, and when documents without ids are to be held out.
    """
    columns = tuple(dict.fromkeys((*SOURCE, *mining.held_out.columns)))
    source = open_table(session, sentences, SENTENCES).select(*columns)
    if trees is not None:
        users = read_files(session, uri(trees), schema=spark_schema(PARSED)).select("sentence_id", NODES, "heads")
        source = source.drop("heads").join(users, "sentence_id", how="left").select(*columns, NODES)
    listed = folder / "dictionary.parquet"
    if not listed.exists():
        require_documents(source, mining.held_out)
        counted, counts = folder / "counts", count_items(source, mining.metadata_skip, mining.held_out)
        write_once(counted, lambda: kept_items(counts, mining.min_count, mining.metadata_max_values))
        bounds = dictionary_bounds(read_files(session, uri(counted), schema=spark_schema(COUNTS)))
        too_rare = functools.reduce(operator.or_, (bound.too_rare for bound in bounds))
        write_dictionary(read_rows(counted, COUNTS, COUNTS.names, ~too_rare), listed, sentences, bounds)
        remove(counted)
    dictionary = read_dictionary(listed, mining.match)
    if not (folder / "sentences" / "_SUCCESS").exists():
        shared = share(dictionary, folder / "shared")
        write_once(folder / "sentences", lambda: encode(source, shared, mining.metadata_skip, mining.held_out))
        remove(folder / "shared")
    return dictionary


def require_documents(source: DataFrame, holdout: Holdout) -> None:
    """Raise InputError where documents are held out and one has no id; a task's error would come with a traceback."""
    by_document = holdout.share and holdout.by == "document"
    if by_document and source.where("doc_id is null or doc_id = ''").limit(1).count():
        raise InputError(NO_IDS)


def count_items(source: DataFrame, skip: list[str], holdout: Holdout) -> DataFrame:
    """Rows of COUNTS of all sentences, one for each item."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield count_batch(holdout.without(batch), skip)

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


def dictionary_bounds(kept: DataFrame) -> list[Bound]:
    """What of `kept_items` a dictionary has room for; the driver sees how many words are how frequent, and no word."""
    rows = kept.where(F.col("kind").isin("word", "label")).groupBy("kind", "sentences").count().collect()
    return [
        Bound.of(kind, {row["sentences"]: row["count"] for row in rows if row["kind"] == kind})
        for kind in ("word", "label")
    ]


def _added(counts: DataFrame) -> DataFrame:
    sums = [F.sum(name).alias(name) for name in ("sentences", "tokens")]
    return counts.groupBy("kind", "field", "item").agg(*sums)


def encode(source: DataFrame, dictionary: Shared[Dictionary], skip: list[str], holdout: Holdout) -> DataFrame:
    """The sentences as rows of ENCODED, with `nodes` where trees are a user's."""
    nodes = dictionary.value.labels is not None

    def encoded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        encoder = Encoder(dictionary.value, skip)
        for batch in batches:
            used = holdout.without(batch)
            yield encoded_rows(used.column("sentence_id"), encoder.encode(used), nodes)

    return source.mapInArrow(encoded, spark_schema(ENCODED_NODES if nodes else ENCODED))


def parse_trees(session: SparkSession, path: str, sentences: Path, folder: Path, words: bool) -> Path:
    """Write the trees as rows of PARSED below `folder` unless they are there, and return where.

    Raises InputError, and leaves nothing, when a row is wrong or a tree malformed, when an id is there twice or is of
    no sentence, and when no sentence has a tree.
    """
    rows, checked = folder / "rows", folder / "checked"
    if checked.exists():
        return rows
    units = tree_units(path)
    bundles = bundle(units, parallelism(session))

    def read(number: int) -> Iterator[pa.RecordBatch]:
        for unit in bundles[number]:
            yield from parsed_trees(unit, words)

    with task("reading trees", len(units), "pieces") as progress:
        table = numbered_tasks(session, len(bundles), read, spark_schema(PARSED))
        table.write.mode("overwrite").parquet(uri(rows))
        try:
            parsed = read_files(session, uri(rows), schema=spark_schema(PARSED))
            check_trees(parsed, open_table(session, sentences, SENTENCES), f"{KEY}={path}")
        except InputError:
            remove(folder)
            raise
        progress.update(len(units))
    atomic_write(checked, b"")
    return rows


def check_trees(trees: DataFrame, sentences: DataFrame, said: str) -> None:
    """Raise InputError, one line that begins with `said`, unless the rows of PARSED are trees of the sentences."""
    error = F.struct("sentence_id", "error")
    found = trees.agg(
        F.count("error").alias("wrong"),
        F.min(F.when(F.col("error").isNotNull(), error)).alias("first"),
        F.count(F.when(F.size("nodes") > 0, 1)).alias("trees"),
    ).collect()[0]
    if found["wrong"]:
        raise InputError(f"{said}: {found['wrong']:,} rows are wrong, the first: {found['first']['error']}")
    if not found["trees"]:
        raise InputError(f"{said} holds no tree, and mining.kinds asks for subtrees; leave subtree out of it, or parse")
    of_sentence = trees.groupBy("sentence_id").count()
    twice = of_sentence.where("count > 1").agg(F.count("*").alias("n"), F.min("sentence_id").alias("id")).collect()[0]
    if twice["n"]:
        raise InputError(f"{said}: {twice['n']:,} sentences have several rows (first sentence_id {twice['id']})")
    lost = trees.join(sentences.select("sentence_id"), "sentence_id", how="left_anti")
    unknown = lost.agg(F.count("*").alias("n"), F.min("sentence_id").alias("id")).collect()[0]
    if unknown["n"]:
        raise InputError(
            f"{said}: {unknown['n']:,} rows are of no sentence of the run (first sentence_id {unknown['id']}); "
            "parse the sentences of this run's sentences/"
        )
