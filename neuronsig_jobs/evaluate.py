"""How good is each signature, without any language model as judge: does it tell which unseen sentences activate?

Reads RUN/signatures/<model> and RUN/profiles/<model> (jobs.mine), the sentences that mining left out (mining.holdout)
from RUN/sentences and RUN/tokenized, their trees where mining.trees was given to it, and the model. Scores those
sentences for every neuron; its positives are the top fraction of them, as large as its list is in the corpus. The
signature then ranks them as a classifier that has never seen them (neuronsig.evaluation.classifier says how; only the
weights of its kinds, some ten numbers, are fitted, on one half for the other), beside its words alone, the lengths
alone, and the signature of another neuron of the layer, weighed for this one. Writes RUN/evaluation/<model>, one row a
neuron: average precision and AUROC with 95 % limits, and RUN/analysis/<model>/evaluation.csv and .png by layer. Held
out are sentences, not documents: others of the same authors and topics have been mined. While it works the disk holds 4
bytes a neuron and held-out sentence, and each core the scores of 512 neurons. The same command again does only what is
missing.

Example:  neuronsig evaluate run=runs/demo model=minilm

The null: the same on a model whose blocks are random (P1 4.1); the commands are those of jobs.reinitialise. It keeps
its word embeddings, so that its neurons respond to words, and signatures tell of them as well: what training adds is
what differs between both, not the distance to chance.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from neuronsig.config import Config, as_plan
from neuronsig.errors import InputError, TooLittleTextError
from neuronsig.evaluation.layers import COLUMNS, by_layer, shown
from neuronsig.figures.evaluation import evaluation_by_layer
from neuronsig.figures.style import save
from neuronsig.progress import polled, show_table, task
from neuronsig.run.commits import all_committed, committed, sweep
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.heartbeat import beats
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import check_table, read_table
from neuronsig.storage.whole_files import written
from neuronsig.tables import EVALUATION, PROFILES, SIGNATURES
from neuronsig_jobs.finished_run import Subject, mined, on_any_device
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter_on_ray
from neuronsig_ray.collect.collection import score_shards
from neuronsig_ray.evaluate.heldout import HeldOutJob, HeldOutReplica, blocks_of
from neuronsig_ray.evaluate.judge import (
    Evaluation,
    held_out_table,
    judge_blocks,
    require_same_trees,
    scored_text,
    with_trees,
)
from neuronsig_ray.job import Job
from neuronsig_ray.session import Pool, resources

SENTENCES_AT_LEAST = 100
LARGEST_FRACTION = 0.5


def run(config: Config) -> Summary:
    run, name = RunDirectory.existing(config.run), config.model.name
    found = mined(config, "neuronsig evaluate")
    subject, mining = found.subject, found.mining
    share, fraction = held_out_share(config, subject, mining), positive_fraction(config, subject)
    require_positives(config.evaluation.least_positives, share * subject.job.sentences)
    plan = {"inputs": found.inputs, "evaluation": as_plan(config.evaluation), "kinds": "weighed by halves"}
    with enter_on_ray(config, "evaluate", plan) as (stage, start_ray):
        if not stage.done:
            check_table(run.signatures(name), SIGNATURES)
            check_table(run.profiles(name), PROFILES)
            if mining.get("trees"):
                require_same_trees(mining)
            run.require_space(4 * subject.job.rows * round(share * subject.job.sentences))
            start_ray()
            # Ranks are asked for, not bits.
            here = on_any_device(config, subject)
            stage.begin()
            _evaluate(config, subject, here, stage, mining, share, fraction)
    return {**stage.counts, "table": str(run.evaluation(name))}


def held_out_share(config: Config, subject: Subject, mining: Mapping[str, Any]) -> float:
    """Share of the sentences that are scored: those held out, and of them no more than evaluation.max_sentences.

    Raises TooLittleTextError when mining has held out none, or too few.
    """
    held, size = float(mining.get("holdout", 0.0)), subject.job.sentences
    if not held:
        raise TooLittleTextError(
            f"mine/{config.model.name} in run={config.run} was made from all sentences, and none is left to judge its "
            "signatures on; run neuronsig mine mining.holdout=0.05 overwrite=true first"
        )
    if held * size < SENTENCES_AT_LEAST:
        raise TooLittleTextError(
            f"mining.holdout={held} of {size:,} sentences leaves {held * size:.0f} to judge signatures on, "
            f"{SENTENCES_AT_LEAST} are needed; mine with a larger mining.holdout, or more text"
        )
    return min(held, config.evaluation.max_sentences / size)


def positive_fraction(config: Config, subject: Subject) -> float:
    """Share of the held-out sentences that are a neuron's positives.

    Raises TooLittleTextError when lists hold too much of the text.
    """
    fraction = config.evaluation.fraction or subject.job.kept / subject.job.sentences
    if fraction > LARGEST_FRACTION:
        raise TooLittleTextError(
            f"collect.k={subject.job.k} keeps {fraction:.0%} of {subject.job.sentences:,} sentences in every list, "
            f"which tells little; set evaluation.fraction, at most {LARGEST_FRACTION}"
        )
    return fraction


def require_positives(least: int, held_out: float) -> None:
    """Raise InputError when about so many held-out sentences are too few for a neuron's least positives."""
    if least > LARGEST_FRACTION * held_out:
        raise InputError(
            f"evaluation.least_positives={least}: must be at most {LARGEST_FRACTION:.0%} of the held-out sentences, "
            f"which are about {held_out:.0f}; set it to {LARGEST_FRACTION * held_out:.0f} or less"
        )


