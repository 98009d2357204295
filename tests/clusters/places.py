"""Ray nodes on this machine, and the command lines and environment with which jobs are given to them and to YARN."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from tests.clusters.minihadoop import Hadoop

ROOT = Path(__file__).resolve().parents[2]
SPARK = Path(pyspark.__file__).parent
# Two executors that fit beside a driver, HDFS and Ray; Spark's own jars are on this machine.
SMALL = (
    "--num-executors 2 --executor-cores 1 --executor-memory 700m --driver-memory 900m "
    "--conf spark.executor.memoryOverhead=900m --conf spark.driver.memoryOverhead=900m "
    f"--conf spark.yarn.jars=local:{SPARK}/jars/* --conf spark.ui.enabled=false "
    "--conf spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 "
    "--conf spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1 "
)


def bare() -> dict[str, str]:
    """This process's environment without what tells of an engine in it."""
    foreign = ("RAY_", "SPARK_", "PYSPARK_", "HADOOP_", "PYTHONPATH", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "COLUMNS": "200"}


def yarn_environment(hadoop: Hadoop, archive: str, mode: str = "cluster") -> dict[str, str]:
    """The environment of deploy/yarn.sh on a machine that submits to this YARN."""
    java = str(hadoop.java)
    homes = f"--conf spark.executorEnv.JAVA_HOME={java} --conf spark.yarn.appMasterEnv.JAVA_HOME={java} "
    return bare() | {
        "HADOOP_CONF_DIR": str(hadoop.conf),
        "HADOOP_USER_NAME": "root",
        "JAVA_HOME": java,
        "SPARK_HOME": str(SPARK),
        "PATH": f"{SPARK / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NEURONSIG_ARCHIVE": archive,
        "NEURONSIG_DEPLOY_MODE": mode,
        "NEURONSIG_SPARK_SUBMIT": SMALL + homes,
    }


@dataclass
class RayNodes:
    """A Ray cluster of a head and workers, each with one CPU; `nodes` are the processes that keep them."""

    address: str
    dashboard: str
    nodes: list[subprocess.Popen[bytes]]


@contextmanager
def ray_nodes(folder: Path, workers: int) -> Iterator[RayNodes]:
    """A head and `workers` further raylets on this machine's loopback addresses, which end with the block."""
    port, dashboard = free_port(), free_port()
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--disable-usage-stats"]
    start += ["--object-store-memory=100000000"]
    environment = bare() | {"RAY_worker_niceness": "0", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    head = [*start, "--head", f"--port={port}", "--node-ip-address=127.0.0.1", f"--dashboard-port={dashboard}"]
    head += [f"--temp-dir={folder}/head"]
    nodes = [subprocess.Popen(head, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    try:
        until = time.monotonic() + 120
        while not (_listens(port) and _listens(dashboard)):
            assert time.monotonic() < until, "the head of the Ray cluster did not come up"
            time.sleep(0.5)
        for number in range(workers):
            further = [*start, f"--address=127.0.0.1:{port}", f"--node-ip-address=127.0.0.{number + 2}"]
            nodes.append(
                subprocess.Popen(further, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        yield RayNodes(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", nodes)
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in nodes:
            node.wait(60)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
