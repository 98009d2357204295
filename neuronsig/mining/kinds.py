"""The kinds of patterns: what of a sentence each is made of, how it is mined from a neuron's sentences, and counted.

    word_sequence    lower-cased words in order                                 P1 3.2
    pos_sequence     POS tags in order                                          P1 3.2
    mixed_sequence   words and tags in order, one of each at least: `not ... JJ`
    itemset          words, metadata values and tags, in whatever order
    subtree          parts of syntax trees                                      P2 step 3

Items are the codes of `neuronsig.mining.profiles.Dictionary`: words, metadata values, tags. In POS sequences and in
subtrees tags have their own codes from 0, and a subtree's node is `depth * labels + label`
(neuronsig.miners.subtrees). Trees are labels and heads of nodes: those of dependency trees are the words, labelled
with tags or words; those of bracketed trees that a user brings have labels of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.config import MiningConfig
from neuronsig.config.mining import KINDS
from neuronsig.miners.brackets import brackets
from neuronsig.miners.counting import CountingTrie, count_sequences, count_subtrees
from neuronsig.miners.itemsets import frequent_itemsets
from neuronsig.miners.mined_patterns import Codes, Limits, Patterns, support_count
from neuronsig.miners.sequences import frequent_sequences, stack
from neuronsig.miners.subtrees import frequent_subtrees
from neuronsig.miners.trees import Forest, forest
from neuronsig.mining.profiles import OTHER, Dictionary

__all__ = ["KINDS", "KindCounter", "Sentences", "itemset_items", "limits_of", "mine_kind", "pattern_names", "shortest"]


@dataclass(frozen=True)
class Sentences:
    """Encoded sentences, flat: sentence i has the words and tags [offsets[i], offsets[i + 1])."""

    offsets: Codes  # (sentences + 1,)
    words: NDArray[np.integer]  # -1: a word of no code
    tags: NDArray[np.integer]
    items: NDArray[np.integer]  # distinct words and metadata values, ascending
    item_offsets: Codes
    heads: NDArray[np.integer]  # 1-based, 0 for a root
    head_offsets: Codes  # a sentence without a tree has no heads
    strata: NDArray[np.int16]  # (sentences,)
    nodes: NDArray[np.integer] = field(default_factory=lambda: np.zeros(0, np.int32))
    """Labels of the nodes of bracketed trees, one for each head; -1: a label of no code."""

    def __len__(self) -> int:
        return len(self.strata)

    def by_stratum(self, n_strata: int) -> Codes:
        """(n_strata,) sentences of each stratum."""
        return np.bincount(self.strata, minlength=n_strata)

    def trees_by_stratum(self, n_strata: int) -> Codes:
        """(n_strata,) sentences of each stratum that have a tree."""
        return np.bincount(self.strata[np.diff(self.head_offsets) > 0], minlength=n_strata)

    def stacked(self, dictionary: Dictionary) -> tuple[Codes, Codes, Codes]:
        """Items, offsets and positions of words and tags together."""
        return stack([self.words, self.tags.astype(np.int64) + dictionary.n_items], self.offsets)

    def transactions(self, dictionary: Dictionary) -> tuple[Codes, Codes]:
        """Every sentence's distinct words, metadata values and tags, ascending: items and offsets."""
        n, width = len(self), dictionary.n_items + len(dictionary.tags)
        seen = np.zeros(n * len(dictionary.tags), bool)
        seen[_rows(self.offsets) * len(dictionary.tags) + self.tags] = True
        row, tag = np.divmod(np.flatnonzero(seen), max(len(dictionary.tags), 1))
        tag_keys = row * width + tag + dictionary.n_items
        keys = np.concatenate((_rows(self.item_offsets) * width + self.items, tag_keys))
        keys.sort()
        row, item = np.divmod(keys, width)
        return item, np.searchsorted(row, np.arange(n + 1))

    def forest(self, dictionary: Dictionary, labels: str) -> Forest:
        """The trees: those brought, or the dependency trees labelled with tags (pos) or words."""
        if dictionary.labels is not None:
            return forest(self.nodes, self.heads, self.head_offsets, n_labels(dictionary, labels))
        label: NDArray[np.integer] = self.tags if labels == "pos" else self.words
        there = np.diff(self.head_offsets) > 0
        if not there.all():
            label = label[np.repeat(there, np.diff(self.offsets))]
        return forest(label, self.heads, self.head_offsets, n_labels(dictionary, labels))


