"""Corpora to annotated sentences: the run's `sentences/` table (Spark, Spark NLP).

Splits documents into sentences, collapses runs of one symbol, drops what is empty, too long, under three word
pieces or a copy, and annotates the rest with tokens, Penn tags and dependency heads (P1 4.1). Every dropped
record and sentence is counted by its reason.

Examples:
  neuronsig annotate run=runs/demo
  neuronsig annotate corpus=six data=../shared/data run=runs/six
  neuronsig annotate corpus=jsonl corpus.path=texts.jsonl annotator.min_pieces=5 run=runs/mine
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronsig.annotation.sentences import DUPLICATE
from neuronsig.config import Config, CorpusConfig, SourceConfig, as_plan
from neuronsig.corpora.check import check_sources
from neuronsig.corpora.plan import corpus_fingerprint
from neuronsig.errors import ConfigError, InputError
from neuronsig.run.appending import added, corpus_growth
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import additions, fingerprint_of, plan_fingerprint
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter
from spark_jobs.sentence_table import Whole, claim, claim_table, discard, read_whole, whole_counts, whole_file

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.annotation_steps import Found


def run(config: Config) -> Summary:
    """Do what is missing of the `sentences/` table and return its counts."""
    directory = RunDirectory.create(config.run)
    check_sources(config.corpus)
    plan = make_plan(config)
    table, work = directory.sentences, directory.work("annotate")
    # A table that lost a file since is not whole, and its stage not done.
    whole_counts(table)
    outputs = [table, whole_file(table)]
    with enter(config, "annotate", plan, outputs, checks=True) as stage:
        if not stage.done:
            session = cache(lambda: _session(config, "neuronsig annotate"))
            if stage.overwrites:
                session()  # what the workers lack is said before the table of another plan is gone
            stage.begin()
            claim_table(table, stage.fingerprint)
            claim(work, stage.fingerprint)
            stage.counts = make(session, config, table, work)
            discard(work)
    return {"sentences/": str(table), **stage.counts}


def make_plan(config: Config) -> dict[str, Any]:
    """All that determines the table: text, rules and models, each by content and not by where it lies."""
    from neuronsig.annotation.sentences import wordpiece_json
    from spark_jobs.annotators import model_identity

    corpus, annotator = as_plan(config.corpus), as_plan(config.annotator)
    for section in (corpus, *corpus["sources"].values()):
        del section["path"]
        if not section.get("reserve", True):
            del section["reserve"]  # runs of before that key have none
    for key in ("pos_model", "parser_model"):
        annotator[key] = model_identity(key, annotator[key])
    del annotator["batch_sentences"]
    if not config.annotator.near_duplicates:
        del annotator["near_duplicates"]
    annotator["wordpieces"] = fingerprint_of(wordpiece_json(config.annotator.wordpieces))
    return {
        "corpus": corpus,
        "corpus_files": corpus_fingerprint(config.corpus),
        "annotator": annotator,
        "spark_nlp": version("spark-nlp"),
        **({"datasketch": version("datasketch")} if config.annotator.near_duplicates else {}),
    }


def make(session: Callable[[], SparkSession], config: Config, table: Path, work: Path) -> dict[str, Any]:
    """Clean, number, annotate; each step and batch that is already there is left alone, and Spark where all are."""
    counts = whole_counts(table)
    if counts is not None:
        return counts
    found, annotate_rest = _cleaned(session(), config, config.corpus, work, table)
    sentences = found.numbered.sentences
    told = annotate_rest()
    require_rows(table, sentences)
    counts = {**found.counts, **told}
    Whole(sentences, counts).write(table)
    return counts


def _session(config: Config, name: str) -> SparkSession:
    """Spark, its workers asked whether they can annotate."""
    from spark_jobs.preflight import check_workers
    from spark_jobs.session import spark_session

    session = spark_session(config.spark, name, nlp=True)
    check_workers(session, config.run, "tokenizers", "numba", *["datasketch"] * (config.annotator.near_duplicates > 0))
    return session


def _cleaned(
    session: SparkSession, config: Config, corpus: CorpusConfig, work: Path, table: Path, first_id: int = 0
) -> tuple[Found, Callable[[], dict[str, Any]]]:
    """The corpus cleaned, numbered from `first_id` on, and what annotates the sentences that the table lacks."""
    from spark_jobs.annotation_steps import Part, annotate_missing, clean_and_number, load_annotators

    part = Part(work, table, first_id)
    pipeline = load_annotators(session, config.annotator, work)
    found = clean_and_number(session, corpus, config.annotator, part)
    size = config.annotator.batch_sentences
    return found, lambda: annotate_missing(session, pipeline, found.numbered, size, part)


def append(config: Config, directory: RunDirectory) -> dict[str, Any]:
    """Add a corpus to the finished table; returns the counts of the new text, none of them when it is there already.

    Its sentences get the ids after the last one, and no file of the table is touched. The result is the table of a
    run whose corpus has the earlier sources and then these: of equal texts the earlier stays. The run is unfinished
    for its readers from the first batch on. Raises what `neuronsig.run.appending.corpus_growth` does, and InputError
    when the table has lost a file or the corpus has no sentence fit to be kept.
    """
    if config.annotator.near_duplicates:
        raise ConfigError(
            f"annotator.near_duplicates={config.annotator.near_duplicates}: text cannot be appended to a run without "
            "near-duplicates, for what it dropped is not kept; annotate all corpora together in another run=..."
        )
    table, work = directory.sentences, directory.work("append")
    plan = corpus_growth(directory, make_plan(config))
    whole = read_whole(table)
    if whole is None or (plan is None and not whole.is_there(table)):
        raise InputError(f"{table} is not whole; make it again: neuronsig annotate with overwrite=true")
    if plan is None:
        return {"sentences new": 0, "annotate": "nothing to do, the run holds this corpus already"}
    outputs = [table, whole_file(table)]
    names = additions(plan)[-1]["sources"]
    sources = {names[name]: source for name, source in config.corpus.sources.items()}
    recorded = _with_recorded(directory, config, sources)
    if len(whole.appended) == len(additions(plan)):  # killed after the last batch
        with enter(recorded, "annotate", plan, outputs) as stage:
            stage.counts = whole.counts
        return {"sentences new": whole.appended[-1], "sentences in the run": sum(whole.parts)}
    claim(work, plan_fingerprint(plan))
    corpus = dataclasses.replace(config.corpus, sources=sources)
    session = _session(config, "neuronsig append")
    found, annotate_rest = _cleaned(session, config, corpus, work, table, sum(whole.parts))
    new = found.numbered.sentences
    if new:
        with enter(recorded, "annotate", plan, outputs) as stage:
            parts = [*whole.parts, new]
            annotate_rest()
            require_rows(table, sum(parts))
            stage.counts = added(whole.counts, found.counts)
            dataclasses.replace(whole, counts=stage.counts, appended=parts[1:]).write(table)
    discard(work)
    dropped = found.counts["sentences dropped"]
    return {
        "sentences new": new,
        **{key: value for key, value in found.counts.items() if key != "sentences kept"},
        "sentences dropped": {
            **dropped,
            DUPLICATE: dropped[DUPLICATE] - found.known,
            "already in the run": found.known,
        },
        "sentences in the run": sum(whole.parts) + new,
        **({} if new else {"annotate": "nothing is new: the run is as it was"}),
    }


def _with_recorded(directory: RunDirectory, config: Config, sources: Mapping[str, SourceConfig]) -> Config:
    """The config with the sources that the run has on record, and those that are appended, for neuronsig finetune."""
    every = {**directory.annotated_sources(), **sources}
    return dataclasses.replace(config, corpus=dataclasses.replace(config.corpus, sources=every))


def require_rows(table: Path, sentences: int) -> None:
    rows = check_table(table, SENTENCES)
    if rows != sentences:
        raise InputError(
            f"{table} holds {rows:,} rows, expected {sentences:,}; make it again: neuronsig annotate with "
            "overwrite=true"
        )
