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
from neuronsig.neuron import Neuron
from neuronsig.shards import Shard, rectangles
from neuronsig.topk import Keys, merge, ragged, thresholds
from neuronsig_ray.model import InspectedModel
from neuronsig_ray.selection import ShardTopK

SITE = "hidden"

# One row a neuron, in the order sign, unit; one row group a layer, so that a reducer reads one layer of many files.
SHARD_TOPK = pa.schema([("layer", pa.int16()), ("keys", pa.large_list(pa.uint64()))])


@dataclass(frozen=True)
class Job:
    """All that a replica needs to know; the same for every shard of a collection."""

    tokenized: str
    commits: str
    fingerprint: str
    model: str
    dtype: str
    device: str
    layers: tuple[int, ...]
    units: int
    signs: tuple[int, ...]
    k: int
    skip_prefix: int
    skip_suffix: int
    batch_tokens: int
    threads: int
    sentences: int
    shards: tuple[Shard, ...]

    @property
    def rows_per_layer(self) -> int:
        return len(self.signs) * self.units

    @property
    def rows(self) -> int:
        return len(self.layers) * self.rows_per_layer

    @property
    def prunes(self) -> bool:
        """Whether thresholds carried from shard to shard can refuse anything."""
        return len(self.shards) > 1 and self.sentences > self.k

    def neuron(self, row: int) -> Neuron:
        layer, rest = divmod(row, self.rows_per_layer)
        sign, unit = divmod(rest, self.units)
        return Neuron(SITE, self.layers[layer], unit, self.signs[sign])

    def marker(self, index: int) -> Path:
        return Path(self.commits) / f"shard-{index:05d}.json"


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
        self.model = InspectedModel(job.model, job.dtype, job.device, job.layers, job.units)
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
        for sentence_ids, activations, seconds in self.activations(text):
            scores = signed(activations, self.job.signs)  # (rows, batch)
            self.top.add(scores, sentence_ids)
            forward += seconds
            done += len(sentence_ids)
            on_progress(done)
        return forward

    def activations(self, text: ShardText) -> Iterator[tuple[Tensor, Tensor, float]]:
        """(sentence ids (batch,), activations (layers, units, batch), seconds) of every rectangle of a shard."""
        job = self.job
        for start, stop, length in rectangles(np.diff(text.offsets), job.batch_tokens):
            flat = text.tokens[text.offsets[start] : text.offsets[stop]]
            input_ids = torch.from_numpy(flat.reshape(stop - start, length).astype(np.int64)).to(job.device)
            sentence_ids = torch.from_numpy(text.sentence_ids[start:stop].copy()).to(job.device)
            clock = time.monotonic()
            found = self.model.activations(input_ids, job.skip_prefix, job.skip_suffix)  # (layers, units, batch)
            seconds = time.monotonic() - clock
            self._refuse_nan(found, sentence_ids)
            yield sentence_ids, found, seconds

    def commit(self, index: int) -> dict[str, Any]:
        """Write the shard's survivors, one row group a layer, then the marker."""
        job, shard = self.job, self.job.shards[index]

        def write(path: Path) -> dict[str, int]:
            survivors = 0
            with pq.ParquetWriter(path, SHARD_TOPK, compression="zstd", use_dictionary=False) as writer:
                for position, layer in enumerate(job.layers):
                    keys, offsets = ragged(self._layer(position))
                    survivors += keys.size
                    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(keys))
                    column = pa.array(np.full(job.rows_per_layer, layer, np.int16))
                    writer.write_table(pa.table([column, lists], schema=SHARD_TOPK), row_group_size=job.rows_per_layer)
            return {"shard": index, "sentences": shard.sentences, "tokens": shard.tokens, "survivors": survivors}

        data = Path(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
        return commit(data, job.marker(index), job.fingerprint, write)

    def remember(self) -> None:
        """Raise the thresholds by the shard that is committed now."""
        job = self.job
        if not job.prunes:
            return
        found = [self._layer(position) for position in range(len(job.layers))]
        if self.best is None:
            self.best = found
        else:
            for position, keys in enumerate(found):
                self.best[position] = merge(self.best[position], keys, job.k)
        self.floor = np.concatenate([thresholds(keys, job.k) for keys in self.best])

    def _layer(self, position: int) -> Keys:
        rows = self.job.rows_per_layer
        return self.top.result(position * rows, (position + 1) * rows)

    def _refuse_nan(self, activations: Tensor, sentence_ids: Tensor) -> None:
        if not bool(activations.isnan().any()):
            return
        layer, unit, column = activations.isnan().nonzero()[0].tolist()
        neuron = Neuron(SITE, self.job.layers[layer], unit)
        raise InputError(
            f"sentence_id={int(sentence_ids[column])}: the activation of {neuron} is NaN (dtype {self.job.dtype}); "
            "set collect.dtype=float32, or check the model's weights"
        )


def signed(activations: Tensor, signs: tuple[int, ...]) -> Tensor:
    """Scores (layers * signs * units, batch) of activations (layers, units, batch): negated for sign -1."""
    if signs == (1,):
        return activations.flatten(0, 1)
    sides = [activations if sign > 0 else -activations for sign in signs]
    return torch.stack(sides, dim=1).flatten(0, 2)


def memory_bound(job: Job) -> int:
    """Bytes of top-K state that a replica holds at most, on its device and its host together."""
    most = max(shard.sentences for shard in job.shards)
    kept = job.rows * min(job.k, job.sentences) * 8 if job.prunes else 0
    # `result` and `merge` copy one layer a few times.
    layer = job.rows_per_layer * (min(job.k, most) + min(job.k, job.sentences)) * 8
    return ShardTopK.bound(job.rows, job.k, most) + kept + 4 * layer
