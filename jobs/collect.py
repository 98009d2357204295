"""Collect every neuron's top-K sentences in one pass over the corpus (P1 3.1), exactly, whatever is killed.

Reads RUN/tokenized/<tokenizer> (jobs.tokenize) and the model's weights; writes RUN/topk/<model>. Ray Data runs model
replicas over shards, a GPU each where there are any; each shard's own top-K is committed as a file, and the files are
reduced to the global top-K. The same command again does only what is missing.

Example:  python -m jobs.collect run=runs/demo model=minilm collect.k=1000 collect.signs=[1,-1]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any

from jobs.launch import Summary, launch, stage_config
from neuronsig.checkpoint import load_tokenizer, model_config
from neuronsig.config import Config
from neuronsig.heartbeat import beats
from neuronsig.progress import polled, say, task
from neuronsig.rundir import RunDirectory, Stage
from neuronsig.shards import ShardPlan
from neuronsig.storage import location, remove
from neuronsig_ray.collect import Row, clean, reduce_shards, score_shards
from neuronsig_ray.job import Job
from neuronsig_ray.prepare import check_vocabulary, groups_of, machine_of, make_job, make_plan, require_room
from neuronsig_ray.reduce import final_marker, node_count
from neuronsig_ray.session import Pool, address_of, ray_session, replica_pool, resources

SECTIONS = ("model", "collect", "ray")

_SUMMED = ("sentences", "tokens", "survivors", "seconds", "forward_seconds")


def run(config: Config) -> Summary:
    run = RunDirectory.existing(config.run)
    tokenizer = load_tokenizer(config.model)
    tokenized = run.fingerprint(f"tokenize/{tokenizer.name}", "jobs.collect")
    shards = ShardPlan.read(run.tokenized(tokenizer.name))
    folder, values = model_config(config.model)
    groups = groups_of(config, folder)
    check_vocabulary(config, values, shards)
    topk = run.topk(config.model.name)
    with ExitStack() as session:
        if address_of(config.ray):
            session.enter_context(ray_session(config.ray))
        pool = replica_pool(config.ray, resources(config.ray), len(shards.shards))
        machine = machine_of(config, pool)
        plan = make_plan(config, tokenizer, tokenized, folder, groups, machine.device)
        outputs = [topk, *(final_marker(topk, group) for group in groups)]
        settings = stage_config(config, SECTIONS)
        with run.stage(f"collect/{config.model.name}", plan, outputs, settings, config.overwrite) as stage:
            if not stage.done:
                job = make_job(config, run, shards, stage.fingerprint, folder, machine.device, groups, pool.cpus)
                require_room(config, run, job, pool, machine, folder)
                session.enter_context(ray_session(config.ray))
                _collect(config, run, stage, job, pool)
    return {
        "groups": f"{groups[0].name} to {groups[-1].name}",
        "device": machine.device.name,
        "dtype": machine.device.dtype,
        **stage.counts,
    }


def _collect(config: Config, run: RunDirectory, stage: Stage, job: Job, pool: Pool) -> None:
    markers = clean(job)
    pending = [shard.index for shard in job.shards if shard.index not in markers]
    counts = {"sentences": job.sentences, "tokens": sum(s.tokens for s in job.shards), "shards": len(job.shards)}
    if pending:
        stage.counts.update(counts, **_score(job, pending, pool))
    stage.counts.update(counts)
    fan_in = config.collect.reduce_fan_in
    with task("reducing", node_count(len(job.shards), len(job.groups), fan_in), "nodes") as bar:
        finals = reduce_shards(job, run.topk(config.model.name), fan_in, bar.advance)
    stage.counts["rows"] = sum(final["rows"] for final in finals)
    remove(location(job.commits))


def _score(job: Job, pending: list[int], pool: Pool) -> dict[str, Any]:
    """Score pending shards with progress; return rates and survivors."""
    todo = [job.shards[index] for index in pending]
    total: Counter[str] = Counter()
    started, warned = time.monotonic(), False
    replicas = f"{pool.replicas} replica{'s' if pool.replicas > 1 else ''}"
    with task(f"scoring {len(todo)} shards on {replicas}", sum(shard.sentences for shard in todo), "sentences") as bar:

        def show(running: Counter[str]) -> None:
            done = total + running
            rate = done["tokens"] / (time.monotonic() - started)
            bar.update(done["sentences"], f"{rate:,.0f} tokens/s, {total['survivors']:,} survivors")

        def on_row(row: Row) -> None:
            nonlocal warned
            if row["warnings"] and not warned:
                say(f"  model: {row['warnings']}")
                warned = True
            total.update({name: row[name] for name in _SUMMED})
            show(Counter())

        # A shard may take minutes: between two finished ones the replicas' own counts are shown.
        with polled(lambda: show(beats(location(job.commits)))):
            score_shards(job, pending, pool, on_row)
    elapsed = time.monotonic() - started
    busy = total["seconds"] or 1.0
    return {
        "survivors": total["survivors"],
        "sentences a second": round(total["sentences"] / elapsed, 1),
        "tokens a second": round(total["tokens"] / elapsed),
        "share of time outside the forward pass": round(1 - total["forward_seconds"] / busy, 3),
    }


if __name__ == "__main__":
    sys.exit(launch(run, SECTIONS))
