"""The collected top-K equals brute force on the same scores, ids and bits, whatever dies on the way."""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
import torch
from safetensors.torch import load_file, save_file

from neuronsig.collection.job import Job
from neuronsig.collection.memory import PROCESS
from neuronsig.collection.shard_files import read_shard
from neuronsig.collection.tree_reduce import final_marker, node_count, write_final
from neuronsig.errors import InputError
from neuronsig_ray.collect import collection as collect
from neuronsig_ray.collect.prepare import job_bound
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import Call
from tests.neuronsig_ray import faults
from tests.neuronsig_ray.here import score_as_actor
from tests.neuronsig_ray.models import KINDS, UNITS, hidden, make_job, random_inputs
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

ONE = Pool(replicas=1, cpus=1, gpus=0)
TWO = Pool(replicas=2, cpus=1, gpus=0)


REPLICAS = [
    pytest.param(score_as_actor, id="here"),
    pytest.param(collect.score_shards, id="on Ray", marks=pytest.mark.slow),
]
"""How shards are scored: Ray's own actors take seconds to start, and carry the same rows."""


def run_here(job: Job, folder: Path, order: Sequence[int] | None = None, fan_in: int = 8) -> None:
    """The same without Ray: one replica in this process scores the shards in the order given."""
    replica = Replica(job)
    for index in order if order is not None else range(len(job.shards)):
        replica.shard(index)
    collect.reduce_shards(job, folder, fan_in, run=one_by_one)


def one_by_one(
    function: Callable[..., Any], calls: Iterable[Call], done: Callable[[int], None] | None, *, memory: int
) -> list[Any]:
    """Tasks in this process."""
    return [function(*arguments) for arguments in calls]


SHAPES = [
    pytest.param(200, 0, 30, 10, {}, id="seven shards"),
    pytest.param(200, 5, 30, 10, {}, id="ties: five distinct inputs"),
    pytest.param(60, 1, 7, 4, {}, id="ties: all inputs equal"),
    pytest.param(50, 0, 20, 1000, {}, id="k above the corpus"),
    pytest.param(50, 0, 20, 50, {}, id="k equals the corpus"),
    pytest.param(120, 0, 30, 30, {}, id="k equals a shard"),
    pytest.param(1, 0, 10, 3, {}, id="one sentence"),
    pytest.param(90, 0, 1000, 10, {}, id="one shard"),
    pytest.param(90, 0, 1, 1, {}, id="a shard for each sentence, k = 1"),
    pytest.param(150, 0, 40, 12, {"signs": (1, -1)}, id="both signs"),
    pytest.param(150, 4, 40, 12, {"signs": (-1,)}, id="lowest only, ties"),
    pytest.param(150, 0, 40, 12, {"groups": hidden(0, 2)}, id="embeddings and the last layer"),
    pytest.param(150, 0, 40, 12, {"skip_prefix": 1, "skip_suffix": 1}, id="without special tokens"),
    pytest.param(150, 0, 40, 12, {"batch_tokens": 1}, id="batches of one"),
    pytest.param(150, 0, 40, 12, {"dtype": "bfloat16", "signs": (1, -1)}, id="bfloat16"),
]


@pytest.mark.parametrize(("n", "kinds", "shard", "k", "changes"), SHAPES)
def test_it_equals_brute_force(tiny_model, tmp_path, n, kinds, shard, k, changes):
    job = make_job(tmp_path, tiny_model(), random_inputs(n, kinds=kinds), shard, k, **changes)
    run_here(job, tmp_path / "topk", order=np.random.default_rng(n).permutation(len(job.shards)).tolist(), fan_in=3)
    assert_same_table(tmp_path / "topk", brute_force(job))


@pytest.mark.parametrize("kind", KINDS)
def test_any_architecture_equals_brute_force(tiny_model, tmp_path, kind):
    job = make_job(tmp_path, tiny_model(kind), random_inputs(80), 25, 9, signs=(1, -1))
    run_here(job, tmp_path / "topk")
    assert_same_table(tmp_path / "topk", brute_force(job))


@pytest.mark.slow
def test_ray_equals_brute_force_with_several_replicas_one_of_which_dies_and_a_deep_tree(
    local_ray, tiny_model, tmp_path
):
    ray.cloudpickle.register_pickle_by_value(faults)
    job = make_job(tmp_path, tiny_model(), random_inputs(230, kinds=60), 20, 15, signs=(1, -1))
    scored: set[int] = set()
    collect.score_shards(job, list(range(12)), TWO, lambda row: scored.add(row["shard"]), faults.KilledBeforeMarker)
    assert (tmp_path / "failed").exists()
    assert scored == set(range(12))
    collect.reduce_shards(job, tmp_path / "topk", 2)
    assert_same_table(tmp_path / "topk", brute_force(job))


@pytest.mark.parametrize("score", REPLICAS)
def test_an_error_in_a_replica_reaches_the_user_as_one_line(local_ray, tiny_model, tmp_path, score):
    job = make_job(tmp_path, tiny_model(), random_inputs(20), 20, 5)
    file = Path(job.tokenized) / job.shards[0].file
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"shard-00000\.parquet is not the file that plan\.json names") as caught:
        score(job, [0], ONE, lambda row: None)
    assert "\n" not in str(caught.value)


def test_what_ray_s_metrics_count_is_what_was_committed_once(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(100), 25, 10)
    told: Counter[str] = Counter()
    replica = Replica(job, told.update)
    rows = [replica.shard(index) for index in (*range(4), 2)]
    survivors = sum(row["survivors"] for row in rows[:4])
    assert told == {"sentences": 100, "tokens": sum(shard.tokens for shard in job.shards), "survivors": survivors}


