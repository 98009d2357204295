"""Which files one source is read from, how they are dealt to tasks, and how many sentences they hold by their sizes."""

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora import documentation
from neuronsig.corpora.archives import costs_no_other, members, wanted_members
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import (
    ARCHIVES,
    COMPRESSED,
    OTHER_FORMAT,
    READ_ERRORS,
    UNREADABLE,
    UNREADABLE_FILE,
    UNREADABLE_PACKING,
    SourceFile,
    Unit,
    compression,
    is_archive,
    open_bytes,
    readable,
    split_lines,
)
from neuronsig.corpora.formats import FORMATS, Format, how_to_get
from neuronsig.corpora.listing import Found, list_files, skipped_by_reason
from neuronsig.corpora.reserve import left_out
from neuronsig.corpora.rows import split_row_groups
from neuronsig.errors import InputError, first_line, reason
from neuronsig.storage.files import concurrently

STRETCH = 64 << 20
BUNDLE = 8 << 20
_SAMPLED = 64 << 10
_SAMPLED_FILES = 1024
"""Files whose samples are held together."""
ARCHIVE_BESIDE = "archive_beside_files"


class Listing(NamedTuple):
    """A source's files: those with documents, those that documents elsewhere need, sorted by name; what is passed over,
    as skipped records."""

    units: list[Unit]
    side: list[Unit]
    passed: list[Document]


def source_units(source: SourceConfig, key: str, stretch: int = STRETCH) -> Listing:
    """Which files of a source are read, and what is passed over.

    Where a folder holds both an archive and what was unpacked from it, the unpacked files are read. Raises
    InputError when the path is missing or holds no file of the format.
    """
    if source.format == "documentation":
        return Listing(documentation.list_documentation(), [], [])
    layout = FORMATS[source.format]
    found = list_files(source.path, key, how_to_get(source, key))
    # A reader of Parquet goes to and fro in a file.
    endings = (*UNREADABLE, *ARCHIVES, *COMPRESSED) if source.format == "parquet" else UNREADABLE
    packed = {unit for unit in found.files if unit.name.lower().endswith(endings)}
    if found.is_file and packed:
        otherwise = "" if source.format == "parquet" else ", or pack it as .gz, .bz2, .xz or .zst"
        raise InputError(
            f"{key}.path={source.path} is packed in a way that is not read as {source.format}; unpack it{otherwise}"
        )
    files = [unit for unit in found.files if unit not in packed]
    side = [unit for unit in files if layout.side and layout.side(unit.place)]
    archives = [unit for unit in files if is_archive(unit.name)]
    units = [unit for unit in files if not is_archive(unit.name) and layout.wanted(unit.place)]
    if found.is_file and not units and not archives and source.format in ("jsonl", "csv", "parquet"):
        units = files  # one file named outright is read whatever its ending
    beside, units = (archives, units) if units else ([], archives)
    why = {**dict.fromkeys(packed, UNREADABLE_PACKING), **dict.fromkeys(beside, ARCHIVE_BESIDE)}
    rest = sorted({*found.files} - {*side, *units}, key=lambda unit: unit.name)
    passed = [*found.passed, *(Document.skip(unit.name, why.get(unit, OTHER_FORMAT)) for unit in rest)]
    if not units:
        raise InputError(
            f"{key}.path={source.path} holds no {source.format} file (found {_named(found, passed)}); "
            f"check {key}.format and {key}.path"
        )
    if source.format == "jsonl" and not source.max_documents:
        units = [piece for unit in units for piece in split_lines(unit, stretch)]
    if source.format == "parquet" and not source.max_documents:
        units = [piece for unit in units for piece in _row_groups(unit, stretch, key)]
    return Listing(units, side, passed)


