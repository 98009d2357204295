"""Profiles of neurons: words, POS tags, metadata and lengths of the top sentences against the corpus (P1 3.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.matching import Strata
from neuronsig.neuron import SITES, Neuron
from neuronsig.statistics import g2, information, keyness_order, log_ratio, lrc, p_value

OTHER = "(other)"
"""The metadata value that stands for all values of a field that are too rare to be items."""

POS_CLASSES = {"noun": "N", "verb": "V", "adj": "J"}
"""First letters of the tags of P1's simplified parts of speech (P1 Table 1)."""

MAX_TAGS = 256
UNIT_BITS, LAYER_BITS = 24, 16
FLUSH = 1 << 22
"""Increments held back before they are counted at once: one pass over the counters costs more than the counting."""


def neuron_code(neuron: Neuron) -> int:
    """A neuron as one integer that sorts by site, layer, unit, sign (+1 before -1)."""
    number = (SITES.index(neuron.site) << LAYER_BITS | neuron.layer) << UNIT_BITS | neuron.unit
    return number << 1 | (neuron.sign < 0)


def neuron_of(code: int) -> Neuron:
    """The inverse of `neuron_code`."""
    code, negative = code >> 1, code & 1
    unit, code = code & (1 << UNIT_BITS) - 1, code >> UNIT_BITS
    return Neuron(SITES[code >> LAYER_BITS], code & (1 << LAYER_BITS) - 1, unit, -1 if negative else 1)


@dataclass
class Dictionary:
    """What sentences are encoded with, and the corpus's counts. Codes are positions; 0 is the most frequent.

    Item codes: word w is w; metadata m is n_words + m; tag t is n_words + n_metadata + t.
    """

    words: list[str]
    word_sentences: NDArray[np.int64]  # (n_words,) sentences that hold the lower-cased word
    metadata: list[tuple[str, str]]  # (field, value); value OTHER stands for the rare ones
    metadata_sentences: NDArray[np.int64]  # (n_metadata,)
    tags: list[str]
    tag_tokens: NDArray[np.int64]  # (n_tags,) tokens with the tag
    tag_sentences: NDArray[np.int64]  # (n_tags,) sentences that hold the tag
    n_sentences: int
    n_tokens: int
    strata: Strata = field(default_factory=lambda: Strata(np.zeros(0, np.int64)))
    domains: list[str] = field(default_factory=list)  # by their number in strata
    stratum_sentences: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(strata,) sentences of each stratum."""
    n_trees: int = 0  # sentences with a dependency tree

    def __post_init__(self) -> None:
        if not len(self.stratum_sentences):
            self.stratum_sentences = np.array([self.n_sentences], np.int64)

    @property
    def n_items(self) -> int:
        """Words and metadata together: the codes that a sentence's item list may hold."""
        return len(self.words) + len(self.metadata)

    def item_name(self, code: int) -> str:
        """`word=the`, `pos=NN` or `domain=book`."""
        if code < len(self.words):
            return f"word={self.words[code]}"
        if code < self.n_items:
            return "=".join(self.metadata[code - len(self.words)])
        return f"pos={self.tags[code - self.n_items]}"

    def item_sentences(self) -> NDArray[np.int64]:
        """Sentences of the corpus that hold each item, by item code: words, metadata, tags."""
        return np.concatenate((self.word_sentences, self.metadata_sentences, self.tag_sentences))


