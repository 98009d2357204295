"""Which pattern of a signature holds the trigger of a sentence, or how far the nearest one is.

A pattern's words in a sentence are those of all its occurrences: every word that is part of a sequence within its gaps,
of a subtree, or the words and tags of an itemset that the sentence holds. Metadata has no place in a sentence. Nor have
subtrees of bracketed trees that were brought: a constituent stands on no word of its own, all words below it are mostly
the whole sentence, and the leaves need not be the annotator's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.encoding.text import Codes, Text
from neuronsig.evaluation.classifier import (
    METADATA,
    SEQUENCES,
    SUBTREE,
    TAGS,
    WORDS,
    Vote,
    codes_of,
    labels_of,
    limits_of,
)
from neuronsig.evaluation.matching import MAX_NODES, parents_of
from neuronsig.miners.brackets import nodes_of
from neuronsig.miners.compiled import compiled
from neuronsig.miners.growth import FAR
from neuronsig.miners.siblings import children_fit

SEQUENCE, SET, TREE = 0, 1, 2


@dataclass(frozen=True)
class Cover:
    """For each pair of neuron and sentence: the pattern's place among the neuron's votes, and its distance."""

    vote: Codes  # (pairs,) of those that hold the trigger the strongest, else of the nearest; -1: none is there
    offset: Codes  # (pairs,) words from the trigger to the nearest one of the pattern, below 0: before; 0: it is one
    words: NDArray[np.float64]  # (pairs,) share of the sentence's words that some vote holds: of any, by chance


def placeless_kinds(mining: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of patterns, of those mined with these settings, that stand on no words of a sentence."""
    return (METADATA, SUBTREE) if mining.get("trees") else (METADATA,)


class Patterns:
    """The votes of some neurons in codes of a text; votes without a place in a sentence, and unknown items, are out."""

    def __init__(self, votes: Sequence[Sequence[Vote]], text: Text, mining: Mapping[str, Any]) -> None:
        placeless = placeless_kinds(mining)
        labels = labels_of(text, str(mining.get("subtree_labels", "pos")))
        codes: list[int] = []
        parents: list[int] = []
        self.bounds, self.kept = [0], []
        settings: list[tuple[int, int, int]] = []
        first = [0]
        for of in votes:
            kept = []
            for place, vote in enumerate(of):
                if vote.kind in placeless:
                    continue
                form, gap, window = SET, int(FAR), int(FAR)
                if vote.kind == SUBTREE:
                    nodes = [(depth, labels.get(label, -1)) for depth, label in nodes_of(vote.pattern[0])]
                    form, coded, above = TREE, [code for _, code in nodes], parents_of(nodes).tolist()
                else:
                    coded = codes_of(vote.kind, vote.pattern, text)
                    above = [-1] * len(coded)
                    if vote.kind in (WORDS, TAGS):
                        form = SEQUENCE
                    elif vote.kind in SEQUENCES:
                        form = SEQUENCE
                        gap, window = (int(FAR) if limit is None else limit for limit in limits_of(vote.kind, mining))
                if min(coded) < 0 or (form == TREE and len(coded) > MAX_NODES):
                    continue
                codes += coded
                parents += above
                settings.append((form, gap, window))
                self.bounds.append(len(codes))
                kept.append(place)
            first.append(first[-1] + len(kept))
            self.kept.append(np.array(kept, np.int64))
        self.codes, self.parents = np.array(codes, np.int64), np.array(parents, np.int64)
        self.settings = np.array(settings, np.int64).reshape(-1, 3)
        self.first = np.array(first, np.int64)


def cover(
    patterns: Patterns, text: Text, neuron: NDArray[np.integer], sentence: NDArray[np.integer], trigger: Codes
) -> Cover:
    """The pattern that holds the trigger, for pairs (pairs,) of a neuron's and a sentence's place, and trigger word.

    Votes must come strongest first. A trigger of -1 has no pattern.
    """
    vote, offset, words = find_cover(
        *(np.array(neuron, np.int64), np.array(sentence, np.int64), np.array(trigger, np.int64)),
        # Copied, because a kernel is compiled again for arrays that cannot be written, as Ray's cannot.
        *(np.array(text.word_codes), np.array(text.tag_codes), np.array(text.offsets)),
        *(text.sets.codes, text.sets.offsets, text.n_codes),
        *(*_tree_places(text), patterns.codes, patterns.parents, np.array(patterns.bounds, np.int64)),
        *(patterns.settings, patterns.first),
    )
    found = [patterns.kept[n][v] if v >= 0 else -1 for n, v in zip(np.asarray(neuron), vote, strict=True)]
    lengths = text.lengths[np.asarray(sentence, np.int64)]
    return Cover(np.array(found, np.int64), offset, words / np.maximum(lengths, 1))


def _tree_places(text: Text) -> tuple[Codes, Codes, Codes, Codes]:
    """Nodes of all trees: the place in the text of each one's token, children, and bounds of sentences."""
    trees = text.trees
    return trees.labels, trees.first, trees.last, trees.bounds


