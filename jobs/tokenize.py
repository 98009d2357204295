"""Tokenize the corpus for one model: its own fast tokenizer, one Parquet file a shard, sorted by length inside.

Reads RUN/sentences (jobs.annotate), writes RUN/tokenized/<tokenizer> and its plan.json. Sentences are spread over the
shards by a seeded permutation of their ids. Inputs beyond the model's limit are cut and counted.

Example:  python -m jobs.tokenize run=runs/demo model=minilm
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobs.launch import Summary, launch, stage_config
from neuronsig.checkpoint import load_tokenizer
from neuronsig.config import Config
from neuronsig.progress import polled, task
from neuronsig.rundir import RunDirectory
from neuronsig.shards import PLAN_FILE, SHARD_LAYOUT, ShardPlan, shard_sizes
from neuronsig.tables import SENTENCES, check_table
from spark_jobs.session import spark_session
from spark_jobs.tokenize import ShardTask, count_dense, finished_shards, read_texts, write_shards

SECTIONS = ("model", "collect", "spark")


def run(config: Config) -> Summary:
    run = RunDirectory.existing(config.run)
    sentences = run.fingerprint("annotate", "jobs.tokenize")
    rows = check_table(run.sentences, SENTENCES)
    tokenizer = load_tokenizer(config.model)
    folder = run.tokenized(tokenizer.name)
    _forget_incomplete(folder)
    plan = {
        "inputs": {"annotate": sentences},
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": tokenizer.sha256,
        "max_tokens": tokenizer.max_tokens,
        "shard_sentences": config.collect.shard_sentences,
        "shard_layout": SHARD_LAYOUT,
        "seed": config.collect.seed,
    }
    settings = stage_config(config, SECTIONS)
    outputs = [folder, folder / PLAN_FILE]
    with run.stage(f"tokenize/{tokenizer.name}", plan, outputs, settings, config.overwrite) as stage:
        if not stage.done:
            run.require_space(rows * 200)
            spark = spark_session(config.spark)
            texts = read_texts(spark, run.sentences)
            work = ShardTask(
                str(folder.resolve()),
                stage.fingerprint,
                count_dense(texts),
                config.collect.shard_sentences,
                config.collect.seed,
                tokenizer,
            )
            total = len(shard_sizes(work.sentences, work.shard_sentences))
            with task("tokenizing", total, "shards") as bar:
                with polled(lambda: bar.update(finished_shards(folder))):
                    shards = write_shards(spark, texts, work)
                bar.update(total)
            stage.counts.update(sentences=shards.sentences, tokens=shards.tokens, **shards.counts)
    shards = ShardPlan.read(folder)
    return {"tokenizer": tokenizer.name, "shards": len(shards.shards), **stage.counts}


def _forget_incomplete(folder: Path) -> None:
    """A finished table that lost a file is made whole again: without plan.json the stage is not done."""
    if (folder / PLAN_FILE).is_file():
        shards = ShardPlan.read(folder).shards
        if not all((folder / shard.file).is_file() for shard in shards):
            (folder / PLAN_FILE).unlink()


if __name__ == "__main__":
    sys.exit(launch(run, SECTIONS))
