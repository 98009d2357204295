"""Anybody's rows: JSON Lines, CSV and Parquet; text and metadata columns are named in the config."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet as pq

from neuronsig.config import SourceConfig
from neuronsig.corpora import csv_records
from neuronsig.corpora.characters import Notes, clean_id, count, decode, is_wide, mended, open_text, peeked, replaced
from neuronsig.corpora.document import Document, loose_paragraphs
from neuronsig.corpora.files import SourceFile, Unit, bare_name, lines_in, open_file
from neuronsig.corpora.parquet_values import column_values


def is_jsonl(name: str) -> bool:
    return bare_name(name).lower().endswith((".jsonl", ".ndjson", ".json"))


def is_csv(name: str) -> bool:
    return bare_name(name).lower().endswith((".csv", ".tsv"))


def is_parquet(name: str) -> bool:
    return name.lower().endswith((".parquet", ".pq"))


def parse_jsonl(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each line's object; blank lines are passed over, and what is no object is skipped as `broken_record`."""
    keys = {name: {json.dumps(name), json.dumps(name, ensure_ascii=False)} for name in columns_of(source)}
    for number, (line, notes) in enumerate(json_lines(file, source.encoding), file.unit.first_record + 1):
        if not line.strip():
            continue
        record = f"{file.name}:{number}"
        row = json_object(line)
        if row is None:
            yield Document.skip(record, "broken_record", notes)
            continue
        for name, written in keys.items():
            if sum(map(line.count, written)) > 1:
                count(notes, "duplicate_columns", _times(line, name) - 1)
        yield _document(row, record, source, notes)


def json_lines(file: SourceFile, encoding: str) -> Iterator[tuple[str, Notes]]:
    """The lines that begin inside the file's stretch, with what was replaced in them."""
    with file.open() as stream:
        buffered, head = peeked(stream)
        if not is_wide(encoding, head):
            for data in lines_in(buffered, file.unit):
                notes: Notes = {}
                yield decode(data, encoding, notes), notes
        elif not file.unit.start:
            # Such a file is not cut: its first stretch is all of it.
            text, found = open_text(buffered, encoding)
            for line in text:
                notes = {}
                yield mended(replaced(line, found, notes), notes), notes


def json_object(line: str) -> dict[str, Any] | None:
    """The object that a line holds; None: it holds something else."""
    try:
        row = json.loads(line, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads
        return digits


def _times(line: str, name: str) -> int:
    """How often an object has a key; of equal keys Python keeps the last."""
    times = 0

    def pairs(found: list[tuple[str, Any]]) -> None:
        nonlocal times
        # The object itself is the last one that is done.
        times = sum(key == name for key, _ in found)

    with contextlib.suppress(RecursionError):
        json.loads(line, parse_int=_integer, object_pairs_hook=pairs)
    return max(1, times)


def parse_csv(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each record's text column; quoted fields may hold line breaks, so a file is read from its start by one task.

    A record with another number of fields than the header, or with broken quotes, is skipped as `broken_record`. Of
    several columns with one name the first is read, and each other counted as `duplicate_columns`.
    """
    stream, encoding = open_text(file.open(), source.encoding)
    with stream:
        names, found = csv_records.table(stream, file.name, encoding)
        asked = {name: csv_records.column_name(name) for name in columns_of(source)}
        places = {name: names.index(plain) for name, plain in asked.items() if plain in names}
        more = sum(names.count(plain) - 1 for plain in asked.values() if plain in names)
        for number, (row, notes) in enumerate(found, 1):
            if row is None or len(row) != len(names):
                yield Document.skip(f"{file.name}:{number}", "broken_record", notes)
                continue
            count(notes, "duplicate_columns", more)
            values = {name: mended(replaced(row[place], encoding, notes), notes) for name, place in places.items()}
            yield _document(values, f"{file.name}:{number}", source, notes)


def parse_parquet(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each row of the unit's row groups; values that cannot be read are counted, and cost only themselves."""
    unit = file.unit
    with open_file(unit.path) as stream, pq.ParquetFile(stream) as table:
        groups = list(range(unit.start, unit.end or table.num_row_groups))
        names = table.schema_arrow.names
        columns = {
            name: column_values(table, groups, name, source.encoding, needed=name == source.text_column)
            for name in columns_of(source)
            if name in names
        }
        more = sum(names.count(name) - 1 for name in columns)
        rows = sum(table.metadata.row_group(group).num_rows for group in groups)
        for number in range(unit.first_record + 1, unit.first_record + rows + 1):
            notes: Notes = {}
            count(notes, "duplicate_columns", more)
            row = {}
            for name, values in columns.items():
                row[name], lost = next(values, (None, {}))
                for what, amount in lost.items():
                    count(notes, what, amount)
            yield _document(row, f"{file.name}:{number}", source, notes)


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


def columns_of(source: SourceConfig) -> list[str]:
    """The columns that the config names."""
    return [name for name in dict.fromkeys([source.text_column, source.id_column, *source.metadata_columns]) if name]


def _document(row: Mapping[str, Any], record: str, source: SourceConfig, notes: Notes) -> Document:
    """The document of a row; `record` (file and record number) is its id where the row has none.

    Skipped as `no_text` when the text column is absent or null, as `not_text` when it holds something else than
    a string. An id that is missing though its column is named is counted as `no_id`.
    """
    doc_id = record
    if source.id_column:
        given = (clean_id(one, notes) for one in strings_in(row.get(source.id_column), source.encoding, notes))
        doc_id = next((one for one in given if one.strip()), "")
        count(notes, "no_id", not doc_id)
    doc_id = doc_id or record
    text = row.get(source.text_column)
    if isinstance(text, bytes):
        text = decode(text, source.encoding, notes)
    if not isinstance(text, str):
        return Document.skip(doc_id, "no_text" if text is None else "not_text", notes)
    metadata = {name: strings_in(row.get(name), source.encoding, notes) for name in source.metadata_columns}
    return Document.of(doc_id, loose_paragraphs(mended(text, notes)), metadata, notes)


def strings_in(value: Any, encoding: str, notes: Notes) -> list[str]:
    """A column's value as the strings that metadata holds: lists as several, null and NaN as none."""
    try:
        return list(_each_string(value, encoding))
    except RecursionError:
        count(notes, "unreadable_values")
        return []


def _each_string(value: Any, encoding: str) -> Iterator[str]:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _each_string(one, encoding)
    elif isinstance(value, dict):
        yield json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    elif isinstance(value, bytes):
        try:
            yield value.decode(encoding or "utf-8")
        except UnicodeError:
            yield value.hex()  # a digest, say
    else:
        yield str(value)
