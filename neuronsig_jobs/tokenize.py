"""Tokenize the corpus for one model: its own fast tokenizer, one Parquet file a shard, sorted by length inside.

Reads RUN/sentences (from annotate), writes RUN/tokenized/<tokenizer> and its plan.json. Sentences are spread over the
shards by a seeded permutation of their ids. Inputs beyond the model's limit are cut and counted.

Example:  neuronsig tokenize run=runs/demo model=minilm
"""

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer
from neuronsig.collection.shards import PLAN_FILE, SHARD_LAYOUT, ShardPlan
from neuronsig.collection.tokenizing import ShardTask, finished_shards
from neuronsig.config import Config
from neuronsig.progress import polled, task
from neuronsig.run.appending import place_of, stage_growth
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.plan import additions, earlier, note
from neuronsig.run.stages import JOBS
from neuronsig.storage.files import list_files
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter, inputs_of
from spark_jobs.preflight import check_workers
from spark_jobs.sentence_table import read_texts
from spark_jobs.session import spark_session
from spark_jobs.tokenize import count_dense, write_shards


def run(config: Config) -> Summary:
    """Make the shards of one model's tokenizer; raises InputError where the sentences are not there or not whole."""
    directory = RunDirectory.existing(config.run)
    inputs = inputs_of(config, "tokenize")
    check_table(directory.sentences, SENTENCES)
    tokenizer = load_tokenizer(config.model)
    stage, shards = _made(config, directory, tokenizer, make_plan(config, tokenizer, inputs["annotate"]))
    return {"tokenizer": tokenizer.name, "shards": len(shards.shards), **stage.counts, **note(stage.plan)}


def append(config: Config, run: RunDirectory, tokenizer: TokenizerSpec, ends: Sequence[int]) -> Summary:
    """Add shards of the sentences that were appended to the table; those that are there stay as they are.

    `ends` are the sentences of the run at first and after every addition to it. A part's permutation is its own.
    Raises what `neuronsig.run.appending.stage_growth` does.
    """
    name = JOBS["tokenize"].stage(tokenizer.name)
    plan = make_plan(config, tokenizer, run.fingerprint("annotate", "neuronsig append"))
    before = place_of(run, name, "annotate")
    addition = {"first_id": ends[before] if before is not None else 0}
    stage, shards = _made(config, run, tokenizer, stage_growth(run, name, "annotate", plan, addition))
    return {"tokenizer": tokenizer.name, "shards new": 0 if stage.done else shards.parts[-1].shards}


def _made(
    config: Config, run: RunDirectory, tokenizer: TokenizerSpec, plan: Mapping[str, Any]
) -> tuple[Stage, ShardPlan]:
    """The stage of this plan, and its shards, which are made where they are not there."""
    folder = run.tokenized(tokenizer.name)
    file = folder / PLAN_FILE
    # A finished table that lost a file is made whole again: without plan.json the stage is not done.
    there = {path.name for path in list_files(folder)}
    if file.name in there and not there.issuperset(shard.file for shard in ShardPlan.read(folder).shards):
        file.unlink()
    with enter(config, "tokenize", plan, [folder, file], tokenizer.name, checks=True) as stage:
        if not stage.done:
            make(config, run, tokenizer, stage)
    return stage, ShardPlan.read(folder)


def make_plan(config: Config, tokenizer: TokenizerSpec, sentences: str) -> dict[str, Any]:
    """All that determines the shards, when they are made in one piece."""
    return {
        "inputs": {"annotate": sentences},
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": tokenizer.sha256,
        "versions": {"tokenizers": metadata.version("tokenizers")},
        "max_tokens": tokenizer.max_tokens,
        "shard_sentences": config.tokenize.shard_sentences,
        "shard_layout": SHARD_LAYOUT,
        "seed": config.tokenize.seed,
    }


def make(config: Config, run: RunDirectory, tokenizer: TokenizerSpec, stage: Stage) -> None:
    """Make the shards that are missing, of each part under the fingerprint that the stage had then."""
    folder = run.tokenized(tokenizer.name)
    run.require_space(check_table(run.sentences, SENTENCES) * 200)
    spark = spark_session(config.spark)
    check_workers(spark, config.run, "tokenizers")
    stage.begin()
    texts = read_texts(spark, run.sentences)
    firsts = [addition["first_id"] for addition in additions(stage.plan)]
    ends = [*firsts, count_dense(texts)]
    fingerprints = [*earlier(stage.plan), stage.fingerprint]
    asked = config.tokenize
    parts = [ShardTask(str(folder.resolve()), fingerprints[0], ends[0], asked.shard_sentences, asked.seed, tokenizer)]
    for fingerprint, first, end in zip(fingerprints[1:], firsts, ends[1:], strict=True):
        parts.append(parts[-1].next(fingerprint, end - first))
    total = parts[-1].shards.stop
    with task("tokenizing", total, "shards") as bar:
        with polled(lambda: bar.update(finished_shards(folder))):
            shards = write_shards(spark, texts, *parts)
        bar.update(total)
    stage.counts = {"sentences": shards.sentences, "tokens": shards.tokens, **shards.counts}
