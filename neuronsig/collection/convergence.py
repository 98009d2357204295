"""How fast the lists settle: entries of the top-N lists that each shard brings (P1 4.2, Figure 1).

An update is an entry of a list after a shard that was not in the list before it. Shards are taken in plan order,
whoever scored them when: the table is a function of the plan. It is exact as far as each shard's keys hold all that can
enter the top N of the shards up to it.

Shards of one corpus are a random partition of it, so that each of the N best sentences seen so far is as likely to be
in the last shard as anywhere else: `expected` updates follow, whatever the neurons are. Figures far off them say that
text was appended, or that the sentences are not in random order.

The collection may stop early, when enough lists have not changed for enough sentences; what is collected so is inexact.
That rule too looks at shards in plan order and at nothing else, so that it stops after the same shard on any machine,
with any number of replicas, and after any interruption.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuronsig.collection.job import Job
from neuronsig.collection.shard_files import keys_of, read_keys
from neuronsig.collection.topk import EMPTY, Keys, union
from neuronsig.collection.tree_reduce import base_group
from neuronsig.config import CollectConfig
from neuronsig.run.commits import committed, committed_once, unique_name
from neuronsig.storage.location import join, location
from neuronsig.storage.parquet import parquet_file, read_parquet

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

_UPDATES = pa.schema([("shard", pa.int32()), ("new_entries", pa.int64()), ("changed_lists", pa.int64())])
# The key of the files' metadata under which the fingerprint of the stage collect/<model> stands.
MADE_BY = b"neuronsig.collect"

Counts = npt.NDArray[np.int64]


def add_shard(lists: Keys, shard: Keys, top: int) -> tuple[Keys, Counts]:
    """Lists (neurons, n) after a shard's keys (neurons, m), cut to `top`, and each list's new entries (neurons,)."""
    after = union([lists, shard], top)
    held = (after != EMPTY).sum(axis=1)
    last = after[np.arange(len(after)), np.maximum(held - 1, 0)] if after.shape[1] else np.zeros(len(after), np.uint64)
    stayed = ((lists >= last[:, None]) & (lists != EMPTY)).sum(axis=1)
    return after, (held - stayed).astype(np.int64)


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


def count_group(job: Job, files: Sequence[tuple[int, str]], folder: str, position: int, top: int) -> list[ShardUpdates]:
    """Updates of one group's lists by the shards of `files` (index, path), unless they are counted already."""
    group = job.groups[position]
    marker = location(job.commits) / "convergence" / f"{group.name}-top{top}-{len(files)}.json"

    def write(path: Path) -> dict[str, Any]:
        lists = np.zeros((len(job.signs) * group.units, 0), np.uint64)
        if job.base:
            lists = np.ascontiguousarray(base_group(job, location(folder), position)[:, :top])
        updates = []
        for index, file in files:
            lists, new = add_shard(lists, read_keys(file, position), top)
            updates.append(ShardUpdates(index, int(new.sum()), int((new > 0).sum())))
        pq.write_table(pa.Table.from_pylist(list(map(asdict, updates)), schema=_UPDATES), path)
        return {}

    found = committed_once(marker.parent / unique_name(group.name, ".parquet"), marker, job.fingerprint, write)
    return [ShardUpdates(**row) for row in read_parquet(join(marker.parent, found["file"])).to_pylist()]


def after_earlier(job: Job, file: Path, made: pa.Table) -> pa.Table:
    """CONVERGENCE rows that were made, after those of the finished table that the job adds to, by group.

    The shards are numbered on. `file` holds the earlier rows; what it holds of anything else does not count.
    """
    earlier = _earlier(job, file)
    if earlier is None:
        return made
    gap = pc.max(earlier["shard"]).as_py() + 1 - pc.min(made["shard"]).as_py()
    shard = pc.add(made["shard"], pa.scalar(gap, pa.int32()))
    together = pa.concat_tables([earlier, made.set_column(1, CONVERGENCE.field("shard"), shard)])
    order = {name: place for place, name in enumerate(made["group"].unique().to_pylist())}
    place = pa.array([order[name] for name in together["group"].to_pylist()])
    by = [("place", "ascending"), ("shard", "ascending")]
    return together.append_column("place", place).sort_by(by).drop_columns("place")


