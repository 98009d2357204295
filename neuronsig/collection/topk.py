"""The exact top-K of every neuron, as sorted lists of packed 64-bit keys (design section 4.1; P1 3.1).

A key holds the order-preserving bits of a float32 score in its high half and the inverted 32-bit sentence id in
its low half, so that one integer comparison is the total order "score descending, then sentence id ascending".
The top-K of a set of keys is the K largest. `union` is set union cut to K: associative, commutative and
idempotent, so neither the order of shards nor a shard that is delivered twice can change the answer.

The score of a neuron with sign -1 is its negated activation: its list begins with the lowest activation.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neuronsig.errors import InputError

Keys = npt.NDArray[np.uint64]

# Fills the unused end of a row. No score packs to it: its high half would be a NaN.
EMPTY = np.uint64(0)
MAX_ID = 2**32 - 1

_SIGN = np.uint32(0x8000_0000)
_LOW = np.uint64(MAX_ID)
_SHIFT = np.uint64(32)
# Keys of some rows that are sorted together: as many as stay in a core's cache.
_SORTED_AT_ONCE = 1 << 17


def pack(scores: npt.NDArray[np.float32], sentence_ids: npt.NDArray[np.int64]) -> Keys:
    """Pack scores (..., n) float32 and ids (n,) into uint64 keys (..., n); -0.0 counts as 0.0.

    Raises InputError for an id outside 0..2^32-1, and for a NaN score, naming its sentence and (flat) row.
    """
    ids = np.asarray(sentence_ids, dtype=np.int64)
    if ids.size and (ids.min() < 0 or ids.max() > MAX_ID):
        wrong = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise InputError(f"sentence_id={wrong}: must be from 0 to {MAX_ID}, for keys hold 32 bits of it")
    values = np.asarray(scores, dtype=np.float32)
    nan = np.isnan(values)
    if nan.any():
        row, column = np.argwhere(nan.reshape(-1, values.shape[-1]))[0]
        raise InputError(f"sentence_id={ids[column]}: the score of row {row} is NaN; its weights or input are broken")
    return (ordered_bits(values) << _SHIFT) | (_LOW - ids.astype(np.uint64))


def ordered_bits(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """32 bits of each float32 score, as uint64, in the order of the scores; -0.0 is 0.0."""
    bits = (scores + np.float32(0.0)).view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN).astype(np.uint64)


def scores_of_bits(high: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """Inverse of `ordered_bits`."""
    bits = high.astype(np.uint32)
    return np.where(bits & _SIGN, bits ^ _SIGN, ~bits).view(np.float32)


def unpack(keys: Keys) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Scores float32 and sentence ids int64 of keys of any shape (none of them EMPTY)."""
    return scores_of_bits(keys >> _SHIFT), (_LOW - (keys & _LOW)).astype(np.int64)


def union(parts: Sequence[Keys], k: int) -> Keys:
    """Union of the rows of several (rows, n), cut to the k largest: (rows, min(k, sum of n)), sorted descending.

    A key that several hold counts once; rows shorter than the result end in EMPTY.
    """
    rows, width = len(parts[0]), sum(part.shape[1] for part in parts)
    n = min(k, width)
    result = np.empty((rows, n), np.uint64)
    step = max(1, _SORTED_AT_ONCE // max(1, width))
    for start in range(0, rows, step):
        keys = np.concatenate([part[start : start + step] for part in parts], axis=1)  # (step, width)
        if n < width:
            keys.partition(width - n, axis=1)
        best = np.sort(keys[:, width - n :], axis=1)  # (step, n)
        if _repeats(best).any():
            keys.sort(axis=1)
            keys[:, 1:][_repeats(keys)] = EMPTY
            keys.sort(axis=1)
            best = keys[:, width - n :]
        result[start : start + step] = best[:, ::-1]
    return result


def _repeats(keys: Keys) -> npt.NDArray[np.bool_]:
    """Where sorted rows (rows, n) hold the key on their left again, (rows, n - 1)."""
    return (keys[:, 1:] == keys[:, :-1]) & (keys[:, 1:] != EMPTY)


def ragged(keys: Keys) -> tuple[Keys, npt.NDArray[np.int64]]:
    """The keys of every row without EMPTY, end to end, and the offsets (rows + 1,) of the rows."""
    kept = keys != EMPTY
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    return keys[kept], offsets


def dense(values: Keys, offsets: npt.NDArray[np.int64]) -> Keys:
    """Inverse of `ragged`: (rows, longest row), rows ending in EMPTY."""
    counts = np.diff(offsets)
    keys = np.zeros((len(counts), int(counts.max(initial=0))), np.uint64)
    keys[np.arange(keys.shape[1]) < counts[:, None]] = values[offsets[0] : offsets[-1]]
    return keys


def reference(
    scores: npt.NDArray[np.float32], sentence_ids: npt.NDArray[np.int64], k: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Slow and plain: a full sort of scores (rows, n) by score descending, then id ascending, cut to k."""
    order = np.stack([np.lexsort((sentence_ids, -(row + np.float32(0)))) for row in scores])[:, :k]
    return np.take_along_axis(scores, order, axis=1) + np.float32(0), np.asarray(sentence_ids)[order]
