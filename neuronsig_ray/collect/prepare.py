"""From a config to a collection that can start: its units, machine, plan and job, the disk and memory it takes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import ray

from neuronsig.checkpoint import TokenizerSpec, weights_fingerprint
from neuronsig.collection import shards as sharding
from neuronsig.collection.convergence import stop_rule
from neuronsig.collection.job import Group, Job
from neuronsig.collection.memory import Largest, MemoryBound, replica_bound
from neuronsig.collection.tree_reduce import task_bound
from neuronsig.config import Config
from neuronsig.errors import InputError, MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import absolute
from neuronsig_ray.model.bfloat16 import attention_in_use
from neuronsig_ray.model.inference import DeviceClass, device_class, rehearse
from neuronsig_ray.model.loading import require_weights
from neuronsig_ray.model.sites import activation_bound, attention_kernel, groups_in, skeleton
from neuronsig_ray.pool import Pool, most_on_a_node
from neuronsig_ray.session import available_memory
from neuronsig_ray.tasks import map_tasks


def groups_of(config: Config, folder: Path) -> tuple[Group, ...]:
    """The groups of units to collect, in the order site, layer; weights are not loaded.

    Raises ConfigError for a layer that the model lacks, InputError where weights are missing, or where the model takes
    no text or has other activations than its config says.
    """
    require_weights(str(folder))
    patterns = {"mlp": config.model.mlp_module, "attention": config.model.attention_module}
    groups = groups_in(skeleton(str(folder)), config.collect.sites, config.collect.layers, patterns)
    rehearse(str(folder), groups)
    return groups


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
    collect, rule = config.collect, stop_rule(config.collect)
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
        "batch_tokens": sharding.batch_tokens(collect.batch_tokens, device.device),
        "batch_plan": sharding.BATCH_PLAN,
        **({"stop": asdict(rule)} if rule else {}),
    }


def make_job(
    config: Config,
    run: RunDirectory,
    shards: sharding.ShardPlan,
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
        batch_tokens=sharding.batch_tokens(config.collect.batch_tokens, device.device),
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


def check_vocabulary(config: Config, values: dict[str, Any], shards: sharding.ShardPlan) -> None:
    """Raise InputError when the corpus holds tokens that the model has no embedding of."""
    size = (values.get("text_config") or values).get("vocab_size")
    if size and shards.max_token_id >= size:
        raise InputError(
            f"model.tokenizer={config.model.tokenizer}: token {shards.max_token_id} is beyond the {size} tokens of "
            f"{config.model.path}; set the tokenizer that the model was trained with"
        )


@dataclass(frozen=True)
class Machine:
    """What a replica finds where it runs: the device's class, and the free bytes of host and device."""

    device: DeviceClass
    host_bytes: int
    device_bytes: int


def look(gpu: bool, dtype: str, threads: int) -> Machine:
    """Describe the machine of this process."""
    device = device_class(gpu, dtype, threads)
    free = 0
    if gpu:
        import torch

        free = int(torch.cuda.mem_get_info()[0])
    return Machine(device, available_memory(), free)


def machine_of(config: Config, pool: Pool) -> Machine:
    """The machine of a replica: asked on the cluster, or of this one before a local Ray is started."""
    asked = (pool.gpus > 0, config.collect.dtype, pool.threads)
    if not ray.is_initialized():
        return look(*asked)
    (found,) = map_tasks(look, [asked], cpus=pool.cpus, gpus=pool.gpus)
    return Machine(DeviceClass(**asdict(found.device)), found.host_bytes, found.device_bytes)


def job_bound(job: Job, folder: Path) -> MemoryBound:
    """What a replica of a job holds at most."""
    gpu = job.device != "cpu"
    return _bound(folder, job.groups, len(job.signs), job.k, Largest.of(job.shards), job.batch_tokens, job.threads, gpu)


