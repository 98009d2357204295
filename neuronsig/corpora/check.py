"""Is every source there and of the format named? Said in one line, before anything expensive."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow.parquet as pq

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora import csv_records, documentation, gutenberg, rows, sentiment
from neuronsig.corpora.archives import costs_no_other, members, wanted_members
from neuronsig.corpora.characters import decode, is_encoding, is_wide, open_text
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import (
    READ_ERRORS,
    UNREADABLE_FILE,
    Unit,
    begins_right,
    first_bytes,
    is_archive,
    is_packed,
    open_file,
    readable,
)
from neuronsig.corpora.formats import FORMATS
from neuronsig.corpora.listing import skipped_by_reason
from neuronsig.corpora.parquet_values import is_text
from neuronsig.corpora.plan import source_units
from neuronsig.errors import InputError, reason
from neuronsig.storage.files import concurrently

_HEAD = 1 << 16
_SAMPLED_FILES = 5
_FIRST_LINES = 100
_SCANNED = 64 << 20


def check_sources(corpus: CorpusConfig) -> None:
    """Look at the first bytes of each source; raises InputError (key, path, what was found, remedy) for the first
    one that is missing, empty, unreadable, of another format, has a file that is not packed as its name says, or is
    without the columns named in the config."""
    for name, source in corpus.sources.items():
        check_source(source, f"corpus.sources.{name}")


def check_source(source: SourceConfig, key: str) -> None:
    if source.format == "documentation":
        if source.path != documentation.PATH:
            raise InputError(
                f"{key}.path={source.path}: documentation is read from the running interpreter only; "
                f"set {key}.path={documentation.PATH}, or read a folder with corpus=text"
            )
        return
    if source.encoding and not is_encoding(source.encoding):
        raise InputError(f"{key}.encoding={source.encoding}: no such encoding; use utf-8, latin-1, ...")
    try:
        units = source_units(source, key, stretch=1 << 62).units
    except READ_ERRORS as error:
        raise InputError(_unreadable(source, key, error)) from None
    _check_packing(units, source, key)
    if source.format == "parquet":
        paths = dict.fromkeys(unit.path for unit in units)
        concurrently(partial(_check_parquet, source=source, key=key), paths)
        return
    first = _first_files(units, source, key)
    looks_right, otherwise = _LOOKS.get(source.format, (lambda head: True, ""))
    if not any(looks_right(decode(head, source.encoding, {}).encode()) for _, head in first):
        raise InputError(
            f"{key}.path={source.path} is not {source.format}: {first[0][0]} {otherwise}; "
            f"check {key}.format and {key}.path"
        )
    if source.format == "wikipedia_dump" and (wide := next((n for n, h in first if is_wide(source.encoding, h)), "")):
        raise InputError(
            f"{key}.path={source.path}: {wide} is UTF-16 or UTF-32; MediaWiki's dumps are UTF-8: convert it"
        )
    if source.format == "csv":
        concurrently(partial(_check_csv, source=source, key=key), units)
    if source.format == "jsonl":
        _check_jsonl(units, source, key)


def _check_packing(units: Sequence[Unit], source: SourceConfig, key: str) -> None:
    packed = [unit for unit in units if is_packed(unit.name) and unit.size]
    for unit, head in zip(packed, first_bytes(packed), strict=True):
        if isinstance(head, Exception):
            raise InputError(_unreadable(source, key, head, unit.path))
        if not begins_right(unit.name, head):
            wrong = OSError(f"its first bytes are not those of a {posixpath.splitext(unit.name)[1]} file")
            raise InputError(_unreadable(source, key, wrong, unit.path))


def _first_files(units: Sequence[Unit], source: SourceConfig, key: str) -> list[tuple[str, bytes]]:
    """Name and first bytes of up to five files or members of the format that are not blank."""
    found: list[tuple[str, bytes]] = []
    others: list[Document] = []
    for number, unit in enumerate(units):
        if len(found) == _SAMPLED_FILES or (number >= _SAMPLED_FILES and (found or is_archive(unit.name))):
            break
        before = len(found)
        try:
            for document, head in _heads(unit, source):
                if document.skipped:
                    others.append(document)
                else:
                    found.append((document.doc_id, head))
                if len(found) == _SAMPLED_FILES:
                    break
        except READ_ERRORS as error:
            # What comes before the broken part of an archive is read, and the rest counted.
            if len(found) == before:
                raise InputError(_unreadable(source, key, error, unit.path)) from None
    if found:
        return found
    if others and others[0].skipped == "empty":
        raise InputError(f"{key}.path={source.path}: {others[0].doc_id} is empty; get the corpus again")
    archives = ", ".join(unit.name for unit in units[:3])
    raise InputError(
        f"{key}.path={source.path}: {archives} holds no {source.format} file"
        f"{f' (found {skipped_by_reason(others)})' if others else ''}; check {key}.format and {key}.path"
    )


def _heads(unit: Unit, source: SourceConfig) -> Iterator[tuple[Document, bytes]]:
    """A file's, or an archive's members', names, as documents without text, and first bytes."""
    for file in members(unit, FORMATS[source.format].wanted):
        if file.skipped:
            yield Document.skip(file.name, file.skipped), b""
            continue
        name = readable(unit.path) + (f"!{file.name}" if is_archive(unit.name) else "")
        try:
            with file.open() as stream:
                head = stream.read(_HEAD)
        except READ_ERRORS:
            if not costs_no_other(unit):
                raise
            yield Document.skip(name, UNREADABLE_FILE), b""
            continue
        yield (Document(name, "") if head.strip() else Document.skip(name, "empty")), head


