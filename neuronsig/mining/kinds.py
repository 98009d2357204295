"""How every kind of pattern (neuronsig.kinds) is mined from a neuron's sentences, and counted.

Items are the codes of `neuronsig.encoding.vocabulary.Vocabulary`: words, metadata values, tags. In sequences of tags
alone and in subtrees tags have their own codes from 0, and a subtree's node is `depth * labels + label`
(neuronsig.miners.frequent). Trees are labels and heads of nodes: those of dependency trees are the words, labelled
with tags or words; those of bracketed trees that a user brings have labels of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.config import MiningConfig
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import OTHER, Dictionary
from neuronsig.kinds import SEQUENCE, SET, SUBTREE, TAGS, WORDS, Kind
from neuronsig.miners.brackets import brackets
from neuronsig.miners.counting import count_sequences, count_subtrees
from neuronsig.miners.frequent import frequent_itemsets, frequent_sequences, frequent_subtrees
from neuronsig.miners.mined_patterns import Codes, Limits, MinedPatterns, support_count
from neuronsig.miners.trie import CountingTrie
from neuronsig.ragged import rows_of

MAX_SHARE = 0.9
"""Items in more than this share of the corpus's sentences, as a full stop, form no itemsets: they would double them."""


def shortest(kind: Kind, dictionary: Dictionary) -> int:
    """Items of a pattern that makes a row: profiles list single words, tags and values, but no constituents."""
    return 1 if kind.shape == SUBTREE and dictionary.labels is not None else 2


def limits_of(kind: Kind, mining: MiningConfig) -> Limits:
    """What is mined of a kind: the values of its keys, and the limits that it has no key for."""
    given = {**kind.limits, **{limit: getattr(mining, key) for limit, key in kind.keys.items()}}
    gap, window = given.get("max_gap", -1), given.get("max_window", 0)
    return Limits(
        max_length=int(given["max_length"]),
        max_gap=None if gap < 0 else int(gap),
        max_window=int(window) or None,
        target=mining.target,
        max_patterns=mining.pattern_limit,
    )


def least_support(kind: Kind, sentences: int, mining: MiningConfig) -> int:
    """Of so many sentences of a neuron, those in which a pattern of a kind must occur."""
    key = kind.keys.get("min_support")
    share = getattr(mining, key) if key else kind.limits["min_support"]
    least = max(mining.pattern_min_count, mining.min_count)
    return support_count(share, sentences, least, f"mining.{key}" if key else f"min_support of {kind.name}")


def mine_kind(kind: Kind, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig) -> MinedPatterns:
    """The frequent patterns in one neuron's sentences, single items included: judging folds longer ones by them."""
    least = least_support(kind, len(sentences), mining)
    limits = limits_of(kind, mining)
    if kind.shape == SUBTREE:
        return frequent_subtrees(sentences.forest(dictionary, mining.subtree_labels), least, limits)
    items, offsets, positions = items_of(kind, sentences, dictionary)
    if kind.shape == SET:
        return frequent_itemsets(items, offsets, least, limits)
    found = frequent_sequences(items, offsets, least, limits, positions)
    if len(kind.layers) > 1:
        words = np.add.reduceat(found.items < dictionary.n_items, found.offsets[:-1]) if len(found) else np.zeros(0)
        lengths = np.diff(found.offsets)
        found = found.subset((lengths == 1) | ((words > 0) & (words < lengths)))
    return found


def items_of(kind: Kind, sentences: Sentences, dictionary: Dictionary) -> tuple[Any, Codes, Codes | None]:
    """What one neuron's sequences or itemsets are mined from: items (-1: none), offsets and positions.

    Without positions each item has its own.
    """
    if kind.shape == SET:
        items, offsets = sentences.transactions(dictionary)
        allowed = itemset_items(np.bincount(items, minlength=dictionary.n_items), len(sentences), dictionary)
        allowed &= np.concatenate([np.full(n, layer in kind.layers) for layer, n in dictionary.sizes.items()])
        return np.where(allowed[items], items, -1), offsets, None
    if len(kind.layers) > 1:
        return sentences.stacked(dictionary)
    return (sentences.words if kind.layers == (WORDS,) else sentences.tags), sentences.offsets, None


