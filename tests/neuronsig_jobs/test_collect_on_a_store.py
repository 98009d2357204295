"""jobs.collect on a real S3 server through Ray: killed, damaged, resumed, and the same table as on a local disk."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from neuronsig.checkpoint import load_tokenizer
from neuronsig.collection.shards import ShardPlan
from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.run import exclusive
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.files import files_below, list_files, read_bytes, size_and_tag
from neuronsig.storage.whole_files import atomic_write, put_folder
from neuronsig_jobs import collect
from neuronsig_ray.collect import make
from neuronsig_ray.pool import Pool
from tests.neuronsig_ray.models import hidden, random_inputs, save_model, write_tokenized
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

pytestmark = pytest.mark.usefixtures("local_ray")


def settings(run: RunDirectory, model: Path) -> Config:
    words = ["model=local", "model.name=tiny", f"model.path={model}", "collect.k=7", "collect.dtype=float32"]
    return compose([f"run={run.root}", *words, "ray.replica_cpus=1", "ray.replicas=1", "collect.signs=[1,-1]"])


class StoppedError(Exception):
    """Stands for a driver that dies."""


def stop(*arguments: object, **named: object) -> None:
    raise StoppedError


@pytest.mark.slow
def test_a_collection_on_s3_survives_its_drivers_machine_and_a_torn_shard_and_equals_brute_force(
    tmp_path, bucket, monkeypatch, capsys
):
    model = save_model(tmp_path / "model")
    local = RunDirectory.create(tmp_path / "run")
    name = load_tokenizer(settings(local, model).model).name
    with local.stage(f"tokenize/{name}", {"hand": "made"}, [local.tokenized(name)], {}):
        write_tokenized(local.tokenized(name), random_inputs(90), 30)
    put_folder(local.root, bucket / "run")
    run = RunDirectory.existing(str(bucket / "run"))
    config = settings(run, model)

    with monkeypatch.context() as patch:
        patch.setattr(make, "reduce_shards", stop)
        with pytest.raises(StoppedError):
            collect.run(config)
    assert run.record()["stages"]["collect/tiny"]["status"] == "interrupted"
    committed = {file.name: file for file in list_files(run.shards("tiny")) if file.suffix == ".parquet"}
    torn = next(file for name, file in committed.items() if name.startswith("shard-00001"))
    atomic_write(torn, read_bytes(torn)[:-1])
    # The platform starts the same command again, on another machine, before the lost one's lease is stale: its clock is
    # ahead, for a slow test must not find it stale at once.
    lost = {"owner": "lost", "host": "ray-head-1 pid:[1]", "pid": 7, "renewed": time.time() + 3600}
    atomic_write(run.root / ".collect-tiny.lock", json.dumps(lost).encode())
    monkeypatch.setattr(exclusive, "STALE_SECONDS", 2.0)
    monkeypatch.setattr(exclusive, "LOOK_SECONDS", 0.2)

    first = collect.run(config)
    assert "process 7 on ray-head-1" in " ".join(capsys.readouterr().out.split())
    job = collect.make_job(
        settings(local, model),
        local,
        ShardPlan.read(local.tokenized(name)),
        "any",
        model,
        "",
        collect.machine_of(config, Pool(1, 1, 0)).device,
        hidden(1, 2),
        1,
    )
    assert_same_table(run.topk("tiny"), brute_force(job))
    assert files_below(run.shards("tiny")) == []
    tags = {str(file): size_and_tag(file) for file in files_below(run.topk("tiny"))}
    assert collect.run(config)["rows"] == first["rows"]
    assert {str(file): size_and_tag(file) for file in files_below(run.topk("tiny"))} == tags
