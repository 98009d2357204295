"""Collect every neuron's top-K sentences in one pass over the corpus (P1 3.1), exactly, whatever is killed.

Reads RUN/tokenized/<tokenizer> (jobs.tokenize) and the model's weights; writes RUN/topk/<model>. Ray Data runs model
replicas over shards, a GPU each where there are any; each shard's own top-K is committed as a file, and the files are
reduced to the global top-K. The same command again does only what is missing. What each shard added to the lists is
written to RUN/analysis/<model>/convergence.parquet, .csv and .png (P1 Figure 1). With collect.stop_fraction and
collect.stop_sentences the scoring ends when enough lists do not change any more: the result is then that of the first
shards, and counted as inexact.

Example:  neuronsig collect run=runs/demo model=minilm collect.k=1000 collect.signs=[1,-1]
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from neuronsig.checkpoint import load_tokenizer, model_config, weights_fingerprint
from neuronsig.collection.early_stop import EarlyStop, Stopped, left_out, only_first, stop_rule
from neuronsig.collection.job import Group, Job
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.thresholds import write_base
from neuronsig.collection.tree_reduce import base_quantiles, final_marker, node_count, require_base
from neuronsig.config import Config
from neuronsig.errors import InputError
from neuronsig.progress import polled, say, task
from neuronsig.run.appending import JOB, place_of, require_same, stage_growth
from neuronsig.run.commits import committed
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.growth import additions, earlier, note
from neuronsig.run.heartbeat import beats
from neuronsig.storage.files import read_bytes, remove
from neuronsig.storage.location import join, location
from neuronsig_jobs.launch import Summary, command
from neuronsig_jobs.stage import enter
from neuronsig_ray.collect.collection import Row, clean, reduce_shards, score_shards, valid_commits
from neuronsig_ray.collect.convergence import write_convergence
from neuronsig_ray.collect.memory_check import machine_of, require_resources
from neuronsig_ray.collect.prepare import check_vocabulary, groups_of, make_job, make_plan
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.session import Pool, address_of, ray_session, replica_pool, resources

_SUMMED = ("sentences", "tokens", "survivors", "forward_seconds")


def run(config: Config) -> Summary:
    return collect(config, RunDirectory.existing(config.run))


def collect(config: Config, run: RunDirectory, appending: bool = False) -> Summary:
    """Make the table, or, `appending`, add to the finished one the shards that it has not seen."""
    name, tokenizer = config.model.name, load_tokenizer(config.model)
    source = f"tokenize/{tokenizer.name}"
    tokenized = run.fingerprint(source, JOB if appending else "neuronsig collect")
    shards = ShardPlan.read(run.tokenized(tokenizer.name))
    seen = shards_seen(run, name, source, shards) if appending else 0
    folder, values = model_config(config.model)
    weights, groups = weights_fingerprint(folder), groups_of(config, folder)
    check_vocabulary(config, values, shards)
    topk = run.topk(name)
    with ExitStack() as session:
        if address_of(config.ray):
            session.enter_context(ray_session(config.ray))
        pool = replica_pool(config.ray, resources(config.ray), max(1, len(shards.shards) - seen))
        machine = machine_of(config, pool)
        plan = make_plan(config, tokenizer, tokenized, folder, weights, groups, machine.device)
        if appending:
            plan = stage_growth(run, f"collect/{name}", source, plan, {"shards_before": seen})
        outputs = [topk, *list_files_of(topk, groups)]
        with enter(config, "collect", plan, outputs, checks=True) as stage:
            if not stage.done:
                device = machine.device
                job = make_job(config, run, shards, stage.fingerprint, folder, weights, device, groups, pool.cpus)
                if additions(stage.plan):
                    job = job.adding(earlier(stage.plan)[-1], additions(stage.plan)[-1]["shards_before"])
                require_base(job, topk)
                bound = require_resources(config, run, job, pool, machine, folder)
                session.enter_context(ray_session(config.ray))
                stage.begin()
                stage.counts["memory bound of a replica, MiB"] = (bound.host + bound.device) >> 20
                _collect(config, run, shards, stage, job, pool)
    if appending:
        return {"sentences scored": 0 if stage.done else job.sentences, "rows": stage.counts["rows"]}
    return {
        "groups": f"{groups[0].name} to {groups[-1].name}",
        "device": machine.device.name,
        "dtype": machine.device.dtype,
        **stage.counts,
        **note(stage.plan),
    }


def list_files_of(topk: Path, groups: Sequence[Group]) -> list[Path]:
    """The markers of the table, and the files that they name: without any of them it is not whole."""
    found = []
    for marker in (final_marker(topk, group) for group in groups):
        found.append(marker)
        with suppress(OSError, ValueError, KeyError):
            found.append(join(marker.parent, json.loads(read_bytes(marker))["file"]))
    return found


def require_same_settings(config: Config, run: RunDirectory) -> None:
    """Raise PlanMismatchError, in seconds, when more text would be scored otherwise than the run's table was.

    A cluster is not asked for its device here.
    """
    name, tokenizer = f"collect/{config.model.name}", load_tokenizer(config.model)
    entry = run.stage_record(name)
    assert entry is not None
    folder, _ = model_config(config.model)
    if address_of(config.ray):
        device = DeviceClass(**entry["plan"]["device"])
    else:
        device = machine_of(config, replica_pool(config.ray, resources(config.ray), 1)).device
    plan = make_plan(config, tokenizer, "", folder, weights_fingerprint(folder), groups_of(config, folder), device)
    if "stop" in entry["plan"]:
        raise InputError(
            f"run={run.root}: {name} was made with collect.stop_fraction={entry['plan']['stop']['fraction']}, and text "
            "cannot be appended to lists that may lack some; run jobs.collect without it and with overwrite=true first"
        )
    require_same(run, name, entry, plan, ["inputs"])


def shards_seen(run: RunDirectory, model: str, source: str, shards: ShardPlan) -> int:
    """How many shards of the `source` stage the model's finished table holds; they are the first ones."""
    entry = run.stage_record(f"collect/{model}")
    if entry is not None and entry["status"] != "complete" and additions(entry["plan"]):
        return int(additions(entry["plan"])[-1]["shards_before"])
    place = place_of(run, f"collect/{model}", source)
    parts = shards.parts[: 0 if place is None else place + 1]
    return sum(part.shards for part in parts)


