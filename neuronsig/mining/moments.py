"""Lengths, places and shares of word classes from sums over sentences, with effect sizes and 95 % intervals.

Sums of a part subtract from those of the corpus, so the reference, which is the corpus minus a neuron's sentences,
is exact without being read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from neuronsig.mining.matched_reference import reference_weights
from neuronsig.ragged import Codes, rows_of

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
        cls,
        offsets: Codes,
        tags: NDArray[np.integer],
        strata: NDArray[np.integer],
        names: Sequence[str],
        n_strata: int,
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
    position = mean_effect(
        own.sentences, own.position, own.position_squared, rest.sentences, rest.position, rest.position_squared
    )
    relative = mean_effect(
        own.several,
        own.relative / RELATIVE,
        own.relative_squared / RELATIVE**2,
        rest.several,
        rest.relative / RELATIVE,
        rest.relative_squared / RELATIVE**2,
    )
    found = {f"position_{name}": value for name, value in position.items()}
    return found | {f"relative_position_{name}": value for name, value in relative.items()}


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
