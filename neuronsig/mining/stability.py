"""How far the signatures of two disjoint halves of the corpus agree, and how many sentences that takes, with no engine.

A sentence's half is a hash of its id, so a neuron's list cut to a half *is* the exact top list of that half; cut to its
first k sentences it is the list that k would have given. Signatures of both halves are made as jobs.mine makes them
(neuronsig.mining.pattern_keyness), each against the rest of its own half, and their strongest patterns compared:

    overlap   rank-biased overlap (Webber, Moffat and Zobel 2010), extrapolated: the first ranks weigh most
    jaccard   patterns in both, of those in either
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.counting import CountingTrie, count_sequences
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.sequences import frequent_sequences
from neuronsig.mining.holdout import is_held_out
from neuronsig.mining.keyness import PValueCounts, g2, keyness_order, log_ratio, lrc
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values
from neuronsig.splitmix import uniform

Codes = NDArray[np.int64]
Pattern = tuple[int, ...]

HALVES = 2
KINDS = ("words", "word_sequence")
_SEED = 0x68616C766573  # another than that of the sentences held out


def half_of(sentence_ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """0 or 1 for each sentence, whatever else the corpus holds."""
    return (uniform(sentence_ids, _SEED) < 0.5).astype(np.int64)


def half_lists(sentence_ids: NDArray[np.integer], holdout: float) -> tuple[Codes, Codes]:
    """A neuron's list, best sentence first, as the top lists of both halves without the sentences held out."""
    ids = np.asarray(sentence_ids, np.int64)
    ids = ids[~is_held_out(ids, holdout)]
    half = half_of(ids)
    return ids[half == 0], ids[half == 1]


def usable_sizes(asked: Sequence[int], shortest: int) -> list[int]:
    """The sizes asked for that all lists have; where they end below the largest, what all have is the last."""
    sizes = [k for k in asked if k <= shortest]
    return sizes if len(sizes) == len(asked) else [*sizes, *([shortest] if shortest not in sizes else [])]


@dataclass(frozen=True)
class Sample:
    """A neuron's k best sentences of one half: words as codes, flat, and the stratum of each sentence."""

    words: Codes
    offsets: Codes  # (k + 1,)
    strata: NDArray[np.integer]  # (k,)

    def first(self, k: int) -> Sample:
        """The k best of them."""
        return Sample(self.words[: self.offsets[k]], self.offsets[: k + 1], self.strata[:k])


@dataclass(frozen=True)
class Mined:
    """Frequent patterns of a sample, flat in lexicographic order, and in how many sentences by stratum each is."""

    items: Codes
    offsets: Codes
    f1: Codes  # (patterns, strata)
    n1: Codes  # (strata,)

    def patterns(self) -> list[Pattern]:
        flat, bounds = self.items.tolist(), self.offsets.tolist()
        return [tuple(flat[start:stop]) for start, stop in itertools.pairwise(bounds)]


def mine_sample(sample: Sample, n_strata: int, least_word: int, least: int, limits: Limits) -> Mined:
    """Words that `least_word` of the sample's sentences hold, whatever the target of the limits, and word sequences
    that `least` of them hold."""
    words = frequent_sequences(sample.words, sample.offsets, least_word, Limits(max_length=1, max_patterns=None))
    patterns = sorted({*words, *frequent_sequences(sample.words, sample.offsets, least, limits)})
    n1 = np.bincount(sample.strata, minlength=n_strata)
    items = np.array([item for pattern in patterns for item in pattern], np.int64)
    offsets = np.cumsum([0, *map(len, patterns)])
    if not patterns:
        return Mined(items, offsets, np.zeros((0, n_strata), np.int64), n1)
    trie = CountingTrie.of(items, offsets)
    f1 = count_sequences(trie, sample.words, sample.offsets, limits, strata=sample.strata, n_strata=n_strata)
    return Mined(items, offsets, f1, n1)


@dataclass(frozen=True)
class Corpus:
    """One half of the corpus: its sentences by stratum, and the length bins of the strata."""

    total: Codes  # (strata,)
    bins: int


def signature(
    mined: Mined, counts: Codes, corpus: Corpus, top: int, neurons: int, alpha: float
) -> dict[str, list[Pattern]]:
    """The `top` strongest words and word sequences beyond chance, by LRC against the rest of the half.

    `counts` (patterns, strata): the half's sentences with each pattern. LRC is corrected for the sample's patterns
    times `neurons`, so that it does not depend on which neurons are looked at together.
    """
    names = mined.patterns()
    if not names:
        return {kind: [] for kind in KINDS}
    patterns = NeuronPatterns(mined.items, mined.offsets, mined.f1, counts, mined.n1, corpus.total, corpus.bins)
    tests = len(names) * neurons
    discovered = PValueCounts()
    discovered.add(p_values(patterns))
    rows = judge(patterns, JudgeRules(tests, alpha, top, 0), discovered)
    plain = (np.asarray(rows["explained_by"], np.int64) < 0) & (np.asarray(rows["lrc"], np.float64) > 0)
    sequences = [names[number] for number in np.asarray(rows["pattern"], np.int64)[plain][:top]]
    return {"words": _words(patterns, names, top, tests, alpha), "word_sequence": sequences}


def _words(patterns: NeuronPatterns, names: Sequence[Pattern], top: int, tests: int, alpha: float) -> list[Pattern]:
    matched = patterns.matched()
    f1, n1 = patterns.f1.sum(axis=1), int(patterns.n1.sum())
    ratio = log_ratio(f1, n1, matched.equivalent, matched.size)
    table = f1, n1, *matched.evidence
    limit = lrc(*table, tests=tests, alpha=alpha)
    order = keyness_order(f1, ratio, limit, g2(*table))
    return [names[number] for number in order if len(names[number]) == 1 and limit[number] > 0][:top]


def rank_biased_overlap(one: Sequence[Hashable], other: Sequence[Hashable], p: float) -> float:
    """Extrapolated rank-biased overlap of two rankings without ties, of any lengths: 0 to 1; NaN when both are empty.

    Webber et al.'s equation 32: agreement beyond what is seen is taken to go on as at the end.
    """
    short, long = sorted((list(one), list(other)), key=len)
    s, n = len(short), len(long)
    if n == 0:
        return float("nan")
    if s == 0:
        return 0.0
    overlap = np.array([len(set(short[:d]) & set(long[:d])) for d in range(1, n + 1)], np.float64)  # (n,)
    depth = np.arange(1, n + 1)
    total = float((overlap / depth * p**depth).sum())
    beyond = depth[s:]
    total += float((overlap[s - 1] * (beyond - s) / (s * beyond) * p**beyond).sum())
    end = (overlap[-1] - overlap[s - 1]) / n + overlap[s - 1] / s
    return (1 - p) / p * total + float(end) * p**n


def jaccard(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Share of what is in either that is in both; NaN when both are empty."""
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else float("nan")


def enough(sizes: Sequence[int], agreement: Mapping[int, float], share: float) -> int | None:
    """The fewest sentences whose agreement is at least `share` of that of the most; None where that is not known."""
    last = agreement.get(max(sizes, default=0), float("nan"))
    if not last > 0:
        return None
    return next(k for k in sorted(sizes) if agreement.get(k, float("nan")) >= share * last)
