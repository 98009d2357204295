"""The kinds of evidence of a signature weighed into one score, each half of the sentences by weights of the other.

Kinds overlap: a phrase brings its words, tags and tree along, and how much of their evidence is the same differs from
neuron to neuron. Added up as they are, more patterns make a worse score (72 neurons of MiniLM on the six corpora,
average precision: 0.154; without patterns of several items 0.167; weighed 0.192, without them 0.180). So a logistic
regression weighs the kinds, not the patterns: some ten numbers a neuron, fitted on one half of the held-out sentences
and used on the other, and the reverse (cross-fitting). No sentence is ranked by weights that have seen it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.floating]


def weighed(by_kind: Mapping[str, Floats], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log odds (n,) of every sentence under the weights of the other half; by_kind: bits (n,) of each kind.

    Halves alternate within positives and within negatives, in the order given. With fewer than two of either there is
    nothing to fit, and the bits are added up.
    """
    evidence = np.stack([np.asarray(by_kind[kind], np.float64) for kind in sorted(by_kind)], axis=1)  # (n, kinds)
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return np.asarray(evidence.sum(axis=1))
    half = np.empty(len(positive), np.int8)
    for members in (positive, ~positive):
        half[members] = np.arange(np.count_nonzero(members)) % 2
    found = np.empty(len(positive))
    for own in (0, 1):
        fitted = LogisticRegression(solver="newton-cholesky").fit(evidence[half != own], positive[half != own])
        found[half == own] = fitted.decision_function(evidence[half == own])
    return found
