"""Averaged perceptrons over hashed features, in compiled loops.

A feature is a template's name and a text. It is known by 64 bits: a polynomial of the text's UTF-16 units, mixed with
the template. The polynomial of joined texts comes of those of their parts, so that no text is ever joined. Weights are
whole numbers: scores are exact, in whatever order they are summed.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuronsig.miners.compiled import compiled

BASE, ONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(1)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_NEWLINE, _MINUS, _OPEN, _BRACKET, _CLOSED, _COLON, _COMMA, _BAR = (ord(mark) for mark in "\n-{[]:,|")
_FIRST_TEMPLATE = "perceptron.seen=[1]\nperceptron.learning={\n"


class Texts(NamedTuple):
    """Words or tags, as features are made of them."""

    whole: NDArray[np.uint64]  # (texts,) the polynomial of all units; 0 for the empty text
    power: NDArray[np.uint64]  # (texts,) BASE to the number of units
    suffix: NDArray[np.uint64]  # (texts,) of the last three units
    first: NDArray[np.uint64]  # (texts,) of the first


class Perceptron(NamedTuple):
    """Weights by feature, in a hash table with open addresses, and what the texts of each template are mixed with."""

    slots: NDArray[np.uint64]  # (slots,) the feature there; 0: none
    rows: NDArray[np.int32]  # (slots,) its row of weights
    weights: NDArray[np.int32]  # (features, classes)
    mixes: NDArray[np.uint64]  # (templates,)


def hash_texts(texts: Iterable[str]) -> Texts:
    """The hashes of texts by their UTF-16 units, halves of surrogate pairs among them."""
    encoded = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    offsets = np.cumsum([0, *(len(text) // 2 for text in encoded)])
    return _hash_units(np.frombuffer(b"".join(encoded), "<u2"), offsets)


def read_perceptron(text: str, templates: Iterable[str], classes: int) -> Perceptron:
    """A perceptron whose averages are final (`neuronsig.annotation.treebank.pruned`), from Spark NLP's text of it.

    classes: how many its weights are of. Raises ValueError when averages are not final, or two features have one hash.
    """
    _, found, blocks = text.partition(_FIRST_TEMPLATE)
    if not found:
        raise ValueError("a perceptron whose averages are not final; neuronsig.annotation.treebank.pruned makes it so")
    mixes = np.array([_mix(name) for name in hash_texts(templates).whole], np.uint64)
    units = np.frombuffer(blocks.encode("utf-16-le"), "<u2")
    features, weights = _read_blocks(units, blocks.count("\n") + 1, classes)
    if len(np.unique(features)) < len(features) or not features.all():
        raise ValueError("two features of a perceptron have one hash")
    slots = np.zeros(1 << (2 * len(features)).bit_length(), np.uint64)
    return Perceptron(slots, _placed(features, slots), weights, mixes)


def hash_text(text: str) -> np.uint64:
    """The hash of one text, for the constants of compiled loops."""
    whole = 0
    for unit in text:
        whole = whole * int(BASE) + ord(unit) + 1
    return np.uint64(whole % 2**64)


@compiled
def add_weights(perceptron: Perceptron, features: NDArray[np.uint64], count: int, scores: NDArray[np.int64]) -> None:
    """Scores (classes,) set to the sum of the weights of the first `count` features."""
    slots, rows, weights = perceptron.slots, perceptron.rows, perceptron.weights
    last = len(slots) - 1
    for label in range(len(scores)):
        scores[label] = 0
    for feature in features[:count]:
        slot = _own_slot(feature, last)
        while slots[slot] != 0:
            if slots[slot] == feature:
                for label in range(len(scores)):
                    scores[label] += weights[rows[slot], label]
                break
            slot = (slot + 1) & last


@compiled
def _own_slot(feature: np.uint64, last: int) -> np.int64:
    """Where the search for a feature begins, of slots up to `last`, one less than a power of two."""
    return np.int64((feature * _SPREAD) >> np.uint64(32)) & last


@compiled
def _hash_units(units: NDArray[np.uint16], offsets: NDArray[np.int64]) -> Texts:
    n = len(offsets) - 1
    whole, power = np.zeros(n, np.uint64), np.ones(n, np.uint64)
    suffix, first = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    for text in range(n):
        for at in range(offsets[text], offsets[text + 1]):
            unit = np.uint64(units[at]) + ONE
            whole[text] = whole[text] * BASE + unit
            power[text] *= BASE
            if at >= offsets[text + 1] - 3:
                suffix[text] = suffix[text] * BASE + unit
            if at == offsets[text]:
                first[text] = unit
    return Texts(whole, power, suffix, first)


@compiled
def _mix(name: np.uint64) -> np.uint64:
    """What a template's texts are mixed with, by the hash of its name."""
    x = name * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(29))) * _SPREAD


@compiled
def _read_blocks(units: NDArray[np.uint16], lines: int, classes: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """The features, and their weights (features, classes), of blocks `template{`, `text[label:0,weight,0|...]`, `}`."""
    features, weights = np.zeros(lines, np.uint64), np.zeros((lines, classes), np.int32)
    mix = shorter = whole = text = np.uint64(0)
    found, start, bracket = 0, 0, -1
    for end in range(len(units)):
        unit = units[end]
        if unit != _NEWLINE:
            if unit == _BRACKET:
                bracket, text = end, whole
            shorter, whole = whole, whole * BASE + np.uint64(unit) + ONE
            continue
        if end > start and units[end - 1] == _CLOSED and bracket >= start:
            features[found] = text ^ mix
            _read_weights(units[bracket + 1 : end], weights[found])
            found += 1
        elif end > start and units[end - 1] == _OPEN:
            mix = _mix(shorter)
        start, bracket, whole = end + 1, -1, np.uint64(0)
    return features[:found], weights[:found]


@compiled
def _read_weights(units: NDArray[np.uint16], weights: NDArray[np.int32]) -> None:
    """Weights (classes,) set to those of `label:0,weight,0|...]`."""
    number, sign, label, commas = 0, 1, 0, 0
    for unit in units:
        if unit == _MINUS:
            sign = -1
        elif unit == _COLON:
            label = number
        elif unit == _COMMA:
            if commas == 1:
                weights[label] = sign * number
            commas += 1
        elif unit == _BAR:
            commas = 0
        else:
            number = number * 10 + int(unit) - 48
            continue
        if unit != _MINUS:
            number, sign = 0, 1


@compiled
def _placed(features: NDArray[np.uint64], slots: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Each feature put in a free slot, from its own on; returns what row of weights a slot has."""
    rows, last = np.zeros(len(slots), np.int32), len(slots) - 1
    for row in range(len(features)):
        slot = _own_slot(features[row], last)
        while slots[slot] != 0:
            slot = (slot + 1) & last
        slots[slot], rows[slot] = features[row], row
    return rows
