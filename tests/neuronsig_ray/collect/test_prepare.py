"""What a collection may take: bounds that hold what is measured, compared with what one node has."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ray
import torch

from neuronsig.collection.job import Job
from neuronsig.collection.memory import PROCESS, sorting_bytes
from neuronsig.collection.shard_files import keys_table, keys_writer
from neuronsig.collection.topk import pack, ragged
from neuronsig.collection.tree_reduce import task_bound, write_final, write_inner
from neuronsig.config.compose import compose
from neuronsig.errors import MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig_ray.collect.prepare import Machine, job_bound, require_resources
from neuronsig_ray.collect.selection import ShardTopK
from neuronsig_ray.model.inference import device_class
from neuronsig_ray.pool import Pool, fitting
from tests.neuronsig_ray.models import UNITS, hidden, make_job, random_inputs


@pytest.mark.parametrize(
    ("pool", "nodes", "together"),
    [
        (Pool(8, 1, 1), [(32, 4), (32, 4)], 4),
        (Pool(8, 16, 1), [(32, 4), (32, 4)], 2),
        (Pool(2, 1, 1), [(32, 4), (32, 4)], 2),
        (Pool(1, 1, 1, most=6), [(8, 1), (32, 4)], 4),
        (Pool(4, 4, 0), [(0, 0), (8, 0), (8, 0)], 2),
        (Pool(3, 1, 0), [(1, 0), (1, 0), (1, 0)], 1),
        (Pool(1, 1, 0), [], 1),
    ],
)
def test_as_many_replicas_share_a_node_as_its_cores_and_gpus_hold(pool, nodes, together):
    assert fitting(pool, nodes) == together


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


def refused(run: RunDirectory, job: Job, pool: Pool, host: int, *words: str) -> str:
    machine = Machine(device_class(False, "float32", 1), host_bytes=host, device_bytes=0)
    config = compose([f"run={run.root}", "model.name=tiny", *words])
    with pytest.raises(MachineError) as caught:
        require_resources(config, run, job, pool, machine, Path(job.model))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_replicas_that_share_a_node_of_a_cluster_share_its_memory(local_ray, run, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5)
    cores = int(ray.nodes()[0]["Resources"]["CPU"])
    pool = Pool(2, max(1, cores // 2), 0)
    if cores < 2:
        pytest.skip("one core holds one replica")
    host = job_bound(job, tiny_model()).host * 3 // 2
    said = refused(run, job, pool, host, "ray.address='10.0.0.1:6379'", "ray.max_replicas=2")
    assert "MiB of memory for 2 replicas, " in said
    assert said.endswith(f"or ray.replicas=1 ray.replica_cpus={pool.cpus} ray.max_replicas=1")


def test_what_is_advised_is_what_would_not_be_refused_as_another_plan(local_ray, run, tiny_model, tmp_path):
    job, pool = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5), Pool(1, 1, 0)
    with run.stage("collect/tiny", {}, [], {}) as stage:
        begun = dataclasses.replace(job, fingerprint=stage.fingerprint)
    appended = dataclasses.replace(job, base="earlier", base_sentences=60)
    smaller = "are free; set a smaller collect.k or collect.batch_tokens, or fewer collect.layers"
    assert refused(run, job, pool, 1000).endswith(smaller)
    assert refused(run, begun, pool, 1000).endswith(f"{smaller} with overwrite=true")
    assert refused(run, appended, pool, 1000).endswith("are free; append on a machine with more memory")


def test_a_group_that_a_reduce_cannot_hold_is_refused_before_anything_is_scored(local_ray, run, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 10**6, groups=hidden(1))
    job = dataclasses.replace(job, sentences=10**6)
    assert task_bound(job) - PROCESS == 12 * UNITS * 10**6 * 8
    host = job_bound(job, tiny_model()).host + 1
    assert "MiB of memory for a task of the reduce" in refused(run, job, Pool(1, 1, 0), host)


def test_what_a_table_takes_that_is_deleted_first_is_free(run, tmp_path, monkeypatch):
    there = run.topk("tiny")
    there.mkdir(parents=True)
    (there / "a.parquet").write_bytes(bytes(1000))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 500}))
    run.require_space(1500, [there, run.shards("tiny")])
    with pytest.raises(MachineError):
        run.require_space(1501, [there, run.shards("tiny")])


def test_every_thread_that_sorts_is_counted(tiny_model, tmp_path):
    rows, k, most = 128, 3000, 6000
    top = ShardTopK(rows, k, most, "cpu")
    top.start(None)
    random = torch.Generator().manual_seed(0)
    top.add(torch.rand(rows, top.capacity, generator=random), torch.arange(top.capacity))
    tracemalloc.start()
    keys, _ = ragged(top.result(0, rows))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert keys.size == rows * k
    bound = sorting_bytes(rows, k, most, rows)
    assert 0.9 * bound < peak < 1.01 * bound

    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5)
    many = dataclasses.replace(job, threads=16)
    one, sixteen = (job_bound(of, tiny_model()).host for of in (job, many))
    assert sixteen - one == 15 * sorting_bytes(job.rows, 5, 20, rows)


@pytest.mark.parametrize("kind", ["inner", "final"])
def test_a_task_of_the_reduce_holds_no_more_than_its_bound(tiny_model, tmp_path, kind):
    k, shards = 20_000, 6
    job = make_job(tmp_path, tiny_model(), random_inputs(6), 1, k, groups=hidden(1))
    job = dataclasses.replace(job, sentences=k * shards)
    random, files = np.random.default_rng(0), []
    for shard in range(shards):
        scores = random.standard_normal((job.rows, k)).astype(np.float32)
        keys = np.sort(pack(scores, np.arange(k) + shard * k), axis=1)[:, ::-1]
        files.append(str(tmp_path / f"shard-{shard}.parquet"))
        with keys_writer(Path(files[-1])) as writer:
            lists = (keys.ravel(), np.arange(job.rows + 1) * k, scores.min(axis=1))
            writer.write_table(keys_table(job.groups[0], *lists), job.rows)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    default = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        if kind == "inner":
            write_inner(job, files, str(tmp_path / "nodes"), "node")
        else:
            write_final(job, files, str(tmp_path / "topk"), 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)
    bound = task_bound(job) - PROCESS
    assert bound / 2 < peak + pool.max_memory() <= bound
