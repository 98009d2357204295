"""Collection against the loop a user would write, on a CPU: speed, memory, and what of the machine's peak is reached.

    python -m benchmarks.collect_cpu          # 90,000 sentences, K = 10,000, both signs: about 15 minutes on 2 cores

The usual way: sentences in order of arrival, padded batches of 32, float32, all scores kept, one sort at the end. Ours:
one replica from tokenized Parquet shards to the final table, reading and committing beside the model, in each of
--dtypes. Both score the same tokens for every hidden state and keep both signs; each runs in processes of its own, on
the same threads, the model being loaded, without Ray. Sides take turns --repeats times; the median of each is printed.
The machine's peak is the best square matrix product (4096) of the same run. Work: two operations a weight and token
without padding, and attention; "of peak in the model" divides it by the seconds in the model, "overall" by all; of the
padded loop, all but the sort counts as in the model.
"Differs by" is the largest difference of scores at the same rank. Bars: 6 times with AMX in bfloat16, 2.5 times in
float32, at most 15 % of the time outside the model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from benchmarks.collection import collect, forward_flops, make_job, write_tokenized
from benchmarks.common import alone, machine, matmul_peak, options, peak_mib, table
from benchmarks.texts import MINILM, sentences, token_ids
from neuronsig.checkpoint import model_config
from neuronsig.collection.job import Job
from neuronsig.config import ModelConfig
from neuronsig.storage.parquet import read_table
from neuronsig.tables import TOPK

BATCH = 32


def usual(model: str, inputs: list[list[int]], k: int, threads: int, file: str) -> dict[str, float]:
    """Padded batches in order of arrival; every score kept, one sort at the end gives both ends of it."""
    from transformers import AutoModel

    torch.set_num_threads(threads)
    network = AutoModel.from_pretrained(model, trust_remote_code=False).eval()
    kept = []
    clock = time.monotonic()
    with torch.inference_mode():
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH]
            longest = max(map(len, batch))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])  # (batch, longest)
            mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
            states = network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[1:]
            weights = mask[:, :, None] / mask.sum(dim=1)[:, None, None]  # (batch, longest, 1)
            kept.append(torch.cat([(state * weights).sum(dim=1) for state in states], dim=1))  # (batch, neurons)
    forward = time.monotonic() - clock
    scores = torch.cat(kept).T.contiguous()  # (neurons, sentences)
    best = scores.sort(dim=1, descending=True, stable=True)
    lists = torch.stack([best.values[:, :k], -best.values.flip(1)[:, :k]], dim=1)  # (neurons, signs, k)
    seconds = time.monotonic() - clock
    peak = peak_mib()
    np.save(file, lists.numpy())
    return {"seconds": seconds, "forward": forward, "peak_mib": peak}


def ours(job: Job, folder: str, file: str) -> dict[str, float]:
    """One replica; its final table as an array in the order neuron, sign, rank."""
    found = collect(job, folder)
    scores = read_table(folder, TOPK, ["sign", "score"])
    lists = scores["score"].to_numpy().reshape(-1, 2, job.kept)  # (neurons, signs -1 and 1, k)
    np.save(file, lists[:, ::-1])
    return found


def main() -> int:
    chosen = _options()
    folder, _ = model_config(ModelConfig(name="benchmark", path=chosen.model))
    model = str(folder)
    inputs = token_ids(sentences(chosen.run, chosen.sentences), chosen.model)
    n, k = len(inputs), min(chosen.k, len(inputs))
    lengths = pc.list_value_length(inputs).to_numpy()
    head = machine()
    peaks = {dtype: alone(matmul_peak, dtype, "cpu", chosen.threads) for dtype in ("float32", *chosen.dtypes)}
    with tempfile.TemporaryDirectory() as scratch:
        found = _measure(chosen, model, inputs, k, Path(scratch))
    flops = forward_flops(model, lengths)
    base = found["padded loop, batch 32, float32"]
    rows = [
        [
            name,
            side["seconds"],
            n / side["seconds"],
            base["seconds"] / side["seconds"],
            side["peak_mib"],
            f"{1 - side['forward'] / side['seconds']:.1%}",
            f"{flops / side['forward'] / peaks[name.split()[-1]]:.0%}",
            f"{flops / side['seconds'] / peaks[name.split()[-1]]:.0%}",
            side.get("differs"),
        ]
        for name, side in found.items()
    ]
    print(f"{head}\n")
    print(
        f"{folder.name}: {n:,} sentences, {lengths.sum():,} tokens ({lengths.mean():.1f} on average, {lengths.max()} "
        f"at most), {chosen.run or 'UD EWT and books'}; K = {k:,}, both signs, {chosen.threads} threads, "
        f"median of {chosen.repeats}. Peaks: "
        + ", ".join(f"{dtype} {peak / 1e12:.2f} TFLOP/s" for dtype, peak in peaks.items())
        + ".\n"
    )
    columns = ["", "seconds", "sentences/s", "times faster", "peak MiB", "outside the model"]
    print(table([*columns, "of peak in the model", "of peak overall", "differs by"], rows))
    return 0


def _measure(
    chosen: argparse.Namespace, model: str, inputs: pa.ListArray, k: int, scratch: Path
) -> dict[str, dict[str, Any]]:
    """Every side `repeats` times in turn; the median of each by its seconds."""
    plan = write_tokenized(scratch / "tokenized", inputs, chosen.shard_sentences)
    rows = inputs.to_pylist()
    runs: dict[str, list[dict[str, Any]]] = {}
    for repeat in range(chosen.repeats):
        reference = str(scratch / "usual.npy")
        name = "padded loop, batch 32, float32"
        runs.setdefault(name, []).append(alone(usual, model, rows, k, chosen.threads, reference))
        for dtype in chosen.dtypes:
            work, file = scratch / f"{dtype}-{repeat}", str(scratch / "ours.npy")
            job = make_job(
                plan, scratch / "tokenized", work, model, k,
                dtype=dtype, threads=chosen.threads, batch_tokens=chosen.batch_tokens,
            )  # fmt: skip
            side = alone(ours, job, str(work / "topk"), file)
            side["differs"] = float(np.abs(np.load(file) - np.load(reference)).max())
            runs.setdefault(f"neuronsig, {dtype}", []).append(side)
    return {name: sorted(sides, key=lambda side: side["seconds"])[len(sides) // 2] for name, sides in runs.items()}


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--run", default="", help="run directory whose sentences are taken (default: EWT and books)")
    parser.add_argument("--sentences", type=int, default=90_000)
    parser.add_argument("--model", default=MINILM, help="folder, or package:NAME/folder")
    parser.add_argument("--k", type=int, default=10_000)
    parser.add_argument("--shard-sentences", type=int, default=131_072)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--repeats", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
