"""Both halves of a corpus: the lists of neurons in them, and the signatures that each gives by itself, with no engine.

A sentence's half is a hash of its id, so a neuron's list cut to a half *is* the exact top list of that half; cut to its
first k sentences it is the list that k would have given. Signatures of both halves are made as neuronsig mine makes
them (neuronsig.mining.pattern_keyness), each against the rest of its own half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.config import MiningConfig, StabilityConfig
from neuronsig.encoding.text import WordText, word_codes
from neuronsig.encoding.vocabulary import Strata
from neuronsig.errors import InputError
from neuronsig.holdout import Holdout
from neuronsig.kinds import kind_of
from neuronsig.miners.counting import count_sequences
from neuronsig.miners.frequent import frequent_sequences
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.trie import CountingTrie
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.kinds import least_support, limits_of
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values
from neuronsig.neuron import Neuron
from neuronsig.ragged import Codes, list_lengths, offsets_of
from neuronsig.readers import listed_neurons, read_top_lists
from neuronsig.splitmix import uniform

Pattern = tuple[int, ...]

HALVES = 2
WORDS, SEQUENCES = kind_of("words"), kind_of("word_sequence")
KINDS = (WORDS.name, SEQUENCES.name)
SHORTEST = 20
"""Sentences of a half below which no signature is made."""
LENGTHS = 4096
"""Words of a sentence that are told apart; longer ones count as this long."""
_SEED = 0x68616C766573  # another than that of the sentences held out


@dataclass(frozen=True)
class Lists:
    """Both halves' top lists of the neurons looked at, best sentence first."""

    neurons: list[Neuron]
    halves: list[tuple[Codes, Codes]]

    @property
    def shortest(self) -> int:
        """Sentences of the shortest half."""
        return min(len(half) for pair in self.halves for half in pair)

    def __getitem__(self, some: slice) -> Lists:
        return Lists(self.neurons[some], self.halves[some])


def read_halves(topk: Path, rules: StabilityConfig, held_out: Codes) -> tuple[Lists, int]:
    """Both halves' lists of the neurons that `rules` choose, and the number of all neurons of a topk table.

    `held_out` are the ids of sentences that no list is made of, ascending. Raises InputError when a half has too few
    sentences.
    """
    every = listed_neurons(topk)
    of = read_top_lists(topk, choose(every, rules.neurons, rules.seed)).by_neuron()
    lists = Lists(list(of), [half_lists(ids, held_out) for ids in of.values()])
    if lists.shortest < SHORTEST:
        raise InputError(
            f"{topk}: a neuron's list has {lists.shortest} sentences in one half of the corpus, at least {SHORTEST} "
            "are needed; collect longer lists (collect.k=...)"
        )
    return lists, len(every)


def choose(neurons: Sequence[Neuron], n: int, seed: int) -> list[Neuron]:
    """`n` neurons drawn by seed, as many of each site, layer and sign as can be; all when `n` is 0; sorted."""
    if n == 0 or n >= len(neurons):
        return sorted(neurons)
    groups: dict[tuple[str, int, int], list[Neuron]] = {}
    for neuron in neurons:
        groups.setdefault((neuron.site, neuron.layer, neuron.sign), []).append(neuron)
    draw = np.random.default_rng(seed)
    drawn = [[group[place] for place in draw.permutation(len(group))] for _, group in sorted(groups.items())]
    rounds = [group[turn] for turn in range(max(map(len, drawn))) for group in drawn if turn < len(group)]
    return sorted(rounds[:n])


@dataclass(frozen=True)
class Settings:
    """What determines the agreement beside lists and sentences."""

    sizes: tuple[int, ...]
    stability: StabilityConfig
    mining: MiningConfig
    neurons: int  # of the run: LRC is corrected for all of them

    @property
    def limits(self) -> Limits:
        """Of the word sequences mined."""
        return limits_of(SEQUENCES, self.mining)


