"""Convergence of a collection: a Ray task for each group of units goes through the committed shards in plan order.

Like the nodes of the reduce, each task's result is committed, and a killed job goes on with those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import ray

from neuronsig.collection.convergence import CONVERGENCE, TOP, ShardUpdates, add_shard, table
from neuronsig.figures.convergence import convergence_figure
from neuronsig.figures.style import save
from neuronsig.run.commits import Marker, commit, committed, unique_name
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import absolute, join, location
from neuronsig.storage.parquet import parquet_file, read_parquet
from neuronsig.storage.whole_files import written
from neuronsig_ray.collect.reduce import base_group, read_keys, run_tasks, task_bound
from neuronsig_ray.job import Job

_UPDATES = pa.schema([("shard", pa.int32()), ("new_entries", pa.int64()), ("changed_lists", pa.int64())])
# The key of the files' metadata under which the fingerprint of the stage collect/<model> stands.
_MADE_BY = b"neuronsig.collect"


def write_convergence(
    job: Job,
    markers: dict[int, Marker],
    run: RunDirectory,
    model: str,
    on_group: Callable[[], None] = lambda: None,
    top: int = TOP,
) -> pa.Table:
    """Count the updates that the committed shards brought, and write analysis/<model>/convergence.*; return the table.

    The rows of the finished table that the job adds to stay, where there are any.
    """
    shards = [shard for shard in job.shards if shard.index in markers]
    files = [(shard.index, absolute(location(job.commits) / markers[shard.index]["file"])) for shard in shards]
    folder, top = absolute(run.topk(model)), min(top, job.k)
    calls = [(_group, (job, files, folder, position, top)) for position in range(len(job.groups))]
    found: list[list[ShardUpdates]] = run_tasks(calls, on_group, task_bound(job))
    groups = [
        (group.name, group.units * len(job.signs), updates) for group, updates in zip(job.groups, found, strict=True)
    ]
    if not shards:
        return CONVERGENCE.empty_table()
    made = table(groups, [shard.sentences for shard in shards], job.base_sentences, top)
    earlier = _earlier(job, run.analysis(model, "convergence.parquet"))
    if earlier is not None:
        made = _behind(earlier, made)
    _write(made, run.analysis(model), job, model)
    return made


def count_group(job: Job, files: Sequence[tuple[int, str]], folder: str, position: int, top: int) -> list[ShardUpdates]:
    """Updates of one group's lists by the shards of `files` (index, path), unless they are counted already."""
    group = job.groups[position]
    marker = location(job.commits) / "convergence" / f"{group.name}-top{top}-{len(files)}.json"
    found = committed(marker, job.fingerprint)
    if found is None:
        lists = np.zeros((len(job.signs) * group.units, 0), np.uint64)
        if job.base:
            lists = np.ascontiguousarray(base_group(job, location(folder), position)[:, :top])
        updates = []
        for index, file in files:
            lists, new = add_shard(lists, read_keys(file, position), top)
            updates.append(ShardUpdates(index, int(new.sum()), int((new > 0).sum())))

        def write(path: Path) -> dict[str, Any]:
            rows = [{name: getattr(update, name) for name in _UPDATES.names} for update in updates]
            pq.write_table(pa.Table.from_pylist(rows, schema=_UPDATES), path)
            return {}

        found = commit(marker.parent / unique_name(group.name, ".parquet"), marker, job.fingerprint, write)
    return [ShardUpdates(**row) for row in read_parquet(join(marker.parent, found["file"])).to_pylist()]


_group = ray.remote(num_cpus=1)(count_group)


def _earlier(job: Job, file: Path) -> pa.Table | None:
    """The rows of the finished table that the job adds to, if they are still there."""
    if not job.base or not file.exists():
        return None
    rows = parquet_file(file).read()
    told = rows.schema.metadata or {}
    if told.get(_MADE_BY) == job.fingerprint.encode():
        # Written before the job was interrupted: what was there before it is known by its sentences.
        rows = rows.filter(pc.less_equal(rows["sentences"], job.base_sentences))
    elif told.get(_MADE_BY) != job.base.encode():
        return None
    return rows.cast(CONVERGENCE) if rows.num_rows else None


def _behind(earlier: pa.Table, made: pa.Table) -> pa.Table:
    """Both tables, by group, the shards numbered on."""
    gap = pc.max(earlier["shard"]).as_py() + 1 - pc.min(made["shard"]).as_py()
    shard = pc.add(made["shard"], pa.scalar(gap, pa.int32()))
    together = pa.concat_tables([earlier, made.set_column(1, CONVERGENCE.field("shard"), shard)])
    order = {name: place for place, name in enumerate(made["group"].unique().to_pylist())}
    place = pa.array([order[name] for name in together["group"].to_pylist()])
    by = [("place", "ascending"), ("shard", "ascending")]
    return together.append_column("place", place).sort_by(by).drop_columns("place")


def _write(made: pa.Table, folder: Path, job: Job, model: str) -> None:
    with written(folder / "convergence.csv") as path:
        pyarrow.csv.write_csv(made, path)
    save(convergence_figure(made, model), folder, "convergence")
    with written(folder / "convergence.parquet") as path:
        pq.write_table(made.replace_schema_metadata({_MADE_BY: job.fingerprint.encode()}), path)
