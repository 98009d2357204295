"""Two runs of the same text have the same tables, wherever their jobs ran."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import read_table
from neuronsig.tables import PROFILES, SENTENCES, SIGNATURES, TOPK

TABLES: dict[str, tuple[str, pa.Schema, Sequence[str]]] = {
    "sentences": ("sentences", SENTENCES, ["sentence_id"]),
    "topk": ("topk/minilm", TOPK, ["layer", "unit", "rank"]),
    "signatures": ("signatures/minilm", SIGNATURES, ["layer", "unit", "kind", "rank"]),
    "profiles": ("profiles/minilm", PROFILES, ["layer", "unit"]),
}


def require_same(one: RunDirectory, other: RunDirectory, *tables: str) -> None:
    """Assert that these tables, all of TABLES where none is named, are equal row for row and not empty."""
    for name in tables or TABLES:
        folder, schema, key = TABLES[name]
        order = [(column, "ascending") for column in key]
        rows, others = (read_table(run.root / folder, schema).sort_by(order) for run in (one, other))
        assert rows.num_rows > 0
        assert rows.equals(others), name
