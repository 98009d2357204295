"""One model replica: reads a shard, scores it in rectangles, commits the shard's top-K (design section 4.2, 5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from neuronsig.commits import commit, committed, file_digest, unique_name
from neuronsig.errors import InputError
from neuronsig.heartbeat import Heartbeat
from neuronsig.shards import Shard, rectangles
from neuronsig.topk import Keys, merge, ragged, thresholds
from neuronsig_ray.job import SHARD_TOPK, Group, Job
from neuronsig_ray.model import InspectedModel
from neuronsig_ray.selection import ShardTopK


@dataclass(frozen=True)
class ShardText:
    """A shard in memory: ids (n,), offsets (n + 1,) and token ids end to end, sorted by length."""

    sentence_ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]


def read_shard(folder: Path, shard: Shard) -> ShardText:
    """Read a tokenized shard; raises InputError when the file is not the one that plan.json names."""
    file = folder / shard.file
    remedy = "delete that file and run python -m jobs.tokenize again"
    try:
        if file_digest(file) != shard.sha256:
            raise InputError(f"{file} is not the file that plan.json names (its checksum differs); {remedy}")
        table = pq.read_table(file).combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} cannot be read ({error}); {remedy}") from None
    lists = table["input_ids"].chunk(0) if table.num_rows else pa.array([], pa.list_(pa.int32()))
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return ShardText(table["sentence_id"].to_numpy(), offsets, lists.values.to_numpy())


class Replica:
    """Scores shards on one device: shard index in, one committed file and one small manifest row out.

    What it remembers between shards, the best scores so far, only makes it faster: each is the score of a real
    sentence, so a lost or stale threshold can be too low but never wrong.
    """

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads or 1)
        self.job = job
        self.model = InspectedModel(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling, job.compiled)
        most = max(shard.sentences for shard in job.shards)
        self.top = ShardTopK(job.rows, job.k, most, job.device)
        self.best: list[Keys] | None = None
        self.floor: npt.NDArray[np.float32] | None = None

    def shard(self, index: int) -> dict[str, Any]:
        """Score and commit one shard, unless another attempt has; return its manifest row."""
        job = self.job
        marker = committed(job.marker(index), job.fingerprint)
        seconds = forward = 0.0
        if marker is None:
            clock = time.monotonic()
            text = read_shard(Path(job.tokenized), job.shards[index])
            heartbeat = Heartbeat(Path(job.commits), f"{index:05d}")
            forward = self.score(text, heartbeat.beat)
            marker = self.commit(index)
            heartbeat.stop()
            self.remember()
            seconds = time.monotonic() - clock
        return {
            "shard": index,
            "sentences": marker["sentences"],
            "tokens": marker["tokens"],
            "survivors": marker["survivors"],
            "seconds": seconds,
            "forward_seconds": forward,
            "warnings": "\n".join(self.model.warnings),
        }

    def score(self, text: ShardText, on_progress: Callable[[int], None] = lambda done: None) -> float:
        """Offer every sentence's activations to the shard's top-K; return the seconds in the forward pass."""
        self.top.start(self.floor)
        forward, done = 0.0, 0
        for sentence_ids, scores, seconds in self.scores(text):
            self.top.add(scores, sentence_ids)
            forward += seconds
            done += len(sentence_ids)
            on_progress(done)
        return forward

    def scores(self, text: ShardText) -> Iterator[tuple[Tensor, Tensor, float]]:
        """(sentence ids (batch,), scores (rows, batch), seconds) of every rectangle of a shard."""
        job = self.job
        for start, stop, length in rectangles(np.diff(text.offsets), job.batch_tokens):
            flat = text.tokens[text.offsets[start] : text.offsets[stop]]
            input_ids = torch.from_numpy(flat.reshape(stop - start, length).astype(np.int64)).to(job.device)
            sentence_ids = torch.from_numpy(text.sentence_ids[start:stop].copy()).to(job.device)
            clock = time.monotonic()
            found = self.model.scores(input_ids, job.skip_prefix, job.skip_suffix)  # (rows, batch)
            seconds = time.monotonic() - clock
            self._refuse_nan(found, sentence_ids)
            yield sentence_ids, found, seconds

    def commit(self, index: int) -> dict[str, Any]:
        """Write the shard's survivors, one row group a layer, then the marker."""
        job, shard = self.job, self.job.shards[index]

        def write(path: Path) -> dict[str, int]:
            survivors = 0
            with pq.ParquetWriter(path, SHARD_TOPK, compression="zstd", use_dictionary=False) as writer:
                for position, group in enumerate(job.groups):
                    keys, offsets = ragged(self._group(position))
                    survivors += keys.size
                    writer.write_table(keys_table(group, keys, offsets), row_group_size=len(offsets) - 1)
            return {"shard": index, "sentences": shard.sentences, "tokens": shard.tokens, "survivors": survivors}

        data = Path(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
        return commit(data, job.marker(index), job.fingerprint, write)

    def remember(self) -> None:
        """Raise the thresholds by the shard that is committed now."""
        job = self.job
        if not job.prunes:
            return
        found = [self._group(position) for position in range(len(job.groups))]
        if self.best is None:
            self.best = found
        else:
            for position, keys in enumerate(found):
                self.best[position] = merge(self.best[position], keys, job.k)
        self.floor = np.empty(job.rows, np.float32)
        for position, keys in enumerate(self.best):
            found_thresholds = thresholds(keys, job.k).reshape(len(job.signs), -1)
            for (start, stop), values in zip(job.ranges(position), found_thresholds, strict=True):
                self.floor[start:stop] = values

    def _group(self, position: int) -> Keys:
        return np.concatenate([self.top.result(start, stop) for start, stop in self.job.ranges(position)])

    def _refuse_nan(self, scores: Tensor, sentence_ids: Tensor) -> None:
        if not bool(scores.isnan().any()):
            return
        row, column = scores.isnan().nonzero()[0].tolist()
        raise InputError(
            f"sentence_id={int(sentence_ids[column])}: the activation of {self.job.neuron(row)} is NaN "
            f"(dtype {self.job.dtype}); set collect.dtype=float32, or check the model's weights"
        )


def keys_table(group: Group, keys: Keys, offsets: npt.NDArray[np.int64]) -> pa.Table:
    """The SHARD_TOPK rows of one group, from its neurons' keys end to end."""
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(keys))
    return pa.table([pa.array(np.full(len(offsets) - 1, group.layer, np.int16)), lists], schema=SHARD_TOPK)


def memory_bound(job: Job) -> int:
    """Bytes of top-K state that a replica holds at most, on its device and its host together."""
    most = max(shard.sentences for shard in job.shards)
    kept = job.rows * min(job.k, job.sentences) * 8 if job.prunes else 0
    # `result` and `merge` copy one group a few times.
    largest = len(job.signs) * max(group.units for group in job.groups)
    layer = largest * (min(job.k, most) + min(job.k, job.sentences)) * 8
    return ShardTopK.bound(job.rows, job.k, most) + kept + 4 * layer
