"""From pending shards to the topk table: score, write the convergence, reduce; committed step by step."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from neuronsig.collection import convergence
from neuronsig.collection.job import Group, Job
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.thresholds import write_base
from neuronsig.collection.tree_reduce import base_quantiles, final_marker, node_count, task_bound
from neuronsig.config import Config
from neuronsig.constant_units import constant_neurons, count_units
from neuronsig.errors import NeuronsigError
from neuronsig.figures.curves import convergence_figure
from neuronsig.figures.style import save
from neuronsig.progress import Done, polled, say, task, uncounted
from neuronsig.run.commits import Marker, committed
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.heartbeat import beats
from neuronsig.storage.files import read_bytes, remove
from neuronsig.storage.location import absolute, join, location
from neuronsig.storage.whole_files import written
from neuronsig_ray.collect.collection import Row, clean, reduce_shards, score_shards, valid_commits
from neuronsig_ray.pool import Pool
from neuronsig_ray.preflight import check_nodes
from neuronsig_ray.tasks import map_tasks

_SUMMED = ("sentences", "tokens", "survivors", "forward_seconds")


def files_of_table(topk: Path, groups: Sequence[Group]) -> list[Path]:
    """The markers of the table, and the files that they name: without any of them it is not whole."""
    found = []
    for marker in (final_marker(topk, group) for group in groups):
        found.append(marker)
        with suppress(OSError, ValueError, KeyError):
            found.append(join(marker.parent, json.loads(read_bytes(marker))["file"]))
    return found


def make_table(config: Config, run: RunDirectory, shards: ShardPlan, stage: Stage, job: Job, pool: Pool) -> None:
    """Make what is missing of the table and its convergence; the counts go to the stage."""
    counts = {"sentences": shards.sentences, "tokens": shards.tokens, "shards": len(shards.shards)}
    topk = run.topk(config.model.name)
    finished = [committed(final_marker(topk, group), job.fingerprint) for group in job.groups]
    if all(finished):
        # Killed after the last list was written: the commits it was made from may be gone.
        stage.counts.update(counts, rows=sum(final["rows"] for final in finished if final))
        stage.counts.update(next((final["left_out"] for final in finished if final and final["left_out"]), {}))
        stage.counts["constant units"] = count_units(constant_neurons(topk))
        remove(location(job.commits))
        return
    markers = clean(job)
    pending = [shard.index for shard in job.shards if shard.index not in markers]
    if pending and job.base and not any(finished):
        write_base(job, base_quantiles(job, topk))
    rule = convergence.stop_rule(config.collect)
    early = convergence.EarlyStop(job, rule) if rule else None
    if early and early.look():
        pending = []
    started, forward = time.monotonic(), 0.0
    scored: dict[str, Any] = {}
    lost: dict[str, Any] = {}
    if pending:
        try:
            scored, forward = _score(job, pending, pool, early)
        except NeuronsigError:
            raise
        except Exception:
            # A node that came later and cannot do the job may be the cause; then it is named.
            check_nodes(config)
            raise
    stage.counts.update(counts, **scored)
    if early and early.last is not None:
        lost = convergence.left_out(job, early.last + 1)
        stage.counts.update(lost)
        job = convergence.only_first(job, early.last + 1)
    with task("convergence", len(job.groups), "groups") as bar:
        write_convergence(job, valid_commits(job), run, config.model.name, bar.advance)
    with task("reducing", node_count(len(job.shards), len(job.groups)), "nodes") as bar:
        finals = reduce_shards(job, topk, done=bar.advance, left_out=lost)
    stage.counts["rows"] = sum(final["rows"] for final in finals)
    stage.counts["constant units"] = count_units(constant_neurons(topk))
    if pending and pool.most == pool.replicas:
        # Of all that the machine was taken for: reading, starting replicas, convergence and the reduce included.
        inside = forward / pool.replicas / (time.monotonic() - started)
        stage.counts["share of time outside the forward pass"] = round(1 - inside, 3)
    remove(location(job.commits))


def _score(
    job: Job, pending: list[int], pool: Pool, early: convergence.EarlyStop | None
) -> tuple[dict[str, Any], float]:
    """Score pending shards with progress, all or until enough lists do not change any more.

    Returns rates and survivors, and the seconds that all replicas together spent in the model.
    """
    todo = [job.shards[index] for index in pending]
    total: Counter[str] = Counter()
    started, warned, shown, peak = time.monotonic(), False, 0, 0
    upto = f" to {pool.most}" if pool.most > pool.replicas else ""
    replicas = f"{pool.replicas}{upto} replica{'s' if pool.most > 1 else ''}"
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
                raise convergence.Stopped

        # A shard may take minutes: between two finished ones the replicas' own counts are shown.
        with polled(lambda: show(beats(location(job.commits)))), suppress(convergence.Stopped):
            score_shards(job, pending, pool, on_row)
    elapsed = time.monotonic() - started
    counts = {
        "survivors": total["survivors"],
        "sentences a second": round(total["sentences"] / elapsed, 1),
        "tokens a second": round(total["tokens"] / elapsed),
        "peak memory of a replica, MiB": peak >> 20,
    }
    return counts, float(total["forward_seconds"])


def write_convergence(
    job: Job,
    markers: dict[int, Marker],
    run: RunDirectory,
    model: str,
    done: Done = uncounted,
    top: int = convergence.TOP,
) -> pa.Table:
    """Count the updates that the committed shards brought, and write analysis/<model>/convergence.*; return the table.

    `done` counts groups. The rows of the finished table that the job adds to stay, where there are any.
    """
    shards = [shard for shard in job.shards if shard.index in markers]
    files = [(shard.index, absolute(location(job.commits) / markers[shard.index]["file"])) for shard in shards]
    folder, top = absolute(run.topk(model)), min(top, job.k)
    calls = [(job, files, folder, position, top) for position in range(len(job.groups))]
    found = map_tasks(convergence.count_group, calls, done, memory=task_bound(job))
    sizes = [(group.name, group.units * len(job.signs)) for group in job.groups]
    groups = [(*size, updates) for size, updates in zip(sizes, found, strict=True)]
    if not shards:
        return convergence.CONVERGENCE.empty_table()
    made = convergence.table(groups, [shard.sentences for shard in shards], job.base_sentences, top)
    made = convergence.after_earlier(job, run.analysis(model, "convergence.parquet"), made)
    _write(made, run.analysis(model), job, model)
    return made


def _write(made: pa.Table, folder: Path, job: Job, model: str) -> None:
    with written(folder / "convergence.csv") as path:
        pyarrow.csv.write_csv(made, path)
    save(convergence_figure(made, model), folder, "convergence")
    with written(folder / "convergence.parquet") as path:
        pq.write_table(made.replace_schema_metadata({convergence.MADE_BY: job.fingerprint.encode()}), path)
