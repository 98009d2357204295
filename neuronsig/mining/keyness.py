"""Keyness: how much more frequent something is among a neuron's sentences than in the rest of the corpus.

f1 of n1 units carry it among the neuron's top sentences, f2 of n2 in the reference, which is the corpus *minus*
the neuron's sentences. Units are sentences for words, sequences, itemsets and metadata, tokens for POS tags.
Every function of counts takes arrays (or scalars) that broadcast, and returns float64. Counts of a matched reference
(share x effective size, effective size) need not be whole numbers.

A fair reference is what the corpus has in sentences of the same strata (neuronsig.encoding.vocabulary) as a neuron's.
Whatever is counted once a sentence is more frequent in long sentences, so a neuron that merely prefers long ones
would seem to respond to all of it. Every sentence therefore has a *stratum*, and the share of a pattern in the
reference is standardised directly to the neuron's own distribution over strata (Rothman, Greenland and Lash 2008,
chapter 4): the sum over strata of n1_s / n1 times f2_s / n2_s. Were a pattern alike frequent in all strata, that
weighted mean would be as precise as one of Kish's effective size, 1 / sum((n1_s / n1)^2 / n2_s) sentences (Kish 1965).
A pattern of long sentences is not, and a neuron that lists most of the longest leaves few to know its share from. So
evidence is weighed by each pattern's own size: the Poisson count whose variance is that of its standardised share, with
one sentence more in the heaviest stratum, so that what was not seen there is not taken for absent (Fay and Feuer 1997).

The reference is the corpus minus the neuron's own sentences (minus those held out, which no count here includes).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv, ndtri, xlogy

from neuronsig.encoding.vocabulary import FEWEST

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """Patterns in the reference of one neuron; `share` is as if measured on `size` sentences, or on `sizes`."""

    f2: Integers  # (patterns,) raw: reference sentences that have the pattern
    n2: int  # raw: reference sentences
    share: Floats  # (patterns,) 0 to 1, standardised to the neuron's strata
    size: float  # Kish's effective number of reference sentences; 0 when there is no reference
    sizes: Floats  # (patterns,) that of each pattern by Fay and Feuer, for evidence; 0 without a reference

    @property
    def equivalent(self) -> Floats:
        """The count that stands for f2 beside `size`: float64 (patterns,)."""
        return self.share * self.size

    @property
    def evidence(self) -> tuple[Floats, Floats]:
        """The count that stands for f2 and the size beside it, for tests and limits: float64 (patterns,) each."""
        return self.share * self.sizes, self.sizes


def match_reference(f1: ArrayLike, corpus: ArrayLike, n1: ArrayLike, total: ArrayLike, bins: int) -> Matched:
    """The reference of one neuron's patterns, matched by stratum.

    f1 and corpus (patterns, strata): sentences with the pattern among the neuron's and in the whole corpus; n1 and
    total (strata,): all the neuron's sentences and the corpus's; `bins`: the length bins of the strata (Strata.bins).
    Raises ValueError when a part exceeds its whole, which means counts of different sets of sentences.
    """
    f1, corpus = np.atleast_2d(np.asarray(f1, np.int64)), np.atleast_2d(np.asarray(corpus, np.int64))
    n1, total = np.asarray(n1, np.int64), np.asarray(total, np.int64)
    f2, n2 = corpus - f1, total - n1
    if (n2 < 0).any() or (f2 < 0).any() or (f2 > n2).any():
        raise ValueError("counts by stratum do not fit: a neuron's sentences must be part of the corpus counted")
    weight = reference_weights(n1, n2, bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(weight > 0, weight / n2, 0.0)  # (strata,) the weight of one reference sentence
        spread = float((weight * each).sum())
    size = 1.0 / spread if spread > 0 else 0.0
    # Weights of sum 1 add up to a little more, in floats; of a share above 1 there is no G2.
    share, heaviest = np.minimum(f2 @ each, 1.0), float(each.max(initial=0.0))
    sizes = (share + heaviest) / (f2 @ each**2 + heaviest**2) if heaviest > 0 else np.zeros(len(share))
    return Matched(f2.sum(axis=1), int(n2.sum()), share, size, sizes)


def reference_weights(n1: Integers, n2: Integers, bins: int) -> Floats:
    """The weight of each stratum, float64 (strata,), of sum 1: n1 / sum(n1), where the reference has sentences.

    The weight of a stratum with fewer than FEWEST goes to the nearest length bin of its domain that has FEWEST, the
    shorter of two; if its domain has none, to the nearest bin of any domain, the one with most sentences. Where no
    stratum has FEWEST, the largest takes all. All 0 without a reference.
    """
    weight = n1 / max(int(n1.sum()), 1)
    enough = n2 >= min(FEWEST, max(int(n2.max(initial=0)), 1))
    if not enough.any():
        return np.zeros(len(n1))
    place = np.arange(len(n1)) % bins
    domain = np.arange(len(n1)) // bins
    given = np.flatnonzero(enough)
    for poor in np.flatnonzero((weight > 0) & ~enough):
        same = given[domain[given] == domain[poor]]
        near = same if len(same) else given
        order = np.lexsort((near, -n2[near] * (not len(same)), np.abs(place[near] - place[poor])))
        weight[near[order[0]]] += weight[poor]
        weight[poor] = 0.0
    return weight


def log_ratio(f1: ArrayLike, n1: ArrayLike, f2: ArrayLike, n2: ArrayLike) -> Floats:
    """log2 of the relative frequencies' ratio; a count of 0 is taken as one half (Hardie 2014).

    Zero where the reference is empty (n2 = 0): nothing can be said there.
    """
    f1, n1, f2, n2 = _counts(f1, n1, f2, n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log2(np.maximum(f1, 0.5) / n1) - np.log2(np.maximum(f2, 0.5) / n2)
    return np.where((n1 > 0) & (n2 > 0), ratio, 0.0)


def g2(f1: ArrayLike, n1: ArrayLike, f2: ArrayLike, n2: ArrayLike) -> Floats:
    """Log-likelihood ratio statistic of the 2 x 2 table (Dunning 1993), 0 or more whatever the direction."""
    f1, n1, f2, n2 = _counts(f1, n1, f2, n2)
    # Counts that stand for shares may lie beside their size by a rounding; 1 - p would lose what is left of it.
    rest1, rest2 = np.maximum(n1 - f1, 0.0), np.maximum(n2 - f2, 0.0)
    fit = _binomial(f1, rest1, f1, rest1) + _binomial(f2, rest2, f2, rest2)
    both = f1 + f2, rest1 + rest2
    return np.maximum(2.0 * (fit - _binomial(f1, rest1, *both) - _binomial(f2, rest2, *both)), 0.0)


def lrc(f1: ArrayLike, n1: ArrayLike, f2: ArrayLike, n2: ArrayLike, tests: float = 1, alpha: float = 0.05) -> Floats:
    """Conservative log ratio (LRC, Evert 2022): the confidence limit of the log ratio that is nearest zero.

    The two-sided interval at level `alpha`, divided by the number of `tests` made (Bonferroni), is the exact one
    of the conditional Poisson test: Clopper-Pearson on f1 of f1 + f2. Zero when the interval holds zero, so that
    effect and evidence are one number; f2 = 0 needs no special case.
    """
    f1, n1, f2, n2 = _counts(f1, n1, f2, n2)
    result = np.zeros(f1.shape)
    tail = alpha / max(float(tests), 1.0) / 2.0
    known = (n1 > 0) & (n2 > 0) & (f1 + f2 > 0)
    more = known & (f1 * n2 > f2 * n1)
    less = known & (f1 * n2 < f2 * n1)
    low = betaincinv(f1[more], f2[more] + 1.0, tail)
    result[more] = np.maximum(_odds_ratio(low, n1[more], n2[more]), 0.0)
    high = betainccinv(f1[less] + 1.0, f2[less], tail)
    result[less] = np.minimum(_odds_ratio(high, n1[less], n2[less]), 0.0)
    return result


def p_value(f1: ArrayLike, n1: ArrayLike, f2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p of the conditional Poisson test that LRC's interval inverts; 1 where nothing can be said.

    Twice the smaller tail of f1 among f1 + f2, each of which is the neuron's with probability n1 / (n1 + n2).
    """
    f1, n1, f2, n2 = _counts(f1, n1, f2, n2)
    known = (n1 > 0) & (n2 > 0) & (f1 + f2 > 0)
    result = np.ones(f1.shape)
    f1, n1, f2, n2 = f1[known], n1[known], f2[known], n2[known]
    share = n1 / (n1 + n2)
    many = np.where(f1 > 0, betainc(np.maximum(f1, 1e-9), f2 + 1.0, share), 1.0)  # P(X >= f1)
    few = np.where(f2 > 0, betaincc(f1 + 1.0, np.maximum(f2, 1e-9), share), 1.0)  # P(X <= f1)
    result[known] = np.minimum(2.0 * np.minimum(many, few), 1.0)
    return result


