"""One model replica: reads a shard, scores it in rectangles, commits the shard's top-K (design section 4.2, 5)."""

import ctypes
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuronsig.collection.job import Job
from neuronsig.collection.memory import ROWS_SORTED_AT_ONCE
from neuronsig.collection.shard_files import ShardText, keys_table, keys_writer, read_shard
from neuronsig.collection.shards import rectangles
from neuronsig.collection.thresholds import SharedThresholds, in_job_order, scores_at_ranks, write_quantiles
from neuronsig.collection.topk import Keys, ragged
from neuronsig.errors import InputError
from neuronsig.ragged import offsets_of
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.run.heartbeat import Heartbeat
from neuronsig.storage.location import location
from neuronsig_ray.collect.selection import ShardTopK
from neuronsig_ray.model.inference import InspectedModel

# Every rectangle is another shape and comes once a shard: beyond those of one batch, kernels kept are of no use.
# (MiniLM in bfloat16, 99 shapes: 630 MiB kept with the default of 1024, 380 MiB with 32, at the same speed.)
_KERNELS_KEPT = "32"

# mallopt's M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX: one heap for all threads, from which all tensors come.
_KEEP = ((-3, 1 << 30), (-1, (1 << 31) - 1), (-8, 1))


def keep_few_kernels() -> None:
    """Bound oneDNN's cache; to be called before the first forward pass of the process."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS_KEPT)


def reuse_blocks() -> None:
    """Let freed tensors' memory serve the next ones; to be called before the process has other threads.

    By default glibc asks the machine for every tensor above 128 KiB and gives it back, so that each layer of each
    batch touches fresh pages: 1.3 to 1.9 times slower (MiniLM, bfloat16, 2 cores with AMX). `give_back` returns what
    is free after each shard.
    """
    with suppress(OSError, AttributeError):  # not glibc
        libc = ctypes.CDLL("libc.so.6")
        for parameter, value in _KEEP:
            libc.mallopt(ctypes.c_int(parameter), ctypes.c_int(value))


def give_back() -> None:
    """Return freed memory to the machine: glibc keeps what several threads have freed (seen: 850 of 2,660 MiB)."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_bytes() -> int:
    """The most that this process has held; 0 where the machine does not tell."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


Lists = tuple[Keys, npt.NDArray[np.int64]]
Watch = Callable[[Counter[str]], None]


@dataclass(frozen=True)
class ScoredShard:
    """A shard's lists, (keys end to end, offsets) for each group, thresholds and lowest scores by row, and the seconds
    spent."""

    lists: list[Lists]
    quantiles: npt.NDArray[np.float32]
    lowest: npt.NDArray[np.float32]
    seconds: float
    forward_seconds: float


class Replica:
    """Scores shards on one device: shard index in, one committed file and one small manifest row out.

    `shard` may be called from several threads at once: while one shard is scored, the next is read and the last
    is committed. Only the scoring thread touches the device.

    What a replica remembers between shards, its thresholds, only makes it faster: each is a score that K real
    sentences of other shards reach, so a lost or stale one can be too low but never wrong. They come from shards of
    lower index alone, so that a commit holds all that its shard adds to those before it (see
    neuronsig.collection.convergence).
    """

    def __init__(self, job: Job, watch: Watch = lambda done: None) -> None:
        self.job, self.watch = job, watch
        reuse_blocks()
        keep_few_kernels()
        self._device = ThreadPoolExecutor(1, "scoring", torch.set_num_threads, (job.threads or 1,))
        self._sorters = ThreadPoolExecutor(job.threads or 1, "sorting")
        self._device.submit(self._load).result()

    def _load(self) -> None:
        job = self.job
        self.model = InspectedModel(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)
        self.top = ShardTopK(job.rows, job.k, max(shard.sentences for shard in job.shards), job.device)
        self.thresholds = SharedThresholds(job)

    def shard(self, index: int) -> dict[str, Any]:
        """Score and commit one shard, unless another attempt has; return its manifest row."""
        job = self.job
        marker = committed(job.marker(index), job.fingerprint)
        scored = None
        if marker is None:
            text = read_shard(location(job.tokenized), job.shards[index])
            self.thresholds.fetch(index)
            heartbeat = Heartbeat(location(job.commits), f"{index:05d}")
            scored = self._device.submit(self.score, index, text, heartbeat).result()
            marker = self.commit(index, scored)
            self.watch(Counter({"survivors": marker["survivors"]}))
            heartbeat.stop()
            give_back()
        return {
            **{name: marker[name] for name in ("shard", "sentences", "tokens", "survivors")},
            "seconds": scored.seconds if scored else 0.0,
            "forward_seconds": scored.forward_seconds if scored else 0.0,
            "peak_bytes": peak_bytes(),
            "warnings": "\n".join(self.model.warnings),
        }

    def score(self, index: int, text: ShardText, heartbeat: Heartbeat | None = None) -> ScoredShard:
        """The top-K of one shard, less what the thresholds rule out. Runs on the scoring thread."""
        job, started = self.job, time.monotonic()
        self.top.start(self.thresholds.below(index))
        forward = 0.0
        done = Counter({"sentences": 0, "tokens": 0})
        for sentence_ids, scores, tokens, seconds in self.scores(text):
            self.top.add(scores, sentence_ids)
            forward += seconds
            batch = Counter({"sentences": len(sentence_ids), "tokens": tokens})
            done += batch
            self.watch(batch)
            if heartbeat:
                heartbeat.beat(done)
        lists = [self._lists(position) for position in range(len(job.groups))]
        quantiles = in_job_order(job, [scores_at_ranks(keys, offsets, job.k) for keys, offsets in lists])
        self.thresholds.add(index, quantiles)
        lowest = self.top.lowest.cpu().numpy().copy()
        return ScoredShard(lists, quantiles, lowest, time.monotonic() - started, forward)

    def scores(self, text: ShardText) -> Iterator[tuple[Tensor, Tensor, int, float]]:
        """(sentence ids (batch,), scores (rows, batch), tokens, seconds in the model) of every rectangle of a shard."""
        job = self.job
        for start, stop, length in rectangles(np.diff(text.offsets), job.batch_tokens):
            flat = text.tokens[text.offsets[start] : text.offsets[stop]]
            input_ids = torch.from_numpy(flat.reshape(stop - start, length).astype(np.int64)).to(job.device)
            sentence_ids = torch.from_numpy(text.sentence_ids[start:stop].copy()).to(job.device)
            clock = time.monotonic()
            found = self.model.scores(input_ids, job.skip_prefix, job.skip_suffix)  # (rows, batch)
            # Its answer waits for the device: the seconds are those of the forward pass on a GPU too.
            if bool(found.isnan().any()):
                found = self._without_neighbours(found, input_ids, sentence_ids)
            yield sentence_ids, found, len(flat), time.monotonic() - clock

    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        """Write the shard's thresholds and lists, one row group a group of units, then the marker."""
        job, shard = self.job, self.job.shards[index]
        facts = {
            "shard": index,
            "sentences": shard.sentences,
            "tokens": shard.tokens,
            "survivors": sum(keys.size for keys, _ in scored.lists),
            **write_quantiles(job, index, scored.quantiles),
        }

        def write(path: Path) -> dict[str, Any]:
            with keys_writer(path) as writer:
                for position, (keys, offsets) in enumerate(scored.lists):
                    lowest = np.concatenate([scored.lowest[start:stop] for start, stop in job.ranges(position)])
                    table = keys_table(job.groups[position], keys, offsets, lowest)
                    writer.write_table(table, row_group_size=len(offsets) - 1)
            return facts

        data = location(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
        return commit(data, job.marker(index), job.fingerprint, write)

    def _lists(self, position: int) -> Lists:
        """The best keys of one group's rows, end to end."""
        blocks = [
            (first, min(first + ROWS_SORTED_AT_ONCE, stop))
            for start, stop in self.job.ranges(position)
            for first in range(start, stop, ROWS_SORTED_AT_ONCE)
        ]
        parts = list(self._sorters.map(lambda block: ragged(self.top.result(*block)), blocks))
        counts = np.concatenate([np.diff(offsets) for _, offsets in parts])
        return np.concatenate([keys for keys, _ in parts]), offsets_of(counts)

    def _without_neighbours(self, scores: Tensor, input_ids: Tensor, sentence_ids: Tensor) -> Tensor:
        """Scores (rows, batch) with those of NaN columns made again, each sentence by itself; refuses one still NaN.

        Attention in blocks hands what is not finite on to the others of its block: zero times it is NaN.
        """
        job, scores = self.job, scores.clone()
        for column in scores.isnan().any(dim=0).nonzero()[:, 0].tolist():
            alone = self.model.scores(input_ids[column : column + 1], job.skip_prefix, job.skip_suffix)[:, 0]  # (rows,)
            broken = alone.isnan().nonzero()[:, 0]
            if len(broken):
                raise InputError(
                    f"sentence_id={int(sentence_ids[column])}: the activation of {job.neuron(int(broken[0]))} is NaN "
                    f"(dtype {job.dtype}); set collect.dtype=float32, or check the model's weights"
                )
            scores[:, column] = alone
        return scores
