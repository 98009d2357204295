"""Convergence of a real collection: committed shards give the updates that all scores give."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq

from neuronsig.collection.convergence import CONVERGENCE, count_group
from neuronsig.collection.shard_files import read_shard
from neuronsig.collection.topk import pack
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import location
from neuronsig_ray.collect import collection as collect
from neuronsig_ray.collect import make
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.pool import Pool
from tests.neuronsig_ray.here import score_here
from tests.neuronsig_ray.models import UNITS, make_job, random_inputs


def updates_of_all_scores(job, top: int) -> list[int]:
    """New entries of every list, summed, from every score of every shard: nothing is left out by thresholds."""
    replica, lists, found = Replica(job), [set() for _ in range(job.rows)], []
    for shard in job.shards:
        keys: list[list[int]] = [[] for _ in range(job.rows)]
        for ids, scores, *_ in replica.scores(read_shard(location(job.tokenized), shard)):
            for row, values in enumerate(pack(scores.numpy(), ids.numpy())):
                keys[row] += values.tolist()
        new = [set(sorted({*old, *more}, reverse=True)[:top]) for old, more in zip(lists, keys, strict=True)]
        found.append(sum(len(now - old) for now, old in zip(new, lists, strict=True)))
        lists = new
    return found


def test_two_replicas_leave_commits_with_all_that_brute_force_counts(local_ray, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(230, kinds=100), 20, 9, signs=(1, -1))
    pending = [shard.index for shard in job.shards]
    score_here(job, pending, Pool(replicas=2, cpus=1, gpus=0), lambda row: None)
    run = RunDirectory.create(tmp_path / "run")
    done = Counter()
    markers = collect.valid_commits(job)
    made = make.write_convergence(job, markers, run, "tiny", lambda ended: done.update(groups=ended), top=6)
    everything = [row for row in made.to_pylist() if row["group"] == "all"]
    assert [row["new_entries"] for row in everything] == updates_of_all_scores(job, top=6)
    assert [row["sentences"] for row in everything] == np.cumsum([s.sentences for s in job.shards]).tolist()
    assert {row["neurons"] for row in everything} == {4 * UNITS}
    assert done["groups"] == 2
    folder = run.analysis("tiny")
    assert pq.read_table(folder / "convergence.parquet").cast(CONVERGENCE).equals(made)
    assert pyarrow.csv.read_csv(folder / "convergence.csv").num_rows == made.num_rows == 3 * len(job.shards)
    assert (folder / "convergence.png").stat().st_size > 5000


def test_a_group_that_is_counted_is_not_counted_again(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5)
    replica = Replica(job)
    files = []
    for shard in job.shards:
        replica.shard(shard.index)
        files.append((shard.index, str(location(job.commits) / collect.valid_commits(job)[shard.index]["file"])))
    first = count_group(job, files, str(tmp_path / "topk"), 1, 5)
    for _, file in files:
        location(file).unlink()
    assert count_group(job, files, str(tmp_path / "topk"), 1, 5) == first
    assert first[0].new_entries == UNITS * 5


def test_appended_shards_go_on_where_the_finished_table_ended(local_ray, tiny_model, tmp_path):
    """The last shards counted on top of a finished table of the first ones: the same rows as all in one run."""
    job = make_job(tmp_path, tiny_model(), random_inputs(90), 30, 5, signs=(1, -1))
    replica = Replica(job)
    for shard in job.shards:
        replica.shard(shard.index)
    whole = RunDirectory.create(tmp_path / "whole")
    wanted = make.write_convergence(job, collect.valid_commits(job), whole, "tiny")

    run = RunDirectory.create(tmp_path / "run")
    first = dataclasses.replace(job, shards=job.shards[:2], sentences=60, fingerprint="plan-1")
    markers = collect.valid_commits(first)
    make.write_convergence(first, markers, run, "tiny")
    collect.reduce_shards(first, run.topk("tiny"), 8)
    added = dataclasses.replace(
        job,
        shards=(dataclasses.replace(job.shards[2], index=0),),
        sentences=30,
        commits=str(tmp_path / "more"),
        fingerprint="plan-2",
        base="plan-1",
        base_sentences=60,
    )
    Replica(added).shard(0)
    made = make.write_convergence(added, collect.valid_commits(added), run, "tiny")
    assert made.equals(wanted)
    assert make.write_convergence(added, collect.valid_commits(added), run, "tiny").equals(wanted)
