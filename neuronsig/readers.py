"""Rows of a run's tables, read for some neurons or sentences, so that nothing else is held.

No engine is in it: a job calls these functions in its own process, and Ray's tasks carry them, a file each.
"""

import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from neuronsig.constant_units import without_constant
from neuronsig.errors import InputError
from neuronsig.holdout import Holdout
from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.storage.files import concurrently
from neuronsig.storage.location import location
from neuronsig.storage.parquet import check_table, parquet_file, read_rows, read_table, scan
from neuronsig.tables import PROFILES, SENTENCES, TOPK


def rows_of(directory: Path, schema: pa.Schema, columns: Sequence[str] = ()) -> dict[Neuron, dict[str, Any]]:
    """A table of one row a neuron, by neuron: these columns, or all of the schema."""
    return {Neuron.of_row(row): row for row in read_table(directory, schema, columns or None).to_pylist()}


def neuron_filter(neurons: Sequence[Neuron]) -> ds.Expression:
    """A superset of the neurons' rows that Parquet statistics can prune by."""
    layers = pa.array(sorted({n.layer for n in neurons}), pa.int16())
    units = pa.array(sorted({n.unit for n in neurons}), pa.int32())
    sites = pa.array(sorted({n.site for n in neurons}), pa.string())
    return ds.field("site").isin(sites) & ds.field("layer").isin(layers) & ds.field("unit").isin(units)


def rows_by_neuron(
    place: Path | str,
    schema: pa.Schema,
    columns: Sequence[str],
    neurons: Sequence[Neuron],
    wanted: ds.Expression | None = None,
) -> dict[Neuron, list[dict[str, Any]]]:
    """The rows of each of the neurons, none of one that has none: these columns, and those that say the neuron."""
    found: dict[Neuron, list[dict[str, Any]]] = {neuron: [] for neuron in neurons}
    near = neuron_filter(neurons)
    every = list(dict.fromkeys((*NEURON_COLUMNS, *columns)))
    for row in read_rows(place, schema, every, near if wanted is None else near & wanted).to_pylist():
        if (neuron := Neuron.of_row(row)) in found:
            found[neuron].append(row)
    return found


Ids = NDArray[np.int64]

BLOCK_SENTENCES = 16_384


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
    """The lists of these neurons (None: all that are not constant), and of each its `first` sentences (None: all).

    Neurons that have no list are left out. Memory: 12 bytes a row that is read (16 with scores), for a moment twice.
    Raises InputError, where the neurons are not given, when the table has another schema, or all are constant.
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
    found = sorted(parts) if neurons is not None else without_constant(sorted(parts), topk)
    lists = [_by_rank(parts.pop(neuron)) for neuron in found]
    offsets = np.cumsum([0, *(len(ids) for ids, *_ in lists)])
    none = [np.zeros(0, np.int64), np.zeros(0, np.float32)]
    ids, score = (np.concatenate([none[i], *(own[i] for own in lists if i < len(own))]) for i in range(2))
    return TopLists(found, offsets, ids, score)


def listed_neurons(topk: Path) -> list[Neuron]:
    """The neurons that have a list and are not constant, sorted. Raises InputError as `read_top_lists`."""
    check_table(topk, TOPK)
    listed = {neuron for batch in scan(topk, TOPK, NEURON_COLUMNS) for neuron, _ in _runs(batch)}
    return without_constant(sorted(listed), topk)


def mined_neurons(profiles: Path) -> list[Neuron]:
    """The neurons whose patterns were mined (mining.neurons, layers, selective, signs), sorted."""
    rows = rows_of(profiles, PROFILES, (*NEURON_COLUMNS, "mined"))
    return sorted(neuron for neuron, row in rows.items() if row["mined"])


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


MAKERS = {"topk": "collect", "tokenized": "tokenize"}
"""The tables that name sentences, and the jobs that make them."""


def sentences_by_id(place: Path | str, ids: Ids, columns: Sequence[str], schema: pa.Schema = SENTENCES) -> pa.Table:
    """The sentences with one of the ids (n,), those that are there; row groups without one are not read."""
    if not len(ids):
        return pa.schema([schema.field(name) for name in columns]).empty_table()
    column = ds.field("sentence_id")
    near = (column >= int(ids.min())) & (column <= int(ids.max()))
    return read_rows(place, schema, columns, near & column.isin(pa.array(ids)))


def token_batches(file: Path | str, more: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Columns `sentence_id`, `tokens` and `more` of one file, BLOCK_SENTENCES at a time."""
    columns = list(dict.fromkeys(("sentence_id", "tokens", *more)))
    yield from parquet_file(location(file)).iter_batches(BLOCK_SENTENCES, columns=columns)


def held_out_ids(files: Sequence[Path], holdout: Holdout) -> Ids:
    """The ids of all sentences that are held out, ascending; 8 bytes each."""
    columns = list(dict.fromkeys(("sentence_id", *holdout.columns)))

    def read(file: Path) -> Ids:
        batches = parquet_file(file).iter_batches(BLOCK_SENTENCES, columns=columns)
        parts = [batch.column("sentence_id").to_numpy()[holdout.of(batch)] for batch in batches]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    return np.sort(np.concatenate([np.zeros(0, np.int64), *concurrently(read, files)]))


def in_order(parts: Iterable[pa.Table], ids: Ids, sentences: Path | str, named_by: str) -> pa.Table:
    """What was read of all files, ascending in sentence_id; errors as `require_sentences`."""
    table = pa.concat_tables(parts).sort_by("sentence_id").combine_chunks()
    require_sentences(ids, table["sentence_id"].to_numpy(), sentences, named_by)
    return table


def require_sentences(ids: Ids, found: Ids, sentences: Path | str, named_by: str) -> None:
    """Raise InputError when one of the ids (n,), which are of the table `named_by`, was not found in `sentences`."""
    if (absent := np.setdiff1d(ids, found)).size:
        raise InputError(
            f"{sentences} has no sentence_id {absent[0]}, which {named_by}/ names: one of the tables lost files; "
            f"delete both and run neuronsig annotate and neuronsig {MAKERS[named_by]} again"
        )