def _evaluate(
    config: Config,
    subject: Subject,
    here: tuple[Job, Pool],
    stage: Stage,
    mining: Mapping[str, Any],
    share: float,
    fraction: float,
) -> None:
    run, name = subject.run, config.model.name
    work = run.work("evaluate", name)
    # Scores are those of the collection: other signatures of the same neurons are judged on them again.
    scored = f"{stage.plan['inputs'][f'collect/{name}']} {share!r}"
    job = _score(*here, work, scored, share)
    with task("reading held-out sentences", None, "files") as bar:
        table = held_out_table(run.sentences, share, bar.advance)
        if mining.get("trees"):
            table = with_trees(table, mining, share, bar.advance)
    shards = [committed(job.marker(shard.index), job.fingerprint) for shard in job.shards]
    files = tuple(absolute(location(job.commits) / shard["file"]) for shard in shards if shard)
    text = scored_text(table, files)
    evaluation = Evaluation(
        signatures=absolute(run.signatures(name)),
        profiles=absolute(run.profiles(name)),
        scores=files,
        evaluation=absolute(run.evaluation(name)),
        markers=absolute(work / "judged"),
        fingerprint=stage.fingerprint,
        mining=mining,
        positives=max(config.evaluation.least_positives, round(fraction * len(text))),
        seed=config.evaluation.seed,
    )
    blocks = blocks_of(job)
    with task("judging signatures", job.rows, "neurons") as bar:
        judge_blocks(evaluation, blocks, text, resources(config.ray).cpus, bar.advance)
    markers = [marker for marker in all_committed(map(evaluation.marker, blocks), stage.fingerprint) if marker]
    sweep(run.evaluation(name), [marker["file"].split("/")[-1] for marker in markers])
    found = read_table(run.evaluation(name), EVALUATION)
    stage.counts = {
        "neurons": found.num_rows,
        "held-out sentences": len(text),
        "positives of a neuron": evaluation.positives,
        "neurons without a pattern that votes": found["patterns"].to_pylist().count(0),
        **_tell(found, run, name),
    }
    remove(work)


def _score(here: Job, pool: Pool, work: Path, fingerprint: str, share: float) -> HeldOutJob:
    """Score the held-out sentences of the shards that are not scored yet."""
    job = HeldOutJob.of(here, share, absolute(work / "scores"), fingerprint)
    expected = round(share * job.sentences)
    pending = [s.index for s in job.shards if committed(job.marker(s.index), fingerprint) is None]
    done = 0
    with task("scoring held-out sentences", expected, "sentences") as bar:

        def on_row(row: dict[str, Any]) -> None:
            nonlocal done
            done += row["sentences"]
            bar.update(min(done, expected))

        with polled(lambda: bar.update(min(expected, done + beats(location(job.commits))["sentences"]))):
            if pending:
                score_shards(job, pending, pool, on_row, HeldOutReplica)
    return job


def _tell(found: pa.Table, run: RunDirectory, name: str) -> dict[str, Any]:
    """Show what the table says by layer, write it and its picture; returns the shares of all neurons."""
    rows = by_layer(found)
    show_table(
        "Signatures on unseen sentences: median average precision, and the share that is better", COLUMNS, shown(rows)
    )
    with written(run.analysis(name, "evaluation.csv")) as path:
        pyarrow.csv.write_csv(pa.Table.from_pylist(rows), path)
    save(evaluation_by_layer(found, f"Source: {name}, run {run.root.name}"), run.analysis(name), "evaluation")
    shares = {"> chance": "better than chance", "> words": "than their words", "> other": "than another neuron's"}
    return {"share of signatures": {title: round(rows[-1][key] or 0.0, 4) for key, title in shares.items()}}


main = command("evaluate", run)


if __name__ == "__main__":
    sys.exit(main())
