"""Shards, the unit of work and of commit: which sentences they hold, in which batches, and the plan that says so.

All three are pure functions (design section 4.3): the shard of a sentence follows from its id, the size of the corpus
and the seed; the batches of a shard from the lengths of its sentences and the token budget.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuronsig.errors import InputError
from neuronsig.rundir import atomic_write

PLAN_FILE = "plan.json"
# Changes whenever `rectangles` would cut a shard into other batches: then scores may differ in the last bit.
BATCH_PLAN = 1

_ROUNDS = 4
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def committed_keys(k: int, shard_sentences: int, shards: int, replicas: int) -> float:
    """Scores of one neuron that all shards commit together before the reduce, in expectation.

    A replica refuses what is below the K-th best of the shards it has seen: of n - 1 shards of the same size, the
    next one holds k / (n - 1) sentences above it. The first one has no such bound, nor have those before K are seen.
    """
    first = float(min(k, shard_sentences))
    found = 0.0
    for before in range(-(-shards // max(1, replicas))):
        found += first if before * shard_sentences < k else min(first, k / before)
    return found * min(replicas, shards)


def permute(ids: npt.NDArray[np.int64], n: int, seed: int) -> npt.NDArray[np.int64]:
    """Position of every id in a seeded permutation of 0..n-1, computed id by id, so nothing is held for the corpus.

    A Feistel network over the next power of four, walked until the position is inside (Black and Rogaway,
    "Ciphers with Arbitrary Finite Domains", 2002, cycle walking).
    """
    half = np.uint64(max(1, -(-(n - 1).bit_length() // 2)))
    mask = np.uint64((1 << int(half)) - 1)
    digest = hashlib.sha256(f"neuronsig shard permutation {seed} {n}".encode()).digest()
    round_keys = np.frombuffer(digest, np.uint64)[:_ROUNDS]
    places = np.array(ids, dtype=np.uint64)
    walking = np.arange(places.size)
    while walking.size:
        x = places[walking]
        left, right = x >> half, x & mask
        for key in round_keys:
            left, right = right, left ^ (_mix(right + key) & mask)
        x = (left << half) | right
        places[walking] = x
        walking = walking[x >= np.uint64(n)]
    return places.astype(np.int64)


def shard_count(n: int, shard_sentences: int) -> int:
    """Shards of a corpus of n sentences, none larger than `shard_sentences`."""
    return -(-n // shard_sentences)


def shard_of(ids: npt.NDArray[np.int64], n: int, shard_sentences: int, seed: int) -> npt.NDArray[np.int32]:
    """The shard of every sentence id; shards are a random partition and their sizes differ by one at most."""
    return (permute(ids, n, seed) * shard_count(n, shard_sentences) // n).astype(np.int32)


def rectangles(lengths: npt.NDArray[np.int64], batch_tokens: int) -> list[tuple[int, int, int]]:
    """Cut ascending lengths into (start, stop, length) batches of equal length and at most `batch_tokens` tokens.

    A sentence longer than the budget is a batch of its own. The batches come in a scattered order, for sentences
    in order of length are no random stream and would keep thresholds loose.
    """
    if lengths.size == 0:
        return []
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(lengths)) + 1, [lengths.size]])
    batches = []
    for first, last in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        length = int(lengths[first])
        step = max(1, batch_tokens // length)
        batches += [(start, min(start + step, last), length) for start in range(first, last, step)]
    scattered = np.argsort(permute(np.arange(len(batches)), len(batches), BATCH_PLAN))
    return [batches[i] for i in scattered]


@dataclass(frozen=True)
class Shard:
    """One file of tokenized sentences."""

    index: int
    file: str
    sentences: int
    tokens: int
    longest: int
    sha256: str


@dataclass(frozen=True)
class ShardPlan:
    """The manifest of a tokenized corpus, written once as plan.json beside its shards."""

    tokenizer: str
    prefix_tokens: int
    suffix_tokens: int
    max_tokens: int
    max_token_id: int
    counts: dict[str, int]
    shards: list[Shard]

    @property
    def sentences(self) -> int:
        return sum(shard.sentences for shard in self.shards)

    @property
    def tokens(self) -> int:
        return sum(shard.tokens for shard in self.shards)

    def write(self, folder: Path) -> None:
        atomic_write(folder / PLAN_FILE, json.dumps(dataclasses.asdict(self), indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> ShardPlan:
        """Read plan.json; raises InputError when it is missing or broken."""
        file = folder / PLAN_FILE
        try:
            data = json.loads(file.read_text())
            return cls(**{**data, "shards": [Shard(**shard) for shard in data["shards"]]})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{file} is not a shard plan ({error}); run python -m jobs.tokenize again") from None


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * _MULTIPLIERS[0]
    x = (x ^ (x >> np.uint64(27))) * _MULTIPLIERS[1]
    return x ^ (x >> np.uint64(31))
