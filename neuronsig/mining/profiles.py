"""Neurons as numbers, and what their profiles are made of (P1 3.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from neuronsig.encoding.vocabulary import OTHER
from neuronsig.neuron import Neuron

POS_CLASSES = {"noun": "N", "verb": "V", "adj": "J"}
"""First letters of the tags of P1's simplified parts of speech (P1 Table 1)."""


def pos_shares(tags: Sequence[str], tokens: NDArray[np.int64]) -> dict[str, float]:
    """Share of the tokens that are nouns, verbs and adjectives: tags beginning N, V, J (P1 Table 1)."""
    total = max(int(tokens.sum()), 1)
    return {
        name: sum(int(n) for tag, n in zip(tags, tokens, strict=True) if tag.startswith(letter)) / total
        for name, letter in POS_CLASSES.items()
    }


def selectivity(shares: Mapping[str, float], corpus: Mapping[str, float]) -> float:
    """P1 4.3: the POS frequencies normalised by the corpus's, and the greatest of them (1 = as the corpus)."""
    return max((shares[name] / corpus[name] for name in shares if corpus[name] > 0), default=0.0)


def metadata_profile(f1: NDArray[np.int64], values: Sequence[tuple[str, str]], kept: int) -> dict[str, dict[str, int]]:
    """Field -> value -> sentences, most frequent first; values past `kept` and the rare ones are under OTHER."""
    profile: dict[str, dict[str, int]] = {}
    rest: dict[str, int] = {}
    for code in np.argsort(-f1, kind="stable"):
        if f1[code] == 0:
            break
        name, value = values[code]
        listed = profile.setdefault(name, {})
        if value == OTHER or len(listed) >= kept:
            rest[name] = rest.get(name, 0) + int(f1[code])
        else:
            listed[value] = int(f1[code])
    for name, count in rest.items():
        profile[name][OTHER] = count
    return profile


def most_selective(neurons: Sequence[Neuron], bits: Sequence[float], leads: Sequence[str], n: int) -> list[Neuron]:
    """The `n` neurons that a reader would find most striking, best first.

    A neuron's score is the information of its leading item (`keyness.information`): one word, tag or metadata
    value that covers much of its sentences, little of the corpus, and beyond chance. Neurons that share a leading
    item are mostly copies of one finding, so the second one with the same item counts half, the third a third.
    Neurons with no item beyond chance come last, in their own order.
    """
    heap = [(-float(b), neuron, lead, float(b)) for neuron, b, lead in zip(neurons, bits, leads, strict=True)]
    heapify(heap)
    taken: dict[str, int] = {}
    chosen: list[Neuron] = []
    while heap and len(chosen) < n:
        score, neuron, lead, b = heappop(heap)
        current = -b / (1 + taken.get(lead, 0))
        if current > score:
            heappush(heap, (current, neuron, lead, b))
            continue
        chosen.append(neuron)
        taken[lead] = taken.get(lead, 0) + 1
    return chosen
