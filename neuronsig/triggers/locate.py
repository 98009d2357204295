"""The strongest token of a sentence, how much of a neuron's activation it holds, and the word that it is a piece of.

What is collected is one number a sentence, the mean of its tokens' activations (or their maximum, or the last one's).
Here are the tokens' own. All are times the neuron's sign, so that higher is always more of what it responds to. The
strongest token is the highest of those that are pooled; the trigger is the word with the highest token. Units have an
offset: most tokens activate them a little, or all do. So how much sits on one token, the *concentration*, is told of
what is above the baseline, the unit's mean over tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.collection.dominance import Strongest
from neuronsig.config import MiningConfig
from neuronsig.neuron import Neuron
from neuronsig.triggers.cover import CodedVotes, cover
from neuronsig.triggers.detectors import detector_row
from neuronsig.triggers.model_tokens import Ids, ModelTokens
from neuronsig.triggers.votes import Vote

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
    none, nan = np.full(n, -1, np.int64), np.full(n, np.nan, np.float32)
    found = Located([nan[:0]] * n, nan, none, np.zeros(n, bool), np.zeros_like(none), nan.copy())
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


PAIRS = pa.schema([("row", pa.int32()), ("sentence_id", pa.int64()), ("activations", pa.list_(pa.float32()))])
"""A neuron's row of the job, a sentence that it lists, and the activation of each of the sentence's tokens."""


@dataclass(frozen=True)
class LocatedPairs:
    """Neurons and their top sentences, by neuron and rank, and where in the sentences the activations sit."""

    number: Ids  # (pairs,) the neuron's place
    rank: Ids  # (pairs,)
    sentence_ids: Ids  # (pairs,)
    places: Ids  # (pairs,) the sentence's, in the tokens
    found: Located

    @classmethod
    def of(cls, table: pa.Table, first: int, baselines: Floats, tokens: ModelTokens) -> LocatedPairs:
        """From rows of PAIRS, by row and rank; neuron 0 is row `first`, and baselines (neurons,) are times sign."""
        number = table["row"].to_numpy().astype(np.int64) - first
        ids = table["sentence_id"].to_numpy()
        lists = table["activations"].combine_chunks() if len(table) else pa.array([], PAIRS.field("activations").type)
        values, offsets = lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)
        places = tokens.places(ids)
        rank = np.arange(len(ids)) - np.searchsorted(number, number)
        return cls(number, rank, ids, places, locate(values, offsets, baselines[number], places, tokens))


def block_rows(
    neurons: Sequence[Neuron],
    pairs: LocatedPairs,
    votes: Sequence[Sequence[Vote]],
    tokens: ModelTokens,
    baselines: Floats,
    mining: MiningConfig,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of TRIGGERS, a pair each, and of DETECTORS, a neuron with sentences each; votes are those of each neuron."""
    found = pairs.found
    covered = cover(CodedVotes(votes, tokens.text, mining), tokens.text, pairs.number, pairs.places, found.trigger)
    rows = []
    for i, number in enumerate(pairs.number.tolist()):
        vote, offset = int(covered.vote[i]), int(covered.offset[i])
        named = votes[number][vote] if vote >= 0 else None
        rows.append(
            {
                **neurons[number].as_row(),
                "rank": int(pairs.rank[i]),
                "sentence_id": int(pairs.sentence_ids[i]),
                "activations": found.words[i],
                "special": _number(found.special[i]),
                "trigger": int(found.trigger[i]),
                "on_special": bool(found.on_special[i]),
                "concentration": _number(found.concentration[i]),
                "covered": named is not None and offset == 0,
                "kind": named.kind if named else None,
                "pattern": list(named.pattern) if named else None,
                "offset": offset if named else None,
            }
        )
    detectors = []
    bounds = np.searchsorted(pairs.number, np.arange(len(neurons) + 1)).tolist()
    for number, neuron in enumerate(neurons):
        start, stop = bounds[number], bounds[number + 1]
        if start == stop:
            continue
        named = [tokens.word_and_tag(int(pairs.places[i]), int(found.trigger[i])) for i in range(start, stop)]
        words, tags = zip(*named, strict=True)
        measured = detector_row(rows[start:stop], words, tags)
        chance = float(covered.words[start:stop].mean())
        detectors.append({**neuron.as_row(), "baseline": float(baselines[number]), "words_covered": chance, **measured})
    return rows, detectors


def strongest_tokens(
    pairs: LocatedPairs, neurons: int, tokens: ModelTokens, name: Callable[[int], str | None]
) -> list[list[Strongest]]:
    """Of each neuron the strongest token of each of its sentences, by rank; `name` is the text of a token's id."""
    found: list[list[Strongest]] = [[] for _ in range(neurons)]
    at, first = pairs.found.strongest, tokens.offsets[pairs.places]
    last = tokens.offsets[pairs.places + 1] - first - 1
    where = np.where(at == 0, "first", np.where(at == last, "last", "inside"))
    columns = (pairs.number, pairs.found.concentration, tokens.input_ids[first + at], where)
    for number, concentration, token, place in zip(*(column.tolist() for column in columns), strict=True):
        found[number].append(Strongest(concentration, name(token) or "", place))
    return found


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
