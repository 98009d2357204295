"""A signature as a classifier: how many bits its patterns and the length give a sentence.

A pattern votes with its LRC, in bits, when that is above 0 and no part of it explains it; no vote is fitted. Words add
up. Patterns of another kind mostly overlap (the same words in longer and shorter pieces), so that of each kind the
strongest one in the sentence counts alone. Tags are counted by token in signatures: a sentence gets their mean over
its tokens. Length gives the log-likelihood ratio of two gamma distributions, the profile's and all sentences', each
with its mean and standard deviation. How much each kind counts is neuronsig.evaluation.weighing's.

Of the rules tried on MiniLM and the six corpora, letting overlapping patterns of different kinds count once was worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from neuronsig.encoding.text import Text
from neuronsig.errors import InputError
from neuronsig.miners.brackets import bracket_label
from neuronsig.miners.counting import Postings, find_sequences, find_subtrees
from neuronsig.miners.mined_patterns import Limits
from neuronsig.miners.subtrees import subtree_items
from neuronsig.miners.trie import CountingTrie

Floats = NDArray[np.float64]
WORDS, TAGS, METADATA, ITEMSET, SUBTREE = "words", "pos", "metadata", "itemset", "subtree"
LENGTH = "length"
WORD, TAG = "word=", "pos="
"""How words and tags begin in itemsets, and tags in mixed sequences."""
SEQUENCES = {"word_sequence": "word", "pos_sequence": "pos", "mixed_sequence": "mixed"}
"""Kinds of sequences, and how their limits are called in MiningConfig."""

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
    single = (WORDS, TAGS, METADATA, SUBTREE)
    found = {
        (row["kind"], tuple(row["pattern"])): float(row["lrc"])
        for row in rows
        if row["lrc"] > 0 and not row["explained_by"] and (len(row["pattern"]) > 1 or row["kind"] in single)
    }
    votes = [Vote(kind, pattern, bits) for (kind, pattern), bits in found.items()]
    return sorted(votes, key=lambda vote: (-vote.bits, vote.kind, vote.pattern))


class Matches:
    """Which sentences of a text hold the patterns of many signatures; every distinct pattern is looked for once.

    `mining` are the settings that the patterns were mined with: gaps and windows of sequences, labels of subtrees. A
    pattern was frequent within its limits, so only within them does it count.
    """

    def __init__(self, votes: Iterable[Vote], text: Text, mining: Mapping[str, Any]) -> None:
        """Raises InputError for a kind that is unknown, and for a malformed subtree."""
        self.text = text
        self._layer = str(mining.get("subtree_labels", "pos"))
        patterns: dict[str, dict[tuple[str, ...], None]] = {}
        for vote in votes:
            patterns.setdefault(vote.kind, {})[vote.pattern] = None
        self._found = {kind: self._find(kind, list(of), mining) for kind, of in patterns.items()}

    def sentences(self, vote: Vote) -> NDArray[np.int32]:
        """Places in the text of the sentences with a pattern, ascending."""
        number, postings = self._found[vote.kind]
        return postings.of(number[vote.pattern]) if vote.pattern in number else np.zeros(0, np.int32)

    def _find(
        self, kind: str, patterns: Sequence[tuple[str, ...]], mining: Mapping[str, Any]
    ) -> tuple[dict[tuple[str, ...], int], Postings]:
        """The number of each pattern that the text has all items of, and the sentences by number."""
        sentences, vocabulary = self.text.sentences, self.text.vocabulary
        if kind == SUBTREE:
            names = [bracket_label(name) for name in vocabulary.node_names(self._layer)]
            label = {name: code for code, name in enumerate(names)}
            coded = [subtree_items(pattern[0], label, len(names)) for pattern in patterns]
        elif kind in SEQUENCES:
            coded = [tuple(codes_of(kind, pattern, self.text)) for pattern in patterns]
        else:
            coded = [tuple(sorted(set(codes_of(kind, pattern, self.text)))) for pattern in patterns]
        distinct = {codes: i for i, codes in enumerate(dict.fromkeys(c for c in coded if c and min(c) >= 0))}
        number = {p: distinct[codes] for p, codes in zip(patterns, coded, strict=True) if codes in distinct}
        trie = CountingTrie(list(distinct))
        if kind == SUBTREE:
            return number, find_subtrees(trie, sentences.forest(vocabulary, self._layer))
        if kind in SEQUENCES:
            items, offsets, positions = sentences.stacked(vocabulary)
            gap, window = limits_of(kind, mining)
            return number, find_sequences(trie, items, offsets, Limits(max_gap=gap, max_window=window), positions)
        return number, find_sequences(trie, *sentences.transactions(vocabulary))


def codes_of(kind: str, pattern: Sequence[str], text: Text) -> list[int]:
    """A pattern's codes in a text, -1 for an item that no sentence has. Raises InputError for an unknown kind."""
    if kind in (WORDS, "word_sequence"):
        return [text.code(item, "words") for item in pattern]
    if kind in (TAGS, "pos_sequence"):
        return [text.code(item, "tags") for item in pattern]
    if kind == METADATA:
        return [text.code("=".join(pattern), "metadata")]
    if kind == "mixed_sequence":
        return [text.code(item.removeprefix(TAG), "tags" if item.startswith(TAG) else "words") for item in pattern]
    if kind == ITEMSET:
        return [_item(item, text) for item in pattern]
    raise InputError(f"signatures/: kind {kind!r} is unknown; was it written by another version?")


