"""Whatever dies, is torn, is full or is done twice, a collection ends in the bytes of an undisturbed one."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import ray

from neuronsig.checkpoint import load_tokenizer
from neuronsig.config.compose import compose
from neuronsig.errors import MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig_ray import collect
from neuronsig_ray.job import Job
from neuronsig_ray.scorer import Replica
from neuronsig_ray.session import Pool
from neuronsig_ray.thresholds import read_ladder
from tests.neuronsig_ray import faults
from tests.neuronsig_ray.models import make_job, random_inputs, write_tokenized
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

ONE = Pool(replicas=1, cpus=1, gpus=0)
KILLS = [faults.KilledBeforeWrite, faults.KilledBeforeMarker, faults.KilledAfterMarker]


def run_on_ray(job: Job, folder: Path, replica: type[Replica] = Replica) -> list[int]:
    """Collect as jobs.collect does; return the shards that were scored."""
    ray.cloudpickle.register_pickle_by_value(faults)
    pending = [shard.index for shard in job.shards if shard.index not in collect.clean(job)]
    scored: list[int] = []
    if pending:
        collect.score_shards(job, pending, ONE, lambda row: scored.append(row["shard"]), replica)
    collect.reduce_shards(job, folder, 8, lambda: None)
    return sorted(scored)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def undisturbed(job: Job, folder: Path) -> dict[str, bytes]:
    """The table's files as one replica leaves them that nothing happens to."""
    alone = dataclasses.replace(job, commits=str(folder / "commits"))
    replica = Replica(alone)
    for shard in alone.shards:
        replica.shard(shard.index)
    collect.reduce_shards(alone, folder / "topk", 8, lambda: None)
    return contents(folder / "topk")


@pytest.mark.parametrize("replica", KILLS, ids=lambda r: r.__name__)
def test_a_killed_replica_changes_nothing(local_ray, tiny_model, tmp_path, replica):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    run_on_ray(job, tmp_path / "topk", replica)
    assert (tmp_path / "failed").exists()
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_a_shard_committed_twice_counts_once(local_ray, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    run_on_ray(job, tmp_path / "topk", faults.CommitsTwice)
    assert len(list(Path(job.commits).glob("shard-*.parquet"))) == 2 * len(job.shards)
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_a_full_disk_is_one_clear_line_and_loses_nothing(local_ray, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    with pytest.raises(MachineError, match=r"No space left on device.*run the same command again") as caught:
        run_on_ray(job, tmp_path / "topk", faults.FullDisk)
    assert "\n" not in str(caught.value)
    assert not list(Path(job.commits).glob("*.tmp"))
    assert len(run_on_ray(job, tmp_path / "topk")) < len(job.shards)
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_torn_and_corrupt_files_are_scored_again(local_ray, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(120), 20, 8)
    replica = Replica(job)
    for shard in job.shards:
        replica.shard(shard.index)
    markers = collect.valid_commits(job)
    torn, flipped = (Path(job.commits) / markers[index]["file"] for index in (1, 3))
    torn.write_bytes(torn.read_bytes()[:-40])
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"?")
    job.marker(4).write_text(job.marker(4).read_text()[:50])
    assert run_on_ray(job, tmp_path / "topk") == [1, 3, 4]
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_thresholds_that_are_not_what_their_marker_says_are_not_believed(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(200), 20, 8)
    Replica(job).shard(0)
    rungs = read_ladder(job, 0)
    assert rungs is not None
    stream = io.BytesIO()
    np.save(stream, rungs + np.float32(100))
    file = Path(job.commits) / json.loads(job.marker(0).read_text())["ladder"]
    file.write_bytes(stream.getvalue())
    other = Replica(job)
    for shard in job.shards[1:]:
        other.shard(shard.index)
    collect.reduce_shards(job, tmp_path / "topk", 8, lambda: None)
    assert_same_table(tmp_path / "topk", brute_force(job))


def test_a_node_that_is_lost_mid_stream_changes_nothing(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(200, kinds=70), 10, 8)
    (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
    command = [
        sys.executable,
        "-m",
        "tests.neuronsig_ray.node_loss",
        str(tmp_path / "job.pickle"),
        str(tmp_path / "topk"),
    ]
    environment = {**without_ray(), "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "lost after" in done.stdout
    assert int(done.stdout.split("lost after ")[1].split()[0]) < len(job.shards)
    # Ray's own words on the node that it lost may stand after.
    assert str([shard.index for shard in job.shards]) in done.stdout
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_a_killed_driver_goes_on_with_the_same_command(tiny_model, tmp_path):
    words = [f"model.path={tiny_model()}", "model=local", "model.name=tiny", "collect.k=7", "collect.dtype=float32"]
    words += ["ray.replica_cpus=1", "ray.replicas=1", "collect.signs=[1,-1]"]
    name = load_tokenizer(compose(words).model).name
    folders = []
    for run_name in ("killed", "alone"):
        run = RunDirectory.create(tmp_path / run_name)
        with run.stage(f"tokenize/{name}", {"hand": "made"}, [run.tokenized(name)], {}):
            write_tokenized(run.tokenized(name), random_inputs(150), 1)
        folders.append(run)
    killed, alone = folders

    def command(run: RunDirectory) -> list[str]:
        return [sys.executable, "-m", "jobs.collect", f"run={run.root}", *words]

    driver = subprocess.Popen(command(killed), env=without_ray(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = killed.shards("tiny")
    until = time.monotonic() + 120
    while len(list(work.glob("shard-*.json"))) < 20:
        assert time.monotonic() < until, "no shard was committed"
        assert driver.poll() is None
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not killed.topk("tiny").exists()
    for run in (killed, alone):
        done = finished(command(run), without_ray())
        assert done.returncode == 0, done.stdout + done.stderr
    assert contents(killed.topk("tiny")) == contents(alone.topk("tiny"))
    assert not work.exists()


def finished(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=400, check=False)


def without_ray() -> dict[str, str]:
    """The environment less what the tests' own Ray has put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


@pytest.fixture(autouse=True)
def _room(tmp_path):
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)
