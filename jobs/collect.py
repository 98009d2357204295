"""Collect every neuron's top-K sentences in one pass over the corpus (P1 3.1), exactly, whatever is killed.

Reads RUN/tokenized/<tokenizer> (jobs.tokenize) and the model's weights; writes RUN/topk/<model>. Ray Data runs model
replicas over shards, a GPU each where there are any; each shard's own top-K is committed as a file, and the files are
reduced to the global top-K. The same command again does only what is missing.

Example:  python -m jobs.collect run=runs/demo model=minilm collect.k=1000 collect.signs=[1,-1]
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import ray

from jobs.launch import Summary, launch, stage_config
from neuronsig.checkpoint import TokenizerSpec, load_tokenizer, model_config, weights_fingerprint
from neuronsig.config import Config
from neuronsig.errors import InputError, MachineError
from neuronsig.heartbeat import beats
from neuronsig.progress import polled, say, task
from neuronsig.rundir import RunDirectory, Stage, remove
from neuronsig.shards import BATCH_PLAN, ShardPlan, committed_keys
from neuronsig_ray.collect import Row, clean, reduce_shards, score_shards
from neuronsig_ray.job import Group, Job
from neuronsig_ray.model import DeviceClass, device_class
from neuronsig_ray.reduce import final_marker, node_count
from neuronsig_ray.scorer import memory_bound
from neuronsig_ray.session import Pool, address_of, available_memory, ray_session, replica_pool, resources
from neuronsig_ray.sites import attention_kernel, groups_in, skeleton

SECTIONS = ("model", "collect", "ray")


def run(config: Config) -> Summary:
    run = RunDirectory.existing(config.run)
    tokenizer = load_tokenizer(config.model)
    tokenized = run.fingerprint(f"tokenize/{tokenizer.name}", "jobs.collect")
    shards = ShardPlan.read(run.tokenized(tokenizer.name))
    folder, values = model_config(config.model)
    groups = groups_of(config, folder)
    _check_vocabulary(config, values, shards)
    topk = run.topk(config.model.name)
    with ExitStack() as session:
        if address_of(config.ray):
            session.enter_context(ray_session(config.ray))
        pool = replica_pool(config.ray, resources(config.ray), len(shards.shards))
        device = _device(config, pool)
        plan = _plan(config, tokenizer, tokenized, folder, groups, device)
        outputs = [topk, *(final_marker(topk, group) for group in groups)]
        settings = stage_config(config, SECTIONS)
        with run.stage(f"collect/{config.model.name}", plan, outputs, settings, config.overwrite) as stage:
            if not stage.done:
                session.enter_context(ray_session(config.ray))
                _collect(config, run, shards, stage, folder, device, groups, pool)
    return {
        "groups": f"{groups[0].name} to {groups[-1].name}",
        "device": device.name,
        "dtype": device.dtype,
        **stage.counts,
    }


def groups_of(config: Config, folder: Path) -> tuple[Group, ...]:
    """The groups of units to collect, in the order site, layer. Raises ConfigError for a layer that the model lacks."""
    patterns = {"mlp": config.model.mlp_module, "attention": config.model.attention_module}
    return groups_in(skeleton(str(folder)), config.collect.sites, config.collect.layers, patterns)


def _collect(
    config: Config,
    run: RunDirectory,
    shards: ShardPlan,
    stage: Stage,
    folder: Path,
    device: DeviceClass,
    groups: tuple[Group, ...],
    pool: Pool,
) -> None:
    job = make_job(config, run, shards, stage.fingerprint, folder, device, groups, pool.cpus)
    _require_room(config, run, job, pool, folder)
    markers = clean(job)
    pending = [shard.index for shard in shards.shards if shard.index not in markers]
    counts = {"sentences": shards.sentences, "tokens": shards.tokens, "shards": len(shards.shards)}
    if pending:
        timing = _score(job, pending, pool)
        stage.counts.update(counts, **timing)
    stage.counts.update(counts)
    topk = run.topk(config.model.name)
    with task("reducing", node_count(len(job.shards), len(groups), config.collect.reduce_fan_in), "nodes") as bar:
        finals = reduce_shards(job, topk, config.collect.reduce_fan_in, bar.advance)
    stage.counts["rows"] = sum(final["rows"] for final in finals)
    remove(Path(job.commits))


def _score(job: Job, pending: list[int], pool: Pool) -> dict[str, Any]:
    """Score pending shards with progress; return rates and survivors."""
    todo = [job.shards[index] for index in pending]
    total = {"sentences": 0, "tokens": 0, "survivors": 0, "seconds": 0.0, "forward_seconds": 0.0}
    warned = False
    replicas = f"{pool.replicas} replica{'s' if pool.replicas > 1 else ''}"
    with task(f"scoring {len(todo)} shards on {replicas}", sum(shard.sentences for shard in todo), "sentences") as bar:

        def on_row(row: Row) -> None:
            nonlocal warned
            if row["warnings"] and not warned:
                say(f"  model: {row['warnings']}")
                warned = True
            for name in total:
                total[name] += row[name]
            rate = row["tokens"] / row["seconds"] if row["seconds"] else 0.0
            bar.update(total["sentences"], f"{rate:,.0f} tokens/s a replica")

        # A shard may take minutes: between two finished ones the replicas' own counts are shown.
        with polled(lambda: bar.update(total["sentences"] + beats(Path(job.commits)))):
            score_shards(job, pending, pool, on_row)
            bar.update(total["sentences"])
    busy = total["seconds"] or 1.0
    return {
        "survivors": total["survivors"],
        "sentences a second and replica": round(total["sentences"] / busy, 1),
        "share of time outside the forward pass": round(1 - total["forward_seconds"] / busy, 3),
    }


def make_job(
    config: Config,
    run: RunDirectory,
    shards: ShardPlan,
    fingerprint: str,
    folder: Path,
    device: DeviceClass,
    groups: tuple[Group, ...],
    threads: int,
) -> Job:
    special = config.collect.special_tokens
    return Job(
        tokenized=str(run.tokenized(shards.tokenizer).resolve()),
        commits=str(run.shards(config.model.name).resolve()),
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
        batch_tokens=config.collect.batch_tokens,
        threads=threads,
        sentences=shards.sentences,
        shards=tuple(shards.shards),
    )


def _plan(
    config: Config,
    tokenizer: TokenizerSpec,
    tokenized: str,
    folder: Path,
    groups: tuple[Group, ...],
    device: DeviceClass,
) -> dict[str, Any]:
    """All that determines the table; not the number of replicas, which cannot change it."""
    collect = config.collect
    return {
        "weights": weights_fingerprint(folder),
        "tokenizer": tokenizer.name,
        "inputs": {f"tokenize/{tokenizer.name}": tokenized},
        "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
        "device": asdict(device),
        "pooling": collect.pooling if collect.special_tokens else f"{collect.pooling} without special tokens",
        "groups": {group.name: group.units for group in groups},
        "modules": sorted({group.module for group in groups if group.module}),
        "attention": attention_kernel(skeleton(str(folder))),
        "signs": sorted(collect.signs),
        "k": collect.k,
        "batch_tokens": collect.batch_tokens,
        "batch_plan": BATCH_PLAN,
    }


def _device(config: Config, pool: Pool) -> DeviceClass:
    """The device class of the replicas: asked on the cluster, or of this machine before a local Ray is started."""
    if not ray.is_initialized():
        return device_class(pool.gpus > 0, config.collect.dtype, pool.cpus)
    probe = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus)(device_class)
    return DeviceClass(**asdict(ray.get(probe.remote(pool.gpus > 0, config.collect.dtype, pool.cpus))))


def _check_vocabulary(config: Config, values: dict[str, Any], shards: ShardPlan) -> None:
    size = (values.get("text_config") or values).get("vocab_size")
    if size and shards.max_token_id >= size:
        raise InputError(
            f"model.tokenizer={config.model.tokenizer}: token {shards.max_token_id} is beyond the {size} tokens of "
            f"{config.model.path}; set the tokenizer that the model was trained with"
        )


def _require_room(config: Config, run: RunDirectory, job: Job, pool: Pool, folder: Path) -> None:
    """Disk for commits and table, memory for the replicas' top-K; raises MachineError with both figures."""
    kept = min(job.k, job.sentences)
    largest = max(shard.sentences for shard in job.shards)
    committed = committed_keys(job.k, largest, len(job.shards), pool.replicas)
    run.require_space(int(job.rows * 8 * (kept + committed)))
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    needed = memory_bound(job) + 2 * weights
    here = available_memory() // (pool.replicas if not address_of(config.ray) else 1)
    if needed > here:
        raise MachineError(
            f"collect.k={job.k} for {job.rows:,} neurons needs up to {needed / 2**20:,.0f} MiB a replica, "
            f"{here / 2**20:,.0f} MiB are free; set a smaller collect.k, fewer collect.layers or ray.replicas=1"
        )


if __name__ == "__main__":
    sys.exit(launch(run, SECTIONS))
