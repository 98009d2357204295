"""A Ray session for one job: the cluster that is there, or a quiet local one that ends with the job."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from neuronsig.config import RayConfig
from neuronsig.errors import MachineError, first_line
from neuronsig.run.interruption import handlers_kept


def address_of(config: RayConfig) -> str:
    """The cluster's address from the config or RAY_ADDRESS; empty: a local Ray is to be started."""
    address = config.address or os.environ.get("RAY_ADDRESS", "")
    return "" if address == "local" else address


@contextmanager
def ray_session(config: RayConfig) -> Iterator[None]:
    """Connect to the cluster or start a local Ray on loopback; a Ray that was running before is left running."""
    if ray.is_initialized():
        yield
        return
    address = address_of(config)
    _require_listening(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if address:
            with handlers_kept():
                ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        else:
            # Nobody but this machine can reach it, and Ray would write a token under the home directory.
            # A mode that is set already stays: Ray has read it, and workers of another mode never start.
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
            # Threads that spin for each other are a twentieth as fast where others use the cores (MiniLM, 2 cores at
            # load 12: 34 sentences/s; waiting passively 166), and no faster where nobody does.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            # Ray Data's actors always make the core worker complain of their arguments; Python errors still show.
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            with _no_stderr(), handlers_kept():
                ray.init(
                    address="local",
                    num_cpus=local_cpus(),
                    include_dashboard=False,
                    object_store_memory=config.object_store_mb * 2**20,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    configure_logging=True,
                    _node_ip_address="127.0.0.1",
                )
    except BaseException as error:
        ray.shutdown()  # of what was begun
        if not isinstance(error, Exception):
            raise
        raise MachineError(
            f"ray.address={address or 'local'}: Ray cannot be reached or started ({first_line(error)})"
        ) from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def largest_memory() -> int:
    """Bytes that Ray lends the tasks of one node, of that which has most."""
    return max((int(has.get("memory", 0)) for has in nodes() if has.get("CPU", 0) >= 1), default=0)


def nodes() -> list[dict[str, float]]:
    """What each node of the cluster that is alive has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def local_cpus() -> int:
    """CPU cores that this process may use: its affinity, and its container's quota."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cpus = min(cpus, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return cpus


def available_memory() -> int:
    """Bytes that processes of this machine may still take: the lesser of free memory and the container's limit."""
    free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        # Pages of files read lately are given up when memory is wanted.
        told = Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()
        used -= sum(int(line.split()[1]) for line in told if line.startswith("inactive_file "))
        free += [int(limit) - used] if limit != "max" else []
    except (OSError, ValueError):
        pass
    return min(free)


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Keep the native code's start-up lines off the terminal; failures come as exceptions."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _require_listening(address: str) -> None:
    """Raise MachineError at once when nobody listens at host:port; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise MachineError(
            f"ray.address={address}: nobody answers there ({error.strerror or error}); start the cluster, correct "
            "the address, or leave it empty for a local Ray"
        ) from None
