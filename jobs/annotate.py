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

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobs.launch import Summary, launch, stage_config
from neuronsig.config import Config, as_plan
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.plan import corpus_fingerprint
from neuronsig.errors import InputError
from neuronsig.rundir import RunDirectory, fingerprint_of
from neuronsig.sentences import batches
from neuronsig.tables import SENTENCES, check_table
from spark_jobs.sentence_table import Whole, claim, discard, whole_counts, whole_file

SECTIONS = ("corpus", "annotator", "spark")


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


def make(config: Config, table: Path, work: Path) -> dict[str, Any]:
    """Clean, number, annotate; each step and batch that is already there is left alone."""
    counts = whole_counts(table)
    if counts is not None:
        return counts
    from spark_jobs.session import spark_session

    spark = spark_session(config.spark, "neuronsig annotate", nlp=True)
    from spark_jobs.annotation_steps import Part, annotate_missing, clean_and_number, load_annotators

    part = Part(work, table)
    pipeline = load_annotators(spark, config.annotator, work)
    found = clean_and_number(spark, config.corpus, config.annotator, part)
    size = config.annotator.batch_sentences
    ranges = batches([found.numbered.sentences], size)
    rate = annotate_missing(spark, pipeline, found.numbered, ranges, part)
    rows = check_table(table, SENTENCES)
    if rows != found.numbered.sentences:
        raise InputError(
            f"{table} holds {rows:,} rows, expected {found.numbered.sentences:,}; "
            f"delete it and {work}, and run python -m jobs.annotate again"
        )
    counts = {**found.counts, **rate}
    Whole(found.numbered.sentences, size, counts).write(table)
    return counts


def main(argv: list[str] | None = None) -> int:
    return launch(run, SECTIONS, argv)


if __name__ == "__main__":
    sys.exit(main())
