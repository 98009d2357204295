"""How fast the lists settle: entries of the top-N lists that each shard brings (P1 4.2, Figure 1).

An update is an entry of a list after a shard that was not in the list before it. Shards are taken in plan order,
whoever scored them when: the table is a function of the plan. It is exact as far as each shard's keys hold all that can
enter the top N of the shards up to it.

Shards of one corpus are a random partition of it, so that each of the N best sentences seen so far is as likely to be
in the last shard as anywhere else: `expected` updates follow, whatever the neurons are. Figures far off them say that
text was appended, or that the sentences are not in random order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from neuronsig.collection.topk import EMPTY, Keys, merge

# P1 counts updates of the first thousand of the ten thousand entries.
TOP = 1000
PER = 100_000
ALL = "all"

CONVERGENCE = pa.schema(
    [
        ("group", pa.string()),  # site and layer, or `all`
        ("shard", pa.int32()),
        ("sentences", pa.int64()),  # after the shard
        ("shard_sentences", pa.int64()),
        ("top", pa.int32()),
        ("neurons", pa.int64()),
        ("new_entries", pa.int64()),  # over all neurons
        ("changed_lists", pa.int64()),
        ("new_per_100k", pa.float64()),  # for a neuron and 100,000 sentences
        ("expected_per_100k", pa.float64()),
    ]
)

Counts = npt.NDArray[np.int64]


def add_shard(lists: Keys, shard: Keys, top: int) -> tuple[Keys, Counts]:
    """Lists (neurons, n) after a shard's keys (neurons, m), cut to `top`, and each list's new entries (neurons,)."""
    after = merge(lists, shard, top)
    held = (after != EMPTY).sum(axis=1)
    last = after[np.arange(len(after)), np.maximum(held - 1, 0)] if after.shape[1] else np.zeros(len(after), np.uint64)
    stayed = ((lists >= last[:, None]) & (lists != EMPTY)).sum(axis=1)
    return after, (held - stayed).astype(np.int64)


def reference(shards: Iterable[Sequence[set[int]]], top: int) -> list[list[int]]:
    """Slow and plain: new entries of every neuron for each shard, shards as one set of keys a neuron."""
    lists: list[list[int]] = []
    found = []
    for shard in shards:
        before = lists or [[] for _ in shard]
        lists = [sorted({*old, *new}, reverse=True)[:top] for old, new in zip(before, shard, strict=True)]
        found.append([len(set(now) - set(old)) for now, old in zip(lists, before, strict=True)])
    return found


def expected(before: int, after: int, top: int) -> float:
    """New entries of one list, in expectation, when a random stream grows from `before` to `after` sentences."""
    return min(top, after) * (after - before) / after


@dataclass(frozen=True)
class ShardUpdates:
    """What one shard brought to the lists of one group."""

    shard: int
    new_entries: int
    changed_lists: int


def table(
    groups: Sequence[tuple[str, int, Sequence[ShardUpdates]]], sizes: Sequence[int], before: int, top: int
) -> pa.Table:
    """CONVERGENCE rows of groups (name, neurons, updates by shard) and of all together.

    `sizes` are the shards' sentences, `before` those of a finished table that the shards were added to.
    """
    everything = [
        ShardUpdates(of[0].shard, sum(u.new_entries for u in of), sum(u.changed_lists for u in of))
        for of in zip(*(updates for _, _, updates in groups), strict=True)
    ]
    rows = []
    for name, neurons, updates in [(ALL, sum(neurons for _, neurons, _ in groups), everything), *groups]:
        seen = before
        for update, size in zip(updates, sizes, strict=True):
            scale = PER / size if size else 0.0
            rows.append(
                {
                    "group": name,
                    "shard": update.shard,
                    "sentences": seen + size,
                    "shard_sentences": size,
                    "top": top,
                    "neurons": neurons,
                    "new_entries": update.new_entries,
                    "changed_lists": update.changed_lists,
                    "new_per_100k": update.new_entries / neurons * scale,
                    "expected_per_100k": expected(seen, seen + size, top) * scale if size else 0.0,
                }
            )
            seen += size
    return pa.Table.from_pylist(rows, schema=CONVERGENCE)
