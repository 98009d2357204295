"""A corpus to the `sentences/` table in three steps, each with its record on disk: clean, number, annotate.

A job that was interrupted goes on with the step, or the batch, that is missing. The same steps make a table and add
to one that is there (`Part`).
"""

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

from neuronsig.annotation.sentence_files import batch_size
from neuronsig.annotation.sentences import DUPLICATE, NEAR_DUPLICATE, REASONS
from neuronsig.collection.topk import MAX_ID
from neuronsig.config import AnnotatorConfig, CorpusConfig
from neuronsig.corpora.listing import by_reason
from neuronsig.errors import InputError
from neuronsig.progress import Task, polled, say, task
from neuronsig.storage.files import remove
from neuronsig.storage.manifests import missing_ranges
from neuronsig.storage.whole_files import atomic_write
from spark_jobs import annotate
from spark_jobs.annotators import load_parser, load_tagger
from spark_jobs.documents import read_documents
from spark_jobs.sentence_table import delete_leavings, read_texts, whole_batches
from spark_jobs.tables import read_files, uri

CLEANED, NUMBERED = "cleaned", "numbered"
SENTENCES_PER_TASK = 2_500
POLL_SECONDS = 0.5
RATE = "sentences annotated a second"
LEAVINGS = "files of attempts that died, deleted"


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
    return annotate.annotator_pipeline(spark, tagger, load_parser(config.parser_model))


def clean_and_number(spark: SparkSession, corpus: CorpusConfig, config: AnnotatorConfig, part: Part) -> Found:
    """Read, split, judge, drop copies, order.

    Raises InputError when no sentence of the corpus is fit to be kept, when they are more than ids, and when the table
    has lost files of earlier parts.
    """
    for start, stop in missing_ranges(whole_batches(part.table), 0, part.first_id):
        raise InputError(
            f"{part.table} has lost files of sentences {start:,} to {stop - 1:,}; "
            "restore them, or make the run again: neuronsig annotate with overwrite=true"
        )
    partitions = max(8, 4 * spark.sparkContext.defaultParallelism)
    if not (part.record(CLEANED).is_file() and (part.is_numbered or part.folder(CLEANED).is_dir())):
        _clean(spark, corpus, config, part, partitions)
    record = json.loads(part.record(CLEANED).read_text())
    candidates = record["reasons"].get("", 0)
    if not candidates:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in record["reasons"].items()) or "no text at all"
        skipped = by_reason(record["skipped"], record.get("first", {}))
        raise InputError(
            f"corpus: no sentence is left of {record['documents']:,} documents ({reasons})"
            f"{f', records skipped: {skipped}' if skipped else ''}; "
            "check the paths, annotator.min_pieces and annotator.max_characters"
        )
    if not part.is_numbered:
        _number(spark, config, part, candidates, partitions)
    numbered = annotate.read_numbered(spark, part.folder(NUMBERED), part.first_id)
    if (total := part.first_id + numbered.sentences) > MAX_ID + 1:
        raise InputError(
            f"corpus: {total:,} sentences in one run, at most {MAX_ID + 1:,} fit in the 32-bit ids of its lists; "
            "divide the corpus among several runs"
        )
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
    spark: SparkSession, pipeline: PipelineModel, numbered: annotate.Numbered, batch_sentences: int, part: Part
) -> dict[str, Any]:
    """Annotate what of this part the table lacks, batch by batch, each published once.

    Returns the rate, and the number of files that died attempts had left, where there are any.
    """
    cores = spark.sparkContext.defaultParallelism
    there, left = whole_batches(part.table), delete_leavings(part.table)
    size = batch_sentences or batch_size(cores)
    missing = missing_ranges(there, part.first_id, part.first_id + numbered.sentences, size)
    due = sum(stop - start for start, stop in missing)
    if due < numbered.sentences:
        say(f"  {numbered.sentences - due:,} of {numbered.sentences:,} sentences are there already")
    started = time.monotonic()
    with task("annotating", due, "sentences") as progress:
        for start, stop in missing:
            tasks = task_count(stop - start, cores)
            annotated = annotate.annotate(annotate.batch_of(spark, numbered, start, stop), pipeline, tasks)
            with watched(spark, progress, tasks, stop - start):
                batch = annotate.write_batch(annotated, part.table, start, stop)
            batch.publish(part.table)
    # Of tasks that were tried again while others of theirs went on.
    left += delete_leavings(part.table)
    rate = {RATE: round(due / (time.monotonic() - started), 1)} if due else {}
    return {**rate, **({LEAVINGS: left} if left else {})}


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
    """Tasks that annotate a batch: some seconds long each, so that progress is seen; files are another matter."""
    return max(4 * cores, -(-sentences // SENTENCES_PER_TASK))


def _clean(spark: SparkSession, corpus: CorpusConfig, config: AnnotatorConfig, part: Part, partitions: int) -> None:
    documents = read_documents(spark, corpus).save(part.work / "documents")
    frame = annotate.clean(documents.frame.repartition(partitions), config)
    with (
        task("splitting into sentences", partitions, "parts") as progress,
        watched(spark, progress, partitions, partitions),
    ):
        frame.write.mode("overwrite").parquet(uri(part.folder(CLEANED)))
    found = read_files(spark, uri(part.folder(CLEANED))).groupBy("reason").count().collect()
    record = {
        "documents": documents.count(),
        "skipped": documents.skipped(),
        "first": documents.tally.first,
        "notes": documents.notes(),
        "reasons": {row["reason"] or "": row["count"] for row in found},
    }
    atomic_write(part.record(CLEANED), json.dumps(record).encode())
    remove(part.work / "documents")


def _number(spark: SparkSession, config: AnnotatorConfig, part: Part, candidates: int, partitions: int) -> None:
    cleaned = read_files(spark, uri(part.folder(CLEANED)))
    record, known = {}, None
    if config.near_duplicates:
        cleaned = _thinned(spark, cleaned, config.near_duplicates, part)
        record = {"distinct": read_files(spark, uri(part.work / "distinct")).count()}
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
    return annotate.without_near_duplicates(read_files(spark, uri(folder)), threshold)
