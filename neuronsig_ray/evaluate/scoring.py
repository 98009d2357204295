"""The held-out sentences through the model, as they are and with their words shuffled: a committed file a shard."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.collection.job import Job
from neuronsig.collection.shard_files import ShardText, read_shard
from neuronsig.evaluation.held_out import HeldOutJob, blocks_of, shuffled
from neuronsig.evaluation.word_order import WORD_ORDERS, WordOrders, word_orders
from neuronsig.progress import polled, task
from neuronsig.ragged import fixed_binary_column
from neuronsig.readers import Ids
from neuronsig.run.commits import commit, committed, unique_name
from neuronsig.run.heartbeat import Heartbeat, beats
from neuronsig.run.rules import work_fingerprint
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import parquet_file, scan, write_parquet
from neuronsig.tables import SENTENCES
from neuronsig_ray.collect.collection import score_shards
from neuronsig_ray.collect.scorer import Replica
from neuronsig_ray.model.inference import InspectedModel
from neuronsig_ray.pool import Pool
from neuronsig_ray.tasks import map_tasks


def scored_ids(file: str) -> Ids:
    """The sentences in a committed file."""
    return np.asarray(parquet_file(location(file)).read(columns=["sentence_id"])["sentence_id"].to_numpy())


def markers(job: HeldOutJob) -> list[dict[str, Any]]:
    """The records of the shards that are committed."""
    found = (committed(job.marker(shard.index), job.fingerprint) for shard in job.shards)
    return [marker for marker in found if marker]


def score(
    here: Job, pool: Pool, work: Path, files: Sequence[str], tokenizer: TokenizerSpec, judged: Ids, seed: int
) -> HeldOutJob:
    """Score the sentences `judged` (n,), ascending, of the shards that are not scored yet; what was asked of replicas.

    `files` are those of sentences/. Words are shuffled by `seed`. Scores, below `work`, are those of the collection:
    whatever signatures are judged on them, they are not made again.
    """
    fingerprint = f"{here.fingerprint} {work_fingerprint('evaluate', {'sentences': judged.tolist(), 'shuffled': seed})}"
    orders = work / "word_orders.parquet"
    job = HeldOutJob.of(here, absolute(orders), absolute(work / "scores"), fingerprint)
    pending = [s.index for s in job.shards if committed(job.marker(s.index), fingerprint) is None]
    if pending:
        with task("shuffling words", len(files), "files") as bar:
            shared = ray.put(judged), ray.put(tokenizer)
            parts = map_tasks(_orders, [(file, *shared, seed) for file in files], bar.advance)
        write_parquet(pa.concat_tables([WORD_ORDERS.empty_table(), *parts]), orders)
    done, expected = 0, len(judged)
    with task("scoring held-out sentences", expected, "sentences") as bar:

        def on_row(row: dict[str, Any]) -> None:
            nonlocal done
            done += row["sentences"]
            bar.update(min(done, expected))

        with polled(lambda: bar.update(min(expected, done + beats(location(job.commits))["sentences"]))):
            if pending:
                score_shards(job, pending, pool, on_row, HeldOutReplica)
    return job


def _orders(file: str, judged: Ids, tokenizer: TokenizerSpec, seed: int) -> pa.Table:
    """WORD_ORDERS of the sentences of a file that are judged."""
    found = [WORD_ORDERS.empty_table()]
    for batch in scan(file, SENTENCES, ["sentence_id", "text", "tokens"]):
        some = batch.filter(pa.array(np.isin(batch.column("sentence_id").to_numpy(), judged)))
        found.append(word_orders(pa.Table.from_batches([some]), tokenizer, seed))
    return pa.concat_tables(found)


class HeldOutReplica(Replica):
    """Scores the held-out sentences of a shard, and commits them as one file; holds those of two batches."""

    job: HeldOutJob

    def _load(self) -> None:
        job = self.job
        self.orders = WordOrders.read(location(job.held_out))
        self.model = InspectedModel(job.model, job.dtype, job.device, job.groups, job.signs, job.pooling)

    def shard(self, index: int) -> dict[str, Any]:
        """Score and commit one shard, unless another attempt has; return its marker."""
        job = self.job
        marker = committed(job.marker(index), job.fingerprint)
        if marker is None:
            texts = self.orders.of(read_shard(location(job.tokenized), job.shards[index]))
            heartbeat = Heartbeat(location(job.commits), f"{index:05d}")
            marker = self._device.submit(self._commit, index, *texts, heartbeat).result()
            heartbeat.stop()
        return marker

    def _commit(self, index: int, text: ShardText, mixed: ShardText, heartbeat: Heartbeat) -> dict[str, Any]:
        """`mixed` are the same sentences with their words shuffled."""
        job, blocks, done = self.job, blocks_of(self.job), Counter({"sentences": 0, "tokens": 0})
        columns = [(name, pa.binary(4 * len(b.neurons))) for b in blocks for name in (b.name, shuffled(b.name))]
        schema = pa.schema([("sentence_id", pa.int64()), *columns])

        def write(path: Path) -> dict[str, Any]:
            # Scores compress by a tenth; they are read once.
            with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
                # Of equal lengths, both come in the same batches.
                for (sentence_ids, scores, tokens, _), (_, others, *_) in zip(
                    self.scores(text), self.scores(mixed), strict=True
                ):
                    both = [np.ascontiguousarray(of.t().float().cpu().numpy()) for of in (scores, others)]
                    values = [fixed_binary_column(of[:, b.start : b.stop]) for b in blocks for of in both]
                    ids = pa.array(sentence_ids.cpu().numpy())
                    writer.write_table(pa.Table.from_arrays([ids, *values], schema=schema))
                    done.update({"sentences": len(ids), "tokens": tokens})
                    self.watch(Counter({"sentences": len(ids), "tokens": tokens}))
                    heartbeat.beat(done)
            return {"shard": index, **done}

        data = location(job.commits) / unique_name(f"shard-{index:05d}", ".parquet")
        return commit(data, job.marker(index), job.fingerprint, write)