def limits_of(kind: str, mining: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Gap and window that sequences of a kind were mined with, None for no limit."""
    gap, window = (mining.get(f"{SEQUENCES[kind]}_max_{name}") for name in ("gap", "window"))
    return (None if gap is None or gap < 0 else int(gap)), (int(window) if window else None)


def bits_by_kind(votes: Sequence[Vote], matches: Matches) -> dict[str, Floats]:
    """Bits (sentences,) that the votes of each kind give each sentence."""
    n = len(matches.text)
    bits: dict[str, Floats] = {vote.kind: np.zeros(n) for vote in votes}
    for vote in reversed(votes):  # the strongest is written last
        found = bits[vote.kind]
        if vote.kind == WORDS:
            found[matches.sentences(vote)] += vote.bits
        elif vote.kind != TAGS:
            found[matches.sentences(vote)] = vote.bits
    if TAGS in bits:
        bits[TAGS] = _mean_over_tokens(votes, matches.text)
    return bits


def length_bits(text: Text, mean: float, sd: float) -> Floats:
    """log2 of how much likelier each sentence's length (n,) is among those of a profile than among all of the text."""
    lengths = text.lengths.astype(np.float64)
    logs = []
    for centre, spread in ((mean, sd), (lengths.mean(), lengths.std())):
        shape = (max(centre, LEAST_SD) / max(spread, LEAST_SD)) ** 2
        logs.append(gamma.logpdf(np.maximum(lengths, LEAST_SD), shape, scale=max(centre, LEAST_SD) / shape))
    return np.asarray((logs[0] - logs[1]) / np.log(2.0))


def _mean_over_tokens(votes: Sequence[Vote], text: Text) -> Floats:
    by_code = np.zeros(text.n_codes)
    for vote in votes:
        if vote.kind == TAGS and vote.pattern[0] in text.tags:
            by_code[text.tags[vote.pattern[0]]] = vote.bits
    total = np.concatenate(([0.0], np.cumsum(by_code[text.tag_codes])))
    return np.diff(total[text.offsets]) / np.maximum(text.lengths, 1)


def _item(item: str, text: Text) -> int:
    """An item of an itemset: `word=the`, `pos=NN`, `domain=book`."""
    for prefix, layer in ((WORD, "words"), (TAG, "tags")):
        if item.startswith(prefix):
            return text.code(item.removeprefix(prefix), layer)
    return text.code(item, "metadata")


def labels_of(text: Text, layer: str) -> dict[str, int]:
    """The code of every label that a node can have: a tag, a word (layer words), or what trees were brought with."""
    if text.vocabulary.labels is not None:
        return {label: code for code, label in enumerate(text.vocabulary.labels)}
    names = text.words if layer == "words" else text.tags
    return {bracket_label(name): code for name, code in names.items()}
