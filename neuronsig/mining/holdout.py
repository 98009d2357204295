"""The sentences that no signature is made from, so that signatures can be judged on what they have not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_SEED = 0x6E6575726F6E  # any constant: whoever splits by the same hash must not split alike


def is_held_out(sentence_ids: NDArray[np.integer], share: float) -> NDArray[np.bool_]:
    """Which sentences are held out: bool (sentences,), about `share` (0 to below 1) of any set of ids.

    A pure function of the id, so that a sentence stays on its side when text is appended, whatever the shards and the
    order.
    """
    return uniform(sentence_ids, _SEED) < share


def uniform(sentence_ids: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """A number from 0 to below 1 for each id, as if drawn: splitmix64 of the id (Steele et al. 2014).

    Other seeds give numbers that have nothing to do with each other.
    """
    x = np.asarray(sentence_ids, np.int64).astype(np.uint64) * np.uint64(_STEP) + np.uint64(seed)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53