def n_labels(dictionary: Dictionary, labels: str) -> int:
    """Labels that a subtree's node may have."""
    return max(len(node_names(dictionary, labels)), 1)


def node_names(dictionary: Dictionary, labels: str) -> list[str]:
    """The labels that a subtree's node may have, by their codes."""
    if dictionary.labels is not None:
        return dictionary.labels
    return dictionary.tags if labels == "pos" else dictionary.words


def shortest(kind: str, dictionary: Dictionary) -> int:
    """Items of a pattern that makes a row: profiles list single words, tags and values, but no constituents."""
    return 1 if kind == "subtree" and dictionary.labels is not None else 2


def limits_of(kind: str, mining: MiningConfig) -> Limits:
    """What is mined of a kind."""
    part = kind.split("_")[0]
    longest = {"itemset": "itemset_max_size", "subtree": "subtree_max_nodes"}.get(kind, f"{part}_max_length")
    gap, window = -1, 0
    if kind.endswith("_sequence"):
        gap, window = getattr(mining, f"{part}_max_gap"), getattr(mining, f"{part}_max_window")
    return Limits(
        max_length=getattr(mining, longest),
        max_gap=None if gap < 0 else gap,
        max_window=window or None,
        target=mining.target,
        max_patterns=mining.pattern_limit,
    )


def least_support(kind: str, sentences: int, mining: MiningConfig) -> int:
    """Sentences in which a pattern of a kind must occur."""
    key = f"{kind.split('_')[0]}_min_support"
    least = max(mining.pattern_min_count, mining.min_count)
    return support_count(getattr(mining, key), sentences, least, f"mining.{key}")


def mine_kind(kind: str, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig) -> Patterns:
    """The frequent patterns in one neuron's sentences, single items included: judging folds longer ones by them."""
    least = least_support(kind, len(sentences), mining)
    limits = limits_of(kind, mining)
    if kind == "subtree":
        found = frequent_subtrees(sentences.forest(dictionary, mining.subtree_labels), least, limits)
    elif kind == "itemset":
        items, offsets = sentences.transactions(dictionary)
        allowed = itemset_items(np.bincount(items, minlength=dictionary.n_items), len(sentences), dictionary, mining)
        found = frequent_itemsets(np.where(allowed[items], items, -1), offsets, least, limits)
    elif kind == "mixed_sequence":
        items, offsets, positions = sentences.stacked(dictionary)
        found = frequent_sequences(items, offsets, least, limits, positions)
        words = np.add.reduceat(found.items < dictionary.n_items, found.offsets[:-1]) if len(found) else np.zeros(0)
        lengths = np.diff(found.offsets)
        found = subset(found, (lengths == 1) | ((words > 0) & (words < lengths)))
    else:
        flat = sentences.words if kind == "word_sequence" else sentences.tags
        found = frequent_sequences(flat, sentences.offsets, least, limits)
    return found


def subset(patterns: Patterns, keep: NDArray[np.bool_]) -> Patterns:
    """Some of the patterns."""
    if keep.all():
        return patterns
    lengths = np.diff(patterns.offsets)
    return Patterns(
        patterns.items[np.repeat(keep, lengths)],
        np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths[keep]))),
        patterns.supports[keep],
        patterns.asked,
        patterns.applied,
        patterns.found,
    )


