"""The finished collection that a job looks at again, and the signatures mined from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer, model_config, weights_fingerprint
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.verify import Check
from neuronsig.config import CollectConfig, Config
from neuronsig.errors import InputError
from neuronsig.run.directory import RunDirectory
from neuronsig_ray.collect.early_stop import shards_kept
from neuronsig_ray.collect.prepare import groups_of, machine_of, make_job
from neuronsig_ray.job import Job
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.session import Pool, replica_pool, resources

MADE = "model and tokenizer are the plan's"


@dataclass(frozen=True)
class Subject:
    """A finished collection, as run.json and the command line describe it."""

    run: RunDirectory
    plan: dict[str, Any]
    job: Job
    tokenizer: TokenizerSpec
    weights: Path


def subject_of(config: Config, needed_by: str) -> tuple[Subject, Check]:
    """The collection as its record describes it, and whether model and tokenizer are the ones it was made with."""
    run = RunDirectory.existing(config.run)
    name = config.model.name
    fingerprint = run.fingerprint(f"collect/{name}", needed_by)
    entry = run.stage_record(f"collect/{name}") or {}
    plan = entry["plan"]
    tokenizer = load_tokenizer(config.model)
    folder, _ = model_config(config.model)
    made = Check(MADE)
    weights = weights_fingerprint(folder)
    made.count(1, weights != plan["weights"], f"{config.model.path} has weights {weights}, the plan {plan['weights']}")
    made.count(1, tokenizer.name != plan["tokenizer"], f"tokenizer is {tokenizer.name}, the plan's {plan['tokenizer']}")
    known = {field.name for field in dataclasses.fields(CollectConfig)}
    recorded = {key: value for key, value in entry["config"]["collect"].items() if key in known}
    recorded["batch_tokens"] = plan["batch_tokens"]
    as_made = dataclasses.replace(config, collect=CollectConfig(**recorded))
    groups = groups_of(as_made, folder)
    units = {group.name: group.units for group in groups}
    made.count(1, units != plan["groups"], f"units of {config.model.path} are {units}, the plan's {plan['groups']}")
    shards, device = ShardPlan.read(run.tokenized(plan["tokenizer"])), DeviceClass(**plan["device"])
    job = make_job(as_made, run, shards, fingerprint, folder, weights, device, groups, device.threads)
    return Subject(run, plan, shards_kept(job, entry["counts"]), tokenizer, folder), made


def collected(config: Config, needed_by: str) -> Subject:
    """The collection. Raises InputError when model or tokenizer are not the ones it was made with."""
    subject, made = subject_of(config, needed_by)
    if made.wrong:
        raise InputError(f"{made.name}: {made.first}; give the model=... that was collected with")
    return subject


@dataclass(frozen=True)
class Mined:
    """A collection with signatures, the fingerprints of the stages they come from, and the settings of mining."""

    subject: Subject
    inputs: Mapping[str, str]
    mining: Mapping[str, Any]


def mined(config: Config, needed_by: str) -> Mined:
    """Sentences, lists and signatures of config.model. Raises InputError when one is not there, or of another model."""
    run, name = RunDirectory.existing(config.run), config.model.name
    stages = ("annotate", f"collect/{name}", f"mine/{name}")
    inputs = {stage: run.fingerprint(stage, needed_by) for stage in stages}
    mining = (run.stage_record(f"mine/{name}") or {})["plan"]["mining"]
    return Mined(collected(config, needed_by), inputs, mining)


def on_any_device(config: Config, subject: Subject) -> tuple[Job, Pool]:
    """The job on the devices that there are now, for what is asked is not the collection's bits; and its replicas."""
    pool = replica_pool(config.ray, resources(config.ray), len(subject.job.shards))
    as_made = dataclasses.replace(config.collect, dtype=subject.job.dtype)
    device = machine_of(dataclasses.replace(config, collect=as_made), pool).device
    return dataclasses.replace(subject.job, device=device.device, device_name="", threads=pool.cpus), pool