def bundle(units: Sequence[Unit], at_least: int, size: int = BUNDLE) -> list[list[Unit]]:
    """Units dealt in order to tasks of about `size` bytes, or to more and smaller ones to make `at_least`."""
    total = sum(unit.size for unit in units)
    size = min(size, max(1, total // max(1, at_least)))
    bundles: list[list[Unit]] = []
    gathered = 0
    for unit in units:
        if not bundles or gathered + unit.size > size:
            bundles.append([])
            gathered = 0
        bundles[-1].append(unit)
        gathered += unit.size
    return bundles


def read_units(
    units: Sequence[Unit], side: Sequence[Unit], passed: Sequence[Document], source: SourceConfig
) -> Iterator[Document]:
    """What was passed over, then the documents of some units, in order; those that are reserved are skipped ones.

    A file that cannot be read to its end, and a member of an archive that is no document, is skipped and counted.
    """
    yield from passed
    yield from left_out(documents_of(units, side, source), source)


def documents_of(units: Sequence[Unit], side: Sequence[Unit], source: SourceConfig) -> Iterator[Document]:
    """All documents of some units and all skipped records, in order."""
    layout = FORMATS[source.format]
    beside = {file.place: file.read() for unit in side for file in wanted_members(unit, layout.wanted)}
    found = 0
    for unit in units:
        for document in _read_unit(unit, beside, layout, source):
            yield document
            found += document.skipped is None
            if source.max_documents and found >= source.max_documents:
                return


def corpus_fingerprint(corpus: CorpusConfig) -> str:
    """The first 16 hex digits of the SHA-256 over every file's name, size, first and last 64 KiB.

    Whole files are not read: a dump has many gigabytes. Independent of where the corpus lies.
    """
    digest = hashlib.sha256()
    for name, source in corpus.sources.items():
        units, side, _ = source_units(source, f"corpus.sources.{name}", stretch=1 << 62)
        files = list({unit.path: unit for unit in [*side, *units]}.values())
        for start in range(0, len(files), _SAMPLED_FILES):
            block = files[start : start + _SAMPLED_FILES]
            for unit, sample in zip(block, concurrently(partial(_sample, name), block), strict=True):
                digest.update(f"{name}\0{unit.name}\0{unit.size}\0".encode())
                digest.update(sample)
    return digest.hexdigest()[:16]


def _sample(source: str, unit: Unit) -> bytes:
    try:
        with open_bytes(unit.path) as stream:
            first = stream.read(_SAMPLED)
            if unit.size > 2 * _SAMPLED:
                stream.seek(unit.size - _SAMPLED)
            return first + stream.read(_SAMPLED)
    except OSError as error:
        raise InputError(
            f"corpus.sources.{source}.path: {readable(unit.path)} cannot be read ({reason(error)}); "
            "mend its permissions, or take it out of the folder"
        ) from None


def _read_unit(unit: Unit, beside: dict[str, bytes], layout: Format, source: SourceConfig) -> Iterator[Document]:
    try:
        within = {}
        if layout.side and is_archive(unit.name):
            within = {file.place: file.read() for file in wanted_members(unit, layout.side)}
        for file in members(unit, layout.wanted):
            file.side = {**beside, **within}
            if not file.skipped:
                yield from _parsed(file, layout, source)
            elif file.place not in within:
                yield Document.skip(file.name, file.skipped)
    except READ_ERRORS:
        yield Document.skip(unit.name, UNREADABLE_FILE, {"unreadable_bytes": unit.size})


def _parsed(file: SourceFile, layout: Format, source: SourceConfig) -> Iterator[Document]:
    try:
        yield from layout.parse(file, source)
    except READ_ERRORS:
        if not costs_no_other(file.unit):
            raise
        yield Document.skip(file.name, UNREADABLE_FILE)


def _row_groups(unit: Unit, stretch: int, key: str) -> list[Unit]:
    try:
        return split_row_groups(unit, stretch)
    except READ_ERRORS as error:
        raise InputError(
            f"{key}.path: {readable(unit.path)} cannot be read as parquet ({first_line(error)}); it is broken: "
            "get it again, or take it out of the folder"
        ) from None


def _named(found: Found, passed: Sequence[Document]) -> str:
    """What is there, by name, and why it is passed over where that is not its ending alone."""
    names = [*(unit.name for unit in found.files), *(record.doc_id for record in found.passed)]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
    if all(record.skipped == OTHER_FORMAT for record in passed):
        return shown
    return f"{shown}: {skipped_by_reason(passed)}"


# Stored bytes for each sentence that is kept (P1 4.1), measured on samples of the six corpora as published, and on
# the documentation of one Python environment.
MEASURED = {
    ("gutenberg", ""): 96.0,
    ("wikipedia_dump", ".bz2"): 80.0,
    ("wikipedia_dump", ""): 288.0,
    ("wikipedia_extracted", ""): 206.0,
    ("sentiment140", ""): 88.0,
    ("imdb", ".gz"): 45.0,
    ("imdb", ""): 105.0,
    ("newsgroups", ".gz"): 64.0,
    ("newsgroups", ""): 155.0,
    ("reuters", ".gz"): 56.0,
    ("reuters", ""): 190.0,
    ("documentation", ""): 550.0,
}
TEXT = 100.0
"""Bytes a sentence of plain text, and of the formats that hold it with little around it."""

# How much smaller text is stored; gz and bz2 measured on the same samples.
COMPRESSION = {".gz": 2.7, ".zip": 2.7, ".zst": 2.7, ".parquet": 2.7, ".bz2": 3.6, ".xz": 3.6, ".lzma": 3.6}

SENTENCES_OF_DOCUMENT = {
    "gutenberg": 5300.0,
    "wikipedia_dump": 200.0,
    "wikipedia_extracted": 120.0,
    "sentiment140": 1.7,
    "imdb": 12.0,
    "newsgroups": 12.0,
    "reuters": 7.0,
}
DOCUMENT = 25.0
"""Sentences of a document of the other formats; it matters only where max_documents is set."""


def estimated_sentences(corpus: CorpusConfig) -> int:
    """Sentences that annotation would keep, about; raises InputError when a source's path is not there."""
    return round(sum(_of_source(source, f"corpus.sources.{name}") for name, source in corpus.sources.items()))


def _of_source(source: SourceConfig, key: str) -> float:
    units = source_units(source, key, stretch=1 << 62).units
    files = {unit.path: unit for unit in units}.values()
    found = sum(unit.size / stored_bytes(source.format, unit.name) for unit in files)
    if source.max_documents:
        found = min(found, source.max_documents * SENTENCES_OF_DOCUMENT.get(source.format, DOCUMENT))
    return found * (1 - source.reserve)


def stored_bytes(format: str, name: str) -> float:
    """Bytes on disk of a sentence of a format, in a file of this name."""
    ending = compression(name) or posixpath.splitext(name.lower())[1]
    packed = ending if ending in COMPRESSION else ""
    if (format, packed) in MEASURED:
        return MEASURED[format, packed]
    return MEASURED.get((format, ""), TEXT) / COMPRESSION.get(packed, 1.0)
