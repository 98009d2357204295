"""What a collection holds at most, in bytes, from sizes alone: each replica, and each task of the reduce.

None of the sizes is the corpus's. `rows` are neurons in all their signs, `widest` those of the widest group of units,
`most` the sentences of the largest shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuronsig.collection.shards import SHORTEST, Shard

# Python, torch, Ray and transformers with nothing loaded, and the kernels that oneDNN keeps: measured 0.7 to 0.9 GiB.
PROCESS = 1 << 30

# One is read, one scored, one committed.
SHARDS_AT_ONCE = 3
# Rows whose lists a thread sorts at once, of a shard that is scored; rows that are cut to their best at once.
ROWS_SORTED_AT_ONCE = 128
ROWS_CUT_AT_ONCE = 256
# A shard that is scored out of turn takes the newest floor that knows lower indices only.
FLOORS_KEPT = 16
_SCORES_AT_ONCE = 1 << 23
# Lists of a whole group that a task of the reduce holds at most, with what reading, merging and writing them copies.
# Measured, of 6 and of 14 files: 9 for a group of the table, 12 for an inner node.
_LISTS_OF_A_TASK = 12


@dataclass(frozen=True)
class Largest:
    """The most sentences, tokens, and tokens of one sentence, that a shard has."""

    sentences: int
    tokens: int
    sentence_tokens: int

    @classmethod
    def of(cls, shards: Sequence[Shard]) -> Largest:
        """Each of the three from the shard that has most of it."""
        return cls(*(max(getattr(shard, of) for shard in shards) for of in ("sentences", "tokens", "longest")))


@dataclass(frozen=True)
class MemoryBound:
    """Bytes of the host's memory and of the GPU's that a replica holds at most, the model included."""

    host: int
    device: int


def replica_bound(
    *, rows: int, widest: int, k: int, largest: Largest, threads: int, gpu: bool, weights: int, batch: int
) -> MemoryBound:
    """What a replica holds at most; without a GPU all is the host's.

    Its checkpoint of `weights` bytes is read on the host and may be cast there; `batch` is a batch's `forward_bytes`.
    """
    kept = min(k, largest.sentences)
    lists = rows * kept * 8
    # A shard's lists are made while those before it are written; and what sorting and writing a group copies.
    held = SHARDS_AT_ONCE * lists + 4 * widest * kept * 8
    text = SHARDS_AT_ONCE * (largest.tokens * 4 + largest.sentences * 24)
    sorting = max(1, threads) * sorting_bytes(rows, k, largest.sentences)
    # The score quantiles with their copies while they grow, one shard's scores, and floors.
    thresholds = rows * (6 * 256 * 12 + 64 * 4 + FLOORS_KEPT * 4)
    host = held + text + sorting + thresholds + PROCESS + 2 * weights
    device = buffer_bytes(rows, k, largest.sentences) + weights * gpu + batch
    return MemoryBound(host, device + sorting) if gpu else MemoryBound(host + device, 0)


def reduce_task_bytes(widest: int, kept: int) -> int:
    """What the process of one node of the tree, or of one group's convergence, takes; lists are `kept` keys long."""
    return PROCESS + _LISTS_OF_A_TASK * widest * kept * 8


def buffer_shape(rows: int, k: int, most: int) -> tuple[int, int]:
    """Columns of scores that the running top-K takes at once, and the keys that it has room for in each row."""
    columns = max(32, min(1024, _SCORES_AT_ONCE // rows))
    k = min(k, most)
    return columns, min(most, k + max(k // 2, 2 * columns))


def buffer_bytes(rows: int, k: int, most: int) -> int:
    """The running top-K of one shard on the model's device, the transient masks and keys of one block included."""
    columns, capacity = buffer_shape(rows, k, most)
    return rows * capacity * 8 + rows * columns * 40 + ROWS_CUT_AT_ONCE * capacity * 24


def sorting_bytes(rows: int, k: int, most: int, at_once: int = ROWS_SORTED_AT_ONCE) -> int:
    """What one thread takes for a while to sort the lists of `at_once` of the rows."""
    _, capacity = buffer_shape(rows, k, most)
    return at_once * (capacity + 2 * min(k, most)) * 8


def forward_bytes(
    batch_tokens: int, longest: int, width: int, widest: int, units: int, signs: int, heads: int = 0, kept: int = 0
) -> int:
    """The forward pass of a batch of up to `batch_tokens` tokens, or of one input of `longest`, beside the weights.

    Counted with 4 bytes a value, for bfloat16 too, whose kernels keep float32 copies: 8 hidden states of `width` and 4
    of the `widest` map's outputs of one block (measured: 6 to 14 hidden states of a BERT in all), the scores of
    attention of `heads` where it is not fused (0: it is), hidden states that are `kept` to the end, and the pooled
    activations of all `units`, with their copies for the `signs`, twice.
    """
    tokens = max(batch_tokens, longest)
    values = tokens * (8 * width + 4 * widest + kept * width)
    values += (6 * heads or 1) * tokens * longest  # fused: a mask, where the model makes one
    pooled = (signs + 1) * units * -(-tokens // SHORTEST)
    return 4 * (values + 2 * pooled)
