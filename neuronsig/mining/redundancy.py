"""Patterns that say what another one says: a neuron's list without repetitions, and with the reasons.

A pattern that stands out is *explained*

- by a part of it, when what it adds selects no further: among the sentences with the part, those with the whole are
  not more frequent, beyond chance and by LEAST_LIFT, than they are in the reference. Parts are asked from the shortest
  on, whatever their rank, and only one that no part explains can explain;
- by a pattern before it that it is a part of, when it owes its selectivity to that: the sentences that have the part
  but not the whole are not more frequent, beyond chance and by LEAST_LIFT, than in the reference;
- by a pattern before it with half of its items or more and the same counts within SAME: pieces of one longer phrase.

"Beyond chance" is at level `alpha` divided by the number of the neuron's patterns (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.mining.keyness import lift, log_ratio
from neuronsig.mining.pattern_items import PatternItems

LEAST_LIFT = 0.25
"""Bits, a factor of 1.19: what adds less to a part is not worth a reader's line, however certain it is."""

SAME = 0.02
"""Overlapping patterns whose counts differ by no more than this share are one."""

BLOCK = 512
"""Patterns of the walk looked at together: mostly all that is needed of a neuron's thousands."""

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class Counts:
    """How a neuron's patterns were counted: f1 of n1 sentences, f2 of n2 (matched, so not whole) in the reference."""

    f1: Floats  # (patterns,)
    n1: float
    f2: Floats  # (patterns,)
    n2: float
    alpha: float = 0.05

    @property
    def level(self) -> float:
        """The level of one comparison."""
        return self.alpha / max(len(self.f1), 1)

    def part_explains(self, whole: Codes, part: Codes) -> NDArray[np.bool_]:
        """For pairs of a pattern and a part of it: does the part account for the whole?"""
        ratio, limit = lift(self.f1[whole], self.f1[part], self.f2[whole], self.f2[part], self.level)
        return (ratio < LEAST_LIFT) | (limit <= 0)

    def whole_explains(self, whole: int, part: Codes) -> NDArray[np.bool_]:
        """Which of some parts of a pattern it accounts for."""
        f1 = np.maximum(self.f1[part] - self.f1[whole], 0.0)
        f2 = np.maximum(self.f2[part] - self.f2[whole], 0.0)
        _, limit = lift(f1, self.n1, f2, self.n2, self.level)
        return (log_ratio(f1, self.n1, f2, self.n2) < LEAST_LIFT) | (limit <= 0)

    def same(self, rows: Codes, other: int) -> NDArray[np.bool_]:
        """Which of `rows` have the counts of `other`, within SAME."""
        near1 = np.abs(self.f1[rows] - self.f1[other]) <= SAME * self.f1[other]
        near2 = np.abs(self.f2[rows] - self.f2[other]) <= SAME * self.f2[other]
        return np.asarray(near1 & near2)


@dataclass
class Explained:
    """`kept`: the unexplained patterns in order, as many as were wanted; `explained_by` (patterns,): another one or -1.

    Patterns after the last kept one are explained by it or those before it only where they are among `more`.
    """

    kept: Codes
    explained_by: Codes


def explain(
    order: Codes,
    selective: NDArray[np.bool_],
    items: PatternItems,
    counts: Counts,
    wanted: int,
    more: Codes,
    shortest: int = 1,
) -> Explained:
    """Go through the patterns from the strongest (`order`, all patterns) until `wanted` unexplained ones are found.

    Only `selective` patterns, those beyond chance, explain or are explained; `more` are patterns whose explanation is
    wanted wherever they stand in the order. Patterns under `shortest` items explain longer ones but are neither kept
    nor explained: they are reported elsewhere.
    """
    explained = explained_by_parts(order, selective, items, counts, shortest)
    walk = order[selective[order] & (items.lengths[order] >= shortest) & (explained[order] < 0)]
    kept: list[int] = []

    def mark(rows: Codes, by: int) -> None:
        rows = rows[explained[rows] < 0]
        parts = rows[items.within(rows, by)]
        explained[parts[counts.whole_explains(by, parts)]] = by
        alike = rows[counts.same(rows, by)]
        explained[alike[items.overlap(alike, by)]] = by

    looked = 0
    while looked < len(walk) and len(kept) < wanted:
        block = walk[looked : looked + BLOCK]
        for by in kept:
            mark(block, by)
        for i, pattern in enumerate(block):
            looked += 1
            if explained[pattern] >= 0:
                continue
            kept.append(int(pattern))
            if len(kept) == wanted:
                break
            mark(block[i + 1 :], int(pattern))
    explained[walk[looked:]] = -1
    rest = more[np.isin(more, walk[looked:])]
    for by in kept:
        mark(rest, by)
    return Explained(np.array(kept, np.int64), explained)


def explained_by_parts(
    order: Codes, selective: NDArray[np.bool_], items: PatternItems, counts: Counts, shortest: int
) -> Codes:
    """(patterns,) for each selective pattern the part that explains it, of several the strongest; -1 for none.

    A part that is itself explained by one of its parts explains nothing, so that small lifts cannot add up unseen.
    """
    explained = np.full(len(order), -1, np.int64)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    for length in range(max(shortest, 2), int(items.lengths.max(initial=0)) + 1):
        whole, part = items.parts(np.flatnonzero(selective & (items.lengths == length)))
        able = selective[part] & (explained[part] < 0)
        whole, part = whole[able], part[able]
        able = counts.part_explains(whole, part)
        whole, part = whole[able], part[able]
        weakest_first = np.argsort(-place[part], kind="stable")  # the strongest is written last
        explained[whole[weakest_first]] = part[weakest_first]
    return explained
