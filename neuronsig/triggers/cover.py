"""Which pattern of a signature holds the trigger of a sentence, or how far the nearest one is.

A pattern's words in a sentence are those of all its occurrences: every word that is part of a sequence within its gaps,
of a subtree, or the words and tags of an itemset that the sentence holds. Metadata has no place in a sentence. Nor have
subtrees of a user's bracketed trees: a constituent stands on no word of its own, all words below it are mostly
the whole sentence, and the leaves need not be the annotator's words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig import kinds
from neuronsig.config import MiningConfig
from neuronsig.encoding.text import Codes, Text
from neuronsig.kinds import ITEM, KINDS, METADATA, SUBTREE, kind_of
from neuronsig.miners.brackets import Node, nodes_of
from neuronsig.miners.compiled import compiled
from neuronsig.miners.growth import FAR
from neuronsig.miners.marking import MAX_NODES, Nodes, Words, mark_items, mark_sequence, mark_subtree
from neuronsig.mining.kinds import limits_of
from neuronsig.ragged import offsets_of
from neuronsig.triggers.votes import Vote, codes_of, labels_of

SEQUENCE, SET, TREE = 0, 1, 2


@dataclass(frozen=True)
class Cover:
    """For each pair of neuron and sentence: the pattern's place among the neuron's votes, and its distance."""

    vote: Codes  # (pairs,) of those that hold the trigger the strongest, else of the nearest; -1: none is there
    offset: Codes  # (pairs,) words from the trigger to the nearest one of the pattern, below 0: before; 0: it is one
    words: NDArray[np.float64]  # (pairs,) share of the sentence's words that some vote holds: of any, by chance


def placeless_kinds(mining: MiningConfig) -> tuple[str, ...]:
    """The kinds of patterns, of those mined with these settings, that stand on no words of a sentence."""
    return tuple(
        kind.name for kind in KINDS.values() if kind.layers == (METADATA,) or (kind.shape == SUBTREE and mining.trees)
    )


class Wanted(NamedTuple):
    """Votes as the kernel takes them: of neuron n those of [first[n], first[n + 1])."""

    codes: Codes  # (items,) of the vote's items, or nodes
    parents: Codes  # (items,) of each node its parent's place in the subtree, -1 for the root
    bounds: Codes  # (votes + 1,) in items
    forms: Codes  # (votes, 3) SEQUENCE, SET or TREE, gap and window
    first: Codes  # (neurons + 1,)


class Pairs(NamedTuple):
    """Pairs of a neuron's and a sentence's place, and the trigger, a word's place in the sentence."""

    neuron: Codes
    sentence: Codes
    trigger: Codes


class CodedVotes:
    """The votes of some neurons in codes of a text; votes without a place in a sentence, and unknown items, are out."""

    def __init__(self, votes: Sequence[Sequence[Vote]], text: Text, mining: MiningConfig) -> None:
        placeless = placeless_kinds(mining)
        labels = labels_of(text, mining.subtree_labels)
        self.kept = []  # for each neuron the places of its votes that are not out
        coded: list[tuple[list[int], list[int], tuple[int, int, int]]] = []
        for of in votes:
            kept = []
            for place, vote in enumerate(of):
                if vote.kind not in placeless and (found := _coded(vote, text, labels, mining)):
                    coded.append(found)
                    kept.append(place)
            self.kept.append(np.array(kept, np.int64))
        self.wanted = Wanted(
            np.array([code for codes, _, _ in coded for code in codes], np.int64),
            np.array([parent for _, parents, _ in coded for parent in parents], np.int64),
            offsets_of([len(codes) for codes, _, _ in coded]),
            np.array([form for _, _, form in coded], np.int64).reshape(-1, 3),
            offsets_of([len(kept) for kept in self.kept]),
        )


