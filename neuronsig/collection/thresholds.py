"""The thresholds of a replica: what shards of lower index, committed or its own, say of every neuron's K-th best score.

Each commit has a small file of scores beside its lists (collection.score_quantiles). A replica reads those that are
new before it scores a shard; one that is missing or not what its marker says is passed over, for thresholds only save
work.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading

import numpy as np
import numpy.typing as npt

from neuronsig.collection.job import BASE, Job
from neuronsig.collection.memory import FLOORS_KEPT
from neuronsig.collection.score_quantiles import ScoreQuantiles, Scores, ranks
from neuronsig.run.commits import unique_name
from neuronsig.storage.files import list_files, read_bytes
from neuronsig.storage.location import location
from neuronsig.storage.whole_files import atomic_write

_MARKER = re.compile(r"shard-(\d+)\.json")
# Late shards move a threshold little: reading them must not hold up the next shard.
_READ_BETWEEN_SHARDS = 4
_READ_AT_FIRST = 64


class SharedThresholds:
    """Floors for the shards of a job. Threads that read call `fetch`, the one that scores `below` and `add`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        # Lists longer than the corpus have no threshold, however many sentences are known.
        self.quantiles = ScoreQuantiles(job.rows, job.k if job.prunes else 1)
        self.known: set[int] = set()
        self.floors: list[tuple[int, Scores]] = []
        self._lock = threading.Lock()

    def fetch(self, index: int) -> None:
        """Take in what committed shards of lower index have left since the last time, the latest first."""
        if not self.job.prunes:
            return
        names = [file.name for file in list_files(location(self.job.commits))]
        found = {int(match[1]) for name in names if (match := _MARKER.fullmatch(name))}
        if self.job.base:
            found.add(BASE)
        with self._lock:
            new = sorted((i for i in found if i < index and i not in self.known), reverse=True)
            most = _READ_BETWEEN_SHARDS if self.known else _READ_AT_FIRST
        for other in new[:most]:
            scores = read_quantiles(self.job, other)
            if scores is not None:
                self.add(other, scores)

    def below(self, index: int) -> Scores | None:
        """(rows,) scores that K sentences of shards below `index` are known to reach; None while nothing is known."""
        with self._lock:
            usable = [floor for highest, floor in self.floors if highest < index]
        return usable[-1] if usable else None

    def add(self, index: int, scores: Scores) -> None:
        """Take in a shard's scores, (rows, ranks): one that is committed, or that this replica has just scored.

        The latter is in the end among the committed ones too, scored again to the same bits if this replica dies.
        """
        with self._lock:
            if self.job.prunes and index not in self.known:
                self.quantiles.add(scores)
                self.known.add(index)
                self.floors = [*self.floors[1 - FLOORS_KEPT :], (max(self.known), self.quantiles.floor())]


def in_job_order(job: Job, groups: list[Scores]) -> Scores:
    """Rows of all groups, each in the order sign, unit, put into the order sign, group, unit."""
    signs = len(job.signs)
    split = [rows.reshape(signs, -1, rows.shape[1]) for rows in groups]
    return np.concatenate([part[sign] for sign in range(signs) for part in split])


def write_quantiles(job: Job, index: int, scores: Scores) -> dict[str, str]:
    """Write a shard's scores to a file of their own; return what its marker must say of it."""
    stream = io.BytesIO()
    np.save(stream, scores, allow_pickle=False)
    # The name of the file, and in the marker, of collections that were begun before: these go on.
    name = unique_name(f"ladder-{index:05d}", ".npy")
    atomic_write(location(job.commits) / name, stream.getvalue())
    return {"ladder": name, "ladder_sha256": hashlib.sha256(stream.getvalue()).hexdigest()}


def write_base(job: Job, scores: Scores) -> None:
    """Let replicas know the thresholds of the finished table that the job adds to."""
    marker = {**write_quantiles(job, BASE, scores), "fingerprint": job.fingerprint}
    atomic_write(job.marker(BASE), json.dumps(marker).encode())


def read_quantiles(job: Job, index: int) -> npt.NDArray[np.float32] | None:
    """The scores that a committed shard left, (rows, ranks) float32; None unless they are what its marker says."""
    marker = job.marker(index)
    try:
        content = json.loads(read_bytes(marker))
        data = read_bytes(marker.parent / content["ladder"])
        if content["fingerprint"] != job.fingerprint or hashlib.sha256(data).hexdigest() != content["ladder_sha256"]:
            return None
        scores: npt.NDArray[np.float32] = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, KeyError):
        return None
    return scores if scores.shape == (job.rows, len(ranks(job.k))) else None
