"""Convergence of a collection: a Ray task for each group of units goes through the committed shards in plan order.

Like the nodes of the reduce, each task's result is committed, and a killed job goes on with those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from neuronsig.collection.convergence import (
    CONVERGENCE,
    MADE_BY,
    TOP,
    ShardUpdates,
    after_earlier,
    count_group,
    table,
)
from neuronsig.collection.job import Job
from neuronsig.collection.tree_reduce import task_bound
from neuronsig.figures.curves import convergence_figure
from neuronsig.figures.style import save
from neuronsig.run.commits import Marker
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import absolute, location
from neuronsig.storage.whole_files import written
from neuronsig_ray.tasks import map_tasks


def write_convergence(
    job: Job,
    markers: dict[int, Marker],
    run: RunDirectory,
    model: str,
    done: Callable[[int], None] | None = None,
    top: int = TOP,
) -> pa.Table:
    """Count the updates that the committed shards brought, and write analysis/<model>/convergence.*; return the table.

    `done` counts groups. The rows of the finished table that the job adds to stay, where there are any.
    """
    shards = [shard for shard in job.shards if shard.index in markers]
    files = [(shard.index, absolute(location(job.commits) / markers[shard.index]["file"])) for shard in shards]
    folder, top = absolute(run.topk(model)), min(top, job.k)
    calls = [(job, files, folder, position, top) for position in range(len(job.groups))]
    found: list[list[ShardUpdates]] = map_tasks(count_group, calls, done, memory=task_bound(job))
    groups = [
        (group.name, group.units * len(job.signs), updates) for group, updates in zip(job.groups, found, strict=True)
    ]
    if not shards:
        return CONVERGENCE.empty_table()
    made = table(groups, [shard.sentences for shard in shards], job.base_sentences, top)
    made = after_earlier(job, run.analysis(model, "convergence.parquet"), made)
    _write(made, run.analysis(model), job, model)
    return made


def _write(made: pa.Table, folder: Path, job: Job, model: str) -> None:
    with written(folder / "convergence.csv") as path:
        pyarrow.csv.write_csv(made, path)
    save(convergence_figure(made, model), folder, "convergence")
    with written(folder / "convergence.parquet") as path:
        pq.write_table(made.replace_schema_metadata({MADE_BY: job.fingerprint.encode()}), path)