def least_bound(config: Config, pool: Pool, folder: Path, groups: Sequence[Group], sentences: int) -> MemoryBound:
    """What a replica of a collection from `sentences` or more will hold at most, whatever their lengths.

    It is `job_bound` with the shortest inputs that there can be.
    """
    collect, largest = config.collect, max(sharding.shard_sizes(sentences, config.tokenize.shard_sentences), default=0)
    least = Largest(largest, sharding.SHORTEST * largest, sharding.SHORTEST)
    tokens = sharding.batch_tokens(collect.batch_tokens, "cuda" if pool.gpus else "cpu")
    return _bound(folder, groups, len(collect.signs), collect.k, least, tokens, pool.threads, bool(pool.gpus))


def _bound(
    folder: Path, groups: Sequence[Group], signs: int, k: int, largest: Largest, tokens: int, threads: int, gpu: bool
) -> MemoryBound:
    units = sum(group.units for group in groups)
    return replica_bound(
        rows=signs * units,
        widest=signs * max(group.units for group in groups),
        k=k,
        largest=largest,
        threads=threads,
        gpu=gpu,
        weights=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        batch=activation_bound(str(folder), units, signs, tokens, largest.sentence_tokens),
    )


def require_memory(config: Config, pool: Pool, folder: Path, groups: Sequence[Group], sentences: int) -> None:
    """Raise MachineError where this machine's replicas can never hold the lists of a corpus of `sentences` or more.

    Asked before the corpus is annotated. GPUs are not asked for their memory: that would hold a part of each for as
    long as this process lives.
    """
    needed = least_bound(config, pool, folder, groups, sentences).host * pool.most
    if needed > (free := available_memory()):
        neurons = len(config.collect.signs) * sum(group.units for group in groups)
        raise MachineError(
            f"collect.k={config.collect.k} for {neurons:,} neurons needs {needed / 2**20:,.0f} MiB of memory or more "
            f"for {pool.most} replica{'s' if pool.most > 1 else ''}, {free / 2**20:,.0f} MiB are free; set a smaller "
            "collect.k, fewer collect.sites, collect.signs or collect.layers, or ray.replicas=1"
        )


def require_resources(
    config: Config, run: RunDirectory, job: Job, pool: Pool, machine: Machine, folder: Path
) -> MemoryBound:
    """What a replica may hold at most; MachineError, with both figures, where disk or memory are too small for all."""
    committed = sharding.committed_keys(job.k, [shard.sentences for shard in job.shards], sharding.in_flight(pool.most))
    nodes = sharding.node_keys(job.k, committed, len(job.shards))
    quantiles = 64 * 4 * len(job.shards)
    name = config.model.name
    # Commits of an earlier attempt are used or deleted, and so is its table, unless this one is made from it.
    there = [run.shards(name)] if job.base else [run.shards(name), run.topk(name)]
    run.require_space(int(job.rows * (8 * (job.kept + committed + nodes) + quantiles)), there)
    bound, together = job_bound(job, folder), most_on_a_node(config.ray, pool)
    for needed, free, what in (
        (bound.host * together, machine.host_bytes, f"memory for {together} replica{'s' if together > 1 else ''}"),
        (bound.device, machine.device_bytes, "GPU memory for a replica"),
        (task_bound(job), machine.host_bytes, "memory for a task of the reduce"),
    ):
        if needed > free:
            raise MachineError(
                f"collect.k={job.k} for {job.rows:,} neurons needs up to {needed / 2**20:,.0f} MiB of {what}, "
                f"{free / 2**20:,.0f} MiB are free; {_remedy(config, run, job, pool, together)}"
            )
    return bound


def _remedy(config: Config, run: RunDirectory, job: Job, pool: Pool, together: int) -> str:
    """What may be set otherwise: in a collection that was begun, only what is not in its plan."""
    most = " ray.max_replicas=1" if config.ray.max_replicas > 1 else ""
    # With other threads the plan would be another one.
    fewer = f"ray.replicas=1 ray.replica_cpus={pool.cpus}{most}" if together > 1 else ""
    if job.base:
        return f"set {fewer}" if fewer else "append on a machine with more memory"
    begun = (run.stage_record(f"collect/{config.model.name}") or {}).get("fingerprint") == job.fingerprint
    smaller = "a smaller collect.k or collect.batch_tokens, or fewer collect.layers" + " with overwrite=true" * begun
    return f"set {smaller}" + (f", or {fewer}" if fewer else "")
