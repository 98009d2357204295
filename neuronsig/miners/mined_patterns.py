"""What a miner is asked for and what it returns: limits, patterns, their supports, and the support that was applied.

Miners grow patterns item by item, so that what they find is a prefix tree: pattern i is pattern `parent[i]` (-1: the
empty one) and `item[i]` after it. Every prefix of a frequent pattern is frequent, so the tree has no holes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuronsig.config.fields import require
from neuronsig.miners.compiled import compiled
from neuronsig.ragged import Codes, offsets_of

TARGETS = ("all", "closed", "maximal")


@dataclass(frozen=True)
class Limits:
    """What of the frequent patterns is wanted.

    Length is a number of items: words or tags of a sequence, items of an itemset, nodes of a subtree. A limit of None
    does not limit.
    """

    min_length: int = 1
    max_length: int | None = None
    max_gap: int | None = None
    """Positions that may be skipped between two neighbours in a sequence; 0 asks for n-grams without skips."""
    max_window: int | None = None
    """Positions from a sequence's first item to its last, both counted."""
    target: str = "all"
    """all; closed: those that no found pattern of one item more contains with the same support; maximal: those that
    no found pattern of one item more contains. Where a pattern is as long as `max_length` none is longer."""
    max_patterns: int | None = 200_000
    """Bound of the patterns found, of all lengths and before `target` leaves some out. Where more are frequent, the
    support is raised to the lowest that keeps the bound, and `MinedPatterns` says so."""

    def __post_init__(self) -> None:
        longest = "1 or more, and min_length or more" if self.min_length > 1 else "1 or more"
        require(self.min_length >= 1, "min_length", self.min_length, "1 or more items")
        require(self.max_length is None or self.max_length >= self.min_length, "max_length", self.max_length, longest)
        require(self.max_gap is None or self.max_gap >= 0, "max_gap", self.max_gap, "0 or more skipped positions")
        require(self.max_window is None or self.max_window >= 1, "max_window", self.max_window, "1 or more positions")
        require(self.target in TARGETS, "target", self.target, f"one of {', '.join(TARGETS)}")
        require(self.max_patterns is None or self.max_patterns >= 1, "max_patterns", self.max_patterns, "1 or more")


@dataclass(frozen=True)
class MinedPatterns:
    """Frequent patterns in lexicographic order of their items' codes.

    Pattern i is `items[offsets[i]:offsets[i + 1]]`, and `supports[i]` sentences hold it.
    """

    items: NDArray[np.int32]
    offsets: Codes  # (patterns + 1,)
    supports: Codes  # (patterns,)
    asked: int
    """The support that was asked for, in sentences."""
    applied: int
    """The support that was applied: above `asked` where `max_patterns` would have been exceeded."""
    found: int
    """Patterns of this support, of all lengths and before `target` leaves some out."""

    @property
    def raised(self) -> bool:
        """Whether patterns of the support asked for are missing because there are too many."""
        return self.applied > self.asked

    def __len__(self) -> int:
        return len(self.supports)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        flat, bounds = self.items.tolist(), self.offsets.tolist()
        return (tuple(flat[start:stop]) for start, stop in itertools.pairwise(bounds))

    def subset(self, keep: NDArray[np.bool_]) -> MinedPatterns:
        """Some of the patterns."""
        lengths = np.diff(self.offsets)
        items, offsets = self.items[np.repeat(keep, lengths)], offsets_of(lengths[keep])
        return replace(self, items=items, offsets=offsets, supports=self.supports[keep])

    def counts(self) -> dict[tuple[int, ...], int]:
        """Pattern -> support."""
        return dict(zip(self, self.supports.tolist(), strict=True))


@dataclass(frozen=True)
class PrefixTree:
    """All patterns of a support, as a miner finds them; parents stand before their children."""

    parent: NDArray[np.int32]
    item: NDArray[np.int32]
    support: NDArray[np.int32]

    @classmethod
    def of(cls, rows: NDArray[np.int32], codes: NDArray[np.integer]) -> PrefixTree:
        """The tree of a kernel's rows (patterns, 3), whose items are places among `codes`."""
        return cls(rows[:, 0].copy(), codes[rows[:, 1]].astype(np.int32), rows[:, 2].copy())

    def depth(self) -> Codes:
        """The length of every pattern."""
        depth = np.ones(len(self.parent), np.int64)
        above = self.parent.astype(np.int64)
        while (alive := np.flatnonzero(above >= 0)).size:
            depth[alive] += 1
            above[alive] = self.parent[above[alive]]
        return depth

    def flat(self, chosen: Codes, lengths: Codes) -> tuple[NDArray[np.int32], Codes]:
        """Items and offsets of the patterns `chosen`, which have these lengths."""
        offsets = offsets_of(lengths)
        items = np.empty(int(offsets[-1]), np.int32)
        place, node = offsets[1:] - 1, chosen
        while node.size:
            items[place] = self.item[node]
            node = self.parent[node].astype(np.int64)
            alive = node >= 0
            node, place = node[alive], place[alive] - 1
        return items, offsets


