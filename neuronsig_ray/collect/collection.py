"""The collection: Ray Data carries shard descriptors to model replicas, then the tree reduce (P1 3.1; design 4.2).

`map_batches` sees one shard a batch. Ray may run a shard twice or restart a replica at any time: what counts is which
shards have a valid commit, and their union is the same however they came to be.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.data import ActorPoolStrategy, DataContext
from ray.util.metrics import Counter, Gauge

from neuronsig import errors
from neuronsig.collection.job import Job
from neuronsig.collection.memory import SHARDS_AT_ONCE
from neuronsig.collection.shards import FAN_IN
from neuronsig.collection.tree_reduce import Runner, tree_reduce
from neuronsig.errors import InputError, MachineError, NeuronsigError
from neuronsig.progress import Done, uncounted
from neuronsig.run.commits import Marker, all_committed, sweep
from neuronsig.run.preflight import Report, describe
from neuronsig.storage.location import location
from neuronsig_ray.collect.prepare import require_same_machine
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.pool import Pool
from neuronsig_ray.preflight import PACKAGES, require_same_environment
from neuronsig_ray.tasks import map_tasks, storage_error

# A replica that dies while it starts (node lost, memory) is tried again this often before the job fails.
_START_ATTEMPTS = 4
_RATE_SECONDS = 2.0
_COUNTED = {
    "sentences": "Sentences scored",
    "tokens": "Tokens scored",
    "survivors": "Scores committed, that no threshold ruled out",
}

Row = dict[str, Any]


def valid_commits(job: Job) -> dict[int, Marker]:
    """Shard -> marker of every valid commit; reads and checks every file."""
    found = all_committed([job.marker(shard.index) for shard in job.shards], job.fingerprint)
    return {shard.index: marker for shard, marker in zip(job.shards, found, strict=True) if marker is not None}


def score_shards(
    job: Job, pending: list[int], pool: Pool, on_row: Callable[[Row], None], replica: type[Replica] = Replica
) -> None:
    """Score and commit the pending shards; `on_row` gets each shard's manifest row as it finishes."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A large shard on a slow machine takes longer than the half hour after which Ray Data gives up.
    context.execution_no_progress_timeout_s = -1
    context.max_consecutive_actor_init_deaths = _START_ATTEMPTS
    shards = ray.data.from_items([{"shard": index} for index in pending], override_num_blocks=len(pending))
    rows = shards.map_batches(
        ReplicaActor,
        fn_constructor_kwargs={"job": job, "replica": replica, "driver": describe(PACKAGES)},
        batch_size=1,
        # Those that have no place yet wait for one, and the autoscaler sees them wait. A pool with a min_size never
        # grows: Ray Data adds actors when more calls are queued at each than run at once, and none are queued here.
        compute=ActorPoolStrategy(
            size=pool.most,
            max_tasks_in_flight_per_actor=SHARDS_AT_ONCE,
            max_concurrent_calls_per_actor=SHARDS_AT_ONCE,
            enable_true_multi_threading=True,
        ),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus or None,
    )
    # A prefetched row is told of only when the next shard is done.
    for batch in rows.iter_batches(batch_size=1, prefetch_batches=0):
        take_rows(batch, on_row)


def take_rows(batch: Any, on_row: Callable[[Row], None]) -> None:
    """Give `on_row` the rows of what a ReplicaActor returns, columns by name, or raise its error."""
    for error, message in zip(batch["error"], batch["message"], strict=True):
        if error:
            raise getattr(errors, error)(message)
        on_row(json.loads(message))


class ReplicaActor:
    """What Ray Data runs: a replica whose errors come back as rows, for Ray's wrappers lose their kind and message."""

    def __init__(self, job: Job, replica: type[Replica], driver: Report) -> None:
        self.failure: NeuronsigError | None = None
        try:
            require_same_environment(driver)
            require_same_machine(job)
            self.replica = replica(job, Metrics(job.model.rstrip("/").split("/")[-1]))
        except NeuronsigError as error:
            self.failure = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        (index,) = batch["shard"]
        try:
            if self.failure is not None:
                raise self.failure
            return {"error": [""], "message": [json.dumps(self.replica.shard(int(index)))]}
        except NeuronsigError as error:
            return {"error": [type(error).__name__], "message": [str(error)]}
        except OSError as error:
            return {"error": [MachineError.__name__], "message": [f"shard {index}: {storage_error(error)}"]}


class Metrics:
    """What replicas have done, as Ray metrics: neuronsig_sentences, _tokens, _survivors, _tokens_per_second."""

    def __init__(self, model: str) -> None:
        tags = {"model": model}
        self.counters = {
            name: Counter(f"neuronsig_{name}", description, ("model",)) for name, description in _COUNTED.items()
        }
        self.rate = Gauge("neuronsig_tokens_per_second", "Tokens a second of this replica", ("model",))
        for metric in (*self.counters.values(), self.rate):
            metric.set_default_tags(tags)
        self._tokens, self._since = 0, time.monotonic()

    def __call__(self, done: Mapping[str, int]) -> None:
        for name, number in done.items():
            if number:
                self.counters[name].inc(number)
        self._tokens += done.get("tokens", 0)
        spent = time.monotonic() - self._since
        if spent >= _RATE_SECONDS:
            self.rate.set(self._tokens / spent)
            self._tokens, self._since = 0, time.monotonic()


def reduce_shards(
    job: Job,
    folder: Path,
    fan_in: int = FAN_IN,
    done: Done = uncounted,
    left_out: Mapping[str, Any] | None = None,
    run: Runner = map_tasks,
) -> list[Marker]:
    """Check that every shard of the plan is committed, rows adding up, then reduce; return the groups' markers.

    `done` counts the nodes of the tree, which `run` runs; `left_out` says in the markers what an early stop has left
    out.
    """
    markers = valid_commits(job)
    missing = [shard.index for shard in job.shards if shard.index not in markers]
    scored = sum(marker["sentences"] for marker in markers.values())
    if missing or scored != job.sentences:
        raise InputError(
            f"{job.commits}: {len(missing)} of {len(job.shards)} shards have no valid commit, {scored} of "
            f"{job.sentences} sentences are scored; run the same command again"
        )
    files = [location(job.commits) / markers[shard.index]["file"] for shard in job.shards]
    finals = tree_reduce(job, files, folder, run, done, left_out, fan_in)
    for group, final in zip(job.groups, finals, strict=True):
        expected = len(job.signs) * group.units * job.kept
        if final["rows"] != expected:
            raise InputError(
                f"{folder / final['file'].split('/')[-1]} has {final['rows']} rows, expected {expected}; "
                f"delete {job.commits} and run the same command again"
            )
    # What killed attempts and the table before it have left.
    sweep(folder, [final["file"].split("/")[-1] for final in finals])
    return finals


def clean(job: Job) -> dict[int, Marker]:
    """Valid commits, after deleting everything else in the commit folder; only while nothing runs in it."""
    markers = valid_commits(job)
    keep = [
        name for index, marker in markers.items() for name in (marker["file"], marker["ladder"], job.marker(index).name)
    ]
    sweep(location(job.commits), keep)
    return markers
