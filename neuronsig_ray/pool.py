"""How many replicas a job has and what each reserves; on a cluster, the wait for the nodes that hold them.

A cluster may scale by itself, from no node at all. A replica asks for a place that does not depend on which node is up:
its threads are in the plan, for they decide a score's last bits, and so is the kind of its device.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group

from neuronsig.config import RayConfig
from neuronsig.errors import MachineError
from neuronsig.progress import say
from neuronsig_ray.session import address_of, local_cpus, nodes

# A wait that is shorter is not told of; one that is longer is told of again after so many seconds.
_TOLD_AFTER = 5.0
_TOLD_AGAIN = 60.0


@dataclass(frozen=True)
class Resources:
    """Cores and GPUs of a cluster or machine, and the cores of its largest node."""

    cpus: int
    largest_node: int
    gpus: int


@dataclass(frozen=True)
class Begun:
    """What an earlier attempt's plan says of its device: cpu or cuda, and the threads of a replica on a CPU."""

    device: str
    threads: int


@dataclass(frozen=True)
class Pool:
    """Replicas at first and at most, what each reserves, and its threads (as many as its CPUs unless given)."""

    replicas: int
    cpus: int
    gpus: int
    most: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "most", max(self.most, self.replicas))
        object.__setattr__(self, "threads", self.threads or self.cpus)


def resources(config: RayConfig) -> Resources:
    """What there is: of the cluster that is connected, else of this machine, which a local Ray will take whole."""
    if ray.is_initialized():
        has = nodes()
        cpus = [int(node.get("CPU", 0)) for node in has]
        return Resources(sum(cpus), max(cpus, default=0), sum(int(node.get("GPU", 0)) for node in has))
    gpus = 0
    if config.gpus != "0":
        import torch

        gpus = torch.cuda.device_count()
    return Resources(local_cpus(), local_cpus(), gpus)


def replica_pool(config: RayConfig, found: Resources, shards: int, begun: Begun | None = None) -> Pool:
    """How many replicas to start, no more than shards, and what each reserves.

    What the config leaves open is as it was when the collection was `begun`, so that any machine may go on with it.
    Raises MachineError when a GPU is required and this machine has none, when it cannot hold what is asked for, and
    when a cluster has no GPU up and nobody said whether to wait for one: it may scale by itself.
    """
    gpu = _on_gpu(config, found, begun)
    threads = _threads(config, found, begun, gpu)
    # Any number of threads runs on fewer cores, only slower; what the user asked for is reserved.
    most = found.largest_node if address_of(config) else _share(config, found)
    each = threads if config.replica_cpus else min(threads, most or threads)
    replicas = config.replicas or max(1, found.gpus if gpu else found.cpus // each)
    if not address_of(config):
        if gpu:
            _require(replicas <= found.gpus, config, f"{replicas} GPUs", f"{found.gpus}")
        fits = replicas * each <= found.cpus and each <= found.largest_node
        _require(fits, config, f"{replicas} x {each} CPUs", str(found.cpus))
    return Pool(max(1, min(replicas, shards)), each, int(gpu), min(config.max_replicas, shards), threads)


def _on_gpu(config: RayConfig, found: Resources, begun: Begun | None) -> bool:
    if config.gpus == "0":
        return False
    if found.gpus:
        return True
    if not address_of(config):
        if config.gpus == "1":
            raise MachineError("ray.gpus=1: there is no GPU here; set ray.gpus=0 or auto")
        return False
    if config.gpus == "auto" and begun is None:
        raise MachineError(
            "ray.gpus=auto: the cluster has no GPU up now and may scale by itself; set ray.gpus=1 to wait for GPUs, or "
            "ray.gpus=0 to take CPUs"
        )
    return config.gpus == "1" or (begun is not None and begun.device == "cuda")


def _threads(config: RayConfig, found: Resources, begun: Begun | None, gpu: bool) -> int:
    if config.replica_cpus:
        return config.replica_cpus
    if begun is not None and begun.threads and not gpu:
        return begun.threads
    if gpu or address_of(config):
        return 1
    return _share(config, found)


def _share(config: RayConfig, found: Resources) -> int:
    """The cores of each replica when all of a machine's are shared out."""
    shared = found.cpus // config.replicas if config.replicas else found.largest_node
    return max(1, min(shared, found.largest_node))


def wait_for_places(config: RayConfig, pool: Pool) -> None:
    """Wait until the cluster has free places for the replicas that are required: ray.replicas, or one.

    A placement group asks for them, which the autoscaler brings nodes up for and which ends with this process. Raises
    MachineError after ray.wait_seconds.
    """
    if not address_of(config):
        return
    number = min(config.replicas or 1, pool.replicas)
    place = {"CPU": pool.cpus, **({"GPU": pool.gpus} if pool.gpus else {})}
    group = placement_group([place] * number)
    try:
        _wait(config, group.ready(), f"{_count(number, 'replica')} of {_named(pool.cpus, pool.gpus)}")
    finally:
        remove_placement_group(group)


def _wait(config: RayConfig, ready: Any, wanted: str) -> None:
    """Wait until the object `ready` is there, and say so while it is not."""
    until, step = time.monotonic() + config.wait_seconds, _TOLD_AFTER
    while not ray.wait([ready], timeout=max(0.0, min(step, until - time.monotonic())))[0]:
        found = resources(config)
        has = f"the cluster has {_named(found.cpus, found.gpus)} on {_count(len(nodes()), 'node')}"
        if time.monotonic() >= until:
            raise MachineError(
                f"ray.wait_seconds={config.wait_seconds}: no room for {wanted}, {has}; let it scale to nodes that hold "
                "them, end what uses them, ask for fewer, or wait longer"
            )
        say(f"  waiting for {wanted}, up to {config.wait_seconds} s: {has}")
        step = _TOLD_AGAIN


def _named(cpus: int, gpus: int) -> str:
    return _count(cpus, "CPU") + f" and {_count(gpus, 'GPU')}" * bool(gpus)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def most_on_a_node(config: RayConfig, pool: Pool) -> int:
    """How many replicas of a pool share the memory of one node, at most."""
    if not ray.is_initialized():
        found = resources(config)
        return fitting(pool, [(found.cpus, found.gpus)])
    return fitting(pool, [(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in nodes()])


def fitting(pool: Pool, has: Sequence[tuple[int, int]]) -> int:
    """How many replicas of a pool the roomiest of some nodes, (CPUs, GPUs), holds."""
    held = [min(cpus // pool.cpus, gpus // pool.gpus if pool.gpus else pool.most) for cpus, gpus in has]
    return max(1, min(pool.most, max(held, default=1)))


def _require(condition: bool, config: RayConfig, wanted: str, found: str) -> None:
    if not condition:
        raise MachineError(
            f"ray.replicas={config.replicas} with ray.replica_cpus={config.replica_cpus} needs {wanted}, "
            f"the cluster has {found}; ask for fewer"
        )
