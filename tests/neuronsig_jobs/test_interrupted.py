"""Jobs that are interrupted, or run out of disk, inside an engine: each a real process, as on a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LINE = "interrupted; run the same command again to go on from here\n"

ON_SPARK = """
def job(config):
    from spark_jobs.session import spark_session
    from spark_jobs.tables import uri

    session, place = spark_session(config.spark), Path(sys.argv[1])

    def wait(batches):
        (place / "begun").touch()
        time.sleep(600)
        yield from batches

    # After a first job of Python's the JVM holds a line on which accumulators are told.
    session.range(1).mapInArrow(lambda batches: batches, "id bigint").collect()
    if sys.argv[2] == "disk":
        session.range(1 << 22).write.parquet(uri(place / "table"))
    else:
        session.range(0, 2, 1, 2).mapInArrow(wait, "id bigint").write.parquet(uri(place / "table"))
"""

ON_RAY = """
def job(config):
    from neuronsig_ray.session import ray_session

    place = Path(sys.argv[1])
    if sys.argv[2] == "start":
        (place / "begun").touch()
    with ray_session(config.ray):
        import ray

        def wait():
            (place / "begun").touch()
            time.sleep(600)

        ray.get(ray.remote(num_cpus=1)(wait).remote())
"""

LAUNCH = """
import sys, time
from pathlib import Path
from neuronsig.run.interruption import interruptible
from neuronsig_jobs.launch import launch

{job}

words = ["--brief", "spark.master=local[2]", "spark.driver_memory=1g", "ray.object_store_mb=100"]
with interruptible():
    code = launch("mine", job, words)
sys.exit(code)
"""


def started(job: str, place: Path, how: str) -> subprocess.Popen[str]:
    # What a Ray in this process left in the environment is none of a user's.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH.format(job=job), str(place), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("job", "how"),
    [(ON_SPARK, "work"), (ON_RAY, "start"), (ON_RAY, "work")],
    ids=["Spark works", "Ray starts", "Ray works"],
)
def test_ctrl_c_is_one_line_and_nothing_is_left_running(job: str, how: str, tmp_path: Path):
    with started(job, tmp_path, how) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate()
    assert errors == LINE
    assert "Traceback" not in said
    assert process.returncode == 130
    while [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if of_session(pid, process.pid)]:
        time.sleep(0.1)  # Ray's own watchmen end a second after it


def of_session(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)  # the JVM may be ending still


def test_a_disk_that_fills_inside_the_jvm_is_one_line(small_disk: Path):
    with started(ON_SPARK, small_disk, "disk") as process:
        _, errors = process.communicate()
    assert re.fullmatch(r"error: No space left on device; free some space and run the same command again.*\n", errors)
    assert process.returncode == 2
