"""The early stop of a collection: the rule of neuronsig.settling, carried to committed shards in plan order."""

from __future__ import annotations

from dataclasses import replace

from neuronsig.commits import committed
from neuronsig.settling import Settling, StopRule
from neuronsig.storage import location, parquet_file
from neuronsig.topk import Keys, dense
from neuronsig_ray.job import Job


class Stopped(Exception):  # noqa: N818 - not an error: it ends the scoring when no more is wanted
    """Enough lists have settled; raised where finished shards are counted."""


class EarlyStop:
    """Follows the committed shards of a job; `last` is the shard after which it stops, None while it goes on."""

    def __init__(self, job: Job, rule: StopRule) -> None:
        self.job, self.next = job, 0
        self.settling = Settling(rule, [group.units * len(job.signs) for group in job.groups])
        self.last: int | None = None

    def look(self) -> bool:
        """Take in the shards that are committed without a gap; return whether to stop."""
        while self.last is None and self.next < len(self.job.shards):
            marker = committed(self.job.marker(self.next), self.job.fingerprint)
            if marker is None:
                return False
            file = parquet_file(location(self.job.commits) / marker["file"])
            groups = (self._keys(file.read_row_group(position)) for position in range(len(self.job.groups)))
            if self.settling.add(groups, marker["sentences"]):
                self.last = self.next
            self.next += 1
        return self.last is not None

    def _keys(self, table) -> Keys:  # type: ignore[no-untyped-def]
        lists = table["keys"].combine_chunks()
        return dense(lists.values.to_numpy(), lists.offsets.to_numpy())[:, : self.settling.rule.top]


def only_first(job: Job, shards: int) -> Job:
    """The job over its first shards: what a collection that stopped early is a collection of."""
    kept = job.shards[:shards]
    return replace(job, shards=kept, sentences=sum(shard.sentences for shard in kept))
