"""Anybody's Parquet: text and metadata columns are named in the config; a task reads row groups."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.parquet as pq

from neuronsig.config import SourceConfig
from neuronsig.corpora.columns import row_document
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import SourceFile, Unit, open_file

ROWS_AT_ONCE = 1024


def wanted(name: str) -> bool:
    return name.lower().endswith((".parquet", ".pq"))


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each row of the unit's row groups."""
    unit = file.unit
    names = dict.fromkeys([source.text_column, source.id_column, *source.metadata_columns])
    number = unit.first_record
    with open_file(unit.path) as stream, pq.ParquetFile(stream) as table:
        columns = [name for name in names if name and name in table.schema_arrow.names]
        groups = list(range(unit.start, unit.end or table.num_row_groups))
        for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield row_document(row, f"{file.name}:{number}", source, {})


def split_row_groups(unit: Unit, size: int) -> list[Unit]:
    """A file as units of whole row groups of about `size` bytes, by its footer."""
    with open_file(unit.path) as stream, pq.ParquetFile(stream) as table:
        footer = table.metadata
        units: list[Unit] = []
        start = rows = first = gathered = 0
        for group in range(footer.num_row_groups):
            gathered += footer.row_group(group).total_byte_size
            rows += footer.row_group(group).num_rows
            if gathered >= size or group == footer.num_row_groups - 1:
                units.append(Unit(unit.path, unit.name, gathered, start, group + 1, first))
                start, first, gathered = group + 1, rows, 0
    return units
