"""Collection on a GPU: BERT-base with random weights, bfloat16, the real length histogram, both signs, K = 10,000.

    python -m benchmarks.collect_gpu           # on one H200 about 3 minutes; without CUDA it says so and stops
    python -m benchmarks.collect_gpu --cpu     # a tiny model, float32: the same code, to see that it works

Speed does not depend on weights or words: the model is built here from BERT-base's shape, the tokens are random, their
number a sentence is drawn from benchmarks/lengths.csv. Nothing is downloaded. A bare machine needs torch, transformers,
numpy, pyarrow, fsspec and universal-pathlib; neither Ray nor Spark, and neuronsig need not be installed.

1. Speed, for each of --batch-tokens: shards from Parquet to commits, reading and committing beside the model as a
   replica does it, the model being loaded and warm. "In the model" is waited for on the device. "Of peak" compares with
   the best 8192 x 8192 x 8192 product of the same run; the work is two operations a weight and token, and attention.
   The top-K on the device is timed by itself on the scores of a block, for the first and for a later shard.
2. Exactness: every list of --checked random neurons and the committed shards' union, against a full sort, on the same
   device, of all scores of another pass. Any difference makes the exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from benchmarks.collection import commits, forward_flops, hidden_states, make_job, write_tokenized
from benchmarks.common import machine, matmul_peak, options, peak_mib, table
from benchmarks.lengths import draw_inputs
from neuronsig.collection.job import Job
from neuronsig.collection.memory import SHARDS_AT_ONCE
from neuronsig.collection.shard_files import read_shard
from neuronsig.collection.shards import ShardPlan
from neuronsig.collection.topk import Keys, dense, union, unpack
from neuronsig.storage.location import location
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.collect.selection import ShardTopK

TINY: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def save_model(folder: Path, tiny: bool) -> str:
    """BERT-base's shape, or a tiny one, with random weights."""
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    BertModel(BertConfig(**TINY if tiny else {})).save_pretrained(folder)
    return str(folder)


def speed(job: Job) -> dict[str, float]:
    """Score and commit all shards, after a pass over the smallest has warmed the kernels up."""
    replica = Replica(job)
    smallest = min(job.shards, key=lambda shard: shard.sentences)
    for _ in replica.scores(read_shard(location(job.tokenized), smallest)):
        pass
    if job.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    clock = time.monotonic()
    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        rows = list(pool.map(replica.shard, [shard.index for shard in job.shards]))
    seconds = time.monotonic() - clock
    return {
        "seconds": seconds,
        "scoring": sum(row["seconds"] for row in rows),
        "forward": sum(row["forward_seconds"] for row in rows),
        "survivors": sum(row["survivors"] for row in rows) / job.rows,
        "device_gib": torch.cuda.max_memory_allocated() / 2**30 if job.device == "cuda" else 0.0,
        "host_mib": peak_mib(),
    }


def exactness(job: Job, checked: int) -> dict[str, int]:
    """How many of `checked` random rows differ between the committed shards' union and a full sort on the device."""
    replica = Replica(job)
    rows = torch.from_numpy(np.sort(np.random.default_rng(0).choice(job.rows, min(checked, job.rows), replace=False)))
    chosen = rows.to(job.device)
    scores, ids = [], []
    for shard in job.shards:
        for sentence_ids, found, _, _ in replica.scores(read_shard(location(job.tokenized), shard)):
            scores.append(found[chosen])
            ids.append(sentence_ids)
    every, names = torch.cat(scores, dim=1), torch.cat(ids)  # (checked, sentences), (sentences,)
    # A stable sort of columns in order of id leaves the lower id first among equals.
    by_id = names.argsort()
    best = (every[:, by_id] + 0.0).sort(dim=1, descending=True, stable=True)
    wanted_scores = best.values[:, : job.kept]  # (checked, k)
    wanted_ids = names[by_id][best.indices[:, : job.kept]]
    values, found_ids = unpack(_union(job, rows.tolist()))  # (checked, k) each
    return {
        "rows": len(rows),
        "wrong_scores": int((values != wanted_scores.cpu().numpy()).any(axis=1).sum()),
        "wrong_ids": int((found_ids != wanted_ids.cpu().numpy()).any(axis=1).sum()),
        "with_ties": int((wanted_scores[:, 1:] == wanted_scores[:, :-1]).any(dim=1).sum()),
    }


def top_k_alone(job: Job, columns: int) -> list[dict[str, Any]]:
    """Seconds of the running top-K on the device for the scores of a whole shard, without the model."""
    shard = max(job.shards, key=lambda shard: shard.sentences)
    top = ShardTopK(job.rows, job.k, shard.sentences, job.device)
    generator = torch.Generator(job.device).manual_seed(0)
    found = []
    for what, floor in (("nothing known before", None), ("thresholds of 10 shards", 0.1)):
        known = None
        if floor is not None:
            share = min(0.5, floor * job.k / shard.sentences)
            quantile = float(torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - share)))
            known = np.full(job.rows, quantile, np.float32)
        top.start(known)
        spent = 0.0
        for first in range(0, shard.sentences, columns):
            n = min(columns, shard.sentences - first)
            scores = torch.randn(job.rows, n, device=job.device, generator=generator)  # (rows, n)
            ids = torch.arange(first, first + n, device=job.device)
            _wait(job)
            clock = time.perf_counter()
            top.add(scores, ids)
            _wait(job)
            spent += time.perf_counter() - clock
        clock = time.perf_counter()
        for start in range(0, job.rows, 128):
            top.result(start, min(start + 128, job.rows))
        found.append({"what": what, "add": spent, "result": time.perf_counter() - clock, "n": shard.sentences})
    return found


