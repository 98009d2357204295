"""What a replica of the collection holds at most, in bytes, from sizes alone; none of them is the corpus's.

`rows` are neurons in all their signs, `most` the sentences of the largest shard.
"""

from __future__ import annotations

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


def device_bytes(rows: int, k: int, most: int, threads: int, gpu: bool) -> int:
    """The device's part of the top-K: the running one, and what `threads` take on a GPU to sort its lists."""
    return buffer_bytes(rows, k, most) + (max(1, threads) * sorting_bytes(rows, k, most) if gpu else 0)


def thresholds_bytes(rows: int) -> int:
    """The ladder with its copies while it grows, one shard's scores, and floors."""
    return rows * (6 * 256 * 12 + 64 * 4 + FLOORS_KEPT * 4)


def list_bytes(rows: int, widest: int, k: int, most: int, tokens: int, threads: int) -> int:
    """The host's part of a replica's lists and text, beside the running top-K.

    `widest` are the rows of the widest group of units, `tokens` those of the shard that has most.
    """
    lists = rows * min(k, most) * 8
    # A shard's lists are made while those before it are written; and what sorting and writing a group copies.
    held = SHARDS_AT_ONCE * lists + 4 * widest * min(k, most) * 8
    text = SHARDS_AT_ONCE * (tokens * 4 + most * 24)
    return held + text + max(1, threads) * sorting_bytes(rows, k, most) + thresholds_bytes(rows)


def forward_bytes(
    tokens: int, longest: int, width: int, widest: int, pooled: int, heads: int = 0, kept: int = 0
) -> int:
    """The forward pass of a batch of `tokens`, none of its inputs longer than `longest`, beside the weights.

    Counted with 4 bytes a value, for bfloat16 too, whose kernels keep float32 copies: 8 hidden states of `width` and 4
    of the `widest` map's outputs of one block (measured: 6 to 14 hidden states of a BERT in all), the scores of
    attention of `heads` where it is not fused (0: it is), hidden states that are `kept` to the end, and `pooled`
    activations twice.
    """
    values = tokens * (8 * width + 4 * widest + kept * width)
    values += (6 * heads or 1) * tokens * longest  # fused: a mask, where the model makes one
    return 4 * (values + 2 * pooled)


def replica_bytes(host: int, device: int, weights: int, batch: int, gpu: bool) -> tuple[int, int]:
    """(host, GPU) bytes of a replica with all that it holds; without a GPU all is the host's.

    The checkpoint of `weights` bytes is read on the host and may be cast there.
    """
    host += PROCESS + 2 * weights
    return (host, device + weights + batch) if gpu else (host + device + batch, 0)
