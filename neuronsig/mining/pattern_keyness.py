"""A neuron's patterns, judged: their counts against the matched reference, keyness, false discovery, redundancy.

Judging takes two passes over the neurons, so that the false-discovery rate needs no sort of all tests: `p_values` of
every neuron's patterns are counted in a `PValueCounts`, which are merged over all neurons; then `judge` makes the
rows, looking each q up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.mining.keyness import Keyness, Matched, PValueCounts, match_reference, p_value
from neuronsig.mining.redundancy import Counts, PatternItems, explain

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class NeuronPatterns:
    """One neuron's patterns of a kind, and their sentences by stratum (neuronsig.mining.keyness).

    Give the single items too: they make no rows, because profiles list them, but they explain what is longer.
    """

    items: NDArray[np.integer]  # flat; pattern i is items[offsets[i] : offsets[i + 1]], an itemset's are ascending
    offsets: NDArray[np.integer]  # (patterns + 1,)
    f1: NDArray[np.integer]  # (patterns, strata) the neuron's sentences with the pattern
    corpus: NDArray[np.integer]  # (patterns, strata) all sentences with it, the neuron's included
    n1: NDArray[np.integer]  # (strata,) the neuron's sentences
    total: NDArray[np.integer]  # (strata,) all sentences
    bins: int  # length bins of the strata
    labels: int = 0  # subtrees only: their number of labels (neuronsig.miners.frequent)

    def of(self, number: int) -> list[int]:
        """The items of one pattern."""
        items: list[int] = self.items[self.offsets[number] : self.offsets[number + 1]].tolist()
        return items

    def matched(self) -> Matched:
        """The reference, matched to the neuron's strata."""
        return match_reference(self.f1, self.corpus, self.n1, self.total, self.bins)

    def keyness(self, tests: float, alpha: float) -> tuple[Codes, Keyness]:
        """The neuron's sentences with each pattern, and what is said of them against the reference."""
        f1, matched = self.f1.sum(axis=1).astype(np.int64), self.matched()
        return f1, Keyness.of(f1, int(self.n1.sum()), matched.share, matched.size, matched.sizes, tests, alpha)


@dataclass(frozen=True)
class JudgeRules:
    """How strict the statistics are, and what is kept of a neuron's patterns of a kind."""

    tests: int
    """Hypotheses of the kind: neurons x distinct patterns. Every pattern was looked for in every neuron."""
    alpha: float
    """Error rate of LRC, over all tests together."""
    patterns_kept: int
    """Patterns that nothing explains, strongest LRC first; with them those they explain that are stronger than the
    last of them, as many again at most."""
    frequent_kept: int
    """The most frequent patterns besides, as P1 Table 2 lists them."""
    shortest: int = 2
    """Items of a pattern that makes a row; shorter ones only explain."""
    frequent_shortest: int = 1
    """Items of the most frequent patterns, at least: without a bound they would be single constituents."""


def p_values(patterns: NeuronPatterns, shortest: int = 2) -> NDArray[np.float64]:
    """For `PValueCounts.add`: of the patterns of `shortest` items or more, which alone are hypotheses of the kind."""
    matched = patterns.matched()
    found = p_value(patterns.f1.sum(axis=1), int(patterns.n1.sum()), *matched.evidence)
    return found[np.diff(patterns.offsets) >= shortest]


def judge(patterns: NeuronPatterns, rules: JudgeRules, discovered: PValueCounts) -> Mapping[str, NDArray[np.generic]]:
    """The columns of a neuron's rows of SIGNATURES (without its key and kind), strongest LRC first.

    `pattern` is the number of the pattern among those given, `explained_by` the number of another one or -1; the
    caller writes both in words. `rank` is the place among all the neuron's patterns of `shortest` items or more, so
    its gaps show how many were passed over. log_ratio, lrc, g2 and q are of f1 of n1 against the share `matched`, the
    last three as if measured on the pattern's own size. Ties go to the pattern given first: give them in
    lexicographic order.
    """
    matched = patterns.matched()
    f1, n1 = patterns.f1.sum(axis=1).astype(np.int64), int(patterns.n1.sum())
    keyness = Keyness.of(f1, n1, matched.share, matched.size, matched.sizes, rules.tests, rules.alpha)
    order = keyness.order(f1)
    counts = Counts(f1.astype(np.float64), n1, matched.equivalent, matched.size, rules.alpha)
    items = PatternItems(patterns.items, patterns.offsets, patterns.labels)
    rows = order[items.lengths[order] >= rules.shortest]
    place = np.full(len(order), -1, np.int64)
    place[rows] = np.arange(len(rows))
    longer = rows[items.lengths[rows] >= rules.frequent_shortest]
    often = longer[np.argsort(-f1[longer], kind="stable")][: rules.frequent_kept]
    plain, explained_by = explain(order, keyness.lrc > 0, items, counts, rules.patterns_kept, often, rules.shortest)
    explained = np.flatnonzero(explained_by >= 0)
    explained = explained[np.argsort(place[explained])][: rules.patterns_kept]
    kept = np.union1d(np.union1d(plain, often), explained)
    kept = kept[np.argsort(place[kept])]
    return {
        "pattern": kept,
        "f1": f1[kept],
        "n1": np.full(len(kept), n1),
        "f2": matched.f2[kept],
        "n2": np.full(len(kept), matched.n2),
        "matched": matched.share[kept],
        "log_ratio": keyness.log_ratio[kept],
        "lrc": keyness.lrc[kept],
        "g2": keyness.g2[kept],
        "q": discovered.q(keyness.p()[kept], rules.tests),
        "rank": place[kept],
        "explained_by": explained_by[kept],
    }
