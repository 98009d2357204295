"""A signature as a classifier: how many bits its patterns and the length give a sentence.

A pattern votes with its LRC, in bits, when that is above 0 and no part of it explains it; no vote is fitted. Words add
up. Patterns of another kind mostly overlap (the same words in longer and shorter pieces), so that of each kind the
strongest one in the sentence counts alone. Tags are counted by token in signatures: a sentence gets their mean over
its tokens. Length gives the log-likelihood ratio of two gamma distributions, the profile's and all sentences', each
with its mean and standard deviation. How much each kind counts is `neuronsig.evaluation.judging.weighed`'s.

Of the rules tried on MiniLM and the six corpora, letting overlapping patterns of different kinds count once was worse.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Text
from neuronsig.kinds import ITEM, SEQUENCE, SUBTREE, TAGS, WORDS, Kind, kind_of
from neuronsig.miners.brackets import bracket_label
from neuronsig.miners.counting import Postings, find_sequences, find_subtrees
from neuronsig.miners.frequent import subtree_items
from neuronsig.miners.trie import CountingTrie
from neuronsig.mining.kinds import limits_of

Floats = NDArray[np.float64]
LENGTH = "length"

LEAST_SD = 0.5
"""Words: a neuron whose sentences are all of one length does not rule out the next one."""


@dataclass(frozen=True)
class Vote:
    """A pattern of a signature and its bits."""

    kind: str
    pattern: tuple[str, ...]
    bits: float


def votes_of(rows: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """The votes of a neuron's rows of SIGNATURES (kind, pattern, lrc, explained_by), strongest first.

    A single item votes in its own kind alone: words, pos or metadata.
    """
    found = {
        (row["kind"], tuple(row["pattern"])): float(row["lrc"])
        for row in rows
        if row["lrc"] > 0
        and not row["explained_by"]
        and (len(row["pattern"]) > 1 or kind_of(row["kind"]).shape in (ITEM, SUBTREE))
    }
    votes = [Vote(kind, pattern, bits) for (kind, pattern), bits in found.items()]
    return sorted(votes, key=lambda vote: (-vote.bits, vote.kind, vote.pattern))


class Matches:
    """Which sentences of a text hold the patterns of many signatures; every distinct pattern is looked for once.

    `mining` are the settings that the patterns were mined with: gaps and windows of sequences, labels of subtrees. A
    pattern was frequent within its limits, so only within them does it count.
    """

    def __init__(self, votes: Iterable[Vote], text: Text, mining: MiningConfig) -> None:
        """Raises InputError for a kind that is unknown, and for a malformed subtree."""
        self.text = text
        self._layer = mining.subtree_labels
        patterns: dict[str, dict[tuple[str, ...], None]] = {}
        for vote in votes:
            patterns.setdefault(vote.kind, {})[vote.pattern] = None
        self._found = {name: self._find(kind_of(name), list(of), mining) for name, of in patterns.items()}

    def sentences(self, vote: Vote) -> NDArray[np.int32]:
        """Places in the text of the sentences with a pattern, ascending."""
        number, postings = self._found[vote.kind]
        return postings.of(number[vote.pattern]) if vote.pattern in number else np.zeros(0, np.int32)

    def _find(
        self, kind: Kind, patterns: Sequence[tuple[str, ...]], mining: MiningConfig
    ) -> tuple[dict[tuple[str, ...], int], Postings]:
        """The number of each pattern that the text has all items of, and the sentences by number."""
        sentences, vocabulary = self.text.sentences, self.text.vocabulary
        if kind.shape == SUBTREE:
            names = [bracket_label(name) for name in vocabulary.node_names(self._layer)]
            label = {name: code for code, name in enumerate(names)}
            coded = [subtree_items(pattern[0], label, len(names)) for pattern in patterns]
        elif kind.shape == SEQUENCE:
            coded = [tuple(codes_of(kind, pattern, self.text)) for pattern in patterns]
        else:
            coded = [tuple(sorted(set(codes_of(kind, pattern, self.text)))) for pattern in patterns]
        distinct = {codes: i for i, codes in enumerate(dict.fromkeys(c for c in coded if c and min(c) >= 0))}
        number = {p: distinct[codes] for p, codes in zip(patterns, coded, strict=True) if codes in distinct}
        trie = CountingTrie(list(distinct))
        if kind.shape == SUBTREE:
            return number, find_subtrees(trie, sentences.forest(vocabulary, self._layer))
        if kind.shape == SEQUENCE:
            items, offsets, positions = sentences.stacked(vocabulary)
            return number, find_sequences(trie, items, offsets, limits_of(kind, mining), positions)
        return number, find_sequences(trie, *sentences.transactions(vocabulary))


def codes_of(kind: Kind, pattern: Sequence[str], text: Text) -> list[int]:
    """A pattern's codes in a text, -1 for an item that no sentence has."""
    return [text.code(name, layer) for layer, name in kind.read(pattern)]


def bits_by_kind(votes: Sequence[Vote], matches: Matches) -> dict[str, Floats]:
    """Bits (sentences,) that the votes of each kind give each sentence."""
    n = len(matches.text)
    bits: dict[str, Floats] = {vote.kind: np.zeros(n) for vote in votes}
    for vote in reversed(votes):  # the strongest is written last
        found = bits[vote.kind]
        rule = kind_of(vote.kind).votes
        if rule == "sum":
            found[matches.sentences(vote)] += vote.bits
        elif rule == "strongest":
            found[matches.sentences(vote)] = vote.bits
    for name in bits:
        if kind_of(name).votes == "mean":
            bits[name] = _mean_over_tokens([vote for vote in votes if vote.kind == name], matches.text)
    return bits


def length_bits(text: Text, mean: float, sd: float) -> Floats:
    """log2 of how much likelier each sentence's length (n,) is among those of a profile than among all of the text."""
    lengths = text.lengths.astype(np.float64)
    logs = []
    for centre, spread in ((mean, sd), (lengths.mean(), lengths.std())):
        shape = (max(centre, LEAST_SD) / max(spread, LEAST_SD)) ** 2
        scaled = np.maximum(lengths, LEAST_SD) * shape / max(centre, LEAST_SD)
        logs.append((shape - 1) * np.log(scaled) - scaled - gammaln(shape) + np.log(shape / max(centre, LEAST_SD)))
    return np.asarray((logs[0] - logs[1]) / np.log(2.0))


def _mean_over_tokens(votes: Sequence[Vote], text: Text) -> Floats:
    by_code = np.zeros(text.vocabulary.n_codes)
    for vote in votes:
        if (code := text.code(vote.pattern[0], TAGS)) >= 0:
            by_code[code] = vote.bits
    total = np.concatenate(([0.0], np.cumsum(by_code[text.tag_codes])))
    return np.diff(total[text.sentences.offsets]) / np.maximum(text.lengths, 1)


def labels_of(text: Text, layer: str) -> dict[str, int]:
    """The code of every label that a node can have: a tag, a word (layer words), or what a user's trees have."""
    if text.vocabulary.labels is not None:
        return {label: code for code, label in enumerate(text.vocabulary.labels)}
    return {bracket_label(name): code for name, code in text.codes[WORDS if layer == "words" else TAGS].items()}
