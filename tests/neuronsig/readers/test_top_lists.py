import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.readers import listed_neurons, read_top_lists
from neuronsig.tables import TOPK

ONE, OPPOSITE, OTHER = Neuron("hidden", 1, 0), Neuron("hidden", 1, 0, -1), Neuron("mlp", 1, 0)
LISTS = {ONE: [7, 3, 9], OPPOSITE: [1, 7], OTHER: [2, 0, 5, 8]}


def table_of(lists):
    rows = [
        {**neuron.as_row(), "rank": rank, "score": 1.0 - rank, "sentence_id": sentence}
        for neuron, ids in lists.items()
        for rank, sentence in enumerate(ids)
    ]
    return pa.Table.from_pylist(rows, schema=TOPK)


@pytest.fixture(params=[1, 2, 100], ids=["row by row", "cut inside lists", "whole"])
def topk(request, tmp_path):
    """A file a site, of which the second one comes first."""
    folder = tmp_path / "topk"
    folder.mkdir()
    for name, site in (("a", "mlp"), ("b", "hidden")):
        lists = {neuron: ids for neuron, ids in LISTS.items() if neuron.site == site}
        pq.write_table(table_of(lists), folder / f"{name}.parquet", row_group_size=request.param)
    return folder


def as_lists(found):
    return {neuron: ids.tolist() for neuron, ids in found.by_neuron().items()}


def test_all_lists_are_read_by_neuron_and_rank(topk):
    found = read_top_lists(topk)
    assert found.neurons == sorted(LISTS)
    assert as_lists(found) == LISTS
    assert found.offsets.tolist() == [0, 2, 5, 9]
    assert len(found.scores) == 0
    assert listed_neurons(topk) == sorted(LISTS)


def test_the_first_of_some_neurons_are_read_with_their_scores(topk):
    found = read_top_lists(topk, [OTHER, ONE, Neuron("hidden", 9, 9)], first=2, scores=True)
    assert as_lists(found) == {ONE: [7, 3], OTHER: [2, 0]}
    assert found.scores.tolist() == [1, 0, 1, 0]


def test_a_list_whose_rows_are_in_disorder_is_put_in_order(tmp_path):
    table = table_of(LISTS)
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), tmp_path / "part.parquet")
    assert as_lists(read_top_lists(tmp_path)) == LISTS


def test_a_table_without_rows_has_no_lists(tmp_path):
    pq.write_table(TOPK.empty_table(), tmp_path / "part.parquet")
    assert as_lists(read_top_lists(tmp_path)) == {}
    assert listed_neurons(tmp_path) == []


def test_a_table_of_another_schema_is_refused(tmp_path):
    pq.write_table(table_of(LISTS).drop_columns(["rank"]), tmp_path / "part.parquet")
    for read in (read_top_lists, listed_neurons):
        with pytest.raises(InputError, match=r"part\.parquet has no column 'rank'"):
            read(tmp_path)
