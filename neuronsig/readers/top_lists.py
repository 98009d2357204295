"""The neurons' lists of top sentences, as the topk table has them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.readers.neurons import neuron_filter
from neuronsig.storage.parquet import check_table, scan
from neuronsig.tables import TOPK

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class TopLists:
    """The lists of some neurons, best first; that of neurons[i] is at offsets[i] to offsets[i + 1]."""

    neurons: list[Neuron]  # sorted
    offsets: Ids  # (neurons + 1,)
    sentence_ids: Ids  # (rows,)
    scores: NDArray[np.float32]  # (rows,), or of no row where they were not asked for

    def by_neuron(self) -> dict[Neuron, Ids]:
        """The sentences of each neuron, best first."""
        bounds = pairwise(self.offsets.tolist())
        return {n: self.sentence_ids[start:stop] for n, (start, stop) in zip(self.neurons, bounds, strict=True)}


def read_top_lists(
    topk: Path, neurons: Sequence[Neuron] | None = None, first: int | None = None, scores: bool = False
) -> TopLists:
    """The lists of these neurons (None: all), and of each its `first` sentences (None: all).

    Neurons that have no list are left out. Memory: 12 bytes a row that is read (16 with scores), for a moment twice.
    Raises InputError, where the neurons are not given, when the table has another schema.
    """
    if neurons is None:
        check_table(topk, TOPK)
    wanted = None if neurons is None else set(neurons)
    conditions = [] if neurons is None else [neuron_filter(neurons)]
    conditions += [] if first is None else [ds.field("rank") < first]
    condition = functools.reduce(operator.and_, conditions) if conditions else None
    values = ["rank", "sentence_id", *["score"] * scores]
    parts: dict[Neuron, list[list[NDArray[Any]]]] = {}
    for batch in scan(topk, TOPK, [*NEURON_COLUMNS, *values], condition):
        columns = [batch.column(name).to_numpy() for name in values]
        for neuron, rows in _runs(batch):
            if wanted is None or neuron in wanted:
                parts.setdefault(neuron, []).append([column[rows] for column in columns])
    found = sorted(parts)
    lists = [_by_rank(parts.pop(neuron)) for neuron in found]
    offsets = np.cumsum([0, *(len(ids) for ids, *_ in lists)])
    none = [np.zeros(0, np.int64), np.zeros(0, np.float32)]
    ids, score = (np.concatenate([none[i], *(own[i] for own in lists if i < len(own))]) for i in range(2))
    return TopLists(found, offsets, ids, score)


def listed_neurons(topk: Path) -> list[Neuron]:
    """The neurons that have a list, sorted. Raises InputError when the table has another schema."""
    check_table(topk, TOPK)
    return sorted({neuron for batch in scan(topk, TOPK, NEURON_COLUMNS) for neuron, _ in _runs(batch)})


def _runs(batch: pa.RecordBatch) -> list[tuple[Neuron, slice]]:
    """The neurons of a batch's rows, each with the rows that follow one another; the table is sorted by neuron."""
    if not batch.num_rows:
        return []
    site, *numbers = (batch.column(name) for name in NEURON_COLUMNS)
    codes = [site.dictionary_encode().indices, *numbers]
    changes = np.any([np.diff(column.to_numpy()) != 0 for column in codes], axis=0)
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    stops = np.append(starts[1:], batch.num_rows)
    neurons = map(Neuron.of_row, batch.select(NEURON_COLUMNS).take(pa.array(starts)).to_pylist())
    return list(zip(neurons, map(slice, starts.tolist(), stops.tolist()), strict=True))


def _by_rank(parts: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Sentences of one neuron, and scores where there are some, from the pieces of its list."""
    ranks, *values = (np.concatenate(column) for column in zip(*parts, strict=True))
    if np.all(ranks[1:] > ranks[:-1]):
        return values
    order = np.argsort(ranks, kind="stable")
    return [column[order] for column in values]