GRID = 64
"""Bins a decade of p-values: a q looked up is at most 10 ** (1 / GRID) = 1.037 times the exact one."""

DECADES = 60
"""p-values of 10 ** -DECADES and less share a bin."""

_UPPER = 10.0 ** (-np.arange(GRID * DECADES + 1) / GRID)  # edge of each bin


@dataclass
class PValueCounts:
    """p-values of many tests counted on a logarithmic grid, so that no one sorts them: `bins` add up in any order.

    Bin i holds 10 ** (-(i + 1) / GRID) < p <= 10 ** (-i / GRID); the last one all that are smaller.
    """

    bins: Integers = field(default_factory=lambda: np.zeros(GRID * DECADES + 1, np.int64))

    def add(self, p: NDArray[np.floating]) -> None:
        """Count some p-values."""
        self.bins += np.bincount(_grid_bin(p), minlength=len(self.bins))

    def q(self, p: ArrayLike, tests: float) -> Floats:
        """The false-discovery rate at which each p is a discovery (Benjamini and Hochberg 1995), 0 to 1.

        `tests` is the number of hypotheses, those whose p was never calculated included: they count as not found.
        A p is taken at its bin's upper edge, so q is never below the exact one.
        """
        found = np.cumsum(self.bins[::-1])[::-1]  # p-values up to each bin's upper edge
        rate = np.minimum(_UPPER * tests / np.maximum(found, 1), 1.0)
        return np.asarray(np.minimum.accumulate(rate)[_grid_bin(np.atleast_1d(np.asarray(p, float)))])


