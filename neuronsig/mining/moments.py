"""Lengths, places and shares of word classes from sums over sentences, with effect sizes and 95 % intervals.

Sums of a part subtract from those of the corpus, so the reference, which is the corpus minus a neuron's sentences,
is exact without being read again. What all neurons are compared with is counted batch by batch (CorpusCells): items and
tags by stratum, and these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.encoding.sentences import Sentences, read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.keyness import reference_weights
from neuronsig.ragged import Codes, rows_of

PROFILED = ("items", "tags", "stratum")
"""Columns of encoded rows that profiles are made of."""

FLUSH = 1 << 22
"""Increments held back before they are counted at once: one pass over the counters costs more than the counting."""

_NONE, _START = np.zeros(0, np.int64), np.zeros(1, np.int64)
_NOTHING = Sentences(_START, _NONE, _NONE, _NONE, _START, _NONE, _START, np.zeros(0, np.int16))

POS_CLASSES = {"noun": "N", "verb": "V", "adj": "J"}
"""First letters of the tags of P1's simplified parts of speech (P1 Table 1)."""

RELATIVE = 10_000
"""Relative positions are counted in this many steps."""

Z = 1.959963984540054
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class TokenMoments:
    """Sums over sentences, by stratum, of tokens (y) and of tokens of each word class (x)."""

    sentences: Codes  # (strata,)
    y: Codes  # (strata,)
    yy: Codes  # (strata,)
    x: Codes  # (classes, strata)
    xx: Codes  # (classes, strata)
    xy: Codes  # (classes, strata)

    @classmethod
    def of(
        cls, offsets: Codes, tags: NDArray[np.integer], strata: NDArray[np.integer], names: Sequence[str], n_strata: int
    ) -> TokenMoments:
        """Of sentences whose tags are the codes `tags[offsets[i]:offsets[i + 1]]`, places in `names`."""
        lengths, row = np.diff(offsets), rows_of(offsets)

        def add(values: NDArray[np.integer]) -> Codes:
            return np.bincount(strata, weights=values, minlength=n_strata).astype(np.int64)

        classes = []
        for letter in POS_CLASSES.values():
            member = np.array([name.startswith(letter) for name in names] or [False])
            classes.append(np.bincount(row[member[tags]], minlength=len(lengths)))
        return cls(
            np.bincount(strata, minlength=n_strata),
            add(lengths),
            add(lengths * lengths),
            np.array([add(x) for x in classes]),
            np.array([add(x * x) for x in classes]),
            np.array([add(x * lengths) for x in classes]),
        )

    def less(self, own: TokenMoments) -> TokenMoments:
        """Those of the sentences that are not among `own`."""
        return TokenMoments(*(getattr(self, f.name) - getattr(own, f.name) for f in fields(self)))


def selectivity(own: TokenMoments, corpus: TokenMoments) -> float:
    """P1 4.3: the shares of nouns, verbs and adjectives over the corpus's, the greatest of them (1 = as the corpus)."""
    share, reference = (sums.x.sum(axis=1) / max(int(sums.y.sum()), 1) for sums in (own, corpus))
    known = reference > 0
    return float((share[known] / reference[known]).max(initial=0.0))


def tag_sums(offsets: Codes, tags: NDArray[np.integer], n_tags: int) -> tuple[Codes, Codes]:
    """Sums over sentences, int64 (n_tags,): the squared tokens of each tag, and these times all tokens."""
    lengths, row = np.diff(offsets), rows_of(offsets)
    keys, x = np.unique(row * n_tags + tags, return_counts=True)
    row, tag = np.divmod(keys, max(n_tags, 1))
    xx = np.bincount(tag, weights=x * x, minlength=n_tags).astype(np.int64)
    return xx, np.bincount(tag, weights=x * lengths[row], minlength=n_tags).astype(np.int64)


def design_effect(x: Codes, xx: Codes, xy: Codes, y: int, yy: int) -> NDArray[np.float64]:
    """How many tokens of each tag tell as much as one independent one: float64 (tags,), 1 or more (Kish 1965).

    The variance of the tag's share, a ratio of sums over sentences, over that of independent tokens. Numbers stand
    beside numbers: without it a table of figures would be a hundred pieces of evidence.
    """
    share = x / max(y, 1)
    residual = xx - 2 * share * xy + share**2 * yy
    plain = share * (1 - share) * y
    return np.where(plain > 0, np.maximum(residual / np.where(plain > 0, plain, 1.0), 1.0), 1.0)