def itemset_items(f1: Codes, n1: int, dictionary: Dictionary, mining: MiningConfig) -> NDArray[np.bool_]:
    """Which items a neuron's itemsets may have, by item code: bool (items,); f1 (items,) of its n1 sentences hold each.

    Left out are those in nearly all sentences of the corpus (`itemset_max_share`), the value OTHER, and those no more
    frequent than in the rest of the corpus: what a neuron does not prefer multiplies its itemsets and describes none.
    """
    corpus = dictionary.item_sentences()
    f1 = np.concatenate((f1, np.zeros(len(corpus) - len(f1), np.int64)))
    n = dictionary.n_sentences
    allowed = corpus <= mining.itemset_max_share * n
    if n > n1:
        allowed &= f1 * (n - n1) > (corpus - f1) * n1
    other = [value == OTHER for _, value in dictionary.metadata]
    allowed[len(dictionary.words) : dictionary.n_items] &= ~np.array(other, bool)
    return allowed


class KindCounter:
    """Counts given patterns of one kind, flat as in Patterns, by stratum."""

    def __init__(
        self,
        kind: str,
        items: NDArray[np.integer],
        offsets: Codes,
        dictionary: Dictionary,
        mining: MiningConfig,
        n_strata: int,
    ) -> None:
        self.kind, self.dictionary, self.labels = kind, dictionary, mining.subtree_labels
        self.limits, self.n_strata = limits_of(kind, mining), n_strata
        self.rank = np.zeros(0, np.int64)
        items, offsets = np.asarray(items, np.int64), np.asarray(offsets, np.int64)
        if kind == "itemset":
            # From the rarest item on: fewer sentences get past the first level.
            corpus = dictionary.item_sentences()
            used = np.unique(items)
            self.rank = np.full(len(corpus), -1, np.int64)
            self.rank[used[np.argsort(corpus[used], kind="stable")]] = np.arange(len(used))
            row, ranks = _rows(offsets), self.rank[items]
            items = ranks[np.lexsort((ranks, row))]
        self.trie = CountingTrie.of(items, offsets)

    def count(self, sentences: Sentences) -> Codes:
        """int64 (patterns, n_strata): sentences of each stratum that hold the pattern."""
        strata: dict[str, Any] = {"strata": sentences.strata, "n_strata": self.n_strata}
        if self.kind == "subtree":
            return count_subtrees(self.trie, sentences.forest(self.dictionary, self.labels), **strata)
        if self.kind == "itemset":
            return count_sequences(self.trie, *self._ranked(sentences), **strata)
        if self.kind == "mixed_sequence":
            items, offsets, positions = sentences.stacked(self.dictionary)
            return count_sequences(self.trie, items, offsets, self.limits, positions, **strata)
        flat = sentences.words if self.kind == "word_sequence" else sentences.tags
        return count_sequences(self.trie, flat, sentences.offsets, self.limits, **strata)

    def _ranked(self, sentences: Sentences) -> tuple[Codes, Codes]:
        """Transactions of the items that occur in patterns, by rank."""
        tags = len(self.dictionary.tags)
        rank = self.rank[sentences.items]
        tag_rank = self.rank[sentences.tags.astype(np.int64) + self.dictionary.n_items] if tags else np.zeros(0, int)
        width = int(self.rank.max(initial=0)) + 1
        row = np.concatenate((_rows(sentences.item_offsets)[rank >= 0], _rows(sentences.offsets)[tag_rank >= 0]))
        keys = np.unique(row * width + np.concatenate((rank[rank >= 0], tag_rank[tag_rank >= 0])))
        return keys % width, np.searchsorted(keys, np.arange(len(sentences) + 1) * width)


def pattern_names(kind: str, items: Sequence[int], dictionary: Dictionary, labels: str = "pos") -> list[str]:
    """A pattern as readers see it: words or tags; in mixed sequences words and `pos=JJ`; in itemsets `word=...`,
    `pos=...` and `field=value`; a subtree as one bracketed string."""
    if kind == "word_sequence":
        return [dictionary.words[item] for item in items]
    if kind == "pos_sequence":
        return [dictionary.tags[item] for item in items]
    if kind == "mixed_sequence":
        return [dictionary.words[i] if i < len(dictionary.words) else dictionary.item_name(i) for i in items]
    if kind == "subtree":
        names = node_names(dictionary, labels)
        return [brackets((node // len(names), names[node % len(names)]) for node in items)]
    return [dictionary.item_name(item) for item in items]


def _rows(offsets: Codes) -> Codes:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
