"""Corpora to annotated sentences: the run's `sentences/` table (Spark, Spark NLP).

Splits documents into sentences, collapses runs of one symbol, drops what is empty, too long, under three word
pieces or a copy, and annotates the rest with tokens, Penn tags and dependency heads (P1 4.1). Every dropped
record and sentence is counted by its reason.

Examples:
  python -m jobs.annotate run=runs/demo
  python -m jobs.annotate corpus=six data=../shared/data run=runs/six
  python -m jobs.annotate corpus=jsonl corpus.path=texts.jsonl annotator.min_pieces=5 run=runs/mine
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobs.launch import Summary, launch, stage_config
from neuronsig.config import Config, as_plan
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.plan import corpus_fingerprint
from neuronsig.errors import InputError
from neuronsig.progress import say, task
from neuronsig.rundir import RunDirectory, atomic_write, fingerprint_of, remove
from neuronsig.sentences import DUPLICATE, REASONS, batches
from neuronsig.tables import SENTENCES, check_table
from spark_jobs.sentence_table import (
    claim,
    commit_batch,
    marker_folder,
    missing_batches,
    whole_counts,
    whole_file,
    write_whole,
)

SECTIONS = ("corpus", "annotator", "spark")
SENTENCES_PER_TASK = 2_500


def run(config: Config) -> Summary:
    """Do what is missing of the `sentences/` table and return its counts."""
    directory = RunDirectory.create(config.run)
    check_sources(config.corpus)
    plan = make_plan(config)
    table, work = directory.sentences, directory.work("annotate")
    # A table that lost a file since is not whole, and its stage not done.
    whole_counts(table)
    outputs = [table, whole_file(table)]
    with directory.stage("annotate", plan, outputs, stage_config(config, SECTIONS), config.overwrite) as stage:
        if not stage.done:
            claim(table, stage.fingerprint)
            claim(work, stage.fingerprint)
            stage.counts = make(config, table, work)
            discard(work)
    return {"sentences/": str(table), **stage.counts}


def make_plan(config: Config) -> dict[str, Any]:
    """All that determines the table: text, rules and models, each by content and not by where it lies."""
    from spark_jobs.annotate import wordpiece_json
    from spark_jobs.annotators import model_identity

    corpus, annotator = as_plan(config.corpus), as_plan(config.annotator)
    for section in (corpus, *corpus["sources"].values()):
        del section["path"]
    for key in ("pos_model", "parser_model"):
        annotator[key] = model_identity(key, annotator[key])
    annotator["wordpieces"] = fingerprint_of(wordpiece_json(config.annotator.wordpieces))
    return {
        "corpus": corpus,
        "corpus_files": corpus_fingerprint(config.corpus),
        "annotator": annotator,
        "spark_nlp": version("spark-nlp"),
    }


def discard(work: Path) -> None:
    """Delete the steps between; their records first, so that none is ever there without its table."""
    for record in work.glob("*.json"):
        record.unlink()
    remove(work)


def make(config: Config, table: Path, work: Path) -> dict[str, Any]:
    """Clean, number, annotate; each step and batch that is already there is left alone."""
    counts = whole_counts(table)
    if counts is not None:
        return counts
    from spark_jobs.session import spark_session

    spark = spark_session(config.spark, "neuronsig annotate", nlp=True)

    from spark_jobs import annotate
    from spark_jobs.annotators import load_parser, load_tagger
    from spark_jobs.paths import uri
    from spark_jobs.readers import read_documents
    from spark_jobs.watch import watched

    # Executors of a cluster see the run directory, not this machine's cache.
    cache = None if str(spark.sparkContext.master).startswith("local") else work / "models"
    tagger = load_tagger(spark, config.annotator.pos_model, cache)
    parser = load_parser(spark, config.annotator.parser_model)
    pipeline = annotate.annotator_pipeline(spark, tagger, parser)
    cores = spark.sparkContext.defaultParallelism
    partitions = max(8, 4 * cores)

    cleaned, clean_record = work / "cleaned", work / "cleaned.json"
    numbered_folder, number_record = work / "numbered", work / "numbered.json"
    is_numbered = number_record.is_file() and numbered_folder.is_dir()
    if not (clean_record.is_file() and (is_numbered or cleaned.is_dir())):
        documents = read_documents(spark, config.corpus).save(work / "documents")
        frame = annotate.clean(documents.frame.repartition(partitions), config.annotator)
        with (
            task("splitting into sentences", partitions, "parts") as progress,
            watched(spark, progress, partitions, partitions),
        ):
            frame.write.mode("overwrite").parquet(uri(cleaned))
        found = spark.read.parquet(uri(cleaned)).groupBy("reason").count().collect()
        record = {
            "documents": documents.count(),
            "skipped": documents.skipped(),
            "notes": documents.notes(),
            "reasons": {row["reason"] or "": row["count"] for row in found},
        }
        atomic_write(clean_record, json.dumps(record).encode())
        remove(work / "documents")
    record = json.loads(clean_record.read_text())
    candidates = record["reasons"].get("", 0)
    if not candidates:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in record["reasons"].items()) or "no text at all"
        raise InputError(
            f"corpus: no sentence is left of {record['documents']:,} documents ({reasons}); "
            "check the paths, annotator.min_pieces and annotator.max_characters"
        )

    if not is_numbered:
        frame = annotate.number(spark.read.parquet(uri(cleaned)), partitions)
        with (
            task("ordering, without duplicates", candidates, "sentences") as progress,
            watched(spark, progress, partitions, candidates),
        ):
            frame.write.mode("overwrite").parquet(uri(numbered_folder))
        atomic_write(number_record, b"{}")
    numbered = annotate.read_numbered(spark, numbered_folder)

    ranges = batches(numbered.sentences, config.annotator.batch_sentences)
    markers = marker_folder(table)
    missing = missing_batches(ranges, markers, table)
    if len(missing) < len(ranges):
        say(f"  {len(ranges) - len(missing)} of {len(ranges)} batches are there already")
    started, done = time.monotonic(), 0
    with task("annotating", sum(ranges[i][1] - ranges[i][0] for i in missing), "sentences") as progress:
        for index in missing:
            start, stop = ranges[index]
            written = work / f"batch-{index:06d}"
            batch = annotate.batch_of(spark, numbered, start, stop)
            tasks = task_count(stop - start, cores)
            with watched(spark, progress, tasks, stop - start):
                annotated = annotate.annotate(batch, pipeline, tasks)
                annotated.write.mode("overwrite").parquet(uri(written))
            commit_batch(written, table, markers / f"{index:06d}.json", index, start, stop)
            done += stop - start
    seconds = time.monotonic() - started

    rows = check_table(table, SENTENCES)
    if rows != numbered.sentences:
        raise InputError(
            f"{table} holds {rows:,} rows, expected {numbered.sentences:,}; "
            f"delete it and {work}, and run python -m jobs.annotate again"
        )
    dropped = {reason: record["reasons"].get(reason, 0) for reason in REASONS if reason != DUPLICATE}
    dropped[DUPLICATE] = candidates - numbered.sentences
    counts = {
        "documents": record["documents"],
        "sentences found": sum(record["reasons"].values()),
        "sentences kept": numbered.sentences,
        "sentences dropped": dropped,
        "records skipped": record["skipped"],
        "inside records": record["notes"],
    }
    if done:
        counts["sentences annotated a second"] = round(done / seconds, 1)
    write_whole(table, numbered.sentences, config.annotator.batch_sentences, counts)
    return counts


def task_count(sentences: int, cores: int) -> int:
    """Tasks of a batch: some seconds long each, so that progress is seen, without a flood of small files."""
    return min(max(4 * cores, -(-sentences // SENTENCES_PER_TASK)), max(64, 4 * cores))


def main(argv: list[str] | None = None) -> int:
    return launch(run, SECTIONS, argv)


if __name__ == "__main__":
    sys.exit(main())
