"""From a finished collection and its signatures to the table of EVALUATION."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neuronsig.collection.job import Job
from neuronsig.config import Config, MiningConfig
from neuronsig.evaluation.held_out import HeldOutJob, blocks_of
from neuronsig.progress import polled, task
from neuronsig.run.commits import all_committed, committed, sweep
from neuronsig.run.directory import RunDirectory
from neuronsig.run.heartbeat import beats
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import read_table
from neuronsig.tables import EVALUATION
from neuronsig_ray.collect.collection import score_shards
from neuronsig_ray.evaluate.heldout import HeldOutReplica
from neuronsig_ray.evaluate.judge import Evaluation, held_out_table, judge_blocks, scored_text, with_trees
from neuronsig_ray.session import Pool


def evaluate(
    config: Config,
    collection: str,
    mining: MiningConfig,
    here: tuple[Job, Pool],
    fingerprint: str,
    work: Path,
    share: float,
    fraction: float,
) -> dict[str, Any]:
    """Score the held-out sentences, judge every signature on them, and return what was counted.

    `collection` is the fingerprint of the collection, `fingerprint` that of the stage; `here` the collection's job on
    the devices that there are. Of all sentences `share` are scored, and `fraction` of those are a neuron's positives.
    In `work` is left what the same call goes on from.
    """
    run, name = RunDirectory(config.run), config.model.name
    # Scores are those of the collection: other signatures of the same neurons are judged on them again.
    job = _score(*here, work, f"{collection} {share!r}", share)
    with task("reading held-out sentences", None, "files") as bar:
        table = held_out_table(run.sentences, share, bar.advance)
        if mining.trees:
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
        fingerprint=fingerprint,
        mining=mining,
        positives=max(config.evaluation.least_positives, round(fraction * len(text))),
        seed=config.evaluation.seed,
    )
    blocks = blocks_of(job)
    with task("judging signatures", job.rows, "neurons") as bar:
        judge_blocks(evaluation, blocks, text, bar.advance)
    markers = [marker for marker in all_committed(map(evaluation.marker, blocks), fingerprint) if marker]
    sweep(run.evaluation(name), [marker["file"].split("/")[-1] for marker in markers])
    found = read_table(run.evaluation(name), EVALUATION)
    return {
        "neurons": found.num_rows,
        "held-out sentences": len(text),
        "positives of a neuron": evaluation.positives,
        "neurons without a pattern that votes": found["patterns"].to_pylist().count(0),
    }


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
