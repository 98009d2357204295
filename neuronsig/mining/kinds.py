"""The kinds of patterns: what of a sentence each is made of, how it is mined from a neuron's sentences, and counted.

    word_sequence    lower-cased words in order                                 P1 3.2
    pos_sequence     POS tags in order                                          P1 3.2
    mixed_sequence   words and tags in order, one of each at least: `not ... JJ`
    itemset          words, metadata values and tags, in whatever order
    subtree          parts of syntax trees                                      P2 step 3

Items are the codes of `neuronsig.encoding.vocabulary.Vocabulary`: words, metadata values, tags. In POS sequences and in
subtrees tags have their own codes from 0, and a subtree's node is `depth * labels + label`
(neuronsig.miners.subtrees). Trees are labels and heads of nodes: those of dependency trees are the words, labelled
with tags or words; those of bracketed trees that a user brings have labels of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.config import MiningConfig
from neuronsig.config.mining import KINDS
from neuronsig.encoding.dictionary import Dictionary
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import OTHER
from neuronsig.miners.brackets import brackets
from neuronsig.miners.counting import count_sequences, count_subtrees
from neuronsig.miners.itemsets import frequent_itemsets
from neuronsig.miners.mined_patterns import Codes, Limits, Patterns, support_count
from neuronsig.miners.sequences import frequent_sequences
from neuronsig.miners.subtrees import frequent_subtrees
from neuronsig.miners.trie import CountingTrie
from neuronsig.ragged import offsets_of, rows_of

__all__ = ["KINDS", "KindCounter", "itemset_items", "limits_of", "mine_kind", "pattern_names", "shortest"]


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
        offsets_of(lengths[keep]),
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
            row, ranks = rows_of(offsets), self.rank[items]
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
        row = np.concatenate((rows_of(sentences.item_offsets)[rank >= 0], rows_of(sentences.offsets)[tag_rank >= 0]))
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
        names = dictionary.node_names(labels)
        return [brackets((node // len(names), names[node % len(names)]) for node in items)]
    return [dictionary.item_name(item) for item in items]