def _check_csv(unit: Unit, source: SourceConfig, key: str) -> None:
    try:
        files = wanted_members(unit, rows.is_csv)  # to the end of the block: it holds the archive open
        if (file := next(files, None)) is None:
            return
        stream, encoding = open_text(file.open(), source.encoding)
        with stream:
            head = csv_records.first_lines(iter(partial(stream.readline, _HEAD), ""), _HEAD)
    except READ_ERRORS as error:
        raise InputError(_unreadable(source, key, error, unit.path)) from None
    if head:  # else a file of no records, as Spark writes them
        names, _, _ = csv_records.header(head, file.name, encoding)
        _require_columns(names, unit.path, source, key)


def _check_jsonl(units: Sequence[Unit], source: SourceConfig, key: str) -> None:
    """Objects need not share their keys, so a column is missing only when no line of many has it."""
    keys: dict[str, None] = {}
    missing, read = set(rows.columns_of(source)), 0
    for number, line in _lines(units, source, key):
        # Lines after a file's first ones are only parsed where a name that is looked for may be in them.
        if number < _FIRST_LINES or "\\" in line or any(name in line for name in missing):
            found = rows.json_object(line) or {}
            keys.update(dict.fromkeys(found))
            missing.difference_update(found)
        read += len(line)
        if not missing or read > _SCANNED:
            break
    within = f" up to its {read:,}th character" if read > _SCANNED else ""
    if not keys:
        raise InputError(
            f"{key}.path={source.path} is not jsonl: no line of {readable(units[0].path)}{within} holds a JSON object; "
            "write each record on one line (jq -c does)"
        )
    _require_columns(list(keys), units[0].path + within, source, key)


def _lines(units: Sequence[Unit], source: SourceConfig, key: str) -> Iterator[tuple[int, str]]:
    """The lines of all files, numbered in each."""
    for unit in units:
        try:
            for file in wanted_members(unit, rows.is_jsonl):
                yield from ((number, line) for number, (line, _) in enumerate(rows.json_lines(file, source.encoding)))
        except READ_ERRORS as error:
            raise InputError(_unreadable(source, key, error, unit.path)) from None


def _check_parquet(path: str, source: SourceConfig, key: str) -> None:
    try:
        with open_file(path) as stream:
            schema = pq.read_schema(stream)
    except READ_ERRORS as error:
        raise InputError(_unreadable(source, key, error, path)) from None
    _require_columns(schema.names, path, source, key)
    kind = schema.field(schema.names.index(source.text_column)).type
    if not is_text(kind):
        raise InputError(
            f"{key}.text_column={source.text_column}: {path} holds {kind} there, text is needed; "
            f"columns present: {', '.join(map(csv_records.column_name, schema.names))}"
        )


def _require_columns(present: Sequence[str], path: str, source: SourceConfig, key: str) -> None:
    asked = [("text_column", source.text_column), ("id_column", source.id_column)]
    asked += [("metadata_columns", name) for name in source.metadata_columns]
    for setting, name in asked:
        times = present.count(name) or present.count(csv_records.column_name(name))
        if name and times != 1:
            what = f"has {times} columns of this name; rename all but one" if times else "has no such column"
            shown = ", ".join(csv_records.column_name(one) for one in present)
            raise InputError(f"{key}.{setting}={name}: {path} {what}; columns present: {shown}")


def _unreadable(source: SourceConfig, key: str, error: BaseException, path: str = "") -> str:
    remedy = "it is broken or of another format: get it again, or take it out of the folder"
    if isinstance(error, PermissionError):
        remedy = "mend its permissions, or take it out of the folder"
    named = readable(path) or "a file"
    return f"{key}.path={source.path}: {named} cannot be read as {source.format} ({reason(error)}); {remedy}"


def _is_tweet(head: bytes) -> bool:
    line = head.decode("latin-1").splitlines()[:1]
    row = next((row for row, _ in csv_records.records(line, ",")), None)
    return row is not None and len(row) == sentiment.COLUMNS and row[0] in sentiment.POLARITY


_LOOKS: dict[str, tuple[Callable[[bytes], bool], str]] = {
    "reuters": (lambda head: b"<REUTERS" in head, "has no <REUTERS ...> story"),
    "newsgroups": (lambda head: b":" in head.split(b"\n", 1)[0], "does not begin with a header line (From: ...)"),
    "sentiment140": (_is_tweet, 'does not begin with six quoted columns ("0","id","date","query","user","text")'),
    "wikipedia_dump": (
        lambda head: b"<mediawiki" in head or b"<page>" in head, "is no MediaWiki export (no <mediawiki> or <page>)"
    ),
    "wikipedia_extracted": (lambda head: b"<doc " in head, "has no <doc id=... title=...> block"),
    "gutenberg": (gutenberg.looks_like, "has no *** START OF THE PROJECT GUTENBERG EBOOK line"),
    "jsonl": (
        lambda head: head.lstrip().startswith(b"{"),
        "does not begin with a JSON object ({...}) on its first line",
    ),
}  # fmt: skip
"""By format: whether a file's first bytes look like it, and what is said of those that do not."""
