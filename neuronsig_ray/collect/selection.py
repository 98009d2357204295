"""The running top-K of one shard on the model's device: scores go in batch by batch, only survivors are kept.

Every neuron (row) has a buffer of `capacity` packed keys. A score below the row's threshold, the score of the K-th
best key known, is never stored. A row that would overflow is cut to its K best, which raises its threshold. What is
kept is exact: a key leaves only when K better keys of real sentences are known.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neuronsig.collection.memory import ROWS_CUT_AT_ONCE, buffer_shape
from neuronsig.collection.topk import MAX_ID, Keys
from neuronsig.miners.compiled import compiled

# torch has no ordering for uint64: keys live here as int64 with the top bit flipped, which keeps their order.
_TOP_BIT = np.uint64(1 << 63)
_EMPTY = torch.iinfo(torch.int64).min


class ShardTopK:
    """Top `k` of (rows, sentences) scores that arrive in blocks of columns.

    Memory: `rows * capacity * 8` bytes, with capacity = min(most_sentences, k + slack); see `buffer_bytes`.
    """

    def __init__(self, rows: int, k: int, most_sentences: int, device: str) -> None:
        self.rows, self.k, self.device = rows, min(k, most_sentences), device
        self.one_pass = device == "cpu"
        self.columns, self.capacity = buffer_shape(rows, k, most_sentences)
        self.buffer = torch.full((rows, self.capacity), _EMPTY, dtype=torch.int64, device=device)
        self.used = torch.zeros(rows, dtype=torch.int64, device=device)
        self.threshold = torch.full((rows,), -torch.inf, dtype=torch.float32, device=device)
        self.lowest = torch.full((rows,), torch.inf, dtype=torch.float32, device=device)
        self.start(None)

    def start(self, floor: npt.NDArray[np.float32] | None) -> None:
        """Begin a shard; `floor` (rows,) are scores that K sentences already committed reach, -inf where unknown."""
        self.buffer.fill_(_EMPTY)
        self.used.zero_()
        self.lowest.fill_(torch.inf)
        if floor is None:
            self.threshold.fill_(-torch.inf)
        else:
            self.threshold.copy_(torch.from_numpy(floor))
        # While nothing can be refused all rows fill alike, and keys are copied as a block.
        self._open_until: int | None = 0 if floor is None or bool(np.isneginf(floor).all()) else None

    def add(self, scores: Tensor, sentence_ids: Tensor) -> None:
        """Offer scores (rows, batch) float32 without NaN and ids (batch,) int64; `lowest` (rows,) is of all offered."""
        torch.minimum(self.lowest, scores.amin(dim=1), out=self.lowest)
        for start in range(0, scores.shape[1], self.columns):
            block = scores[:, start : start + self.columns]  # (rows, columns)
            ids = sentence_ids[start : start + self.columns]  # (columns,)
            if self.one_pass:
                self._add_in_one_pass(block, ids)
            elif self._open_until is not None:
                self._add_open(block, ids, self._open_until)
            else:
                self._add_pruned(block, ids)

    def result(self, start: int, stop: int) -> Keys:
        """Best k keys of rows start..stop, sorted descending and ended by EMPTY: (stop - start, at most k) uint64."""
        n = int(self.used[start:stop].max())
        found = self.buffer[start:stop, :n]  # (rows, n)
        if self.device == "cpu":
            # numpy's sort of integers is faster than its partition here.
            keys = np.sort(found.numpy(), axis=1)[:, max(0, n - self.k) :][:, ::-1]
        else:
            keys = torch.topk(found, min(n, self.k), dim=1, sorted=True).values.cpu().numpy()
        return np.ascontiguousarray(keys).view(np.uint64) ^ _TOP_BIT

    def _add_in_one_pass(self, scores: Tensor, ids: Tensor) -> None:
        values, used, threshold = scores.numpy(), self.used.numpy(), self.threshold.numpy()
        if int(used.max()) + scores.shape[1] > self.capacity:
            full = np.flatnonzero(used + count_survivors(values, threshold) > self.capacity)
            if full.size:
                self._cut(torch.from_numpy(full))
        store_survivors(values, ids.numpy(), threshold, self.buffer.numpy(), used)

    def _add_open(self, scores: Tensor, ids: Tensor, used: int) -> None:
        batch = scores.shape[1]
        if used + batch > self.capacity:
            self.used.fill_(used)
            self._cut(torch.arange(self.rows, device=self.device))
            self._open_until = None
            self._add_pruned(scores, ids)
            return
        self.buffer[:, used : used + batch] = _keys(scores, ids)
        self._open_until = used + batch
        self.used.fill_(used + batch)

    def _add_pruned(self, scores: Tensor, ids: Tensor) -> None:
        alive = scores >= self.threshold[:, None]  # (rows, columns)
        counts = alive.sum(dim=1)  # (rows,)
        overflowing = (self.used + counts > self.capacity).nonzero()[:, 0]
        if overflowing.numel():
            self._cut(overflowing)
        row, column = alive.nonzero(as_tuple=True)  # (survivors,) each, row by row
        first = counts.cumsum(0) - counts  # (rows,) survivors before the row
        place = torch.arange(row.numel(), device=self.device) - first[row] + self.used[row]
        self.buffer.view(-1)[row * self.capacity + place] = _keys(scores[row, column], ids[column])
        self.used += counts

    def _cut(self, rows: Tensor) -> None:
        """Keep the k best keys of these rows, all of which hold at least k, and raise their thresholds."""
        for part in rows.split(ROWS_CUT_AT_ONCE):
            held = self.buffer[part]  # (part, capacity)
            if self.device == "cpu":
                n = self.capacity
                best = torch.from_numpy(np.partition(held.numpy(), n - self.k, axis=1)[:, n - self.k :].copy())
            else:
                best = torch.topk(held, self.k, dim=1, sorted=False).values
            held.fill_(_EMPTY)
            held[:, : self.k] = best
            self.buffer[part] = held
            self.used[part] = self.k
            self.threshold[part] = torch.maximum(self.threshold[part], _scores(best.min(dim=1).values))


@compiled
def count_survivors(scores, threshold):  # type: ignore[no-untyped-def]
    """How many of scores (rows, n) reach their row's threshold (rows,): int64 (rows,)."""
    counts = np.zeros(len(threshold), np.int64)
    for row in range(len(threshold)):
        for column in range(scores.shape[1]):
            counts[row] += scores[row, column] >= threshold[row]
    return counts


@compiled
def store_survivors(scores, ids, threshold, buffer, used):  # type: ignore[no-untyped-def]
    """Put the keys of scores (rows, n) float32 that reach their row's threshold behind the `used` ones of buffer."""
    bits = scores.view(np.int32)
    for row in range(len(threshold)):
        place, least = used[row], threshold[row]
        for column in range(scores.shape[1]):
            if scores[row, column] >= least:
                high = np.int32(0) if scores[row, column] == 0 else bits[row, column]
                if high < 0:
                    high ^= np.int32(0x7FFFFFFF)
                buffer[row, place] = np.int64(high) << 32 | MAX_ID - ids[column]
                place += 1
        used[row] = place


def _keys(scores: Tensor, ids: Tensor) -> Tensor:
    """Packed keys of neuronsig.collection.topk with the top bit flipped, int64, of scores (..., n) and ids (n,)."""
    bits = (scores + 0.0).view(torch.int32)
    high = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (high.to(torch.int64) << 32) | (MAX_ID - ids)


def _scores(keys: Tensor) -> Tensor:
    high = (keys >> 32).to(torch.int32)
    return (high ^ ((high >> 31) & 0x7FFFFFFF)).view(torch.float32)
