"""The strongest token of a sentence, how much of a neuron's activation it holds, and the word that it is a piece of.

What is collected is one number a sentence, the mean of its tokens' activations (or their maximum, or the last one's).
Here are the tokens' own. All are times the neuron's sign, so that higher is always more of what it responds to. The
strongest token is the highest of those that are pooled; the trigger is the word with the highest token. Units have an
offset: most tokens activate them a little, or all do. So how much sits on one token, the *concentration*, is told of
what is above the baseline, the unit's mean over tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.triggers.model_tokens import Ids, ModelTokens

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Located:
    """Activations of pairs of a neuron and a sentence, times the neuron's sign."""

    words: list[Floats]  # of each pair (words,); NaN: the word has no pooled token
    special: Floats  # (pairs,) highest of the pooled special tokens; NaN: none is pooled
    trigger: Ids  # (pairs,) word with the highest activation, the first of equals; -1: none has any
    on_special: NDArray[np.bool_]  # (pairs,) whether a pooled special token is higher than every word
    strongest: Ids  # (pairs,) place in its sentence of the strongest token, the first of equals
    concentration: Floats  # (pairs,) share of what is above the baseline on the strongest token; NaN: nothing is


def locate(activations: Floats, offsets: Ids, baselines: Floats, places: Ids, tokens: ModelTokens) -> Located:
    """Activations (tokens of all pairs,) of sentences `places` (pairs,), those of pair i from offsets[i].

    Baselines (pairs,) and activations are times sign.
    """
    n, lengths = len(places), np.diff(offsets)
    found = Located(
        [np.zeros(0, np.float32)] * n,
        np.full(n, np.nan, np.float32),
        np.full(n, -1, np.int64),
        np.zeros(n, bool),
        np.zeros(n, np.int64),
        np.full(n, np.nan, np.float32),
    )
    for length in np.unique(lengths).tolist():
        pairs = np.flatnonzero(lengths == length)
        pooled = tokens.pooled(length)
        inside = np.arange(length)[pooled]
        values = activations[offsets[pairs, None] + inside]  # (pairs, pooled tokens)
        at = tokens.offsets[places[pairs], None] + inside
        word, widths = tokens.word[at], tokens.text.lengths[places[pairs]]
        by_word = np.full((len(pairs), widths.max()), -np.inf, np.float32)
        row, token = np.nonzero(word >= 0)
        np.maximum.at(by_word, (row, word[row, token]), values[row, token])
        best = by_word.max(axis=1, initial=-np.inf)
        special = np.where(tokens.special[at], values, -np.inf).max(axis=1, initial=-np.inf)
        above = np.maximum(values - baselines[pairs, None], 0)
        total = above.sum(axis=1)
        if widths.max():
            found.trigger[pairs] = np.where(np.isneginf(best), -1, by_word.argmax(axis=1))
        found.special[pairs] = np.where(np.isneginf(special), np.nan, special)
        found.on_special[pairs] = special > best
        if len(inside):
            found.strongest[pairs] = values.argmax(axis=1) + pooled.start
        some = total > 0
        found.concentration[pairs[some]] = above[some].max(axis=1, initial=0) / total[some]
        by_word[np.isneginf(by_word)] = np.nan
        for pair, of, width in zip(pairs.tolist(), by_word, widths.tolist(), strict=True):
            found.words[pair] = of[:width]
    return found