@dataclass(frozen=True)
class Places:
    """Sums over sentences of where they stand in their document: the position from 0, and the relative one, from 0
    (first) to RELATIVE (last).

    The only sentence of a document stands nowhere in it: `several` counts the sentences of longer documents, which
    the relative sums are of. All are whole numbers, so that sums do not depend on the order.
    """

    sentences: int
    position: int
    position_squared: int
    several: int
    relative: int
    relative_squared: int

    def less(self, own: Places) -> Places:
        """Those of the sentences that are not among `own`."""
        return Places(*(getattr(self, f.name) - getattr(own, f.name) for f in fields(self)))


def place_effects(own: Places, rest: Places) -> dict[str, float | None]:
    """`position_*` and `relative_position_*`, each as `mean_effect` gives it."""

    def sums(of: Places) -> tuple[tuple[int, float, float], ...]:
        relative = of.relative / RELATIVE, of.relative_squared / RELATIVE**2
        return (of.sentences, of.position, of.position_squared), (of.several, *relative)

    found: dict[str, float | None] = {}
    for name, mine, others in zip(("position", "relative_position"), sums(own), sums(rest), strict=True):
        found |= {f"{name}_{part}": value for part, value in mean_effect(*mine, *others).items()}
    return found


def mean_effect(
    n1: int, sum1: float, squares1: float, n2: int, sum2: float, squares2: float
) -> dict[str, float | None]:
    """A mean beside the reference's, from counts, sums and sums of squares.

    `mean`, the limits `low` and `high` of its 95 % interval, `reference` (the other mean) and `effect`: Hedges' g, the
    difference in standard deviations (pooled, corrected for small samples; Hedges 1981). None where the sentences
    are too few to say.
    """
    mean, variance = _mean(n1, sum1, squares1)
    reference, other = _mean(n2, sum2, squares2)
    found: dict[str, float | None] = dict.fromkeys(("mean", "low", "high", "reference", "effect"))
    found |= {"mean": mean, "reference": reference}
    if mean is not None and n1 > 1:
        error = Z * (variance / n1) ** 0.5
        found |= {"low": mean - error, "high": mean + error}
        if reference is not None and n2 > 1:
            freedom = n1 + n2 - 2
            pooled = (((n1 - 1) * variance + (n2 - 1) * other) / freedom) ** 0.5
            small = 1 - 3 / (4 * freedom - 1)
            found["effect"] = small * (mean - reference) / pooled if pooled > 0 else 0.0
    return found


def _mean(n: int, total: float, squares: float) -> tuple[float | None, float]:
    """Mean and sample variance."""
    if n == 0:
        return None, 0.0
    return total / n, max(squares - total * total / n, 0.0) / max(n - 1, 1)


def share_effects(own: TokenMoments, rest: TokenMoments, bins: int) -> dict[str, float | None]:
    """For each word class `noun_share` (of all tokens), `noun_reference` (matched), and `noun_log_ratio` of the two
    with the limits of its 95 % interval, `noun_low` and `noun_high`.

    Tokens of one sentence are not independent, so the error is that of a ratio of sums over sentences (Cochran 1977,
    6.4). A class that does not occur counts as half a token. None without tokens, or without a reference.
    """
    n1, n2 = int(own.y.sum()), int(rest.y.sum())
    found: dict[str, float | None] = {}
    weight = reference_weights(own.y, rest.y, bins)  # (strata,)
    used = weight > 0
    for i, name in enumerate(POS_CLASSES):
        columns: dict[str, float | None] = dict.fromkeys(
            f"{name}_{part}" for part in ("reference", "log_ratio", "low", "high")
        )
        found |= {f"{name}_share": int(own.x[i].sum()) / max(n1, 1), **columns}
        if n1 == 0 or n2 == 0:
            continue
        log1, error1 = _log_share(*(int(s.sum()) for s in (own.x[i], own.y, own.xx[i], own.xy[i], own.yy)))
        y = rest.y[used].astype(np.float64)
        share = rest.x[i][used] / y  # (strata used,)
        residual = rest.xx[i][used] - 2 * share * rest.xy[i][used] + share**2 * rest.yy[used]
        reference = float(weight[used] @ share)
        size = 1.0 / float((weight[used] ** 2 / y).sum())  # Kish's effective number of tokens
        floor = 0.5 / size
        variance = float((weight[used] ** 2 * residual / y**2).sum())
        error2 = variance / reference**2 if reference > floor else 2.0
        ratio = log1 - np.log2(max(reference, floor))
        error = Z * (error1 + error2) ** 0.5 / np.log(2.0)
        found[f"{name}_reference"], found[f"{name}_log_ratio"] = reference, float(ratio)
        found[f"{name}_low"], found[f"{name}_high"] = float(ratio - error), float(ratio + error)
    return found


