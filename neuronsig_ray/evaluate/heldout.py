"""Every neuron's activation on the sentences that mining left out, written for the judges of signatures to read.

One Parquet file a shard: one row a sentence, and one column a block of neurons (a float32 each), so that a judge reads
his own block alone. Memory is that of one batch; the disk holds 4 bytes a neuron and sentence.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.mining.holdout import is_held_out
from neuronsig.neuron import Neuron
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.run.heartbeat import Heartbeat
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file
from neuronsig_ray.collect.process_memory import peak_bytes
from neuronsig_ray.collect.scorer import Replica, ShardText, read_shard
from neuronsig_ray.job import Job
from neuronsig_ray.model.inference import InspectedModel

BLOCK = 512
"""Neurons of a block, at most; all of one site, layer and sign."""


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` - 1 of a job: some units of one site, layer and sign."""

    start: int
    stop: int
    neurons: tuple[Neuron, ...]

    @property
    def name(self) -> str:
        first = self.neurons[0]
        return f"{first.layer_slug}-U{first.unit:05d}"


@dataclass(frozen=True)
class HeldOutJob(Job):
    """A collection's job, of which only the sentences of the share `held_out` are scored."""

    held_out: float = 0.0

    @classmethod
    def of(cls, job: Job, held_out: float, commits: str, fingerprint: str) -> HeldOutJob:
        values = {field.name: getattr(job, field.name) for field in dataclasses.fields(Job)}
        return cls(**{**values, "commits": commits, "fingerprint": fingerprint}, held_out=held_out)


def blocks_of(job: Job) -> list[Block]:
    """The blocks of a job's rows, in their order."""
    found = []
    for sign in range(len(job.signs)):
        for position in range(len(job.groups)):
            first, last = job.ranges(position)[sign]
            for start in range(first, last, BLOCK):
                stop = min(start + BLOCK, last)
                found.append(Block(start, stop, tuple(job.neuron(row) for row in range(start, stop))))
    return found


class HeldOutReplica(Replica):
    """Scores the held-out sentences of a shard, and commits them as one file."""

    job: HeldOutJob

    def _load(self) -> None:
        job = self.job
        self.model = InspectedModel(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)

    def shard(self, index: int) -> dict[str, Any]:
        """Score and commit one shard, unless another attempt has; return its manifest row."""
        job, started = self.job, time.monotonic()
        marker = committed(job.marker(index), job.fingerprint)
        if marker is None:
            text = held_out_of(read_shard(location(job.tokenized), job.shards[index]), job.held_out)
            heartbeat = Heartbeat(location(job.commits), f"{index:05d}")
            data = location(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
            marker = self._device.submit(self._commit, index, data, text, heartbeat).result()
            heartbeat.stop()
        return {
            "shard": index,
            "sentences": marker["sentences"],
            "tokens": marker["tokens"],
            "seconds": time.monotonic() - started,
            "peak_bytes": peak_bytes(),
            "warnings": "\n".join(self.model.warnings),
        }

    def _commit(self, index: int, data: Path, text: ShardText, heartbeat: Heartbeat) -> dict[str, Any]:
        blocks, done = blocks_of(self.job), Counter({"sentences": 0, "tokens": 0})
        schema = pa.schema(
            [("sentence_id", pa.int64()), *((b.name, pa.binary(4 * (b.stop - b.start))) for b in blocks)]
        )

        def write(path: Path) -> dict[str, Any]:
            # Scores compress by a tenth; they are read once.
            with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
                for sentence_ids, scores, tokens, _ in self.scores(text):
                    values = np.ascontiguousarray(scores.t().float().cpu().numpy())  # (batch, rows)
                    columns = [_binary(values[:, b.start : b.stop]) for b in blocks]
                    ids = pa.array(sentence_ids.cpu().numpy())
                    writer.write_table(pa.Table.from_arrays([ids, *columns], schema=schema))
                    done.update({"sentences": len(ids), "tokens": tokens})
                    self.watch(Counter({"sentences": len(ids), "tokens": tokens}))
                    heartbeat.beat(done)
            return {"shard": index, **done}

        return commit(data, self.job.marker(index), self.job.fingerprint, write)


def held_out_of(text: ShardText, share: float) -> ShardText:
    """The held-out sentences of a shard, still sorted by length."""
    kept = np.flatnonzero(is_held_out(text.sentence_ids, share))
    lengths = np.diff(text.offsets)[kept]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    places = np.repeat(text.offsets[kept] - offsets[:-1], lengths) + np.arange(offsets[-1])
    return ShardText(text.sentence_ids[kept], offsets, text.tokens[places])


def read_block(files: Sequence[Path], block: Block) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Sentence ids (n,), ascending, and scores (n, neurons of the block), from all shards' files."""
    ids, scores = [], []
    for file in files:
        table = parquet_file(file).read(columns=["sentence_id", block.name]).combine_chunks()
        if not table.num_rows:
            continue
        ids.append(table["sentence_id"].to_numpy())
        column = table[block.name].chunk(0)
        values = np.frombuffer(column.buffers()[1], np.float32).reshape(-1, block.stop - block.start)
        scores.append(values[column.offset : column.offset + len(column)])
    if not ids:
        return np.zeros(0, np.int64), np.zeros((0, block.stop - block.start), np.float32)
    found = np.concatenate(ids)
    order = np.argsort(found)
    return found[order], np.concatenate(scores)[order]


def _binary(values: npt.NDArray[np.float32]) -> pa.Array:
    """A float32 matrix as a column of fixed-size binary, one row each."""
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.binary(4 * values.shape[1]), len(values), [None, data])
