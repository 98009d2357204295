"""A collection without Spark and Ray: tokenized shards, one replica over them as an actor runs it, the final table."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.common import peak_mib
from neuronsig.collection.job import Group, Job
from neuronsig.collection.memory import SHARDS_AT_ONCE
from neuronsig.collection.shards import Shard, ShardPlan, shard_of, shard_sizes
from neuronsig.run.commits import all_committed, file_digest
from neuronsig.tables import TOKENIZED
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.model.sites import skeleton


class Watched(Replica):
    """A replica that also says when it worked, in which process, and its peak of memory."""

    def shard(self, index: int) -> dict[str, Any]:
        started = time.time()
        row = super().shard(index)
        return {**row, "started": started, "ended": time.time(), "process": os.getpid(), "peak_mib": peak_mib()}


def write_tokenized(
    folder: Path, inputs: pa.ListArray, shard_sentences: int, max_tokens: int = 512, vocabulary: int = 0
) -> ShardPlan:
    """Shards and plan.json as neuronsig tokenize makes them, of inputs with one special token at each end.

    The sentence id is the position in `inputs`, list<int32>.
    """
    folder.mkdir(parents=True)
    ids, lengths = np.arange(len(inputs)), pc.list_value_length(inputs).to_numpy()
    order = np.lexsort((ids, lengths, shard_of(ids, len(inputs), shard_sentences, seed=0)))
    shards, first = [], 0
    for index, size in enumerate(shard_sizes(len(inputs), shard_sentences)):
        chosen = order[first : first + size]
        first += size
        file = folder / f"shard-{index:05d}.parquet"
        pq.write_table(pa.table([chosen, inputs.take(pa.array(chosen))], schema=TOKENIZED), file, compression="zstd")
        tokens, longest = int(lengths[chosen].sum()), int(lengths[chosen].max())
        shards.append(Shard(index, file.name, size, tokens, longest, file_digest(file)))
    plan = ShardPlan(folder.name, 1, 1, max_tokens, vocabulary - 1, {"truncated": 0, "dropped_empty": 0}, shards)
    plan.write(folder)
    return plan


def hidden_states(model: str) -> tuple[Group, ...]:
    """Every block's hidden state."""
    config: Any = skeleton(model).config
    return tuple(Group("hidden", layer + 1, config.hidden_size) for layer in range(config.num_hidden_layers))


def make_job(plan: ShardPlan, tokenized: Path, work: Path, model: str, k: int, **changes: Any) -> Job:
    """A job on all hidden states, both signs, mean pooling; `changes` replace single fields."""
    values: dict[str, Any] = {
        "tokenized": str(tokenized),
        "commits": str(work / "commits"),
        "fingerprint": "benchmark",
        "model": model,
        "dtype": "float32",
        "device": "cpu",
        "groups": hidden_states(model),
        "signs": (1, -1),
        "pooling": "mean",
        "k": k,
        "skip_prefix": 0,
        "skip_suffix": 0,
        "batch_tokens": 4096,
        "threads": 1,
        "sentences": plan.sentences,
        "shards": tuple(plan.shards),
    }
    return Job(**{**values, **changes})


def collect(job: Job, table: str = "") -> dict[str, float]:
    """Collect in this process; with `table`, write the final table there too.

    `seconds` run from the first shard read to the last file written, the model being loaded; `forward` are those
    spent in the model.
    """
    replica = Replica(job)
    clock = time.monotonic()
    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        rows = list(pool.map(replica.shard, [shard.index for shard in job.shards]))
    scored = time.monotonic()
    if table:
        from neuronsig.collection.tree_reduce import write_final

        files = commits(job)
        with ThreadPoolExecutor(job.threads or 1) as pool:
            list(pool.map(lambda position: write_final(job, files, table, position), range(len(job.groups))))
    return {
        "seconds": time.monotonic() - clock,
        "reduce": time.monotonic() - scored,
        "forward": sum(row["forward_seconds"] for row in rows),
        "survivors": sum(row["survivors"] for row in rows),
        "peak_mib": peak_mib(),
    }


def commits(job: Job) -> list[str]:
    """The shards' committed files."""
    markers = all_committed([job.marker(shard.index) for shard in job.shards], job.fingerprint)
    return [str(Path(job.commits) / marker["file"]) for marker in markers if marker]


def forward_flops(model: str, lengths: npt.NDArray[np.int64]) -> float:
    """Floating-point operations of a forward pass over inputs of these lengths, without padding.

    Two for each weight of a linear map and token, and the two products of attention.
    """
    trunk: Any = skeleton(model)
    linear = sum(
        module.weight.numel()
        for name, module in trunk.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and "pooler" not in name
    )
    tokens, squares = float(lengths.sum()), float((lengths.astype(np.float64) ** 2).sum())
    return 2 * linear * tokens + 4 * trunk.config.num_hidden_layers * trunk.config.hidden_size * squares
