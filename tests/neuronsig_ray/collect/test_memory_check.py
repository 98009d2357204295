"""Memory told without a corpus: a floor of what jobs.collect asks for, and the same terms in an estimate."""

from __future__ import annotations

import pytest

from neuronsig.checkpoint import model_config
from neuronsig.collection.shards import Shard, ShardPlan, shard_sizes
from neuronsig.config.compose import compose
from neuronsig.estimate import ModelShape, estimate
from neuronsig.run.directory import RunDirectory
from neuronsig_ray.collect.prepare import groups_of, job_bound, least_bound, make_job
from neuronsig_ray.model.inference import DeviceClass
from neuronsig_ray.pool import Pool

TOKENS = 25


@pytest.mark.parametrize(
    "words",
    [[], ["collect.signs=[1,-1]", "collect.sites=[hidden,mlp]"], ["collect.k=300000"], ["hardware.gpu=true"]],
    ids=["plain", "more neurons", "K above a shard", "GPU"],
)
def test_the_memory_told_beforehand_is_what_collection_asks_for(tmp_path, words):
    config = compose([f"run={tmp_path}", *words])
    folder, _ = model_config(config.model)
    groups, sizes, gpu = groups_of(config, folder), shard_sizes(400_000, 131_072), config.hardware.gpu
    shards = [Shard(i, "", size, TOKENS * size, 512, "") for i, size in enumerate(sizes)]
    plan, device = ShardPlan("", 0, 0, 0, 0, {}, shards), DeviceClass("cuda" if gpu else "cpu", "", "", 0)
    job = make_job(config, RunDirectory(tmp_path), plan, "", folder, "", device, groups, threads=2)
    asked = job_bound(job, folder)
    cost = estimate(config, ModelShape.from_config(folder / "config.json"), 400_000, TOKENS)
    assert cost.replica.host == pytest.approx(asked.host, rel=0.01)
    assert cost.replica.device == pytest.approx(asked.device, rel=0.01)
    floor = least_bound(config, Pool(1, 2, int(gpu)), folder, groups, 400_000).host
    assert 0.8 * asked.host < floor <= asked.host
