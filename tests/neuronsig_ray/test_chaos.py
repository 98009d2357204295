"""Whatever dies, is torn, is full or is done twice, a collection ends in the bytes of an undisturbed one.

What each fault's test was seen to miss when it was taken out:

    fault                                  protection taken out                          what failed
    a replica killed, three moments        Ray Data's restarts (max_restarts=0)          all three
    a shard committed twice                unique names of files                         the second file
    a full disk under a replica            OSError told as a row, then: temporary file   the one line; no *.tmp
                                           deleted
    torn and corrupt files                 size and checksum of a commit                 the table
    thresholds of another content          their file's checksum                         the table
    a driver killed while it scores        a stage is done only when its record and      the second run did nothing
                                           outputs say so
    a write that fails, nine places        data before marker; rename when whole         lists, updates, nodes, groups
                                           commits of shard, node, group, updates        what was there was made again
                                           found again, each by itself
    an inner node torn or flipped          size and checksum of a commit                 torn, flipped
    an inner node whose marker is torn     JSON that is broken is no commit              torn marker
    an inner node of another plan          the plan's fingerprint in the marker          of another plan
    a driver that dies in the reduce       the level in an inner node's name             the table
    run.json on a full disk                OSError as one line; the first error stays    start and end; interrupted
                                           (tests/neuronsig/run/test_directory.py)

A lost node rests on Ray's restarts as a killed replica does.
"""

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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ray

from neuronsig.checkpoint import load_tokenizer
from neuronsig.collection.convergence import ShardUpdates, count_group
from neuronsig.collection.job import Job
from neuronsig.collection.thresholds import read_quantiles
from neuronsig.config.compose import compose
from neuronsig.errors import MachineError
from neuronsig.progress import uncounted
from neuronsig.run.directory import RunDirectory
from neuronsig_jobs import collect as collect_job
from neuronsig_ray.collect import collection as collect
from neuronsig_ray.collect.make import write_convergence
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.pool import Pool
from tests.neuronsig_ray import faults
from tests.neuronsig_ray.collect.test_collection import REPLICAS, one_by_one, run_here
from tests.neuronsig_ray.here import score_here, scored_here
from tests.neuronsig_ray.models import make_job, random_inputs, write_tokenized
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

ONE = Pool(replicas=1, cpus=1, gpus=0)
KILLS = [faults.KilledBeforeWrite, faults.KilledBeforeMarker, faults.KilledAfterMarker]


def run_on_ray(
    job: Job, folder: Path, replica: type[Replica] = Replica, score: Callable[..., None] = collect.score_shards
) -> list[int]:
    """Collect as jobs.collect does; return the shards that were scored."""
    ray.cloudpickle.register_pickle_by_value(faults)
    pending = [shard.index for shard in job.shards if shard.index not in collect.clean(job)]
    scored: list[int] = []
    if pending:
        score(job, pending, ONE, lambda row: scored.append(row["shard"]), replica)
    collect.reduce_shards(job, folder, 8)
    return sorted(scored)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def undisturbed(job: Job, folder: Path) -> dict[str, bytes]:
    """The table's files as one replica leaves them that nothing happens to."""
    alone = dataclasses.replace(job, commits=str(folder / "commits"))
    replica = Replica(alone)
    for shard in alone.shards:
        replica.shard(shard.index)
    collect.reduce_shards(alone, folder / "topk", 8, run=one_by_one)
    return contents(folder / "topk")