@compiled
def find_cover(  # type: ignore[no-untyped-def]
    neuron, sentence, trigger, words, tags, offsets, sets, set_offsets, n_codes,
    token_of, first_child, last_child, trees, codes, parents, bounds, settings, first
):  # fmt: skip
    """For each pair: its neuron's pattern, from the neuron's first, and the offset (-1, 0: none); words held by any."""
    longest = 1
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    most = 1
    for p in range(len(bounds) - 1):
        most = max(most, bounds[p + 1] - bounds[p])
    met = np.full(n_codes, -1, np.int64)
    part = np.zeros(longest, np.bool_)  # word -> whether it is part of the pattern
    any_part = np.zeros(longest, np.bool_)  # of some pattern
    reached = np.zeros((most, longest), np.bool_)
    fits, played = np.zeros(longest, np.int64), np.zeros(longest, np.int64)
    early, late = np.zeros(most + 2, np.int64), np.zeros(most + 2, np.int64)
    siblings = np.zeros(most + 2, np.int64)
    vote, offset = np.full(len(neuron), -1, np.int64), np.zeros(len(neuron), np.int64)
    held_words = np.zeros(len(neuron), np.int64)
    for pair in range(len(neuron)):
        s, t = sentence[pair], trigger[pair]
        start, length = offsets[s], offsets[s + 1] - offsets[s]
        for i in range(length):
            any_part[i] = False
        for i in range(set_offsets[s], set_offsets[s + 1]):
            met[sets[i]] = pair
        nearest = longest + 1
        for p in range(first[neuron[pair]], first[neuron[pair] + 1]):
            lo, hi = bounds[p], bounds[p + 1]
            held = True
            for j in range(lo, hi):
                if met[codes[j]] != pair:
                    held = False
                    break
            if not held:
                continue
            for i in range(length):
                part[i] = False
            form, gap, window = settings[p]
            if form == 1 or hi - lo == 1:
                for i in range(length):
                    for j in range(lo, hi):
                        if words[start + i] == codes[j] or tags[start + i] == codes[j]:
                            part[i] = True
            elif form == 0:
                for begin in range(length):
                    if words[start + begin] != codes[lo] and tags[start + begin] != codes[lo]:
                        continue
                    end = length if window >= length else min(length, begin + window)
                    for i in range(begin, end):
                        reached[0, i] = i == begin
                    for j in range(lo + 1, hi):
                        last = -longest  # the last word at which the part before ends
                        for i in range(begin, end):
                            here = words[start + i] == codes[j] or tags[start + i] == codes[j]
                            reached[j - lo, i] = here and last >= begin and i - last - 1 <= gap
                            if reached[j - lo - 1, i]:
                                last = i
                    # Back from the ends: what leads to one is part of an occurrence.
                    for j in range(hi - lo - 1, -1, -1):
                        following = longest + begin
                        for i in range(end - 1, begin - 1, -1):
                            after = following
                            if j + 1 < hi - lo and reached[j + 1, i]:
                                following = i
                            if reached[j, i]:
                                reached[j, i] = j + 1 == hi - lo or (after < end and after - i - 1 <= gap)
                                part[i] = part[i] or reached[j, i]
            else:
                base, stop = trees[s], trees[s + 1]
                for v in range(stop - 1, base - 1, -1):
                    fits[v - base], played[v - base] = 0, 0
                    token = token_of[v]
                    for q in range(hi - 1, lo - 1, -1):
                        if codes[q] != words[token] and codes[q] != tags[token]:
                            continue
                        if children_fit(fits, base, first_child, last_child, v, parents, lo, hi, q):
                            fits[v - base] |= np.int64(1) << (q - lo)
                    if fits[v - base] & 1:
                        played[v - base] = 1
                # From the roots of occurrences down: a child plays a sibling if those before it and those after it
                # find room on its either side.
                for v in range(base, stop):
                    if not played[v - base]:
                        continue
                    part[token_of[v] - start] = True
                    for q in range(lo, hi):
                        if not (played[v - base] >> (q - lo)) & 1:
                            continue
                        n = 0
                        for r in range(q + 1, hi):
                            if parents[r] == q - lo:
                                siblings[n] = r - lo
                                n += 1
                        c = first_child[v]
                        for k in range(n):
                            while not (fits[c - base] >> siblings[k]) & 1:
                                c += 1
                            early[k] = c
                            c += 1
                        c = last_child[v] - 1
                        for k in range(n - 1, -1, -1):
                            while not (fits[c - base] >> siblings[k]) & 1:
                                c -= 1
                            late[k] = c
                            c -= 1
                        for k in range(n):
                            for c in range(early[k], late[k] + 1):
                                if (fits[c - base] >> siblings[k]) & 1:
                                    played[c - base] |= np.int64(1) << siblings[k]
            for i in range(length):
                any_part[i] = any_part[i] or part[i]
                if part[i] and t >= 0 and abs(i - t) < nearest:
                    nearest = abs(i - t)
                    vote[pair], offset[pair] = p - first[neuron[pair]], i - t
        for i in range(length):
            held_words[pair] += any_part[i]
    return vote, offset, held_words
