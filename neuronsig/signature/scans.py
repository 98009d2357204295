"""Tables of a run, read for some neurons: nothing but their rows is ever held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import check_table, parquet_source, table_files


def rows_of(directory: Path, schema: pa.Schema, columns: Sequence[str] = ()) -> dict[Neuron, dict[str, Any]]:
    """A table of one row a neuron, by neuron: these columns, or all of the schema."""
    check_table(directory, schema)
    rows = pq.read_table(
        **parquet_source(table_files(directory)), columns=list(columns or schema.names), partitioning=None
    ).to_pylist()
    return {Neuron.of_row(r): r for r in rows}


def neuron_filter(neurons: Sequence[Neuron]) -> ds.Expression:
    """A superset of the neurons' rows that Parquet statistics can prune by."""
    layers = pa.array(sorted({n.layer for n in neurons}), pa.int16())
    units = pa.array(sorted({n.unit for n in neurons}), pa.int32())
    sites = pa.array(sorted({n.site for n in neurons}), pa.string())
    return ds.field("site").isin(sites) & ds.field("layer").isin(layers) & ds.field("unit").isin(units)


def scan(directory: Path, columns: Sequence[str], condition: ds.Expression) -> pa.Table:
    """Rows that fulfil the condition, read batch by batch so that only they are held."""
    dataset = ds.dataset(**parquet_source(table_files(directory)), format="parquet")
    scanner = dataset.scanner(
        columns=list(columns), filter=condition, batch_readahead=2, fragment_readahead=1, use_threads=True
    )
    try:
        return scanner.to_table()
    except (pa.ArrowException, OSError) as error:
        line = re.sub(r"\s+", " ", str(error))[:200]
        raise InputError(
            f"{directory} cannot be read ({line}); delete it and run the job that makes it again"
        ) from error