def _earlier(job: Job, file: Path) -> pa.Table | None:
    """The rows of the finished table that the job adds to, if they are still there."""
    if not job.base or not file.exists():
        return None
    rows = parquet_file(file).read()
    told = rows.schema.metadata or {}
    if told.get(MADE_BY) == job.fingerprint.encode():
        # Written before the job was interrupted: what was there before it is known by its sentences.
        rows = rows.filter(pc.less_equal(rows["sentences"], job.base_sentences))
    elif told.get(MADE_BY) != job.base.encode():
        return None
    return rows.cast(CONVERGENCE) if rows.num_rows else None


@dataclass(frozen=True)
class StopRule:
    """Stop when `fraction` of the lists of the `top` best sentences have not changed for `sentences` sentences."""

    fraction: float
    sentences: int
    top: int


class UnchangedLists:
    """The lists of all neurons, in groups, while shards are added; holds 8 bytes x neurons x `top`."""

    def __init__(self, rule: StopRule, neurons: Sequence[int]) -> None:
        self.rule, self.seen = rule, 0
        self.lists = [np.zeros((n, 0), np.uint64) for n in neurons]
        self.changed = [np.zeros(n, np.int64) for n in neurons]  # sentences seen when each list last changed

    def add(self, groups: Iterable[Keys], sentences: int) -> bool:
        """Take in the next shard's keys, (neurons, m) for each group; return whether to stop after it."""
        self.seen += sentences
        for position, keys in enumerate(groups):
            self.lists[position], new = add_shard(self.lists[position], keys, self.rule.top)
            self.changed[position][new > 0] = self.seen
        unchanged = sum(int((self.seen - changed >= self.rule.sentences).sum()) for changed in self.changed)
        return unchanged >= self.rule.fraction * sum(map(len, self.changed))


class Stopped(Exception):  # noqa: N818 - not an error: it ends the scoring when no more is wanted
    """Enough lists have not changed for long enough; raised where finished shards are counted."""


class EarlyStop:
    """Follows the committed shards of a job; `last` is the shard after which it stops, None while it goes on."""

    def __init__(self, job: Job, rule: StopRule) -> None:
        self.job, self.next = job, 0
        self.lists = UnchangedLists(rule, [group.units * len(job.signs) for group in job.groups])
        self.last: int | None = None

    def look(self) -> bool:
        """Take in the shards that are committed without a gap; return whether to stop."""
        while self.last is None and self.next < len(self.job.shards):
            marker = committed(self.job.marker(self.next), self.job.fingerprint)
            if marker is None:
                return False
            file = parquet_file(location(self.job.commits) / marker["file"])
            lists = (keys_of(file, position) for position in range(len(self.job.groups)))
            if self.lists.add((keys[:, : self.lists.rule.top] for keys in lists), marker["sentences"]):
                self.last = self.next
            self.next += 1
        return self.last is not None


def stop_rule(config: CollectConfig) -> StopRule | None:
    """The rule that the config asks for; None where all shards are to be read."""
    if not config.stop_fraction:
        return None
    return StopRule(config.stop_fraction, config.stop_sentences, min(TOP, config.k))


def only_first(job: Job, shards: int) -> Job:
    """The job over its first shards: what a collection that stopped early is a collection of."""
    kept = job.shards[:shards]
    return replace(job, shards=kept, sentences=sum(shard.sentences for shard in kept))


def left_out(job: Job, shards: int) -> dict[str, Any]:
    """What a collection over the job's first shards must say of itself; nothing when these are all."""
    if shards == len(job.shards):
        return {}
    kept = only_first(job, shards)
    return {
        "sentences": kept.sentences,
        "tokens": sum(shard.tokens for shard in kept.shards),
        "shards": shards,
        "inexact, stopped early": {
            "sentences left out": job.sentences - kept.sentences,
            "shards left out": len(job.shards) - shards,
        },
    }


def shards_kept(job: Job, counts: dict[str, Any]) -> Job:
    """The job that a finished stage's counts tell of: over all shards, or the first ones."""
    left = counts.get("inexact, stopped early")
    return only_first(job, len(job.shards) - left["shards left out"]) if left else job
