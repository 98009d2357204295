"""Shards, the unit of work and of commit: which sentences they hold, in which batches, and the plan that says so.

All three are pure functions (design section 4.3): the shard of a sentence follows from its id, the size of the corpus
and the seed; the batches of a shard from the lengths of its sentences and the token budget.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neuronsig.errors import InputError
from neuronsig.splitmix import mixed
from neuronsig.storage.whole_files import atomic_write

PLAN_FILE = "plan.json"
# In plans as it was when it counted whenever `rectangles` cut a shard into other batches, which may change a score's
# last bit: neuronsig.run.stages counts that now.
BATCH_PLAN = 1

# Tokens of a batch: beyond these a device is no faster (CPU: benchmarks/batch_tokens.py; GPU: not yet measured).
_BATCH_TOKENS = {"cpu": 8192, "cuda": 131_072}
# Tokens of the shortest inputs that come in full batches.
SHORTEST = 3

# In plans as it was when it counted whenever a sentence went to another shard: neuronsig.run.stages counts that now.
SHARD_LAYOUT = 2
FIRST_SHARD = 8192

_ROUNDS = 4

FAN_IN = 8
"""Files that one task of the tree reduce merges: more would leave cores idle, fewer make more levels."""


def committed_keys(k: int, sizes: Sequence[int], unknown: int) -> float:
    """Scores of one neuron that all shards commit together before the reduce, in expectation.

    A shard of n sentences that starts when m others are committed holds n * k / m of the best k of all of them; it
    commits no more than k. The `unknown` shards before it are `in_flight`.
    """
    before = np.concatenate([[0], np.cumsum(sizes)])  # sentences of all shards before each
    found = 0.0
    for index, size in enumerate(sizes):
        known = int(before[max(0, index - unknown)])
        found += min(k, size) if known < k else min(k, size, size * k / known)
    return found


def node_keys(k: int, committed: float, shards: int) -> float:
    """Scores of one neuron in the inner nodes of the tree that reduces `shards` with `committed` scores, at most."""
    nodes, level = 0.0, committed
    while shards > FAN_IN:
        shards = -(-shards // FAN_IN)
        level = min(level, shards * k)
        nodes += level
    return nodes


def in_flight(replicas: int) -> int:
    """Shards that others hold, scored or being committed, when a replica starts one; what it did itself it knows."""
    return 2 * (replicas - 1)


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
            left, right = right, left ^ (mixed(right + key) & mask)
        x = (left << half) | right
        places[walking] = x
        walking = walking[x >= np.uint64(n)]
    return places.astype(np.int64)


def shard_sizes(n: int, shard_sentences: int) -> list[int]:
    """Sentences of every shard of a corpus of n: the first ones small, so that thresholds are tight early.

    They double from `FIRST_SHARD` up to `shard_sentences`; the rest is shared out evenly.
    """
    sizes: list[int] = []
    size, left = min(FIRST_SHARD, shard_sentences), n
    while size < shard_sentences and left > size:
        sizes.append(size)
        left -= size
        size *= 2
    rest = max(1, -(-left // shard_sentences)) if left else 0
    return sizes + [left * (i + 1) // rest - left * i // rest for i in range(rest)]


def shard_of(ids: npt.NDArray[np.int64], n: int, shard_sentences: int, seed: int) -> npt.NDArray[np.int32]:
    """The shard of every sentence id from 0 to n - 1; shards are a random partition."""
    ends = np.cumsum(shard_sizes(n, shard_sentences))
    return np.searchsorted(ends, permute(ids, n, seed), side="right").astype(np.int32)


def batch_tokens(asked: int, device: str) -> int:
    """Tokens of a batch on `cpu` or `cuda`: those of collect.batch_tokens, or, where it is 0, the device's own."""
    return asked or _BATCH_TOKENS[device]


def rectangles(lengths: npt.NDArray[np.int64], batch_tokens: int) -> list[tuple[int, int, int]]:
    """Cut ascending lengths into (start, stop, length) batches of equal length and at most `batch_tokens` tokens.

    A sentence longer than the budget is a batch of its own. The lengths come in a scattered order, for sentences in
    order of length are no random stream and would keep thresholds loose; the batches of one length come together,
    for libraries make kernels for each shape.
    """
    if lengths.size == 0:
        return []
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(lengths)) + 1, [lengths.size]])
    groups = []
    for first, last in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        length = int(lengths[first])
        step = max(1, batch_tokens // length)
        groups.append([(start, min(start + step, last), length) for start in range(first, last, step)])
    scattered = np.argsort(permute(np.arange(len(groups)), len(groups), BATCH_PLAN))
    return [batch for i in scattered for batch in groups[i]]


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
class ShardPart:
    """Shards of a range of sentence ids with a permutation of its own: a corpus, or what was appended to it later.

    `fingerprint` is that of the stage when the part was made; its shards' markers have it.
    """

    fingerprint: str
    first_id: int
    sentences: int
    first_shard: int
    shards: int


@dataclass(frozen=True)
class ShardPlan:
    """The manifest of a tokenized corpus, plan.json beside its shards; written last, again when text is appended."""

    tokenizer: str
    prefix_tokens: int
    suffix_tokens: int
    max_tokens: int
    max_token_id: int
    counts: dict[str, int]
    shards: list[Shard]
    parts: list[ShardPart] = dataclasses.field(default_factory=list)

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
            shards = [Shard(**shard) for shard in data["shards"]]
            parts = [ShardPart(**part) for part in data.get("parts", ())]
            return cls(**{**data, "shards": shards, "parts": parts})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{file} is not a shard plan ({error}); run neuronsig tokenize again") from None