class ProfileCounts:
    """Counts of some neurons' sentences, added block by block in any order.

    State, for the neurons met so far (one row each): sentences, tokens, squared lengths, tokens by tag, and
    sentences by item, the last (neurons, items) int64. Blocks may split and interleave neurons freely.
    """

    def __init__(self, n_items: int) -> None:
        self.n_items = n_items
        self.rows: dict[int, int] = {}
        self.sentences = np.zeros(0, np.int64)
        self.tokens = np.zeros(0, np.int64)
        self.squares = np.zeros(0, np.int64)
        self.tags = np.zeros((0, MAX_TAGS), np.int64)
        self.items = np.zeros((0, n_items), np.int64)
        self._held: list[NDArray[np.int64]] = []
        self._held_size = 0

    def add(
        self,
        codes: NDArray[np.int64],
        items: NDArray[np.integer],
        item_lengths: NDArray[np.integer],
        tags: NDArray[np.uint8],
        lengths: NDArray[np.integer],
    ) -> None:
        """Count a block of (neuron, sentence) rows.

        codes (rows,); items flat, item_lengths (rows,) of them to a row; tags flat, lengths (rows,) tokens a row.
        """
        row = self._rows_of(codes)
        n = len(self.rows)
        self.sentences += np.bincount(row, minlength=n)
        self.tokens += np.bincount(row, weights=lengths, minlength=n).astype(np.int64)
        self.squares += np.bincount(row, weights=np.square(lengths, dtype=np.float64), minlength=n).astype(np.int64)
        tag_keys = np.repeat(row * MAX_TAGS, lengths) + tags
        self.tags += np.bincount(tag_keys, minlength=n * MAX_TAGS).reshape(n, MAX_TAGS)
        self._held.append(np.repeat(row * self.n_items, item_lengths) + items)
        self._held_size += len(items)
        if self._held_size >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Bring `items` up to date with all blocks added."""
        if self._held:
            found = np.bincount(np.concatenate(self._held), minlength=self.items.size)
            self.items += found.reshape(self.items.shape)
            self._held, self._held_size = [], 0

    def _rows_of(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        distinct, inverse = np.unique(codes, return_inverse=True)
        new = [int(code) for code in distinct if int(code) not in self.rows]
        for code in new:
            self.rows[code] = len(self.rows)
        if new:
            for name in ("sentences", "tokens", "squares", "tags", "items"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate((old, np.zeros((len(new), *old.shape[1:]), np.int64))))
        return np.array([self.rows[int(code)] for code in distinct], np.int64)[inverse]


@dataclass
class ProfileRules:
    """What is kept of a profile, and how strict its statistics are."""

    words_kept: int
    min_count: int
    alpha: float
    neurons: int  # neurons profiled together: every one is a set of tests
    values_kept: int = 20  # metadata values listed in a neuron's profile for each field


def finish_profile(
    neuron: Neuron, row: int, counts: ProfileCounts, dictionary: Dictionary, rules: ProfileRules
) -> dict[str, Any]:
    """One neuron's row of PROFILES (without `mined`) and, under `signatures`, its rows of SIGNATURES.

    Kinds `words` (only those more frequent than in the corpus) and `metadata` count sentences, `pos` counts tokens
    as P1's shares do. The tests that LRC is corrected for are all words (tags, values) of the dictionary times all
    neurons, whether they occurred or not: a bound that is known in advance and errs on the safe side.
    """
    n1, tokens = int(counts.sentences[row]), int(counts.tokens[row])
    n2 = dictionary.n_sentences - n1
    n_words = len(dictionary.words)
    by_item, by_tag = counts.items[row], counts.tags[row, : len(dictionary.tags)]
    mean = tokens / n1
    words = _evidence(by_item[:n_words], n1, dictionary.word_sentences, n2, rules, only_more=True)
    tags = _evidence(by_tag, tokens, dictionary.tag_tokens, dictionary.n_tokens - tokens, rules)
    values = _evidence(by_item[n_words:], n1, dictionary.metadata_sentences, n2, rules)
    named = [j for j, code in enumerate(values["code"]) if dictionary.metadata[code][1] != OTHER]
    values = {name: column[named] for name, column in values.items()}
    signatures: list[dict[str, Any]] = []
    lead: tuple[float, str] = (0.0, "")
    for kind, found, name, kept in (
        ("words", words, lambda code: [dictionary.words[code]], rules.words_kept),
        ("pos", tags, lambda code: [dictionary.tags[code]], len(dictionary.tags)),
        ("metadata", values, lambda code: list(dictionary.metadata[code]), rules.words_kept),
    ):
        bits = information(found["f1"], found["n1"], found["lrc"])
        if len(bits) and bits.max() > lead[0]:
            best = int(bits.argmax())
            prefix = {"words": "word=", "pos": "pos=", "metadata": ""}[kind]
            lead = (float(bits[best]), prefix + "=".join(name(int(found["code"][best]))))
        for rank, j in enumerate(range(min(kept, len(found["code"])))):
            cells = {key: column[j].item() for key, column in found.items() if key != "code"}
            named = {"kind": kind, "pattern": name(int(found["code"][j])), "rank": rank, "explained_by": None}
            signatures.append(named | cells)
    shares = pos_shares(dictionary.tags, by_tag)
    return {
        "site": neuron.site,
        "layer": neuron.layer,
        "unit": neuron.unit,
        "sign": neuron.sign,
        "n_sentences": n1,
        "n_tokens": tokens,
        "length_mean": mean,
        "length_sd": float(np.sqrt(max(counts.squares[row] / n1 - mean**2, 0.0))),
        **{f"{name}_share": share for name, share in shares.items()},
        "selectivity": selectivity(shares, pos_shares(dictionary.tags, dictionary.tag_tokens)),
        "lead_item": lead[1],
        "lead_bits": lead[0],
        "metadata_profile": metadata_profile(by_item[n_words:], dictionary.metadata, rules.values_kept),
        "signatures": signatures,
    }


def _evidence(
    f1: NDArray[np.int64], n1: int, corpus: NDArray[np.int64], n2: int, rules: ProfileRules, only_more: bool = False
) -> dict[str, NDArray[Any]]:
    """Code, counts and statistics of the items seen `min_count` times or more, strongest first."""
    code = np.flatnonzero(f1 >= rules.min_count)
    f2 = corpus - f1
    if only_more:
        code = code[f1[code] * n2 > f2[code] * n1]
    f1, f2 = f1[code], f2[code]
    ratio, evidence = log_ratio(f1, n1, f2, n2), g2(f1, n1, f2, n2)
    tests = len(corpus) * rules.neurons
    limit = lrc(f1, n1, f2, n2, tests=tests, alpha=rules.alpha)
    order = keyness_order(f1, ratio, limit, evidence)
    columns: dict[str, NDArray[Any]] = {
        "code": code,
        "f1": f1,
        "n1": np.full_like(f1, n1),
        "f2": f2,
        "n2": np.full_like(f1, n2),
    }
    columns |= {"matched": f2 / max(n2, 1), "log_ratio": ratio, "lrc": limit, "g2": evidence}
    columns["q"] = np.minimum(p_value(f1, n1, f2, n2) * tests, 1.0)
    return {name: column[order] for name, column in columns.items()}


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

    A neuron's score is the information of its leading item (`statistics.information`): one word, tag or metadata
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
