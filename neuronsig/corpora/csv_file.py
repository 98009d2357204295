"""Anybody's CSV: a header line, then records; text and metadata columns are named in the config."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TextIO

from neuronsig.config import SourceConfig
from neuronsig.corpora.columns import row_document
from neuronsig.corpora.document import Document, Notes, count
from neuronsig.corpora.files import SourceFile, bare_name

DELIMITERS = (",", "\t", ";", "|")
MAX_FIELD = 1 << 26


def wanted(name: str) -> bool:
    return bare_name(name).lower().endswith((".csv", ".tsv"))


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
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
            yield row_document(values, f"{file.name}:{number}", source, notes)


def records(stream: TextIO, delimiter: str) -> Iterator[tuple[list[str] | None, Notes]]:
    """The records of a stream, None for one that is broken; after it, reading goes on with the next line.

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


def _replace(value: str, notes: Notes) -> str:
    if value.isascii():
        return value
    fixed = "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in value)
    count(notes, "undecodable_bytes", sum(a != b for a, b in zip(value, fixed, strict=True)))
    return fixed
