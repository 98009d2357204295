"""Collect every neuron's top-K sentences in one pass over the corpus (P1 3.1), exactly, whatever is killed.

Reads RUN/tokenized/<tokenizer> (from tokenize) and the model's weights; writes RUN/topk/<model>. Ray Data runs model
replicas over shards, a GPU each where there are any; each shard's own top-K is committed as a file, and the files are
reduced to the global top-K. The same command again does only what is missing. What each shard added to the lists is
written to RUN/analysis/<model>/convergence.parquet, .csv and .png (P1 Figure 1). With collect.stop_fraction and
collect.stop_sentences the scoring ends when enough lists do not change any more: the result is then that of the first
shards, and counted as inexact. Units whose activation is the same for every sentence, up to float noise, are counted:
their lists rank noise, and the jobs that read the lists leave them out.

Example:  neuronsig collect run=runs/demo model=minilm collect.k=1000 collect.signs=[1,-1]
"""

from contextlib import ExitStack

from neuronsig.checkpoint import load_tokenizer, model_config, weights_fingerprint
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.tree_reduce import require_base
from neuronsig.config import Config, from_plan
from neuronsig.errors import InputError
from neuronsig.run.appending import JOB, place_of, require_same, stage_growth
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import additions, earlier, note
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.stage import enter
from neuronsig_ray.collect.make import files_of_table, make_table
from neuronsig_ray.collect.prepare import (
    check_vocabulary,
    groups_of,
    machine_of,
    make_job,
    make_plan,
    require_resources,
)
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.pool import Begun, replica_pool, resources, wait_for_places
from neuronsig_ray.preflight import check_nodes
from neuronsig_ray.session import address_of, ray_session


def run(config: Config) -> Summary:
    """Collect every neuron's top sentences, unless they are there already."""
    return collect(config, RunDirectory.existing(config.run))


def collect(config: Config, run: RunDirectory, appending: bool = False) -> Summary:
    """Make the table, or, `appending`, add to the finished one the shards that it has not seen."""
    name, tokenizer = config.model.name, load_tokenizer(config.model)
    source = f"tokenize/{tokenizer.name}"
    tokenized = run.fingerprint(source, JOB if appending else "neuronsig collect")
    shards = ShardPlan.read(run.tokenized(tokenizer.name))
    seen = shards_seen(run, name, source, shards) if appending else 0
    folder, values = model_config(config.model)
    weights, groups = weights_fingerprint(folder), groups_of(config, folder)
    check_vocabulary(config, values, shards)
    topk = run.topk(name)
    with ExitStack() as session:
        if address_of(config.ray):
            session.enter_context(ray_session(config.ray))
        todo = max(1, len(shards.shards) - seen)
        pool = replica_pool(config.ray, resources(config.ray), todo, begun(config, run))
        wait_for_places(config.ray, pool)
        check_nodes(config)
        machine = machine_of(config, pool)
        plan = make_plan(config, tokenizer, tokenized, folder, weights, groups, machine.device)
        if appending:
            plan = stage_growth(run, f"collect/{name}", source, plan, {"shards_before": seen})
        outputs = [topk, *files_of_table(topk, groups)]
        with enter(config, "collect", plan, outputs, checks=True) as stage:
            if not stage.done:
                device = machine.device
                job = make_job(config, run, shards, stage.fingerprint, folder, weights, device, groups, pool.threads)
                if additions(stage.plan):
                    job = job.adding(earlier(stage.plan)[-1], additions(stage.plan)[-1]["shards_before"])
                require_base(job, topk)
                bound = require_resources(config, run, job, pool, machine, folder)
                session.enter_context(ray_session(config.ray))
                stage.begin()
                stage.counts["memory bound of a replica, MiB"] = (bound.host + bound.device) >> 20
                make_table(config, run, shards, stage, job, pool)
    if appending:
        return {"sentences scored": 0 if stage.done else job.sentences, "rows": stage.counts["rows"]}
    return {
        "groups": f"{groups[0].name} to {groups[-1].name}",
        "device": machine.device.name,
        "dtype": machine.device.dtype,
        **stage.counts,
        **note(stage.plan),
    }


def require_same_settings(config: Config, run: RunDirectory) -> None:
    """Raise PlanMismatchError, in seconds, when more text would be scored otherwise than the run's table was.

    A cluster is not asked for its device here.
    """
    name, tokenizer = f"collect/{config.model.name}", load_tokenizer(config.model)
    entry = run.stage_record(name)
    assert entry is not None
    folder, _ = model_config(config.model)
    if address_of(config.ray):
        device = from_plan(DeviceClass, entry["plan"]["device"])
    else:
        device = machine_of(config, replica_pool(config.ray, resources(config.ray), 1, begun(config, run))).device
    plan = make_plan(config, tokenizer, "", folder, weights_fingerprint(folder), groups_of(config, folder), device)
    if "stop" in entry["plan"]:
        raise InputError(
            f"run={run.root}: {name} was made with collect.stop_fraction={entry['plan']['stop']['fraction']}, and text "
            "cannot be appended to lists that may lack some; run neuronsig collect without it and with overwrite=true "
            "first"
        )
    require_same(run, name, entry, plan, ["inputs"])


def begun(config: Config, run: RunDirectory) -> Begun | None:
    """The device that the collection was begun on, unless it shall be made again."""
    entry = run.stage_record(f"collect/{config.model.name}")
    if entry is None or config.overwrite:
        return None
    return Begun(entry["plan"]["device"]["device"], entry["plan"]["device"]["threads"])


def shards_seen(run: RunDirectory, model: str, source: str, shards: ShardPlan) -> int:
    """How many shards of the `source` stage the model's finished table holds; they are the first ones."""
    entry = run.stage_record(f"collect/{model}")
    if entry is not None and entry["status"] != "complete" and additions(entry["plan"]):
        return int(additions(entry["plan"])[-1]["shards_before"])
    place = place_of(run, f"collect/{model}", source)
    parts = shards.parts[: 0 if place is None else place + 1]
    return sum(part.shards for part in parts)
