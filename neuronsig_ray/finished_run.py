"""The finished collection that a job looks at again."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer, model_config, weights_fingerprint
from neuronsig.collection.convergence import shards_kept
from neuronsig.collection.job import Job
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.verify import Check
from neuronsig.config import CollectConfig, Config, from_plan
from neuronsig.errors import InputError
from neuronsig.run.directory import RunDirectory
from neuronsig_ray.collect.prepare import groups_of, machine_of, make_job
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.pool import Begun, Pool, replica_pool, resources, wait_for_places

SAME_MODEL = "model and tokenizer are the plan's"


@dataclass(frozen=True)
class FinishedRun:
    """A finished collection, as run.json and the command line describe it."""

    run: RunDirectory
    job: Job  # as it was made: its shards, groups of units, device, precision
    tokenizer: TokenizerSpec  # of the model that the command line names
    weights: Path  # that model's folder
    device: DeviceClass  # what it was made on
    versions: Mapping[str, str]  # of the libraries that it was made with, by name


def finished_run(config: Config, needed_by: str) -> tuple[FinishedRun, Check]:
    """The collection as its record describes it, and whether model and tokenizer are the ones it was made with.

    Raises InputError when there is no finished collection of `config.model`.
    """
    run = RunDirectory.existing(config.run)
    name = config.model.name
    fingerprint = run.fingerprint(f"collect/{name}", needed_by)
    entry = run.stage_record(f"collect/{name}") or {}
    plan = entry["plan"]
    tokenizer = load_tokenizer(config.model)
    folder, _ = model_config(config.model)
    same = Check(SAME_MODEL)
    weights = weights_fingerprint(folder)
    same.count(1, weights != plan["weights"], f"{config.model.path} has weights {weights}, the plan {plan['weights']}")
    same.count(1, tokenizer.name != plan["tokenizer"], f"tokenizer is {tokenizer.name}, the plan's {plan['tokenizer']}")
    recorded = {**entry["config"]["collect"], "batch_tokens": plan["batch_tokens"]}
    as_made = dataclasses.replace(config, collect=from_plan(CollectConfig, recorded))
    groups = groups_of(as_made, folder)
    units = {group.name: group.units for group in groups}
    same.count(1, units != plan["groups"], f"units of {config.model.path} are {units}, the plan's {plan['groups']}")
    shards, device = ShardPlan.read(run.tokenized(plan["tokenizer"])), from_plan(DeviceClass, plan["device"])
    job = make_job(as_made, run, shards, fingerprint, folder, weights, device, groups, device.threads)
    return FinishedRun(run, shards_kept(job, entry["counts"]), tokenizer, folder, device, plan["versions"]), same


def same_model_run(config: Config, needed_by: str) -> FinishedRun:
    """The collection. Raises InputError when model or tokenizer are not the ones it was made with."""
    finished, same = finished_run(config, needed_by)
    if same.wrong:
        raise InputError(f"{same.name}: {same.first}; give the model=... that was collected with")
    return finished


def on_any_device(config: Config, finished: FinishedRun) -> tuple[Job, Pool]:
    """The job on the devices that there are now, for what is asked is not the collection's bits; and its replicas.

    A cluster that has no device up yet is waited for.
    """
    # Only its kind: fewer threads change what is not asked for.
    begun = Begun(finished.device.device, 0)
    pool = replica_pool(config.ray, resources(config.ray), len(finished.job.shards), begun)
    wait_for_places(config.ray, pool)
    as_made = dataclasses.replace(config.collect, dtype=finished.job.dtype)
    device = machine_of(dataclasses.replace(config, collect=as_made), pool).device
    return dataclasses.replace(finished.job, device=device.device, device_name="", threads=pool.threads), pool