def half_of(sentence_ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """0 or 1 for each sentence, whatever else the corpus holds."""
    return (uniform(sentence_ids, _SEED) < 0.5).astype(np.int64)


def half_lists(sentence_ids: NDArray[np.integer], held_out: Codes) -> tuple[Codes, Codes]:
    """A neuron's list, best sentence first, as the top lists of both halves without the sentences held out."""
    ids = np.asarray(sentence_ids, np.int64)
    ids = ids[~np.isin(ids, held_out)]
    half = half_of(ids)
    return ids[half == 0], ids[half == 1]


def told_apart(lengths: Codes) -> Codes:
    """Lengths of sentences, up to the longest that is told apart."""
    return np.minimum(lengths, LENGTHS - 1)


def count_lengths(batch: pa.RecordBatch, holdout: Holdout) -> Codes:
    """int64 (halves, LENGTHS): the sentences of each half and length, of a batch of `sentence_id`,
    `tokens` and what tells the sentences held out."""
    kept = holdout.without(batch)
    key = half_of(kept.column("sentence_id").to_numpy()) * LENGTHS + told_apart(list_lengths(kept.column("tokens")))
    return np.bincount(key, minlength=HALVES * LENGTHS).reshape(HALVES, LENGTHS)


def count_patterns(
    batch: pa.RecordBatch, trie: CountingTrie, names: pa.Array, strata: Strata, settings: Settings
) -> Codes:
    """int64 (patterns, halves * strata): the sentences that hold each pattern of places in `names`."""
    kept = settings.mining.held_out.without(batch)
    codes, offsets = word_codes(kept.column("tokens"), names)
    half = half_of(kept.column("sentence_id").to_numpy())
    of = half * strata.size + strata.codes(told_apart(np.diff(offsets)))
    total = HALVES * strata.size
    return count_sequences(trie, codes, offsets, settings.limits, strata=of.astype(np.int16), n_strata=total)


@dataclass(frozen=True)
class Sample:
    """A neuron's k best sentences of one half: words as codes, flat, and the stratum of each sentence."""

    words: Codes
    offsets: Codes  # (k + 1,)
    strata: NDArray[np.integer]  # (k,)

    @classmethod
    def of(cls, text: WordText, ids: Codes, strata: Strata) -> Sample:
        """Of the sentences with these ids, in the order given."""
        words, offsets = text.lists(ids)
        return cls(words, offsets, strata.codes(told_apart(np.diff(offsets))))

    def first(self, k: int) -> Sample:
        """The k best of them."""
        return Sample(self.words[: self.offsets[k]], self.offsets[: k + 1], self.strata[:k])


@dataclass(frozen=True)
class Mined:
    """Frequent patterns of a sample in lexicographic order, and in how many sentences by stratum each is."""

    patterns: list[Pattern]
    f1: Codes  # (patterns, strata)
    n1: Codes  # (strata,)


def mine_sample(sample: Sample, n_strata: int, least_word: int, least: int, limits: Limits) -> Mined:
    """Words that `least_word` of the sample's sentences hold, whatever the target of the limits, and word sequences
    that `least` of them hold."""
    words = frequent_sequences(sample.words, sample.offsets, least_word, Limits(max_length=1, max_patterns=None))
    patterns = sorted({*words, *frequent_sequences(sample.words, sample.offsets, least, limits)})
    trie = CountingTrie(patterns)
    f1 = count_sequences(trie, sample.words, sample.offsets, limits, strata=sample.strata, n_strata=n_strata)
    return Mined(patterns, f1, np.bincount(sample.strata, minlength=n_strata))


def mine_sizes(sample: Sample, strata: Strata, settings: Settings) -> list[Mined]:
    """What is mined of the first sentences of a half, for each size."""
    few = settings.mining.min_count
    least = [least_support(SEQUENCES, k, settings.mining) for k in settings.sizes]
    kept = zip(settings.sizes, least, strict=True)
    return [mine_sample(sample.first(k), strata.size, few, sentences, settings.limits) for k, sentences in kept]


def halves_of(counts: Codes, match: str) -> tuple[Strata, list[Codes]]:
    """The bins of lengths, and both halves' sentences by stratum, of what `count_lengths` counted of all sentences."""
    strata = Strata.build("none" if match == "none" else "length", counts.sum(axis=0))
    code = strata.codes(np.arange(LENGTHS))
    return strata, [np.bincount(code, weights=half, minlength=strata.size).astype(np.int64) for half in counts]


def signature(mined: Mined, counts: Codes, total: Codes, bins: int, settings: Settings) -> dict[str, list[Pattern]]:
    """The strongest words and word sequences beyond chance, `stability.top` of each, by LRC against the rest of a half.

    `counts` (patterns, strata): the half's sentences with each pattern, `total` (strata,): all of them. LRC is
    corrected for the sample's patterns times the run's neurons, so that it does not depend on which are looked at
    together.
    """
    names, top, alpha = mined.patterns, settings.stability.top, settings.mining.alpha
    if not names:
        return {kind: [] for kind in KINDS}
    items, offsets = np.array([item for pattern in names for item in pattern]), offsets_of([len(p) for p in names])
    patterns = NeuronPatterns(items, offsets, mined.f1, counts, mined.n1, total, bins)
    tests = len(names) * settings.neurons
    discovered = PValueCounts()
    discovered.add(p_values(patterns))
    rows = judge(patterns, JudgeRules(tests, alpha, top, 0), discovered)
    plain = (np.asarray(rows["explained_by"], np.int64) < 0) & (np.asarray(rows["lrc"], np.float64) > 0)
    sequences = [names[number] for number in np.asarray(rows["pattern"], np.int64)[plain][:top]]
    f1, keyness = patterns.keyness(tests, alpha)
    words = [names[i] for i in keyness.order(f1) if len(names[i]) == 1 and keyness.lrc[i] > 0]
    return {WORDS.name: words[:top], SEQUENCES.name: sequences}