def _log_share(x: int, y: int, xx: int, xy: int, yy: int) -> tuple[float, float]:
    """log2 of x / y, and the squared relative error of x / y."""
    if x == 0:
        return float(np.log2(0.5 / y)), 2.0
    share = x / y
    return float(np.log2(share)), max(xx - 2 * share * xy + share**2 * yy, 0.0) / x**2


@dataclass(frozen=True)
class CorpusCounts:
    """What neurons are compared with: all sentences but those held out, a neuron's own included."""

    dictionary: Dictionary
    items: NDArray[np.integer]  # (n_items, strata) sentences with the word or metadata value
    tags: Codes  # (n_tags, strata) tokens with the tag
    tag_effect: NDArray[np.float64]  # (n_tags,) design effect of the tag's tokens: see moments.design_effect
    moments: TokenMoments
    places: Places


class CorpusCells:
    """One flat counter: items by stratum, tags by stratum, then tag_sums, and the rows of TokenMoments by stratum."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary, self.strata = dictionary, dictionary.strata.size
        self.bounds = np.cumsum([0, dictionary.n_items * self.strata, len(dictionary.tags) * self.strata])
        self._counted = np.zeros(self.bounds[-1], np.int64)
        self._sums = [np.zeros_like(part) for part in self._sums_of(_NOTHING)]
        self.size = len(self._counted) + sum(part.size for part in self._sums)
        self._held: list[NDArray[np.int64]] = []
        self._held_size = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count some encoded rows."""
        found = read_sentences(batch, PROFILED)
        strata = found.strata.astype(np.int64)
        for codes, offsets, start in (
            (found.items, found.item_offsets, self.bounds[0]),
            (found.tags, found.offsets, self.bounds[1]),
        ):
            keys = start + codes.astype(np.int64) * self.strata + np.repeat(strata, np.diff(offsets))
            self._held.append(keys)
            self._held_size += len(keys)
        if self._held_size >= FLUSH:
            self._flush()
        for total, part in zip(self._sums, self._sums_of(found), strict=True):
            total += part

    def total(self) -> NDArray[np.int64]:
        """(size,) all counts."""
        self._flush()
        return np.concatenate([self._counted, *(part.ravel() for part in self._sums)])

    def corpus(self, total: NDArray[np.int64], places: Places) -> CorpusCounts:
        """What a counter of all sentences says."""
        items, tags, rest = np.split(total, self.bounds[1:])
        parts = []
        for part in self._sums:
            parts.append(rest[: part.size].reshape(part.shape))
            rest = rest[part.size :]
        xx, xy, moments = parts[0], parts[1], TokenMoments(*parts[2:])
        tags = tags.reshape(-1, self.strata)
        effect = design_effect(tags.sum(axis=1), xx, xy, int(moments.y.sum()), int(moments.yy.sum()))
        by_item = items.reshape(-1, self.strata).astype(np.int32)
        return CorpusCounts(self.dictionary, by_item, tags, effect, moments, places)

    def _flush(self) -> None:
        if self._held:
            self._counted += np.bincount(np.concatenate(self._held), minlength=len(self._counted))
            self._held, self._held_size = [], 0

    def _sums_of(self, found: Sentences) -> tuple[NDArray[np.int64], ...]:
        names = self.dictionary.tags
        moments = TokenMoments.of(found.offsets, found.tags, found.strata, names, self.strata)
        return *tag_sums(found.offsets, found.tags, len(names)), *(getattr(moments, f.name) for f in fields(moments))
