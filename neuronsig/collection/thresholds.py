"""Thresholds that replicas share: a few scores of every neuron's list instead of the list (design section 5).

A committed shard leaves, in a small file beside its lists, every neuron's scores at some sixty ranks between 1 and K:
"so many of my sentences score at least this". Shards hold different sentences, so such counts add up, and the first
score that K sentences are known to reach is a threshold: no sentence below it can be among the K best. It is the K-th
best score or a little less, never more, and 2.4 MB a shard for 9,216 neurons where the lists themselves are 737 MB.

A replica reads the files that are new before it scores a shard; one that is missing or not what its marker says is
passed over, for thresholds only save work.
"""

import hashlib
import io
import json
import re
import threading

import numpy as np
import numpy.typing as npt

from neuronsig.collection.job import BASE, Job
from neuronsig.collection.memory import FLOORS_KEPT
from neuronsig.collection.topk import Keys, ordered_bits, scores_of_bits, unpack
from neuronsig.run.commits import unique_name
from neuronsig.storage.files import list_files, read_bytes
from neuronsig.storage.location import location
from neuronsig.storage.whole_files import atomic_write

Scores = npt.NDArray[np.float32]

_SHIFT, _LOW = np.uint64(32), np.uint64(2**32 - 1)
_RANKS = 64
# A replica keeps more than a shard says, for its counts are sums of many shards'.
_RANKS_KEPT = 192


def ranks(k: int, number: int = _RANKS) -> npt.NDArray[np.int64]:
    """The ranks at which a list is read, 1 to k, in geometric steps."""
    return np.unique(np.rint(np.geomspace(1, k, number)).astype(np.int64))


def scores_at_ranks(keys: Keys, offsets: npt.NDArray[np.int64], k: int) -> Scores:
    """Scores (rows, ranks) float32 of lists end to end, each sorted descending; -inf where one is shorter."""
    at = ranks(k)
    wanted = offsets[:-1, None] + at[None, :] - 1  # (rows, ranks)
    there = at[None, :] <= np.diff(offsets)[:, None]
    found = np.full(wanted.shape, -np.inf, np.float32)
    found[there] = unpack(keys[wanted[there]])[0]
    return found


class ScoreQuantiles:
    """Lower bounds on how many sentences of the shards added so far reach a score, for every row."""

    def __init__(self, rows: int, k: int) -> None:
        self.k = k
        self.ranks = ranks(k)
        # How many of the ranks kept a count has reached.
        self.reached = np.searchsorted(ranks(k, _RANKS_KEPT), np.arange(k + 1), side="right").astype(np.int16)
        self.scores: Scores = np.full((rows, 1), -np.inf, np.float32)
        self.counts = np.zeros((rows, 1), np.int64)

    def add(self, shard: Scores) -> None:
        """Take in another shard's `scores_at_ranks`, (rows, ranks)."""
        steps = np.diff(self.ranks, prepend=0)
        new = np.where(np.isneginf(shard), 0, steps[None, :])
        scores = np.concatenate([self.scores, shard], axis=1)
        gains = np.concatenate([np.diff(self.counts, axis=1, prepend=0), new], axis=1)
        # A score and its gain are sorted as one integer: a fifth of the time of sorting places.
        rising = np.sort((ordered_bits(scores) << _SHIFT) | gains.astype(np.uint64), axis=1)[:, ::-1]
        counts = np.minimum(np.cumsum(rising & _LOW, axis=1), np.uint64(self.k)).astype(np.int64)  # (rows, scores)
        self._keep(scores_of_bits(rising >> _SHIFT), counts)

    def floor(self) -> Scores:
        """(rows,) float32: a score that k sentences reach; -inf while fewer are known."""
        enough = self.counts >= self.k
        first = np.argmax(enough, axis=1)
        found = self.scores[np.arange(len(first)), first]
        return np.where(enough.any(axis=1), found, np.float32(-np.inf)).astype(np.float32)

    def _keep(self, scores: Scores, counts: npt.NDArray[np.int64]) -> None:
        """Keep the first score that reaches each rank, and the last one, each with its whole count."""
        kept = np.diff(self.reached[counts], axis=1, prepend=0) > 0
        # The whole count of a list that is still shorter than k; below the k-th nothing changes the count.
        last = np.argmax(counts == counts[:, -1:], axis=1)
        kept[np.arange(len(last)), last] |= counts[:, -1] > 0
        place = np.cumsum(kept, axis=1) - 1
        width = max(1, int(place[:, -1].max()) + 1)
        row, column = np.nonzero(kept)
        self.scores = np.full((len(scores), width), -np.inf, np.float32)
        self.counts = np.zeros((len(scores), width), np.int64)
        self.scores[row, place[row, column]] = scores[row, column]
        self.counts[row, place[row, column]] = counts[row, column]
        # A row with fewer scores goes on with its last count, so that differences of counts are gains.
        self.counts = np.maximum.accumulate(self.counts, axis=1)


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
