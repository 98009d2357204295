"""How the collection scales: cost a sentence, memory, survivors and the reduce, by corpus, shards and replicas.

    python -m benchmarks.scaling               # about 12 minutes on 2 cores

Synthetic sentences of the real length histogram, and a tiny random model (2 blocks of --width units, float32), so that
the machinery around the model weighs as much as it can: both signs of every unit, K = 1,000, on real Ray actors with
one thread each, from tokenized shards to the final table.

1. Corpus of 10K, 100K and 1M sentences, shards of 8,192: seconds a million sentences and memory of the replica should
   stay flat, survivors grow with the logarithm.
2. 200K sentences in 10 to 1,000 shards.
3. 1, 2 and 4 replicas, each on a simulated node of one CPU (ray.cluster_utils.Cluster). On fewer cores than replicas
   they share them: that shows what more replicas cost, not what they gain.
4. What a commit, a threshold and a merge cost at K = 10,000 (measured), and from these what 82M sentences on 8 GPUs
   would take around the model (calculated).

"Busy" are seconds that the replicas spent on shards, without reading and committing, which overlap them; "wall" runs
from the first shard's start to the last commit. The reduce starts its Ray workers. "Expected" survivors are those of
independent scores under exact thresholds.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ray.data import DataContext

from benchmarks.collection import Watched, make_job, write_tokenized
from benchmarks.common import alone, machine, options, table
from benchmarks.lengths import draw_inputs
from neuronsig.collection.job import Group, Job
from neuronsig.collection.shard_files import keys_table, keys_writer
from neuronsig.collection.shards import ShardPlan, committed_keys, in_flight, shard_sizes
from neuronsig.collection.thresholds import ScoreQuantiles, scores_at_ranks
from neuronsig.collection.topk import pack
from neuronsig.collection.tree_reduce import merged_group, write_final
from neuronsig.config import RayConfig
from neuronsig_ray.collect.collection import reduce_shards, score_shards
from neuronsig_ray.pool import Pool
from neuronsig_ray.session import ray_session

VOCABULARY = 1000
PAPER = {"sentences": 82_000_000, "units": 9216, "k": 10_000, "gpus": 8, "shard": 131_072}


def save_tiny_model(folder: Path, width: int) -> str:
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=width,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


def run(job: Job, replicas: int) -> dict[str, Any]:
    """Collect on the Ray that is running; what it took."""
    # Otherwise the first replica that is ready works while the others still start.
    DataContext.get_current().wait_for_min_actors_s = 600
    rows: list[dict[str, Any]] = []
    score_shards(job, [shard.index for shard in job.shards], Pool(replicas, 1, 0), rows.append, Watched)
    clock = time.monotonic()
    reduce_shards(job, Path(job.commits).parent / "topk", 8)
    return {
        "shards": len(rows),
        "replicas": len({row["process"] for row in rows}),
        "wall": max(row["ended"] for row in rows) - min(row["started"] for row in rows),
        "busy": sum(row["seconds"] for row in rows),
        "forward": sum(row["forward_seconds"] for row in rows),
        "reduce": time.monotonic() - clock,
        "survivors": sum(row["survivors"] for row in rows) / job.rows,
        "peak_mib": max(row["peak_mib"] for row in rows),
    }


def run_alone(job: Job, replicas: int, nodes: int) -> dict[str, Any]:
    """In this fresh process: start Ray (of `nodes` simulated nodes with one CPU each, 0: a local one), then `run`."""
    with _cluster(nodes) if nodes else ray_session(RayConfig()):
        return run(job, replicas)


def constants(folder: str, units: int, k: int, shards: int) -> dict[str, float]:
    """Seconds and bytes of committing, sharing thresholds and merging lists as long as they can be."""
    work = Path(folder)
    (work / "commits").mkdir(parents=True)
    group = Group("hidden", 1, units)
    job = Job(
        "", str(work / "commits"), "benchmark", "", "float32", "cpu", (group,), (1,), "mean",
        k, 0, 0, 1, 1, shards * 131_072, (),
    )  # fmt: skip
    random = np.random.default_rng(0)
    spent = {"commit": 0.0, "quantiles": 0.0}
    quantiles, files = ScoreQuantiles(units, k), []
    for index in range(shards):
        scores = random.standard_normal((units, k), dtype=np.float32) + np.float32(2)
        ids = np.sort(random.choice(2**27, k, replace=False))
        keys = np.sort(pack(scores, ids), axis=1)[:, ::-1].ravel()
        offsets = np.arange(units + 1) * k
        files.append(str(work / f"shard-{index}.parquet"))
        clock = time.perf_counter()
        with keys_writer(Path(files[-1])) as writer:
            writer.write_table(keys_table(group, keys, offsets, scores.min(axis=1)), row_group_size=units)
        spent["commit"] += time.perf_counter() - clock
        clock = time.perf_counter()
        quantiles.add(scores_at_ranks(keys, offsets, k))
        quantiles.floor()
        spent["quantiles"] += time.perf_counter() - clock
    clock = time.perf_counter()
    merged_group(job, files, 0)
    merge = time.perf_counter() - clock
    clock = time.perf_counter()
    write_final(job, files[:1], str(work / "topk"), 0)
    final = time.perf_counter() - clock
    held = units * k * 8
    return {
        "commit": spent["commit"] / shards / held,  # seconds for each byte of keys
        "quantiles": spent["quantiles"] / shards / units,  # seconds for each neuron and shard
        "merge": merge / (shards * held),  # seconds for each byte of keys, reading included
        "final": final / held,
        "disk": sum(Path(file).stat().st_size for file in files) / (shards * held),
    }


def main() -> int:
    chosen = _options()
    print(f"{machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        model = save_tiny_model(work / "model", chosen.width)
        cases = [(n, chosen.shard_sentences) for n in chosen.corpora]
        print(f"1. Corpus. Shards of {chosen.shard_sentences:,}, one replica, {_about(chosen)}.\n")
        _show([_case(work, model, n, size, chosen) for n, size in cases])
        print(f"2. Shards. {chosen.sentences:,} sentences, one replica.\n")
        sizes = [-(-chosen.sentences // count) for count in chosen.shards]
        _show([_case(work, model, chosen.sentences, size, chosen) for size in sizes])
        print(f"3. Replicas. {chosen.sentences:,} sentences, shards of {chosen.shard_sentences:,}, nodes of one CPU.\n")
        _show([_case(work, model, chosen.sentences, chosen.shard_sentences, chosen, one) for one in chosen.replicas])
        found = alone(constants, str(work / "constants"), chosen.units, chosen.full_k, chosen.merged)
    _calculated(found, chosen)
    return 0


def _case(
    work: Path, model: str, sentences: int, shard_sentences: int, chosen: argparse.Namespace, nodes: int = 0
) -> dict[str, Any]:
    place = work / f"tokenized-{sentences}-{shard_sentences}"
    if not place.exists():
        inputs = draw_inputs(sentences, vocabulary=VOCABULARY, first=0)
        write_tokenized(place, inputs, shard_sentences)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        job = make_job(ShardPlan.read(place), place, Path(folder), model, chosen.k)
        found = alone(run_alone, job, max(1, nodes), nodes)
        expected = committed_keys(job.k, [shard.sentences for shard in job.shards], in_flight(max(1, nodes)))
    return {**found, "sentences": sentences, "nodes": max(1, nodes), "expected": expected}


def _show(found: list[dict[str, Any]]) -> None:
    columns = [
        "sentences", "shards", "replicas", "wall s", "busy s a million", "of these in the model",
        "survivors a neuron", "expected", "reduce s", "peak MiB of a replica", "sentences/s", "of the first line",
    ]  # fmt: skip
    base = found[0]["sentences"] / found[0]["wall"]
    rows = [
        [
            f"{one['sentences']:,}",
            one["shards"],
            one["replicas"],
            one["wall"],
            one["busy"] / one["sentences"] * 1e6,
            f"{one['forward'] / one['busy']:.0%}",
            one["survivors"],
            one["expected"],
            one["reduce"],
            one["peak_mib"],
            one["sentences"] / one["wall"],
            one["sentences"] / one["wall"] / base,
        ]
        for one in found
    ]
    print(table(columns, rows))
    print(flush=True)


def _calculated(found: dict[str, float], chosen: argparse.Namespace) -> None:
    """The parts of P1's collection that are not the model, from measured constants; one CPU core a part and GPU."""
    sizes = shard_sizes(PAPER["sentences"], PAPER["shard"])
    keys = committed_keys(PAPER["k"], sizes, in_flight(PAPER["gpus"])) * PAPER["units"] * 8
    table_bytes = PAPER["k"] * PAPER["units"] * 8
    # Nodes of the tree read all their inputs: all commits once, then at every level what remains.
    nodes, read = len(sizes), keys
    while nodes > 8:
        nodes = -(-nodes // 8)
        read += min(nodes * table_bytes, read)
    print(f"4. Constants, measured on lists of {chosen.full_k:,} for {chosen.units:,} neurons, one core.\n")
    rows = [
        ["commit, GB of keys a second", 1 / found["commit"] / 1e9],
        ["bytes on disk for each of keys", found["disk"]],
        ["thresholds, ms for 9,216 neurons and a shard", found["quantiles"] * PAPER["units"] * 1e3],
        ["merge, seconds a GB of keys, reading included", found["merge"] * 1e9],
        ["final table, seconds a GB of keys", found["final"] * 1e9],
    ]
    print(table(["constant", "measured"], rows))
    gpus = PAPER["gpus"]
    print(
        f"\nCalculated, not measured: {PAPER['sentences'] / 1e6:.0f}M sentences, {PAPER['units']:,} neurons of "
        f"BERT-base, sign +1, K = {PAPER['k']:,}, {gpus} GPUs, {len(sizes):,} shards, independent scores; a core "
        "beside each GPU commits and merges. The model itself is benchmarks.collect_gpu's.\n"
    )
    rows = [
        ["keys committed, GB", keys / 1e9],
        ["on disk until the reduce, GB", keys * found["disk"] / 1e9],
        ["committing, seconds (overlaps the model)", keys * found["commit"] / gpus],
        ["thresholds, seconds (every replica reads all)", len(sizes) * PAPER["units"] * found["quantiles"]],
        ["keys read by the reduce, GB", read / 1e9],
        ["reduce, seconds", (read * found["merge"] + table_bytes * found["final"]) / gpus],
    ]
    print(table(["part", "calculated"], rows))


@contextmanager
def _cluster(nodes: int) -> Iterator[None]:
    """Simulated nodes of one CPU each beside a head that has none."""
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_USAGE_STATS_ENABLED"] = "disabled", "0"
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": 100 * 2**20, "include_dashboard": False},
    )
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


def _about(chosen: argparse.Namespace) -> str:
    return f"{4 * chosen.width:,} neurons and signs, K = {chosen.k:,}"


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--corpora", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--shard-sentences", type=int, default=8192)
    parser.add_argument("--sentences", type=int, default=200_000, help="sentences of parts 2 and 3")
    parser.add_argument("--shards", nargs="+", type=int, default=[10, 100, 1000])
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--units", type=int, default=768, help="neurons of part 4's lists")
    parser.add_argument("--full-k", type=int, default=10_000, help="K of part 4's lists")
    parser.add_argument("--merged", type=int, default=4, help="shards of part 4")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
