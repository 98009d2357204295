"""Sentiment140: six columns in double quotes, no header: polarity, id, date, query, user, text (Go et al. 2009)."""

from __future__ import annotations

import html
import io
import posixpath
import re
from collections.abc import Iterator
from datetime import datetime

from neuronsig.config import SourceConfig
from neuronsig.corpora.document import Document, Notes, count
from neuronsig.corpora.files import SourceFile, bare_name
from neuronsig.corpora.rows import records

POLARITY = {"0": "negative", "2": "neutral", "4": "positive"}
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")
COLUMNS = 6


def wanted(name: str) -> bool:
    return bare_name(name).lower().endswith(".csv")


def parse(file: SourceFile, source: SourceConfig) -> Iterator[Document]:
    """Each tweet; metadata sentiment (negative, neutral, positive), author (user), query, date, split.

    The published file is latin-1; copies are often UTF-8. A record that is valid UTF-8 is read as such, since
    latin-1 reads it without an error and wrongly. HTML entities are resolved.
    """
    split = "test" if "test" in posixpath.basename(file.name).lower() else "train"
    # latin-1 keeps every byte as one character, so a record's bytes can be had back and tried as UTF-8.
    with io.TextIOWrapper(file.open(), encoding="latin-1", newline="") as stream:  # type: ignore[type-var]
        for number, (row, notes) in enumerate(records(stream, delimiter=","), 1):
            doc_id = f"{split}/{number:07d}"
            if row is None or len(row) != COLUMNS or row[0] not in POLARITY:
                yield Document.skip(doc_id, "broken_record", notes)
                continue
            polarity, _, date, query, user, text = row
            metadata = {
                "sentiment": POLARITY[polarity],
                "author": _decode(user, source.encoding, {}),
                "query": None if query == "NO_QUERY" else _decode(query, source.encoding, {}),
                "date": _date(date),
                "split": split,
            }
            yield Document.of(doc_id, [_tweet(text, source.encoding, notes)], metadata, notes)


def _tweet(text: str, encoding: str, notes: Notes) -> str:
    text = _decode(text, encoding, notes)
    for _ in range(2):  # entities were escaped twice in part of the tweets: &amp;quot;
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    count(notes, "replacement_characters", text.count("\ufffd"))
    return text


def _decode(text: str, encoding: str, notes: Notes) -> str:
    if text.isascii():
        return text
    data = text.encode("latin-1")
    for candidate in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            return data.decode(candidate)
        except UnicodeDecodeError:
            continue
    if encoding:
        count(notes, "undecodable_bytes", data.decode(encoding, "replace").count("\ufffd"))
        return data.decode(encoding, "replace")
    return text


def _date(text: str) -> str:
    """`Mon Apr 06 22:19:45 PDT 2009` as 2009-04-06; empty where the column holds something else."""
    parts = text.split()
    try:
        return datetime.strptime(f"{parts[1]} {parts[2]} {parts[-1]}", "%b %d %Y").date().isoformat()
    except (ValueError, IndexError):
        return ""
