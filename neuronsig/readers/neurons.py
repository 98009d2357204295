"""Rows of tables that have some rows a neuron."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from neuronsig.neuron import Neuron
from neuronsig.storage.parquet import read_table


def rows_of(directory: Path, schema: pa.Schema, columns: Sequence[str] = ()) -> dict[Neuron, dict[str, Any]]:
    """A table of one row a neuron, by neuron: these columns, or all of the schema."""
    return {Neuron.of_row(row): row for row in read_table(directory, schema, columns or None).to_pylist()}


def neuron_filter(neurons: Sequence[Neuron]) -> ds.Expression:
    """A superset of the neurons' rows that Parquet statistics can prune by."""
    layers = pa.array(sorted({n.layer for n in neurons}), pa.int16())
    units = pa.array(sorted({n.unit for n in neurons}), pa.int32())
    sites = pa.array(sorted({n.site for n in neurons}), pa.string())
    return ds.field("site").isin(sites) & ds.field("layer").isin(layers) & ds.field("unit").isin(units)