def _coded(
    vote: Vote, text: Text, labels: Mapping[str, int], mining: MiningConfig
) -> tuple[list[int], list[int], tuple[int, int, int]] | None:
    """Codes, parents, and form, gap and window of a vote; None where an item is unknown or nodes are too many."""
    kind = kind_of(vote.kind)
    if kind.shape == SUBTREE:
        nodes = nodes_of(vote.pattern[0])
        codes, parents = [labels.get(label, -1) for _, label in nodes], parents_of(nodes)
        return None if min(codes) < 0 or len(codes) > MAX_NODES else (codes, parents, (TREE, 0, 0))
    codes = codes_of(kind, vote.pattern, text)
    form, gap, window = SEQUENCE if kind.shape == ITEM else SET, int(FAR), int(FAR)
    if kind.shape == kinds.SEQUENCE:
        form, limits = SEQUENCE, limits_of(kind, mining)
        gap, window = (int(FAR) if limit is None else limit for limit in (limits.max_gap, limits.max_window))
    return None if min(codes) < 0 else (codes, [-1] * len(codes), (form, gap, window))


def parents_of(nodes: Sequence[Node]) -> list[int]:
    """Place of each node's parent among nodes in preorder; -1 for the root."""
    above: dict[int, int] = {-1: -1}
    found = []
    for place, (depth, _) in enumerate(nodes):
        above[depth] = place
        found.append(above[depth - 1])
    return found


def cover(
    votes: CodedVotes, text: Text, neuron: NDArray[np.integer], sentence: NDArray[np.integer], trigger: Codes
) -> Cover:
    """The pattern that holds the trigger, for pairs (pairs,) of a neuron's and a sentence's place, and trigger word.

    Votes must come strongest first. A trigger of -1 has no pattern.
    """
    # Copied, because a kernel is compiled again for arrays that cannot be written, as Ray's cannot.
    copied = [np.array(array, np.int64) for array in (text.sentences.words, text.tag_codes, text.sentences.offsets)]
    sets = [np.array(array, np.int64) for array in text.sentences.transactions(text.vocabulary)]
    trees = text.trees
    pairs = Pairs(*(np.array(array, np.int64) for array in (neuron, sentence, trigger)))
    nodes = Nodes(trees.labels, trees.first, trees.last, trees.bounds)
    vote, offset, words = find_cover(pairs, Words(*copied), *sets, text.vocabulary.n_codes, nodes, votes.wanted)
    found = [votes.kept[n][v] if v >= 0 else -1 for n, v in zip(np.asarray(neuron), vote, strict=True)]
    lengths = text.lengths[np.asarray(sentence, np.int64)]
    return Cover(np.array(found, np.int64), offset, words / np.maximum(lengths, 1))


@compiled
def find_cover(pairs, words, sets, set_bounds, n_codes, nodes, wanted):  # type: ignore[no-untyped-def]
    """For each pair: its neuron's pattern, from the neuron's first, and the offset (-1, 0: none); words held by any."""
    n = len(pairs.neuron)
    met = np.full(n_codes, -1, np.int64)
    vote, offset, held_words = np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for pair in range(n):
        s, t, own = pairs.sentence[pair], pairs.trigger[pair], wanted.first[pairs.neuron[pair]]
        for i in range(set_bounds[s], set_bounds[s + 1]):
            met[sets[i]] = pair
        word, tag = words.word[words.bounds[s] : words.bounds[s + 1]], words.tag[words.bounds[s] : words.bounds[s + 1]]
        part, any_part = np.zeros(len(word), np.bool_), np.zeros(len(word), np.bool_)
        nearest = len(word) + 1
        for p in range(own, wanted.first[pairs.neuron[pair] + 1]):
            lo, hi = wanted.bounds[p], wanted.bounds[p + 1]
            held = True
            for j in range(lo, hi):
                if met[wanted.codes[j]] != pair:
                    held = False
                    break
            if not held:
                continue
            codes, (form, gap, window) = wanted.codes[lo:hi], wanted.forms[p]
            part[:] = False
            if form == SET or hi - lo == 1:
                mark_items(word, tag, codes, part)
            elif form == SEQUENCE:
                mark_sequence(word, tag, codes, gap, window, part)
            else:
                mark_subtree(words, nodes, s, codes, wanted.parents[lo:hi], part)
            for i in range(len(word)):
                any_part[i] = any_part[i] or part[i]
                if part[i] and t >= 0 and abs(i - t) < nearest:
                    nearest = abs(i - t)
                    vote[pair], offset[pair] = p - own, i - t
        held_words[pair] = any_part.sum()
    return vote, offset, held_words
