"""A sample of a topk file: its rows, and what its lists must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.collection.spot_check import missing_entries, sample_rows, tolerance
from neuronsig.collection.topk import pack
from neuronsig.collection.verify import GroupFile
from neuronsig.tables import TOPK

UNITS, LENGTH = 6, 10


@pytest.fixture
def group(tmp_path: Path) -> GroupFile:
    """Six units of both signs, ten sentences each; the row groups hold three lists."""
    rows = []
    for unit in range(UNITS):
        for sign in (-1, 1):
            for rank in range(LENGTH):
                place = (unit * 2 + (sign + 1) // 2) * LENGTH + rank
                rows.append(("hidden", 1, unit, sign, rank, float(-place), 1000 + place))
    table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=TOPK)
    pq.write_table(table, tmp_path / "hidden-L01.parquet", row_group_size=3 * LENGTH)
    return GroupFile(tmp_path / "hidden-L01.parquet", "hidden", 1, UNITS, (-1, 1), LENGTH)


def test_a_sample_is_of_stored_rows_spread_over_the_ranks_and_the_same_each_time(group):
    found = sample_rows([group], 40, seed=3)
    for row in found:
        place = (row.neuron.unit * 2 + (row.neuron.sign + 1) // 2) * LENGTH + row.rank
        assert (row.score, row.sentence_id) == (-place, 1000 + place)
    assert {row.rank for row in found} == set(range(LENGTH))
    assert len({row.neuron for row in found}) > 8
    assert found == sample_rows([group], 40, seed=3)
    assert found != sample_rows([group], 40, seed=4)


def test_an_entry_with_other_bits_is_listed_but_not_the_same(group):
    held = pack(np.array([-31.0], np.float32), np.array([1031]))
    other_bits = pack(np.array([-31.5], np.float32), np.array([1031]))
    no_entry = pack(np.array([-31.0], np.float32), np.array([7]))
    for keys, listed, same in ((held, [], []), (other_bits, [], [(3, 1031)]), (no_entry, [(3, 7)], [(3, 7)])):
        assert missing_entries(group, {3: keys}, same=False) == listed
        assert missing_entries(group, {3: keys}, same=True) == same
    assert missing_entries(group, {4: held}, same=False) == [(4, 1031)]


def test_the_tolerance_goes_with_the_size_of_the_group_s_activations():
    scores = np.array([3.0, -4.0, 0.0, 0.0], np.float32)
    assert tolerance(scores, "float32") == pytest.approx([3e-3, 4e-3, 2.5e-3, 2.5e-3])
    assert tolerance(10 * scores, "bfloat16") == pytest.approx([6, 8, 5, 5])
