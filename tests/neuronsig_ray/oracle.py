"""Brute force: every activation of every sentence, one full sort a neuron."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from neuronsig.collection.job import Job
from neuronsig.collection.shard_files import read_shard
from neuronsig.collection.topk import reference
from neuronsig.storage.parquet import read_table
from neuronsig.tables import TOPK
from neuronsig_ray.collect.scorer import Replica


def all_scores(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Scores (rows, sentences) of the whole corpus by the job's own model and batches, and the sentence ids.

    They are computed on the replica's scoring thread: it alone has the job's number of threads, and another number
    may change a score's last bits.
    """
    replica = Replica(job)

    def score() -> tuple[np.ndarray, np.ndarray]:
        ids, scores = [], []
        for shard in job.shards:
            for sentence_ids, found, _, _ in replica.scores(read_shard(Path(job.tokenized), shard)):
                ids.append(sentence_ids.numpy())
                scores.append(found.numpy())
        return np.concatenate(scores, axis=1), np.concatenate(ids)

    return replica._device.submit(score).result()


def brute_force(job: Job) -> pa.Table:
    """The topk table that a full sort of all scores gives."""
    scores, ids = all_scores(job)
    best_scores, best_ids = reference(scores, ids, job.k)
    rows = []
    for row in range(job.rows):
        neuron = job.neuron(row)
        for rank, (score, sentence) in enumerate(zip(best_scores[row], best_ids[row], strict=True)):
            rows.append((neuron.site, neuron.layer, neuron.unit, neuron.sign, rank, score, sentence))
    rows.sort(key=lambda row: row[:5])
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=TOPK)


def assert_same_table(folder: Path, wanted: pa.Table) -> None:
    """Equal rows in equal order; scores bit by bit."""
    found = read_table(folder, TOPK)
    assert found.num_rows == wanted.num_rows
    for name in TOPK.names:
        left, right = found[name].to_numpy(), wanted[name].to_numpy()
        if name == "score":
            left, right = left.view(np.uint32), right.view(np.uint32)
        assert (left == right).all(), name
