"""The trigger of a sentence: the word that carries most of a neuron's activation, and how much sits on one token.

What is collected is one number a sentence, the mean of its tokens' activations (or their maximum, or the last one's).
Here are the tokens' own. A word's is the highest of its tokens'. All are times the neuron's sign, so that higher is
always more of what it responds to. Units have an offset: most tokens activate them a little, or all do. So how much
sits on one token is told of what is above the baseline, the unit's mean over tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Tokens:
    """The tokens of one sentence: each one's word (-1: none), whether it is special, whether it is pooled."""

    word: NDArray[np.int64]  # (tokens,)
    special: NDArray[np.bool_]  # (tokens,)
    pooled: NDArray[np.bool_]  # (tokens,)
    words: int


@dataclass(frozen=True)
class Located:
    """Some neurons' activations in one sentence."""

    activations: Floats  # (neurons, words); NaN: the word has no pooled token
    special: Floats  # (neurons,) highest of the pooled special tokens; NaN: none is pooled
    trigger: NDArray[np.int64]  # (neurons,) word with the highest activation, the first of equals; -1: none has any
    on_special: NDArray[np.bool_]  # (neurons,)
    concentration: Floats  # (neurons,) NaN: no pooled token is above the baseline


def locate(activations: Floats, baselines: Floats, tokens: Tokens) -> Located:
    """activations (neurons, tokens) and baselines (neurons,), times sign."""
    by_word = np.full((len(activations), tokens.words), -np.inf, np.float32)
    for place in np.flatnonzero(tokens.pooled & (tokens.word >= 0)):
        word = tokens.word[place]
        by_word[:, word] = np.maximum(by_word[:, word], activations[:, place])
    best = by_word.max(axis=1, initial=-np.inf)
    none = np.isneginf(best)
    trigger = np.where(none, -1, by_word.argmax(axis=1) if tokens.words else -1)
    special = activations[:, tokens.special & tokens.pooled].max(axis=1, initial=-np.inf)
    above = np.maximum(activations[:, tokens.pooled] - baselines[:, None], 0)  # (neurons, pooled)
    total = above.sum(axis=1)
    share = np.where(total > 0, above.max(axis=1, initial=0) / np.where(total > 0, total, 1), np.nan)
    return Located(
        np.where(np.isneginf(by_word), np.float32(np.nan), by_word),
        np.where(np.isneginf(special), np.float32(np.nan), special).astype(np.float32),
        trigger.astype(np.int64),
        special > best,
        share.astype(np.float32),
    )
