"""The sentences that no signature is made from, so that signatures can be judged on what they have not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuronsig.splitmix import uniform

_SEED = 0x6E6575726F6E  # any constant: whoever splits by the same hash must not split alike


def is_held_out(sentence_ids: NDArray[np.integer], share: float) -> NDArray[np.bool_]:
    """Which sentences are held out: bool (sentences,), about `share` (0 to below 1) of any set of ids.

    A pure function of the id, so that a sentence stays on its side when text is appended, whatever the shards and the
    order.
    """
    return uniform(sentence_ids, _SEED) < share
