"""A corpus to the `sentences/` table in three steps, each with its record on disk: clean, number, annotate.

A job that was interrupted goes on with the step, or the batch, that is missing. The same steps make a table and add
to one that is there (`Part`).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.annotation.sentences import DUPLICATE, NEAR_DUPLICATE, REASONS
from neuronsig.config import AnnotatorConfig, CorpusConfig
from neuronsig.errors import InputError
from neuronsig.progress import Task, polled, say, task
from neuronsig.storage.files import remove
from neuronsig.storage.whole_files import atomic_write
from spark_jobs import annotate
from spark_jobs.annotators import load_parser, load_tagger
from spark_jobs.documents import read_documents
from spark_jobs.sentence_table import commit_batch, marker_folder, missing_batches, read_texts
from spark_jobs.tables import uri

CLEANED, NUMBERED = "cleaned", "numbered"
SENTENCES_PER_TASK = 2_500
POLL_SECONDS = 0.5
RATE = "sentences annotated a second"


@dataclass(frozen=True)
class Part:
    """Sentences to be made: steps between in `work`; ids from `first_id` on, after those that `table` has."""

    work: Path
    table: Path
    first_id: int = 0

    def folder(self, step: str) -> Path:
        return self.work / step

    def record(self, step: str) -> Path:
        return self.work / f"{step}.json"

    @property
    def is_numbered(self) -> bool:
        return self.record(NUMBERED).is_file() and self.folder(NUMBERED).is_dir()


@dataclass
class Found:
    """A cleaned and numbered corpus, and what became of all that it held."""

    numbered: annotate.Numbered
    counts: dict[str, Any]
    known: int
    """Sentences dropped because the table has their text already; `counts` has them among the duplicates."""


def load_annotators(spark: SparkSession, config: AnnotatorConfig, work: Path) -> PipelineModel:
    # Executors of a cluster see the run directory, not this machine's cache.
    cache = None if str(spark.sparkContext.master).startswith("local") else work / "models"
    tagger = load_tagger(spark, config.pos_model, cache)
    return annotate.annotator_pipeline(spark, tagger, load_parser(spark, config.parser_model))


def clean_and_number(spark: SparkSession, corpus: CorpusConfig, config: AnnotatorConfig, part: Part) -> Found:
    """Read, split, judge, drop copies, order; raises InputError when no sentence of the corpus is fit to be kept."""
    partitions = max(8, 4 * spark.sparkContext.defaultParallelism)
    if not (part.record(CLEANED).is_file() and (part.is_numbered or part.folder(CLEANED).is_dir())):
        _clean(spark, corpus, config, part, partitions)
    record = json.loads(part.record(CLEANED).read_text())
    candidates = record["reasons"].get("", 0)
    if not candidates:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in record["reasons"].items()) or "no text at all"
        raise InputError(
            f"corpus: no sentence is left of {record['documents']:,} documents ({reasons}); "
            "check the paths, annotator.min_pieces and annotator.max_characters"
        )
    if not part.is_numbered:
        _number(spark, config, part, candidates, partitions)
    numbered = annotate.read_numbered(spark, part.folder(NUMBERED), part.first_id)
    dropped = {reason: record["reasons"].get(reason, 0) for reason in REASONS if reason != DUPLICATE}
    distinct = json.loads(part.record(NUMBERED).read_text()).get("distinct", numbered.sentences)
    dropped[DUPLICATE] = candidates - numbered.sentences
    if config.near_duplicates:
        dropped[DUPLICATE] = candidates - distinct
        dropped[NEAR_DUPLICATE] = distinct - numbered.sentences
    counts = {
        "documents": record["documents"],
        "sentences found": sum(record["reasons"].values()),
        "sentences kept": numbered.sentences,
        "sentences dropped": dropped,
        "records skipped": record["skipped"],
        "inside records": record["notes"],
    }
    return Found(numbered, counts, 0 if config.near_duplicates else distinct - numbered.sentences)


def annotate_missing(
    spark: SparkSession, pipeline: PipelineModel, numbered: annotate.Numbered, ranges: list[tuple[int, int]], part: Part
) -> dict[str, float]:
    """Annotate and commit the batches of the table that are missing, all of this part; returns the rate, if any."""
    cores = spark.sparkContext.defaultParallelism
    markers = marker_folder(part.table)
    missing = missing_batches(ranges, markers, part.table)
    if missing and ranges[missing[0]][0] < part.first_id:
        raise InputError(
            f"{part.table} has lost files of sentences {ranges[missing[0]][0]:,} to {ranges[missing[0]][1] - 1:,}; "
            "restore them, or make the run again: neuronsig annotate with overwrite=true"
        )
    own = sum(1 for start, _ in ranges if start >= part.first_id)
    if len(missing) < own:
        say(f"  {own - len(missing)} of {own} batches are there already")
    started, done = time.monotonic(), 0
    with task("annotating", sum(ranges[i][1] - ranges[i][0] for i in missing), "sentences") as progress:
        for index in missing:
            start, stop = ranges[index]
            written = part.work / f"batch-{index:06d}"
            batch = annotate.batch_of(spark, numbered, start, stop)
            tasks = task_count(stop - start, cores)
            with watched(spark, progress, tasks, stop - start):
                annotated = annotate.annotate(batch, pipeline, tasks)
                annotated.write.mode("overwrite").parquet(uri(written))
            commit_batch(written, part.table, markers / f"{index:06d}.json", index, start, stop)
            done += stop - start
    return {RATE: round(done / (time.monotonic() - started), 1)} if done else {}


@contextmanager
def watched(spark: SparkSession, task: Task, partitions: int, amount: float) -> Iterator[None]:
    """Advance `task` by `amount` while the action in the block runs, in step with its stage of `partitions` tasks.

    Other stages of the action (samplings, shuffles of another width) do not move the bar.
    """
    context = spark.sparkContext
    group = f"neuronsig-{uuid.uuid4().hex[:8]}"
    context.setJobGroup(group, task.what)
    tracker, base = context.statusTracker(), task.completed

    def finished_share() -> float:
        best = (-1, 0.0)
        for job in tracker.getJobIdsForGroup(group):
            found = tracker.getJobInfo(job)
            for stage_id in found.stageIds if found else ():
                stage = tracker.getStageInfo(stage_id)
                if stage is not None and stage.numTasks == partitions:
                    best = max(best, (stage_id, stage.numCompletedTasks / partitions))
        return best[1]

    try:
        with polled(lambda: task.update(base + amount * finished_share()), POLL_SECONDS):
            yield
    finally:
        # Jobs started later in this thread do not belong to this group.
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    task.update(base + amount)


def task_count(sentences: int, cores: int) -> int:
    """Tasks of a batch: some seconds long each, so that progress is seen, without a flood of small files."""
    return min(max(4 * cores, -(-sentences // SENTENCES_PER_TASK)), max(64, 4 * cores))


def _clean(spark: SparkSession, corpus: CorpusConfig, config: AnnotatorConfig, part: Part, partitions: int) -> None:
    documents = read_documents(spark, corpus).save(part.work / "documents")
    frame = annotate.clean(documents.frame.repartition(partitions), config)
    with (
        task("splitting into sentences", partitions, "parts") as progress,
        watched(spark, progress, partitions, partitions),
    ):
        frame.write.mode("overwrite").parquet(uri(part.folder(CLEANED)))
    found = spark.read.parquet(uri(part.folder(CLEANED))).groupBy("reason").count().collect()
    record = {
        "documents": documents.count(),
        "skipped": documents.skipped(),
        "notes": documents.notes(),
        "reasons": {row["reason"] or "": row["count"] for row in found},
    }
    atomic_write(part.record(CLEANED), json.dumps(record).encode())
    remove(part.work / "documents")


def _number(spark: SparkSession, config: AnnotatorConfig, part: Part, candidates: int, partitions: int) -> None:
    cleaned = spark.read.parquet(uri(part.folder(CLEANED)))
    record, known = {}, None
    if config.near_duplicates:
        cleaned = _thinned(spark, cleaned, config.near_duplicates, part)
        record = {"distinct": spark.read.parquet(uri(part.work / "distinct")).count()}
    if part.first_id:
        # The table may hold batches of this very part.
        texts = read_texts(spark, part.table)
        known = texts.where(F.col("sentence_id") < part.first_id).select("text")
        distinct = cleaned.where("reason is null").agg(F.count_distinct("text").alias("n")).first()
        record = {"distinct": distinct["n"] if distinct else 0}
    frame = annotate.number(cleaned, partitions, known)
    with (
        task("ordering, without duplicates", candidates, "sentences") as progress,
        watched(spark, progress, partitions, candidates),
    ):
        frame.write.mode("overwrite").parquet(uri(part.folder(NUMBERED)))
    atomic_write(part.record(NUMBERED), json.dumps(record).encode())
    remove(part.work / "distinct")


def _thinned(spark: SparkSession, cleaned: DataFrame, threshold: float, part: Part) -> DataFrame:
    folder = part.work / "distinct"
    with task("dropping copies", None, "sentences"):
        annotate.distinct(cleaned).write.mode("overwrite").parquet(uri(folder))
    return annotate.without_near_duplicates(spark.read.parquet(uri(folder)), threshold)