def itemset_items(f1: Codes, n1: int, dictionary: Dictionary) -> NDArray[np.bool_]:
    """Which items a neuron's itemsets may have, by item code: bool (items,); f1 (items,) of its n1 sentences hold each.

    Left out are those in nearly all sentences of the corpus (MAX_SHARE), the value OTHER, and those no more
    frequent than in the rest of the corpus: what a neuron does not prefer multiplies its itemsets and describes none.
    """
    corpus = dictionary.item_sentences()
    f1 = np.concatenate((f1, np.zeros(len(corpus) - len(f1), np.int64)))
    n = dictionary.n_sentences
    allowed = corpus <= MAX_SHARE * n
    if n > n1:
        allowed &= f1 * (n - n1) > (corpus - f1) * n1
    other = [value == OTHER for _, value in dictionary.metadata]
    allowed[len(dictionary.words) : dictionary.n_items] &= ~np.array(other, bool)
    return allowed


class KindCounter:
    """Counts given patterns of one kind, flat as in MinedPatterns, by stratum."""

    def __init__(
        self, kind: Kind, items: NDArray[np.integer], offsets: Codes, dictionary: Dictionary, mining: MiningConfig
    ) -> None:
        self.kind, self.dictionary, self.mining = kind, dictionary, mining
        self.rank = np.zeros(0, np.int64)
        items, offsets = np.asarray(items, np.int64), np.asarray(offsets, np.int64)
        if kind.shape == SET:
            # From the rarest item on: fewer sentences get past the first level.
            corpus = dictionary.item_sentences()
            used = np.unique(items)
            self.rank = np.full(len(corpus), -1, np.int64)
            self.rank[used[np.argsort(corpus[used], kind="stable")]] = np.arange(len(used))
            row, ranks = rows_of(offsets), self.rank[items]
            items = ranks[np.lexsort((ranks, row))]
        self.trie = CountingTrie.of(items, offsets)

    def count(self, sentences: Sentences) -> Codes:
        """int64 (patterns, strata): sentences of each stratum that hold the pattern."""
        strata: dict[str, Any] = {"strata": sentences.strata, "n_strata": self.dictionary.strata.size}
        if self.kind.shape == SUBTREE:
            trees = sentences.forest(self.dictionary, self.mining.subtree_labels)
            return count_subtrees(self.trie, trees, **strata)
        if self.kind.shape == SET:
            return count_sequences(self.trie, *self._ranked(sentences), **strata)
        items, offsets, positions = items_of(self.kind, sentences, self.dictionary)
        return count_sequences(self.trie, items, offsets, limits_of(self.kind, self.mining), positions, **strata)

    def _ranked(self, sentences: Sentences) -> tuple[Codes, Codes]:
        """Transactions of the items that occur in patterns, by rank."""
        tags = len(self.dictionary.tags)
        rank = self.rank[sentences.items]
        tag_rank = self.rank[sentences.tags.astype(np.int64) + self.dictionary.n_items] if tags else np.zeros(0, int)
        width = int(self.rank.max(initial=0)) + 1
        row = np.concatenate((rows_of(sentences.item_offsets)[rank >= 0], rows_of(sentences.offsets)[tag_rank >= 0]))
        keys = np.unique(row * width + np.concatenate((rank[rank >= 0], tag_rank[tag_rank >= 0])))
        return keys % width, np.searchsorted(keys, np.arange(len(sentences) + 1) * width)


def pattern_names(kind: Kind, items: Sequence[int], dictionary: Dictionary, labels: str = "pos") -> list[str]:
    """A pattern as signatures write it: words or tags; in mixed sequences words and `pos=JJ`; in itemsets `word=...`,
    `pos=...` and `field=value`; a subtree as one bracketed string."""
    if kind.shape == SUBTREE:
        names = dictionary.node_names(labels)
        return [brackets((node // len(names), names[node % len(names)]) for node in items)]
    first = dictionary.n_items if kind.shape == SEQUENCE and kind.layers == (TAGS,) else 0
    return [kind.write(*dictionary.item(item + first)) for item in items]