def _collect(config: Config, run: RunDirectory, shards: ShardPlan, stage: Stage, job: Job, pool: Pool) -> None:
    counts = {"sentences": shards.sentences, "tokens": shards.tokens, "shards": len(shards.shards)}
    topk = run.topk(config.model.name)
    finished = [committed(final_marker(topk, group), job.fingerprint) for group in job.groups]
    if all(finished):
        # Killed after the last list was written: the commits it was made from may be gone.
        stage.counts.update(counts, rows=sum(final["rows"] for final in finished if final))
        stage.counts.update(next((final["left_out"] for final in finished if final and final["left_out"]), {}))
        remove(location(job.commits))
        return
    markers = clean(job)
    pending = [shard.index for shard in job.shards if shard.index not in markers]
    if pending and job.base and not any(finished):
        write_base(job, base_quantiles(job, topk))
    rule = stop_rule(config.collect)
    early = EarlyStop(job, rule) if rule else None
    if early and early.look():
        pending = []
    started, forward = time.monotonic(), 0.0
    if pending:
        scored, forward = _score(job, pending, pool, early)
        stage.counts.update(counts, **scored)
    stage.counts.update(counts)
    lost: dict[str, Any] = {}
    if early and early.last is not None:
        lost = left_out(job, early.last + 1)
        stage.counts.update(lost)
        job = only_first(job, early.last + 1)
    with task("convergence", len(job.groups), "groups") as bar:
        write_convergence(job, valid_commits(job), run, config.model.name, bar.advance)
    fan_in = config.collect.reduce_fan_in
    with task("reducing", node_count(len(job.shards), len(job.groups), fan_in), "nodes") as bar:
        finals = reduce_shards(job, topk, fan_in, bar.advance, lost)
    stage.counts["rows"] = sum(final["rows"] for final in finals)
    if pending:
        # Of all that the machine was taken for: reading, starting replicas, convergence and the reduce included.
        inside = forward / pool.replicas / (time.monotonic() - started)
        stage.counts["share of time outside the forward pass"] = round(1 - inside, 3)
    remove(location(job.commits))


def _score(job: Job, pending: list[int], pool: Pool, early: EarlyStop | None) -> tuple[dict[str, Any], float]:
    """Score pending shards with progress, all or until enough lists do not change any more.

    Returns rates and survivors, and the seconds that all replicas together spent in the model.
    """
    todo = [job.shards[index] for index in pending]
    total: Counter[str] = Counter()
    started, warned, shown, peak = time.monotonic(), False, 0, 0
    replicas = f"{pool.replicas} replica{'s' if pool.replicas > 1 else ''}"
    with task(f"scoring {len(todo)} shards on {replicas}", sum(shard.sentences for shard in todo), "sentences") as bar:

        def show(running: Counter[str]) -> None:
            nonlocal shown
            done = total + running
            rate = done["tokens"] / (time.monotonic() - started)
            # Between a shard's last heartbeat and its row it is in neither.
            shown = max(shown, done["sentences"])
            bar.update(shown, f"{rate:,.0f} tokens/s, {total['survivors']:,} survivors")

        def on_row(row: Row) -> None:
            nonlocal warned, peak
            if row["warnings"] and not warned:
                say(f"  model: {row['warnings']}")
                warned = True
            total.update({name: row[name] for name in _SUMMED})
            peak = max(peak, row["peak_bytes"])
            show(Counter())
            if early and early.look():
                raise Stopped

        # A shard may take minutes: between two finished ones the replicas' own counts are shown.
        with polled(lambda: show(beats(location(job.commits)))), suppress(Stopped):
            score_shards(job, pending, pool, on_row)
    elapsed = time.monotonic() - started
    counts = {
        "survivors": total["survivors"],
        "sentences a second": round(total["sentences"] / elapsed, 1),
        "tokens a second": round(total["tokens"] / elapsed),
        "peak memory of a replica, MiB": peak >> 20,
    }
    return counts, float(total["forward_seconds"])


main = command("collect", run)
