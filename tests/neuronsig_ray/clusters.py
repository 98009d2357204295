"""Ray clusters of real daemons on this machine; whoever starts one ends it, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEMORY = "--object-store-memory=100000000"


def environment() -> dict[str, str]:
    """That of a user's shell: nothing of the tests' own Ray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ours = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
    return kept | ours | {"PYTHONPATH": str(ROOT), "RAY_worker_niceness": "0"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


@contextmanager
def scaling_cluster(folder: Path, most: int = 2) -> Iterator[str]:
    """The address of a cluster that scales from no worker to `most`, of one CPU each, by Ray's fake provider."""
    import ray

    address = f"{ray.util.get_node_ip_address()}:{free_port()}"
    # All nodes have this machine's address, so that they are known by their ids; nothing is set up on them.
    alike = ("use_node_id_as_ip", "disable_node_updaters", "disable_launch_config_check")
    provider = {"type": "fake_multinode", "head_node_id": "f" * 51 + "00000", "gcs_address": address}
    worker, head = {"CPU": 1, "object_store_memory": 100_000_000}, "ray.head.default"
    commands = [f"{place}_{kind}" for place in ("head", "worker") for kind in ("setup_commands", "start_ray_commands")]
    config = {
        "cluster_name": "fake",
        "max_workers": most,
        "upscaling_speed": 100,
        "idle_timeout_minutes": 5,
        "provider": provider | dict.fromkeys(alike, True),
        "available_node_types": {
            "worker": {"resources": worker, "node_config": {}, "min_workers": 0, "max_workers": most},
            head: {"resources": {}, "node_config": {}, "max_workers": 0},
        },
        "head_node_type": head,
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in ("cluster_synced_files", "initialization_commands", "setup_commands", *commands)},
    }
    file = folder / "autoscaling.json"
    file.write_text(json.dumps(config))
    words = ["--num-cpus=0", MEMORY, f"--autoscaling-config={file}"]
    with _head(address, words, {"AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"}, folder):
        yield address


@dataclass(frozen=True)
class Node:
    """A node of one CPU: its environment where it is another one, and a folder that it does not see."""

    environment: dict[str, str] = field(default_factory=dict)
    hidden: Path | None = None


@contextmanager
def still_cluster(folder: Path, nodes: Sequence[Node] = (Node(),), dashboard: int = 0) -> Iterator[str]:
    """The address of a cluster that does not scale: a head of no CPU, and nodes at 127.0.0.2, 127.0.0.3, ...

    Jobs are submitted to the port of its dashboard, where one is given.
    """
    import ray

    address = f"{ray.util.get_node_ip_address()}:{free_port()}"
    words = [f"--dashboard-port={dashboard}", "--include-dashboard=true"] if dashboard else []
    with _head(address, ["--num-cpus=0", MEMORY, *words], {}, folder), ExitStack() as started:
        if dashboard:
            _wait_until(partial(_listens, f"127.0.0.1:{dashboard}"), "the dashboard does not start")
        for number, node in enumerate(nodes, start=2):
            words = [f"--address={address}", f"--node-ip-address=127.0.0.{number}", "--num-cpus=1", MEMORY]
            process = _start(words, node.environment, log := folder / f"node{number}.log", node.hidden)
            started.callback(_end, process)
            # One after the other: those that start together take each other's ports.
            _wait_until(partial(_says, process, log, "Ray runtime started"), f"node {number} does not start")
        yield address


@contextmanager
def _head(address: str, words: list[str], more: dict[str, str], folder: Path) -> Iterator[None]:
    # Not Ray's own folder, where every process of this machine looks for a cluster; short, for sockets are in it.
    room = tempfile.mkdtemp(prefix="ns-", dir="/tmp")
    port = address.rpartition(":")[2]
    words = ["--head", f"--port={port}", f"--temp-dir={room}", "--include-dashboard=false", *words]
    process = _start(words, more, folder / "head.log")
    try:
        _wait_until(lambda: _listens(address), "the head does not start")
        yield
    finally:
        _end(process)
        shutil.rmtree(room, ignore_errors=True)


def _start(words: list[str], more: dict[str, str], log: Path, hidden: Path | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *words]
    # All nodes are this machine: whose agent starts second finds the usual port taken, and a head without one takes no
    # jobs.
    command.append(f"--dashboard-agent-listen-port={free_port()}")
    if hidden is not None:
        covered = 'mount -t tmpfs none "$0" && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", covered, str(hidden), *command]
    with log.open("wb") as out:
        # A process group of its own, so that its children can be ended and nobody else's.
        return subprocess.Popen(
            command, env=environment() | more, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )


def _says(process: subprocess.Popen[bytes], log: Path, words: str) -> bool:
    text = log.read_text()
    assert process.poll() is None, text[-3000:]
    return words in text


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < until, otherwise
        time.sleep(0.3)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0
