"""The sentences that no signature is made from, so that signatures can be judged on what they have not seen."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuronsig.splitmix import uniform

_SEED = 0x6E6575726F6E  # any constant: whoever splits by the same hash must not split alike


def is_held_out(sentence_ids: NDArray[np.integer], share: float) -> NDArray[np.bool_]:
    """Which sentences are held out: bool (sentences,), about `share` (0 to below 1) of any set of ids.

    A pure function of the id, so that a sentence stays on its side when text is appended, whatever the shards and the
    order.
    """
    return uniform(sentence_ids, _SEED) < share


def without_held_out(batch: pa.RecordBatch, share: float) -> pa.RecordBatch:
    """The rows of a batch with a column `sentence_id` whose sentences are not held out."""
    out = is_held_out(batch.column("sentence_id").to_numpy(), share)
    return batch.filter(pa.array(~out)) if out.any() else batch
