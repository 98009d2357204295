"""Counts by stratum against brute force."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.encoding.vocabulary import Dictionary, Strata
from neuronsig.mining.moments import CorpusCells, Places
from neuronsig.ragged import binary_column

TAGS = ["NN", "VBZ", "JJ"]


def rows_of(n, seed=0):
    rng = np.random.default_rng(seed)
    tags = [rng.integers(0, 3, rng.integers(1, 6)) for _ in range(n)]
    items = [np.flatnonzero(rng.random(5) < 0.4) for _ in range(n)]
    return items, tags, rng.integers(0, 2, n)


def batch_of(items, tags, strata):
    column = lambda rows, dtype: binary_column(  # noqa: E731
        np.concatenate(rows).astype(dtype), np.array([len(row) for row in rows])
    )
    arrays = [column(items, np.int32), column(tags, np.uint8), pa.array(strata, pa.int16())]
    return pa.RecordBatch.from_arrays(arrays, ["items", "tags", "stratum"])


@pytest.mark.parametrize("flush", [1, 1 << 22])
def test_counts_by_stratum_equal_brute_force_however_they_are_cut(monkeypatch, flush):
    monkeypatch.setattr("neuronsig.mining.moments.FLUSH", flush)
    items, tags, strata = rows_of(50)
    none = np.zeros(3, np.int64)
    words = Dictionary(
        words=["a", "b", "c", "d", "e"],
        word_sentences=np.zeros(5, int),
        metadata=[],
        metadata_sentences=none[:0],
        tags=TAGS,
        tag_tokens=none,
        tag_sentences=none,
        n_sentences=50,
        n_tokens=1,
        strata=Strata(np.array([3])),
        stratum_sentences=np.zeros(2, int),
        stratum_trees=np.zeros(2, int),
        n_trees=0,
    )
    cells = CorpusCells(words)
    for part in (slice(0, 7), slice(7, 50)):
        cells.add(batch_of(items[part], tags[part], strata[part]))
    whole = cells.corpus(cells.total(), Places(50, 0, 0, 0, 0, 0))
    by_item, by_tag, moments = whole.items, whole.tags, whole.moments
    x = np.array([[(row == tag).sum() for row in tags] for tag in range(3)])
    y = np.array([len(row) for row in tags])
    share = x.sum(axis=1) / y.sum()
    residual = ((x - share[:, None] * y) ** 2).sum(axis=1)
    assert whole.tag_effect == pytest.approx(np.maximum(residual / (share * (1 - share) * y.sum()), 1))
    for s in (0, 1):
        mine = np.flatnonzero(strata == s)
        assert by_item[:, s].tolist() == [sum(item in items[i] for i in mine) for item in range(5)]
        assert by_tag[:, s].tolist() == [sum((tags[i] == tag).sum() for i in mine) for tag in range(3)]
        assert moments.sentences[s] == len(mine)
        assert moments.yy[s] == sum(len(tags[i]) ** 2 for i in mine)
        assert moments.xy[1, s] == sum((tags[i] == 1).sum() * len(tags[i]) for i in mine)
