"""Anybody's JSON Lines: one object a line; text and metadata columns are named in the config."""

from __future__ import annotations

import json
from collections.abc import Iterator

from neuronsig.config import SourceConfig
from neuronsig.corpora.columns import row_document
from neuronsig.corpora.document import Document, Notes
from neuronsig.corpora.files import SourceFile, bare_name, lines_of
from neuronsig.corpora.plain import decode


def wanted(name: str) -> bool:
    return bare_name(name).lower().endswith((".jsonl", ".ndjson", ".json"))


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
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
            yield row_document(row, record, source, notes)
        else:
            yield Document.skip(record, "broken_record", notes)
