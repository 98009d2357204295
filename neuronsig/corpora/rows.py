"""Anybody's rows: JSON Lines, CSV and Parquet; text and metadata columns are named in the config."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import pyarrow.parquet as pq

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes, count, decode, loose_paragraphs
from neuronsig.corpora.files import SourceFile, Unit, bare_name, lines_of, open_file

DELIMITERS = (",", "\t", ";", "|")
MAX_FIELD = 1 << 26
ROWS_AT_ONCE = 1024


def is_jsonl(name: str) -> bool:
    return bare_name(name).lower().endswith((".jsonl", ".ndjson", ".json"))


def is_csv(name: str) -> bool:
    return bare_name(name).lower().endswith((".csv", ".tsv"))


def is_parquet(name: str) -> bool:
    return name.lower().endswith((".parquet", ".pq"))


def parse_jsonl(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each line's object; blank lines are passed over, and what is no object is skipped as `broken_record`."""
    for number, line in enumerate(lines_of(file), file.unit.first_record + 1):
        if not line.strip():
            continue
        notes: Notes = {}
        record = f"{file.name}:{number}"
        try:
            row = json.loads(decode(line, source.encoding, notes))
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield _document(row, record, source, notes)
        else:
            yield Document.skip(record, "broken_record", notes)


def parse_csv(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each record's text column; quoted fields may hold line breaks, so a file is read from its start by one task.

    A record with another number of fields than the header, or with broken quotes, is skipped as `broken_record`.
    """
    with io.TextIOWrapper(file.open(), encoding=encoding_of(source), errors="surrogateescape", newline="") as stream:  # type: ignore[type-var]
        header_line = stream.readline()
        delimiter = delimiter_of(header_line, file.name)
        header = header_of(header_line, delimiter)
        for number, (row, notes) in enumerate(records(stream, delimiter), 1):
            if row is None or len(row) != len(header):
                yield Document.skip(f"{file.name}:{number}", "broken_record", notes)
                continue
            values = {name: _replace(value, notes) for name, value in zip(header, row, strict=True)}
            yield _document(values, f"{file.name}:{number}", source, notes)


def records(stream: TextIO, delimiter: str) -> Iterator[tuple[list[str] | None, Notes]]:
    """The records of a CSV stream, None for one that is broken; after it, reading goes on with the next line.

    Lines that a broken record swallowed (an open quote) are counted as `broken_lines`.
    """
    limit = csv.field_size_limit(MAX_FIELD)
    try:
        # NUL is never text.
        reader = csv.reader((line.replace("\0", "") for line in stream), delimiter=delimiter, strict=True)
        while True:
            before = reader.line_num
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield None, {"broken_lines": reader.line_num - before}
                continue
            if row:
                yield row, {}
    finally:
        csv.field_size_limit(limit)


def encoding_of(source: SourceConfig) -> str:
    return source.encoding if source.encoding and source.encoding.lower() not in ("utf-8", "utf8") else "utf-8-sig"


def delimiter_of(header_line: str, name: str) -> str:
    """The separator that occurs most often in the header; a tab for .tsv files."""
    if bare_name(name).lower().endswith(".tsv"):
        return "\t"
    return max(DELIMITERS, key=header_line.count)


def header_of(header_line: str, delimiter: str) -> list[str]:
    """The column names of a header line, without the white space around them."""
    row = next(csv.reader([header_line.rstrip("\r\n")], delimiter=delimiter), [])
    return [name.strip() for name in row]


def parse_parquet(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
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
                yield _document(row, f"{file.name}:{number}", source, {})


def split_row_groups(unit: Unit, size: int) -> list[Unit]:
    """A Parquet file as units of whole row groups of about `size` bytes, by its footer."""
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


def _document(row: Mapping[str, Any], record: str, source: SourceConfig, notes: Notes) -> Document:
    """The document of a row; `record` (file and record number) is its id when no id column is named.

    Skipped as `no_text` when the text column is absent or null, as `not_text` when it holds something else than
    a string, as `no_id` when an id column is named and the row has none there.
    """
    doc_id = record
    if source.id_column:
        given = _strings(row.get(source.id_column))
        if not given:
            return Document.skip(record, "no_id", notes)
        doc_id = given[0]
    text = row.get(source.text_column)
    if not isinstance(text, str):
        return Document.skip(doc_id, "no_text" if text is None else "not_text", notes)
    metadata = {name: _strings(row.get(name)) for name in source.metadata_columns}
    return Document.of(doc_id, loose_paragraphs(text), metadata, notes)


def _strings(value: Any) -> list[str]:
    """A column's value as the strings that metadata holds: lists as several, null and NaN as none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in _strings(one)]
    if isinstance(value, dict):
        return [json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)]
    return [str(value)]


def _replace(value: str, notes: Notes) -> str:
    """Bytes that surrogateescape kept as lone surrogates become U+FFFD, counted."""
    if value.isascii():
        return value
    fixed, undecodable = re.subn("[\udc80-\udcff]", "\ufffd", value)
    count(notes, "undecodable_bytes", undecodable)
    return fixed
