"""The trees that a user brings (neuronsig.mining.user_trees), parsed once and set against the run's sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.corpora.plan import bundle
from neuronsig.errors import InputError
from neuronsig.mining.user_trees import KEY, PARSED, parsed_trees, tree_units
from neuronsig.progress import task
from neuronsig.storage.files import remove
from neuronsig.storage.whole_files import atomic_write
from spark_jobs.paths import uri
from spark_jobs.schemas import spark_schema


def parse_trees(session: SparkSession, path: str, sentences: Path, folder: Path, words: bool) -> Path:
    """Write the trees as rows of PARSED below `folder` unless they are there, and return where.

    Raises InputError, and leaves nothing, when a row is wrong or a tree malformed, when an id is there twice or is of
    no sentence, and when no sentence has a tree.
    """
    rows, checked = folder / "rows", folder / "checked"
    if checked.exists():
        return rows
    units = tree_units(path)
    bundles = bundle(units, session.sparkContext.defaultParallelism)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                for unit in bundles[number]:
                    yield from parsed_trees(unit, words)

    with task("reading trees", len(units), "pieces") as progress:
        table = session.range(0, len(bundles), 1, max(len(bundles), 1)).mapInArrow(read, spark_schema(PARSED))
        table.write.mode("overwrite").parquet(uri(rows))
        try:
            check_trees(session.read.parquet(uri(rows)), session.read.parquet(uri(sentences)), f"{KEY}={path}")
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
