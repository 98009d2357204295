"""Every neuron's activation on the sentences that mining left out, written for the judges of signatures to read.

Memory is that of one batch; the disk holds 4 bytes a neuron and sentence (neuronsig.evaluation.held_out).
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.collection.shard_text import ShardText, read_shard
from neuronsig.evaluation.held_out import HeldOutJob, blocks_of, held_out_of
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.run.heartbeat import Heartbeat
from neuronsig.storage.location import location
from neuronsig_ray.collect.process_memory import peak_bytes
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.model.inference import InspectedModel


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


def _binary(values: npt.NDArray[np.float32]) -> pa.Array:
    """A float32 matrix as a column of fixed-size binary, one row each."""
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.binary(4 * values.shape[1]), len(values), [None, data])
