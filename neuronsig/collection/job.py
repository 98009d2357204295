"""What a collection is: the units it looks at, the shards it reads, and the order of its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from neuronsig.collection.shards import Shard
from neuronsig.neuron import Neuron
from neuronsig.storage.location import location

# The index under which a finished table's lists count as a shard before all new ones.
BASE = -1


@dataclass(frozen=True)
class Group:
    """The units of one site in one layer: a row group of a shard's file, a file of the topk table."""

    site: str
    layer: int
    units: int
    module: str = ""  # the user's pattern of the module that reads them, where sites.READERS does not know it

    @property
    def name(self) -> str:
        return f"{self.site}-L{self.layer:02d}"


@dataclass(frozen=True)
class Job:
    """All that a replica needs to know; the same for every shard of a collection.

    Scores have one row a neuron, in the order sign, group, unit.
    """

    tokenized: str
    commits: str
    fingerprint: str
    model: str
    dtype: str
    device: str
    groups: tuple[Group, ...]
    signs: tuple[int, ...]
    pooling: str
    k: int
    skip_prefix: int
    skip_suffix: int
    batch_tokens: int
    threads: int
    sentences: int
    shards: tuple[Shard, ...]
    # What every replica must find where it runs; "" when it is not asked.
    device_name: str = ""
    weights: str = ""
    # Fingerprint and sentences of a finished table that the new shards are added to; "" when there is none.
    base: str = ""
    base_sentences: int = 0

    @property
    def units(self) -> int:
        """Units of all groups."""
        return sum(group.units for group in self.groups)

    @property
    def rows(self) -> int:
        return len(self.signs) * self.units

    @property
    def prunes(self) -> bool:
        """Whether thresholds carried from shard to shard can refuse anything."""
        more = bool(self.base) or len(self.shards) > 1
        return more and self.base_sentences + self.sentences > self.k

    @property
    def kept(self) -> int:
        """Sentences in every neuron's final list."""
        return min(self.k, self.base_sentences + self.sentences)

    def adding(self, base: str, shards_before: int) -> Job:
        """The shards from `shards_before` on, counted anew; their lists join those of the finished table `base`."""
        before, new = self.shards[:shards_before], self.shards[shards_before:]
        return replace(
            self,
            shards=tuple(replace(shard, index=index) for index, shard in enumerate(new)),
            sentences=sum(shard.sentences for shard in new),
            base=base,
            base_sentences=sum(shard.sentences for shard in before),
        )

    def ranges(self, position: int) -> list[tuple[int, int]]:
        """Rows (start, stop) of one group, one range a sign."""
        before = sum(group.units for group in self.groups[:position])
        units = self.groups[position].units
        return [(i * self.units + before, i * self.units + before + units) for i in range(len(self.signs))]

    def neuron(self, row: int) -> Neuron:
        sign, unit = divmod(row, self.units)
        for group in self.groups:
            if unit < group.units:
                return Neuron(group.site, group.layer, unit, self.signs[sign])
            unit -= group.units
        raise IndexError(row)

    def marker(self, index: int) -> Path:
        return location(self.commits) / ("base.json" if index == BASE else f"shard-{index:05d}.json")
