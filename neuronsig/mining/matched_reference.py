"""A fair reference: what the corpus has in sentences of the same strata (neuronsig.encoding.strata) as a neuron's.

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

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuronsig.encoding.strata import FEWEST


@dataclass(frozen=True)
class Matched:
    """Patterns in the reference of one neuron; `share` is as if measured on `size` sentences, or on `sizes`."""

    f2: NDArray[np.int64]  # (patterns,) raw: reference sentences that have the pattern
    n2: int  # raw: reference sentences
    share: NDArray[np.float64]  # (patterns,) 0 to 1, standardised to the neuron's strata
    size: float  # Kish's effective number of reference sentences; 0 when there is no reference
    sizes: NDArray[np.float64]  # (patterns,) that of each pattern by Fay and Feuer, for evidence; 0 without a reference

    @property
    def equivalent(self) -> NDArray[np.float64]:
        """The count that stands for f2 beside `size`: float64 (patterns,)."""
        return self.share * self.size

    @property
    def evidence(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    share, heaviest = f2 @ each, float(each.max(initial=0.0))
    sizes = (share + heaviest) / (f2 @ each**2 + heaviest**2) if heaviest > 0 else np.zeros(len(share))
    return Matched(f2.sum(axis=1), int(n2.sum()), share, size, sizes)


def reference_weights(n1: NDArray[np.int64], n2: NDArray[np.int64], bins: int) -> NDArray[np.float64]:
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
