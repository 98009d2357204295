"""A row of named columns as a document: what jsonl, csv and parquet share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes
from neuronsig.corpora.plain import loose_paragraphs


def row_document(row: Mapping[str, Any], record: str, source: SourceConfig, notes: Notes) -> Document:
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
    if text is None:
        return Document.skip(doc_id, "no_text", notes)
    if not isinstance(text, str):
        return Document.skip(doc_id, "not_text", notes)
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
