"""Signature tables of a few literal rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from neuronsig.find.index import build_index
from neuronsig.neuron import Neuron
from neuronsig.tables import SIGNATURES

Row = tuple[str, str, Sequence[str], float]
"""Neuron, kind, pattern, LRC."""


def write_signatures(folder: Path, rows: Sequence[Row], parts: int = 1) -> Path:
    """A signatures/ table in several files; f1 is ten times the LRC."""
    folder.mkdir(parents=True)
    cells = []
    for rank, (name, kind, pattern, lrc) in enumerate(rows):
        neuron = Neuron.parse(name)
        cell = dict.fromkeys(SIGNATURES.names)
        cell |= {"site": neuron.site, "layer": neuron.layer, "unit": neuron.unit, "sign": neuron.sign}
        cell |= {"kind": kind, "pattern": list(pattern), "lrc": lrc, "log_ratio": lrc + 0.5, "g2": 1.0, "rank": rank}
        cells.append({**cell, "f1": round(10 * lrc), "n1": 100, "f2": 20, "n2": 1000})
    for part in range(parts):
        table = pa.Table.from_pylist(cells[part::parts], schema=SIGNATURES)
        pq.write_table(table, folder / f"part-{part}.parquet")
    return folder


def index_of(folder: Path, rows: Sequence[Row], parts: int = 1, kept: int | None = 40) -> Path:
    """The index of such a table."""
    file = folder / "index.sqlite"
    build_index(write_signatures(folder / "signatures", rows, parts), file, kept=kept)
    return file