def test_ray_s_metrics_have_the_names_and_the_model_that_dashboards_ask_for(local_ray):
    metrics = collect.Metrics("minilm")
    made = [*metrics.counters.values(), metrics.rate]
    names = ["neuronsig_sentences", "neuronsig_tokens", "neuronsig_survivors", "neuronsig_tokens_per_second"]
    assert [metric.info["name"] for metric in made] == names
    assert all(metric.info["default_tags"] == {"model": "minilm"} for metric in made)
    # A counter refuses 0, which a shard without survivors has.
    metrics({"sentences": 3, "tokens": 30, "survivors": 0})


def test_rescoring_a_shard_gives_the_same_bits(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(200), 50, 20, dtype="bfloat16")
    text = read_shard(Path(job.tokenized), job.shards[2])
    for first, second in zip(Replica(job).scores(text), Replica(job).scores(text), strict=True):
        assert (first[0] == second[0]).all()
        assert (first[1].numpy().view(np.uint32) == second[1].numpy().view(np.uint32)).all()


def test_a_repeated_shard_counts_once(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(100), 25, 10)
    run_here(job, tmp_path / "topk")
    files = [str(Path(job.commits) / marker["file"]) for marker in collect.valid_commits(job).values()]
    twice = dataclasses.replace(job, commits=str(tmp_path / "other"))
    for position in range(2):
        write_final(twice, [*files, files[1], *files[::-1]], str(tmp_path / "twice"), position)
    assert_same_table(tmp_path / "twice", brute_force(job))


def test_thresholds_from_committed_shards_thin_out_later_ones(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(600), 100, 20)
    replica = Replica(job)
    survivors = [replica.shard(index)["survivors"] for index in range(6)]
    assert survivors[0] == job.rows * 20
    assert survivors[-1] < survivors[0] / 3


def test_nothing_is_reduced_while_a_shard_is_missing(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5)
    Replica(job).shard(0)
    with pytest.raises(InputError, match="2 of 3 shards have no valid commit, 20 of 60 sentences are scored"):
        collect.reduce_shards(job, tmp_path / "topk", 8)


def test_a_finished_node_is_not_made_again(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5)
    run_here(job, tmp_path / "topk")
    before = final_marker(tmp_path / "topk", job.groups[0]).stat().st_mtime_ns
    assert write_final(job, [], str(tmp_path / "topk"), 0)["rows"] == 16 * 5
    assert final_marker(tmp_path / "topk", job.groups[0]).stat().st_mtime_ns == before


def test_nan_names_the_sentence_and_the_neuron(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(30), 30, 5)
    replica = Replica(job)
    scores = replica.model.scores

    def broken(input_ids, prefix, suffix):
        found = scores(input_ids, prefix, suffix).clone()
        found[UNITS + 7, 0] = float("nan")
        return found

    replica.model.scores = broken
    with pytest.raises(InputError, match=r"sentence_id=\d+: the activation of L2/U7 is NaN"):
        replica.shard(0)
    assert not Path(job.commits).exists()


def test_nan_names_the_sentence_that_has_it_where_attention_in_blocks_spreads_it(tiny_model, tmp_path):
    inputs = [[2, 5, 6, 7, 3]] * 3 + [[2, 5, 4, 7, 3]] + [[2, 5, 6, 7, 3]] * 3
    folder = tmp_path / "model"
    shutil.copytree(tiny_model(), folder)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][4] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    replica = Replica(make_job(tmp_path, folder, inputs, 30, 5, dtype="bfloat16"))
    assert replica.model.scores(torch.tensor(inputs), 0, 0)[:, 0].isnan().all()
    with pytest.raises(InputError, match="sentence_id=3: the activation of L1/U0 is NaN"):
        replica.shard(0)


def test_a_sentence_made_nan_by_its_neighbours_is_scored_by_itself(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(30, kinds=1), 30, 5)
    replica = Replica(job)
    scores = replica.model.scores

    def spreading(input_ids, prefix, suffix):
        found = scores(input_ids, prefix, suffix).clone()
        if len(input_ids) > 2:
            found[:, 2:] = float("nan")
        return found

    replica.model.scores = spreading
    text = read_shard(Path(job.tokenized), job.shards[0])
    found = torch.cat([batch[1] for batch in replica.scores(text)], dim=1)
    one = scores(torch.from_numpy(text.tokens[: text.offsets[1]].astype(np.int64))[None], 0, 0)
    assert torch.allclose(found, one.expand_as(found), atol=1e-6)


def test_a_row_group_of_the_table_holds_whole_neurons(tiny_model, tmp_path):
    job = make_job(tmp_path, tiny_model(), random_inputs(60), 20, 5, signs=(1, -1))
    run_here(job, tmp_path / "topk")
    file = pq.ParquetFile(tmp_path / "topk" / "hidden-L01-plan-1.parquet")
    for group in range(file.num_row_groups):
        assert file.metadata.row_group(group).num_rows % 5 == 0
    assert file.read()["sign"].to_pylist()[:10] == [-1] * 5 + [1] * 5


def test_the_memory_bound_does_not_grow_with_the_corpus(tiny_model, tmp_path):
    small = make_job(tmp_path / "a", tiny_model(), random_inputs(100), 20, 5)
    large = make_job(tmp_path / "b", tiny_model(), random_inputs(1000), 20, 5)
    few, many = (job_bound(job, tiny_model()) for job in (small, large))
    assert few.device == many.device == 0
    assert many.host - few.host < 0.1 * (few.host - PROCESS)


@pytest.mark.parametrize(("shards", "nodes"), [(1, 2), (8, 2), (9, 2 + 2), (65, 2 + 9 + 2)])
def test_the_tree_has_as_many_nodes_as_progress_says(shards, nodes):
    assert node_count(shards, groups=2, fan_in=8) == nodes
