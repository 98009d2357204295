"""One neuron's sentences profiled: words, tags, metadata, lengths and places against the matched corpus (P1 3.2, 4.3).

Everything is told with its effect and its confidence: items as keyness, shares of noun, verb and adjective tokens as
log ratios, lengths and places in the document as standardised differences of means (neuronsig.mining.moments). Words
and metadata values are matched by the sentences of a stratum, tags and shares by its tokens. Lengths and places are
compared with the whole reference, because lengths are what is matched; where domains are matched, so are domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import OTHER, Dictionary
from neuronsig.kinds import METADATA, PREFIXES, TAGS, WORDS, Kind, kind_of, profile_kinds
from neuronsig.mining.keyness import Keyness, information, match_reference
from neuronsig.mining.moments import (
    CorpusCounts,
    Places,
    TokenMoments,
    mean_effect,
    place_effects,
    selectivity,
    share_effects,
)
from neuronsig.neuron import Neuron
from neuronsig.ragged import Codes

Floats = NDArray[np.float64]

SHOWN = 0.01
"""Share of the sentences that a metadata value must have to get a row though others are stronger."""

WORDS_KEPT = 40
"""Word rows of a neuron that are kept at least, for a reader to see what is next; all beyond chance are kept too."""

UNWRITTEN = ("code", "size", "own_size")
"""Columns of a comparison that rows of SIGNATURES have not."""


@dataclass(frozen=True)
class ProfileRules:
    """What is kept of a profile, and how strict its statistics are."""

    words_kept: int  # rows of a kind that are kept at least
    min_count: int
    alpha: float
    neurons: int  # neurons profiled together: every one is a set of tests
    values_kept: int = 20  # metadata values listed in a neuron's profile for each field

    def tests(self, kind: str, dictionary: Dictionary) -> int:
        """Hypotheses of a kind: all its items times all neurons, whether they occur or not.

        A bound that is known in advance and errs on the safe side.
        """
        return max(dictionary.sizes[kind_of(kind).layers[0]] * self.neurons, 1)


@dataclass(frozen=True)
class Profile:
    """A neuron's row of PROFILES (without `mined`), its rows of SIGNATURES, and the p-values of all tests, by kind.

    The rows' `q` holds p, until the p-values of all neurons are known (keyness.PValueCounts).
    """

    row: dict[str, Any]
    signatures: list[dict[str, Any]]
    p_values: dict[str, Floats]


def profile_neuron(
    neuron: Neuron, own: Sentences, places: Places, corpus: CorpusCounts, rules: ProfileRules
) -> Profile:
    """Profile one neuron's sentences (`items`, `tags` and `strata` of them are needed).

    Kinds `words` (only those more frequent than in the reference) and `metadata` count sentences, `pos` tokens, as
    P1's shares do: as evidence (lrc, g2, q) they weigh less by the tag's design effect. Word rows are all that are
    beyond chance, for the strongest by lrc are the rare ones; metadata rows the strongest, and all values that
    `metadata_profile` lists and SHOWN of the sentences have.
    """
    dictionary, strata = corpus.dictionary, corpus.dictionary.strata
    moments = TokenMoments.of(own.offsets, own.tags, own.strata, dictionary.tags, strata.size)
    n1, tokens = int(moments.sentences.sum()), int(moments.y.sum())
    by_item = count_by_stratum(own.items, np.diff(own.item_offsets), own.strata, corpus.items.shape)
    by_tag = count_by_stratum(own.tags, np.diff(own.offsets), own.strata, corpus.tags.shape)
    values = by_item[len(dictionary.words) :].sum(axis=1)
    listed = metadata_profile(values, dictionary.metadata, rules.values_kept)
    signatures: list[dict[str, Any]] = []
    p_values: dict[str, Floats] = {}
    lead: tuple[float, str] = (0.0, "")
    compared = _comparisons(by_item, by_tag, moments, corpus, rules.min_count)
    for kind in profile_kinds():
        layer = kind.layers[0]
        columns = compared[layer]
        weigh = corpus.tag_effect[columns["code"]] if kind.per_token else np.ones(len(columns["code"]))
        columns = _judged(columns, weigh, rules.tests(kind.name, dictionary), rules.alpha)
        p_values[kind.name] = columns["q"]
        patterns = [_pattern(layer, int(code), dictionary) for code in columns["code"]]
        bits = information(columns["f1"], columns["n1"], columns["lrc"])
        if len(bits) and bits.max() > lead[0]:
            best = int(bits.argmax())
            lead = (float(bits[best]), PREFIXES.get(layer, "") + "=".join(patterns[best]))
        signatures += _signatures(kind, patterns, columns, listed, n1, rules.words_kept)
    rest = corpus.moments.less(moments)
    length = mean_effect(n1, tokens, int(moments.yy.sum()), *(int(x.sum()) for x in (rest.sentences, rest.y, rest.yy)))
    row = {
        **neuron.as_row(),
        "n_sentences": n1,
        "n_tokens": tokens,
        "length_sd": float(np.sqrt(max(moments.yy.sum() / n1 - (tokens / n1) ** 2, 0.0))),
        **{f"length_{name}": value for name, value in length.items()},
        **place_effects(places, corpus.places.less(places)),
        **share_effects(moments, rest, strata.bins),
        "selectivity": selectivity(moments, corpus.moments),
        "lead_item": lead[1],
        "lead_bits": lead[0],
        "metadata_profile": listed,
    }
    return Profile(row, signatures, p_values)


def _comparisons(
    by_item: Codes, by_tag: Codes, moments: TokenMoments, corpus: CorpusCounts, min_count: int
) -> dict[str, dict[str, NDArray[Any]]]:
    """Counts and matched shares of the items that `min_count` sentences (tags: tokens) have, by layer."""
    dictionary, bins = corpus.dictionary, corpus.dictionary.strata.bins
    n_words = len(dictionary.words)
    often = np.flatnonzero(by_item.sum(axis=1) >= min_count)
    words, values = often[often < n_words], often[often >= n_words]
    values = values[[dictionary.metadata[code - n_words][1] != OTHER for code in values]]
    is_domain = np.array([dictionary.metadata[code - n_words][0] == "domain" for code in values], bool)
    tags = np.flatnonzero(by_tag.sum(axis=1) >= min_count)
    sentences = by_item, corpus.items, moments.sentences, dictionary.stratum_sentences
    # Domains are not matched by themselves: by length bin alone.
    lengths = [part.reshape(*part.shape[:-1], -1, bins).sum(axis=-2) for part in sentences]
    by_length = _compared(values[is_domain], lengths, bins)
    found, others = _compared(words, sentences, bins), _compared(values[~is_domain], sentences, bins)
    return {
        WORDS: _select(found, found["f1"] > found["matched"] * moments.sentences.sum()),
        TAGS: _compared(tags, (by_tag, corpus.tags, moments.y, corpus.moments.y), bins),
        METADATA: {name: np.concatenate((column, by_length[name])) for name, column in others.items()},
    }


def _signatures(
    kind: Kind,
    patterns: Sequence[list[str]],
    columns: Mapping[str, NDArray[Any]],
    listed: Mapping[str, Mapping[str, int]],
    n1: int,
    kept: int,
) -> list[dict[str, Any]]:
    """The rows of SIGNATURES, without the neuron, that `profile_neuron` keeps of a kind, strongest first."""
    rows = []
    for rank, pattern in enumerate(patterns):
        shown = kind.layers == (METADATA,) and pattern[1] in listed.get(pattern[0], ())
        shown &= columns["f1"][rank] >= SHOWN * n1
        told = kind.layers == (WORDS,) and columns["lrc"][rank] > 0
        if rank < kept or kind.layers == (TAGS,) or shown or told:
            cells = {name: column[rank].item() for name, column in columns.items() if name not in UNWRITTEN}
            rows.append({"kind": kind.name, "pattern": pattern, "rank": rank, "explained_by": None, **cells})
    return rows


def count_by_stratum(
    codes: NDArray[np.integer], lengths: Codes, strata: NDArray[np.integer], shape: tuple[int, ...]
) -> Codes:
    """int64 (codes, strata): how often each code occurs in sentences of each stratum.

    codes flat, `lengths` (sentences,) of them to a sentence, `strata` (sentences,).
    """
    keys = codes.astype(np.int64) * shape[1] + np.repeat(strata, lengths)
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape)


def _compared(code: Codes, counts: Sequence[NDArray[np.integer]], bins: int) -> dict[str, NDArray[Any]]:
    """Counts of some items and their matched share.

    `counts`: the neuron's and the corpus's units with each item, (items, strata), and all of them, (strata,) each.
    """
    own, corpus, n1, total = counts
    found = match_reference(own[code], corpus[code], n1, total, bins)
    n = len(code)
    return {
        "code": code,
        "f1": own[code].sum(axis=1),
        "n1": np.full(n, int(n1.sum())),
        "f2": found.f2,
        "n2": np.full(n, found.n2),
        "matched": found.share,
        "size": np.full(n, found.size),
        "own_size": found.sizes,
    }


def _judged(columns: dict[str, NDArray[Any]], weigh: Floats, tests: int, alpha: float) -> dict[str, NDArray[Any]]:
    """With statistics, strongest first; q is p. As many units as `weigh` (rows,) are one piece of evidence."""
    f1, n1, size, own = (columns[name] / weigh for name in ("f1", "n1", "size", "own_size"))
    keyness = Keyness.of(f1, n1, columns["matched"], size, own, tests, alpha)
    found = {"log_ratio": keyness.log_ratio, "lrc": keyness.lrc, "g2": keyness.g2, "q": keyness.p()}
    return _select(columns | found, keyness.order(columns["f1"]))


def _select(columns: dict[str, NDArray[Any]], rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {name: column[rows] for name, column in columns.items()}


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


def _pattern(layer: str, code: int, dictionary: Dictionary) -> list[str]:
    if layer == TAGS:
        return [dictionary.tags[code]]
    return [dictionary.words[code]] if layer == WORDS else list(dictionary.metadata[code - len(dictionary.words)])