def support_count(share: float, sentences: int, least: int = 1, key: str = "min_support") -> int:
    """The number of sentences that a share of them asks for, and never fewer than `least`.

    Raises ConfigError when the share is not above 0 and at most 1.
    """
    require(0 < share <= 1, key, share, "above 0 and at most 1", "it is a share of sentences")
    # The share is a decimal fraction: 0.07 * 100 sentences are 7, not the 8 that its binary image rounds up to.
    return max(math.ceil(share * sentences - 1e-9), least, 1)


def subsequence_bound(lengths: NDArray[np.integer], longest: int, min_count: int) -> float:
    """An upper bound of the number of frequent patterns of 1 to `longest` items, known before mining.

    A sentence of m items holds at most C(m, 1) + ... + C(m, longest) patterns, and a frequent pattern is held by
    at least `min_count` sentences, so there are at most the sum over sentences divided by `min_count`.
    """
    m = np.asarray(lengths, np.float64)
    held, term = np.zeros(m.shape), np.ones(m.shape)
    for size in range(1, min(longest, int(m.max(initial=0))) + 1):
        term = term * np.maximum(m - size + 1, 0) / size
        held += term
    return float(held.sum()) / max(min_count, 1)


Parts = Callable[[PrefixTree, Codes], Iterator[tuple[Codes, Codes]]]


def select(tree: PrefixTree, parts: Parts, limits: Limits, asked: int, applied: int) -> MinedPatterns:
    """The patterns of the prefix tree that the limits ask for.

    `parts(tree, depth)` gives pairs of arrays: patterns, and found patterns of one item less that occur wherever
    they do.
    """
    depth = tree.depth()
    keep = depth >= limits.min_length
    if limits.target != "all":
        for whole, part in parts(tree, depth):
            same = tree.support[whole] == tree.support[part]
            keep[part[same] if limits.target == "closed" else part] = False
    chosen = np.flatnonzero(keep)
    items, offsets = tree.flat(chosen, depth[chosen])
    return MinedPatterns(items, offsets, tree.support[chosen].astype(np.int64), asked, applied, len(keep))


def one_item_less(
    tree: PrefixTree, depth: Codes, ends_only: bool = False, labels: int = 0
) -> Iterator[tuple[Codes, Codes]]:
    """Patterns and their parts of one item less; `ends_only` leaves out the first or the last item, no inner one.

    With a gap limit a sentence that holds `a b c` need not hold `a c`, so only the ends may be left out there. Where
    there are `labels` patterns are subtrees: a leaf, or a root with one child, is left out.
    """
    children = Children(tree)
    shorter: dict[int, Codes] = {}  # left-out place -> for every pattern of the level below, its part or MISSING
    row = np.zeros(len(depth), np.int64)  # a pattern's row in its level
    for length in range(2, int(depth.max(initial=0)) + 1):
        level = np.flatnonzero(depth == length)
        row[level] = np.arange(len(level))
        parent, item = tree.parent[level].astype(np.int64), tree.item[level].astype(np.int64)
        parts = {length - 1: parent}
        for place in (0,) if ends_only else range(length - 1):
            above = shorter[place][row[parent]] if place < length - 2 else tree.parent[parent].astype(np.int64)
            if labels and place == 0:
                # Without the root all stand one higher; a second child would be a second root: never found.
                parts[place] = children.of(above, item - labels)
                continue
            if labels and place == length - 2:
                inner = item // labels > tree.item[parent] // labels  # the node before has this one as its child
                above = np.where(inner, MISSING, above)
            parts[place] = children.of(above, item)
        for part in parts.values():
            there = part >= 0
            yield level[there], part[there]
        shorter = {place: np.where(part < 0, MISSING, part) for place, part in parts.items()}


MISSING = -2
"""Marks a pattern that was not found, where -1 is the empty pattern."""


class Children:
    """Finds the pattern that is another one with an item after it."""

    def __init__(self, tree: PrefixTree) -> None:
        self.width = int(tree.item.max(initial=0)) + 1
        keys = (tree.parent.astype(np.int64) + 1) * self.width + tree.item
        self.order = np.argsort(keys)
        self.keys = keys[self.order]

    def of(self, parent: Codes, item: Codes) -> Codes:
        """The number of the pattern `parent` + `item`, or MISSING."""
        wanted = np.where((parent == MISSING) | (item < 0), -1, (parent + 1) * self.width + item)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.order[place], MISSING)


def frequent_items(
    items: NDArray[np.integer], offsets: NDArray[np.integer], min_count: int
) -> tuple[Codes, NDArray[np.int32]]:
    """The codes that `min_count` sentences or more hold, ascending, and of every code its place among them, or -1."""
    support = sentence_support(items, offsets, int(items.max(initial=-1)) + 1)
    codes = np.flatnonzero(support >= min_count)
    return codes, numbers_of(codes, len(support))


def numbers_of(codes: NDArray[np.integer], width: int) -> NDArray[np.int32]:
    """Of each code below `width`, its place among `codes`, or -1."""
    number = np.full(width, -1, np.int32)
    number[codes] = np.arange(len(codes))
    return number


@compiled
def sentence_support(items, offsets, width):  # type: ignore[no-untyped-def]
    """In how many sentences each code below `width` occurs: int64 (width,)."""
    support, seen = np.zeros(width, np.int64), np.zeros(width, np.int64)
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            code = items[i]
            if code >= 0 and seen[code] != s + 1:
                seen[code] = s + 1
                support[code] += 1
    return support