@pytest.mark.slow  # collect/test_collection.py has such a kill; what each leaves is among the deaths in WRITES
@pytest.mark.parametrize("replica", KILLS, ids=lambda r: r.__name__)
def test_a_killed_replica_changes_nothing(local_ray, tiny_model, tmp_path, replica):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    run_on_ray(job, tmp_path / "topk", replica)
    assert (tmp_path / "failed").exists()
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_a_shard_committed_twice_counts_once(local_ray, tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    run_on_ray(job, tmp_path / "topk", faults.CommitsTwice, score_here)
    assert len(list(Path(job.commits).glob("shard-*.parquet"))) == 2 * len(job.shards)
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


@pytest.mark.parametrize("score", REPLICAS)
def test_a_full_disk_is_one_clear_line_and_loses_nothing(local_ray, tiny_model, tmp_path, score):
    job = make_job(tmp_path, tiny_model(), random_inputs(120, kinds=40), 20, 8)
    with pytest.raises(MachineError, match=r"No space left on device.*run the same command again") as caught:
        run_on_ray(job, tmp_path / "topk", faults.FullDisk, score)
    assert "\n" not in str(caught.value)
    assert not list(Path(job.commits).glob("*.tmp"))
    assert len(run_on_ray(job, tmp_path / "topk", score=score_here)) < len(job.shards)
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
    assert run_on_ray(job, tmp_path / "topk", score=score_here) == [1, 3, 4]
    assert contents(tmp_path / "topk") == undisturbed(job, tmp_path / "alone")


def test_thresholds_that_are_not_what_their_marker_says_are_not_believed(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(200), 20, 8)
    Replica(job).shard(0)
    scores = read_quantiles(job, 0)
    assert scores is not None
    stream = io.BytesIO()
    np.save(stream, scores + np.float32(100))
    file = Path(job.commits) / json.loads(job.marker(0).read_text())["ladder"]
    file.write_bytes(stream.getvalue())
    other = Replica(job)
    for shard in job.shards[1:]:
        other.shard(shard.index)
    collect.reduce_shards(job, tmp_path / "topk", 8, run=one_by_one)
    assert_same_table(tmp_path / "topk", brute_force(job))


WRITES = {
    "a shard's lists": r"commits/shard-00002-",
    "a shard's score quantiles": r"commits/ladder-00002-",
    "a shard's marker": r"commits/shard-00002\.json",
    "the updates of a group": r"convergence/hidden-L02-\w+\.parquet",
    "the marker of a group's updates": r"convergence/hidden-L02-top",
    "an inner node": r"reduce/fan2-level1-00001-\w+\.parquet",
    "an inner node's marker": r"reduce/fan2-level1-00001\.json",
    "a group of the table": r"topk/hidden-L02-",
    "the marker of a group": r"topk/_commits/hidden-L02\.json",
}


@pytest.fixture(scope="module")
def small(tiny_model, tmp_path_factory) -> tuple[Job, list[list[ShardUpdates]], dict[str, bytes]]:
    """A collection of five shards, and the updates and the table that it comes to."""
    folder = tmp_path_factory.mktemp("small")
    job = make_job(folder, tiny_model(), random_inputs(50, kinds=20), 10, 8)
    return job, all_here(job, folder / "topk"), contents(folder / "topk")


def all_here(job: Job, folder: Path) -> list[list[ShardUpdates]]:
    """Shards, a tree of pairs, the table and its convergence in this process; the same again does what is missing."""
    collect.clean(job)
    run_here(job, folder, fan_in=2)
    files = [(index, str(Path(job.commits) / found["file"])) for index, found in collect.valid_commits(job).items()]
    return [count_group(job, files, str(folder), position, 5) for position in range(len(job.groups))]


def stamps(*folders: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*.json")}


@pytest.mark.parametrize("dies", [False, True], ids=["full disk", "death"])
@pytest.mark.parametrize("pattern", WRITES.values(), ids=WRITES)
def test_a_write_that_fails_is_made_again_and_nothing_before_it(small, tmp_path, pattern, dies):
    job, updates, table = small
    job = dataclasses.replace(job, commits=str(tmp_path / "commits"))
    failure = pytest.raises(faults.Died) if dies else pytest.raises(OSError, match="No space left")
    with failure, faults.failing_write(pattern, dies):
        all_here(job, tmp_path / "topk")
    before = stamps(tmp_path / "commits", tmp_path / "topk")
    assert all_here(job, tmp_path / "topk") == updates
    assert contents(tmp_path / "topk") == table
    assert before.items() <= stamps(tmp_path / "commits", tmp_path / "topk").items()


def test_a_driver_that_dies_in_the_convergence_and_in_the_reduce_goes_on(local_ray, small, tmp_path):
    """What it had begun runs on beside the next attempt, as on a cluster that has not noticed yet."""
    job = dataclasses.replace(small[0], commits=str(tmp_path / "commits"))
    run = RunDirectory.create(tmp_path / "run")
    replica = Replica(job)
    for shard in job.shards:
        replica.shard(shard.index)

    def dies(after: int) -> Callable[[int], None]:
        left = after

        def done(ended: int) -> None:
            nonlocal left
            left -= ended
            if left < 0:
                raise faults.Died

        return done

    def updates(done: Callable[[int], None] = uncounted) -> pa.Table:
        return write_convergence(job, collect.valid_commits(job), run, "tiny", done, 5)

    with pytest.raises(faults.Died):
        updates(dies(1))
    found = updates().filter(pc.field("group") == job.groups[1].name)
    assert found["new_entries"].to_pylist() == [update.new_entries for update in small[1][1]]
    # Three and two nodes, two groups of the table.
    for after in (1, 4, 6):
        with pytest.raises(faults.Died):
            collect.reduce_shards(job, run.topk("tiny"), 2, dies(after))
    collect.reduce_shards(job, run.topk("tiny"), 2)
    assert contents(run.topk("tiny")) == small[2]


@pytest.mark.parametrize("harm", ["torn", "flipped", "missing", "torn marker", "of another plan"])
def test_an_inner_node_that_is_not_whole_is_made_again(small, tmp_path, harm):
    job = dataclasses.replace(small[0], commits=str(tmp_path / "commits"))
    with pytest.raises(faults.Died), faults.failing_write(WRITES["a group of the table"], dies=True):
        all_here(job, tmp_path / "topk")
    shutil.rmtree(tmp_path / "topk")
    marker = Path(job.commits) / "reduce" / "fan2-level1-00000.json"
    node = marker.with_name(json.loads(marker.read_text())["file"])
    content = node.read_bytes()
    if harm == "missing":
        node.unlink()
    elif harm == "torn marker":
        marker.write_text(marker.read_text()[:40])
    elif harm == "of another plan":
        other = json.loads(marker.with_name("fan2-level1-00001.json").read_text())
        marker.write_text(json.dumps({**other, "fingerprint": "plan-0"}))
    else:
        flipped = bytes(byte ^ 1 for byte in content[100:200])
        node.write_bytes(content[:-20] if harm == "torn" else content[:100] + flipped + content[200:])
    # The node above it was made of it while it was whole.
    for above in Path(job.commits).glob("reduce/fan2-level2-*"):
        above.unlink()
    all_here(job, tmp_path / "topk")
    assert contents(tmp_path / "topk") == small[2]


@pytest.mark.clusters
@pytest.mark.slow
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


@pytest.mark.slow  # deaths at every write, in this process, are in WRITES
def test_a_killed_driver_goes_on_with_the_same_command(local_ray, tiny_model, tmp_path):
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
    done = finished(command(killed), without_ray())
    assert done.returncode == 0, done.stdout + done.stderr
    with scored_here():
        collect_job.run(compose([f"run={alone.root}", *words]))
    assert contents(killed.topk("tiny")) == contents(alone.topk("tiny"))
    assert not work.exists()


def finished(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=400, check=False)


def without_ray() -> dict[str, str]:
    """The environment less what the tests' own Ray has put there, and as nice (tests/conftest.py)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"RAY_worker_niceness": "0"}


@pytest.fixture(autouse=True)
def _room(tmp_path):
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)
