"""An early stop is the exact collection of the first shards, the same ones whoever scored what."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from neuronsig.collection.convergence import EarlyStop, Stopped, StopRule, left_out, only_first, shards_kept
from neuronsig.collection.shard_files import read_shard
from neuronsig.collection.topk import pack
from neuronsig.storage.location import location
from neuronsig_ray.collect import collection as collect
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.pool import Pool
from tests.neuronsig.collection.test_early_stop import reference
from tests.neuronsig_ray.collect.test_collection import REPLICAS
from tests.neuronsig_ray.models import make_job, random_inputs
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

RULE = StopRule(fraction=0.3, sentences=40, top=4)


@pytest.fixture
def job(tiny_model, tmp_path):
    return make_job(tmp_path, tiny_model(), random_inputs(240), 20, 6, signs=(1, -1))


def by_all_scores(job) -> int | None:
    """Where a plain reading of the rule stops, with every score of every shard."""
    replica, shards = Replica(job), []
    for shard in job.shards:
        keys: list[set[int]] = [set() for _ in range(job.rows)]
        for ids, scores, *_ in replica.scores(read_shard(location(job.tokenized), shard)):
            for row, values in enumerate(pack(scores.numpy(), ids.numpy())):
                keys[row].update(values.tolist())
        shards.append((shard.sentences, keys))
    return reference(RULE, shards)


def test_commits_decide_as_all_scores_do_in_any_order_of_scoring(job):
    wanted = by_all_scores(job)
    assert wanted is not None
    assert 1 < wanted < len(job.shards) - 1
    replica, early = Replica(job), EarlyStop(job, RULE)
    looked = []
    for index in np.random.default_rng(1).permutation(len(job.shards)).tolist():
        replica.shard(index)
        looked.append(early.look())
    assert looked[-1]
    assert early.last == wanted
    again = EarlyStop(job, RULE)
    assert again.look()
    assert again.last == wanted


def test_it_waits_for_a_shard_that_is_missing(job):
    replica, early = Replica(job), EarlyStop(job, RULE)
    for index in range(1, len(job.shards)):
        replica.shard(index)
    assert not early.look()
    assert early.next == 0


@pytest.mark.parametrize("score", REPLICAS)
def test_scoring_stops_and_the_table_is_that_of_the_first_shards(local_ray, job, tmp_path, score):
    early, seen = EarlyStop(job, RULE), Counter()

    def on_row(row) -> None:
        seen["shards"] += 1
        if early.look():
            raise Stopped

    with pytest.raises(Stopped):
        score(job, [s.index for s in job.shards], Pool(replicas=1, cpus=1, gpus=0), on_row)
    assert early.last is not None
    first = only_first(job, early.last + 1)
    collect.reduce_shards(first, tmp_path / "topk", 4)
    assert_same_table(tmp_path / "topk", brute_force(first))
    counts = left_out(job, early.last + 1)
    assert counts["sentences"] + counts["inexact, stopped early"]["sentences left out"] == job.sentences
    assert shards_kept(job, counts) == first


def test_a_stop_after_the_last_shard_leaves_nothing_out(job):
    assert left_out(job, len(job.shards)) == {}
    assert shards_kept(job, {"sentences": 240}) == job