def _grid_bin(p: NDArray[np.floating]) -> Integers:
    with np.errstate(divide="ignore"):
        place = np.floor(-np.log10(p) * GRID)
    return np.clip(place, 0, GRID * DECADES).astype(np.int64)


def lift(
    f1: ArrayLike, part1: ArrayLike, f2: ArrayLike, part2: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[Floats, Floats]:
    """What a pattern adds to a part of it: (log2 ratio, lower confidence limit of it at two-sided level `alpha`).

    The pattern's share of the units with its part, f1 of part1 here against f2 of part2 in the reference. Every
    f is one of part, so the interval is Katz's for a ratio of proportions (Katz et al. 1978), with a half added.
    """
    f1, part1, f2, part2 = (value + 0.5 for value in _counts(f1, part1, f2, part2))
    ratio = np.log2(f1 / part1) - np.log2(f2 / part2)
    spread = np.sqrt(np.maximum(1 / f1 - 1 / part1 + 1 / f2 - 1 / part2, 0.0)) / np.log(2.0)
    return ratio, ratio + ndtri(np.asarray(alpha, float) / 2.0) * spread


def binary_divergence(p1: ArrayLike, p2: ArrayLike) -> Floats:
    """Kullback-Leibler divergence, in bits, of a yes with probability p1 from one with p2; inf if only p2 is 0 or 1."""
    p1, p2 = np.broadcast_arrays(np.asarray(p1, float), np.asarray(p2, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        yes = np.where(p1 > 0, p1 * (np.log2(p1) - np.log2(p2)), 0.0)
        no = np.where(p1 < 1, (1 - p1) * (np.log2(1 - p1) - np.log2(1 - p2)), 0.0)
    return np.maximum(yes + no, 0.0)


def information(f1: ArrayLike, n1: ArrayLike, conservative: ArrayLike) -> Floats:
    """Bits that one item tells of a unit of the neuron: coverage and contrast in one number.

    The divergence between the item's share p1 = f1 / n1 and the highest reference share that the evidence
    allows, p1 / 2 ** LRC. An item in 60 % of the sentences against 1 % in the corpus scores 3 bits, one in 1 %
    against 0.01 % only 0.05, and whatever is within chance (LRC 0) or rarer than in the corpus scores 0.
    """
    f1, n1, limit, _ = _counts(f1, n1, conservative, 0)
    p1 = f1 / np.maximum(n1, 1.0)
    return binary_divergence(p1, p1 / np.exp2(np.maximum(limit, 0.0)))


@dataclass(frozen=True)
class Keyness:
    """What is said of items against a matched reference: float64 (items,) each."""

    table: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]
    """f1, n1, f2 and n2 as they count as evidence."""
    log_ratio: Floats
    lrc: Floats
    g2: Floats

    @classmethod
    def of(
        cls, f1: ArrayLike, n1: ArrayLike, share: Floats, size: ArrayLike, sizes: Floats, tests: float, alpha: float
    ) -> Keyness:
        """f1 of n1 against the matched `share`, measured on `size` units, and as evidence on `sizes` of them."""
        table = f1, n1, share * sizes, sizes
        limit = lrc(*table, tests=tests, alpha=alpha)
        return cls(table, log_ratio(f1, n1, share * np.asarray(size), size), limit, g2(*table))

    def p(self) -> Floats:
        """`p_value` of each."""
        return p_value(*self.table)

    def order(self, f1: ArrayLike) -> Integers:
        """Positions from the strongest to the weakest: by LRC, then signed G2, then f1, then the order given."""
        signed = np.where(self.log_ratio >= 0, self.g2, -self.g2)
        return np.lexsort((-np.asarray(f1, float), -signed, -self.lrc)).astype(np.int64)


def _odds_ratio(share: Floats, n1: Floats, n2: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log2(share) - np.log1p(-share) / np.log(2.0) + np.log2(n2 / n1)


def _binomial(yes: Floats, no: Floats, of_yes: Floats, of_no: Floats) -> Floats:
    """Log-likelihood of counts where the two chances are as `of_yes` to `of_no`."""
    size = np.where(of_yes + of_no > 0, of_yes + of_no, 1.0)
    return np.asarray(xlogy(yes, of_yes / size) + xlogy(no, of_no / size))


def _counts(*values: ArrayLike) -> list[Floats]:
    return [np.array(v, dtype=np.float64, ndmin=1) for v in np.broadcast_arrays(*values)]
