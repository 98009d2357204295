"""From a config to a collection that can start: its units, its plan and its job."""

from __future__ import annotations

from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from neuronsig.checkpoint import TokenizerSpec, weights_fingerprint
from neuronsig.collection.early_stop import in_plan
from neuronsig.collection.job import Group, Job
from neuronsig.collection.shards import BATCH_PLAN, ShardPlan, batch_tokens
from neuronsig.config import Config
from neuronsig.errors import InputError, MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import absolute
from neuronsig_ray.model.attention import attention_in_use
from neuronsig_ray.model.inference import DeviceClass, device_class
from neuronsig_ray.model.sites import attention_kernel, groups_in, skeleton


def groups_of(config: Config, folder: Path) -> tuple[Group, ...]:
    """The groups of units to collect, in the order site, layer. Raises ConfigError for a layer that the model lacks."""
    patterns = {"mlp": config.model.mlp_module, "attention": config.model.attention_module}
    return groups_in(skeleton(str(folder)), config.collect.sites, config.collect.layers, patterns)


def make_plan(
    config: Config,
    tokenizer: TokenizerSpec,
    tokenized: str,
    folder: Path,
    weights: str,
    groups: tuple[Group, ...],
    device: DeviceClass,
) -> dict[str, Any]:
    """All that determines the table, `weights` by their fingerprint; not the number of replicas."""
    collect = config.collect
    return {
        "weights": weights,
        "tokenizer": tokenizer.name,
        "inputs": {f"tokenize/{tokenizer.name}": tokenized},
        "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
        "device": asdict(device),
        "pooling": collect.pooling if collect.special_tokens else f"{collect.pooling} without special tokens",
        "groups": {group.name: group.units for group in groups},
        "modules": sorted({group.module for group in groups if group.module}),
        "attention": attention_in_use(attention_kernel(skeleton(str(folder))), device.device, device.dtype),
        "signs": sorted(collect.signs),
        "k": collect.k,
        "batch_tokens": batch_tokens(collect.batch_tokens, device.device),
        "batch_plan": BATCH_PLAN,
        **in_plan(collect),
    }


def make_job(
    config: Config,
    run: RunDirectory,
    shards: ShardPlan,
    fingerprint: str,
    folder: Path,
    weights: str,
    device: DeviceClass,
    groups: tuple[Group, ...],
    threads: int,
) -> Job:
    special = config.collect.special_tokens
    return Job(
        tokenized=absolute(run.tokenized(shards.tokenizer)),
        commits=absolute(run.shards(config.model.name)),
        fingerprint=fingerprint,
        model=str(folder.resolve()),
        dtype=device.dtype,
        device=device.device,
        groups=groups,
        signs=tuple(sorted(config.collect.signs, reverse=True)),
        pooling=config.collect.pooling,
        k=config.collect.k,
        skip_prefix=0 if special else shards.prefix_tokens,
        skip_suffix=0 if special else shards.suffix_tokens,
        batch_tokens=batch_tokens(config.collect.batch_tokens, device.device),
        threads=threads,
        sentences=shards.sentences,
        shards=tuple(shards.shards),
        device_name=device.name,
        weights=weights,
    )


def require_same_machine(job: Job) -> None:
    """Raise MachineError where this process would score to other bits than the plan's device and weights give."""
    found = device_class(job.device != "cpu", job.dtype, job.threads).name
    if job.device_name and found != job.device_name:
        raise MachineError(
            f"ray.address: a replica was started on {found}, the plan has {job.device_name}, and scores of both cannot "
            "be mixed to the bit; give the job nodes of one kind"
        )
    weights = weights_fingerprint(Path(job.model))
    if job.weights and weights != job.weights:
        raise InputError(
            f"model.path={job.model}: its weights on this node are {weights}, the plan has {job.weights}; give every "
            "node the same files"
        )


def check_vocabulary(config: Config, values: dict[str, Any], shards: ShardPlan) -> None:
    """Raise InputError when the corpus holds tokens that the model has no embedding of."""
    size = (values.get("text_config") or values).get("vocab_size")
    if size and shards.max_token_id >= size:
        raise InputError(
            f"model.tokenizer={config.model.tokenizer}: token {shards.max_token_id} is beyond the {size} tokens of "
            f"{config.model.path}; set the tokenizer that the model was trained with"
        )
