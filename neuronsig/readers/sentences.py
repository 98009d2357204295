"""Sentences by id, those that a function of the id picks, or all, from the sentences table or one of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from neuronsig.errors import InputError
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file, read_rows, scan
from neuronsig.tables import SENTENCES

Ids = NDArray[np.int64]

BLOCK_SENTENCES = 16_384

MAKERS = {"topk": "collect", "tokenized": "tokenize"}
"""The tables that name sentences, and the jobs that make them."""


def sentences_by_id(place: Path | str, ids: Ids, columns: Sequence[str]) -> pa.Table:
    """The sentences with one of the ids (n,), those that are there; row groups without one are not read."""
    if not len(ids):
        return _schema(columns).empty_table()
    column = ds.field("sentence_id")
    near = (column >= int(ids.min())) & (column <= int(ids.max()))
    return read_rows(place, SENTENCES, columns, near & column.isin(pa.array(ids)))


def picked_sentences(place: Path | str, pick: Callable[[Ids], NDArray[np.bool_]], columns: Sequence[str]) -> pa.Table:
    """The sentences whose ids (n,) are picked: bool (n,). `columns` hold sentence_id."""
    batches = scan(place, SENTENCES, columns)
    picked = (batch.filter(pa.array(pick(batch.column("sentence_id").to_numpy()))) for batch in batches)
    return pa.Table.from_batches(picked, _schema(columns))


def token_batches(file: Path | str) -> Iterator[pa.RecordBatch]:
    """Columns `sentence_id` and `tokens` of one file, BLOCK_SENTENCES at a time."""
    yield from parquet_file(location(file)).iter_batches(BLOCK_SENTENCES, columns=["sentence_id", "tokens"])


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


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([SENTENCES.field(name) for name in columns])