def main() -> int:
    chosen = _options()
    if not (chosen.cpu or torch.cuda.is_available()):
        print("collect_gpu: no CUDA device here; nothing was measured (--cpu runs a tiny check of the same code)")
        return 0
    device, dtype = ("cpu", "float32") if chosen.cpu else ("cuda", "bfloat16")
    torch.set_num_threads(chosen.threads)
    print(f"{machine(device)}\n", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        model = save_model(work / "model", tiny=chosen.cpu)
        inputs = draw_inputs(chosen.sentences)
        # One in fifty comes twice, as in real text, and ties with itself.
        inputs = inputs.take(pa.array(np.resize(np.arange(chosen.sentences - chosen.sentences // 50), len(inputs))))
        plan = write_tokenized(work / "tokenized", inputs, chosen.shard_sentences)
        lengths = pc.list_value_length(inputs).to_numpy()
        peak = matmul_peak(dtype, device, chosen.threads, size=512 if chosen.cpu else 8192)
        jobs = {
            budget: make_job(
                plan, work / "tokenized", work / str(budget), model, chosen.k,
                dtype=dtype, device=device, threads=chosen.threads, batch_tokens=budget,
            )
            for budget in chosen.batch_tokens
        }  # fmt: skip
        units = sum(group.units for group in hidden_states(model))
        print(
            f"{'A tiny BERT' if chosen.cpu else 'BERT-base'} with random weights, {dtype}: {plan.sentences:,} "
            f"sentences, {plan.tokens:,} tokens, {len(plan.shards)} shards, {units:,} neurons, both signs, "
            f"K = {chosen.k:,}. Measured matmul peak {peak / 1e12:.3g} TFLOP/s.\n"
        )
        _show_speed(jobs, plan, forward_flops(model, lengths), peak)
        last = jobs[chosen.batch_tokens[-1]]
        rows = [
            [one["what"], one["add"], one["result"], one["n"] / (one["add"] + one["result"])]
            for one in top_k_alone(last, 1024)
        ]
        print("Top-K alone, random scores of one shard.\n")
        print(table(["", "offering s", "sorting and fetching s", "sentences/s"], rows), flush=True)
        found = exactness(last, chosen.checked)
    print(
        f"\nExactness: {found['rows']:,} lists of {min(chosen.k, plan.sentences):,} against a full sort on the device: "
        f"{found['wrong_scores']} differ in scores, {found['wrong_ids']} in ids; {found['with_ties']} hold ties."
    )
    return 1 if found["wrong_scores"] or found["wrong_ids"] else 0


def _show_speed(jobs: dict[int, Job], plan: ShardPlan, flops: float, peak: float) -> None:
    columns = [
        "tokens a batch", "sentences/s", "tokens/s", "of peak, overall", "of peak, in the model",
        "outside the model", "top-K and sorting", "survivors a neuron", "device GiB", "host MiB",
    ]  # fmt: skip
    rows: list[list[object]] = []
    for budget, job in jobs.items():
        # Only the last one's commits are looked at again.
        for other in list(jobs.values())[: len(rows)]:
            shutil.rmtree(other.commits, ignore_errors=True)
        one = speed(job)
        rows.append(
            [
                f"{budget:,}",
                plan.sentences / one["seconds"],
                plan.tokens / one["seconds"],
                f"{flops / one['seconds'] / peak:.0%}",
                f"{flops / one['forward'] / peak:.0%}",
                f"{1 - one['forward'] / one['seconds']:.1%}",
                f"{1 - one['forward'] / one['scoring']:.1%}",
                one["survivors"],
                one["device_gib"],
                one["host_mib"],
            ]
        )
    print(table(columns, rows))
    print(flush=True)


def _union(job: Job, rows: list[int]) -> Keys:
    """The merged lists of these rows, (rows, k), from the committed files."""
    found: dict[int, Keys] = {row: np.zeros((1, 0), np.uint64) for row in rows}
    for file in commits(job):
        stored = pq.ParquetFile(file)
        for position in range(len(job.groups)):
            lists = stored.read_row_group(position)["keys"].combine_chunks()
            keys = dense(lists.values.to_numpy(), lists.offsets.to_numpy())  # (rows of the group, longest)
            owned = np.concatenate([np.arange(start, stop) for start, stop in job.ranges(position)])
            for row in found.keys() & set(owned.tolist()):
                found[row] = union([found[row], keys[owned == row]], job.k)
    return np.concatenate([found[row][:, : job.kept] for row in rows])


def _wait(job: Job) -> None:
    if job.device == "cuda":
        torch.cuda.synchronize()


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--cpu", action="store_true", help="a tiny model in float32 on the CPU")
    parser.add_argument("--sentences", type=int, help="default 1,000,000; with --cpu 600")
    parser.add_argument("--shard-sentences", type=int, help="default 131,072; with --cpu 200")
    parser.add_argument("--k", type=int, help="default 10,000; with --cpu 50")
    parser.add_argument("--batch-tokens", type=int, nargs="+", help="default 65536 131072 262144; with --cpu 1024")
    parser.add_argument("--checked", type=int, default=512, help="neurons whose lists are compared with a full sort")
    chosen = parser.parse_args()
    chosen.sentences = chosen.sentences or (600 if chosen.cpu else 1_000_000)
    chosen.shard_sentences = chosen.shard_sentences or (200 if chosen.cpu else 131_072)
    chosen.k = chosen.k or (50 if chosen.cpu else 10_000)
    chosen.batch_tokens = chosen.batch_tokens or ([1024] if chosen.cpu else [65_536, 131_072, 262_144])
    return chosen


if __name__ == "__main__":
    sys.exit(main())
