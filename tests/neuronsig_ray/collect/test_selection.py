"""The top-K on the device equals a full sort, however blocks and thresholds fall."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neuronsig.collection import topk
from neuronsig.collection.memory import buffer_bytes
from neuronsig_ray.collect import selection
from neuronsig_ray.collect.selection import ShardTopK


@pytest.fixture(autouse=True, params=["as on a CPU", "as on a GPU"])
def as_on(request, monkeypatch):
    """The device's operations run on the CPU too, so that both ways are tested without a GPU."""
    start = ShardTopK.start

    def start_as_on(self, floor):
        self.one_pass = request.param == "as on a CPU"
        start(self, floor)

    monkeypatch.setattr(ShardTopK, "start", start_as_on)


def run(scores: np.ndarray, ids: np.ndarray, k: int, batch: int, floor: np.ndarray | None = None) -> np.ndarray:
    top = ShardTopK(len(scores), k, scores.shape[1], "cpu")
    top.start(floor)
    for start in range(0, scores.shape[1], batch):
        top.add(torch.from_numpy(scores[:, start : start + batch].copy()), torch.from_numpy(ids[start : start + batch]))
    return top.result(0, len(scores))


def cases() -> list:
    random = np.random.default_rng(0)
    normal = random.normal(size=(5, 3000)).astype(np.float32)
    return [
        pytest.param(normal, 50, 7, id="random"),
        pytest.param(np.sort(normal, axis=1), 50, 100, id="ever better"),
        pytest.param(-np.sort(-normal, axis=1), 50, 100, id="ever worse"),
        pytest.param(np.round(normal), 100, 64, id="ties"),
        pytest.param(np.zeros((2, 3000), np.float32), 10, 999, id="all equal"),
        pytest.param(normal, 5000, 500, id="k above n"),
        pytest.param(normal, 3000, 3000, id="k equals n"),
        pytest.param(normal[:, :1], 3, 1, id="one sentence"),
        pytest.param(np.where(normal > 1, -np.inf, normal).astype(np.float32), 20, 50, id="infinities"),
    ]


@pytest.mark.parametrize(("scores", "k", "batch"), cases())
def test_it_equals_a_full_sort(scores, k, batch):
    ids = np.random.default_rng(1).permutation(scores.shape[1]).astype(np.int64)
    found_scores, found_ids = topk.unpack(run(scores, ids, k, batch))
    wanted_scores, wanted_ids = topk.reference(scores, ids, k)
    assert (found_ids == wanted_ids).all()
    assert (found_scores.view(np.uint32) == wanted_scores.view(np.uint32)).all()


def test_a_floor_from_other_shards_drops_nothing_that_the_merge_needs():
    random = np.random.default_rng(2)
    scores = np.round(random.normal(size=(4, 4000)) * 20).astype(np.float32)  # many ties at the threshold
    ids = np.arange(4000)
    first = run(scores[:, :3000], ids[:3000], 100, 64)
    pruned = run(scores[:, 3000:], ids[3000:], 100, 64, floor=topk.unpack(first[:, 99])[0])
    whole = run(scores[:, 3000:], ids[3000:], 100, 64)
    assert (pruned == topk.EMPTY).sum() > (whole == topk.EMPTY).sum()
    assert (topk.union([first, pruned], 100) == topk.union([first, whole], 100)).all()


def test_the_lowest_score_is_that_of_all_that_were_offered_whatever_a_floor_rules_out():
    scores = np.random.default_rng(3).normal(size=(4, 500)).astype(np.float32)
    top = ShardTopK(4, 10, 500, "cpu")
    for floor in (None, np.float32([5, -np.inf, 0, 1])):
        top.start(floor)
        for start in range(0, 500, 70):
            ids = np.arange(start, min(start + 70, 500))
            top.add(torch.from_numpy(scores[:, ids].copy()), torch.from_numpy(ids))
        assert (top.lowest.numpy() == scores.min(axis=1)).all()
    top.start(None)
    assert np.isposinf(top.lowest.numpy()).all()


def test_rows_are_pruned_so_that_the_buffer_never_grows():
    top = ShardTopK(3, 100, 10**6, "cpu")
    top.start(None)
    for start in range(0, 50_000, 1000):  # the worst case: every score beats all before it
        values = torch.arange(start, start + 1000, dtype=torch.float32).repeat(3, 1)
        top.add(values, torch.arange(start, start + 1000))
    assert top.buffer.numel() * 8 <= buffer_bytes(3, 100, 10**6)
    assert top.capacity < 3000
    assert topk.unpack(top.result(0, 3))[1][0].tolist() == list(range(49_999, 49_899, -1))


def test_packing_on_the_device_equals_packing_in_numpy():
    scores = np.float32([[-np.inf, -2.5, -0.0, 0.0, 1e-45, 3.0, np.inf]])
    ids = np.array([0, 1, 2, 3, topk.MAX_ID, 5, 6])
    flipped = selection._keys(torch.from_numpy(scores), torch.from_numpy(ids)).numpy()
    assert (flipped.view(np.uint64) ^ np.uint64(1 << 63) == topk.pack(scores, ids)).all()
    buffer, used = np.zeros((1, 7), np.int64), np.zeros(1, np.int64)
    selection.store_survivors(scores, ids, np.float32([-np.inf]), buffer, used)
    assert (buffer == flipped).all()
    assert used == 7
    assert (selection._scores(torch.from_numpy(flipped)).numpy() == scores).all()
