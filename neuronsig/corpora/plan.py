"""Which files one source is read from, how they are dealt to tasks, and how many sentences they hold by their sizes."""

import hashlib
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import fsspec
import pyarrow as pa

from neuronsig.config import CorpusConfig, SourceConfig
from neuronsig.corpora import documentation
from neuronsig.corpora.document import Document
from neuronsig.corpora.files import UNREADABLE, Unit, is_archive, list_files, members, split_lines
from neuronsig.corpora.formats import FORMATS, Format, how_to_get
from neuronsig.corpora.rows import split_row_groups
from neuronsig.errors import InputError

# What a broken archive, compressed stream or disk raises.
READ_ERRORS = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, pa.ArrowException)
STRETCH = 64 << 20
BUNDLE = 8 << 20
_SAMPLED = 64 << 10


def source_units(source: SourceConfig, key: str, stretch: int = STRETCH) -> tuple[list[Unit], list[Unit]]:
    """(units that hold documents, files that documents elsewhere need), sorted by name.

    Where a folder holds both an archive and what was unpacked from it, the unpacked files are read. Raises
    InputError when the path is missing or holds no file of the format.
    """
    if source.format == "documentation":
        return documentation.list_documentation(), []
    layout = FORMATS[source.format]
    files = list_files(source.path, key, how_to_get(source, key))
    single = len(files) == 1 and source.path.rstrip("/").endswith(files[0].name)
    if single and files[0].name.lower().endswith(UNREADABLE):
        raise InputError(
            f"{key}.path={source.path} is packed in a way that is not read ({', '.join(UNREADABLE)}); "
            "unpack it, or pack it as .gz, .bz2 or .xz"
        )
    side = [unit for unit in files if layout.side and layout.side(unit.place)]
    units = [unit for unit in files if not is_archive(unit.name) and layout.wanted(unit.place)]
    if single and not units and not is_archive(files[0].name) and source.format in ("jsonl", "csv", "parquet"):
        units = files  # one file named outright is read whatever its ending
    if not units:
        units = [unit for unit in files if is_archive(unit.name)]
    if not units:
        raise InputError(
            f"{key}.path={source.path} holds no {source.format} file (found {_named(files)}); "
            f"check {key}.format and {key}.path"
        )
    if source.format == "jsonl" and not source.max_documents:
        units = [piece for unit in units for piece in split_lines(unit, stretch)]
    if source.format == "parquet" and not source.max_documents:
        units = [piece for unit in units for piece in _row_groups(unit, stretch, key)]
    return units, side


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


def read_units(units: Sequence[Unit], side: Sequence[Unit], source: SourceConfig) -> Iterator[Document]:
    """The documents of some units, in order; a file that cannot be read to its end is skipped and counted."""
    layout = FORMATS[source.format]
    beside = {file.place: file.read() for unit in side for file in members(unit, layout.wanted)}
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
        units, side = source_units(source, f"corpus.sources.{name}", stretch=1 << 62)
        for unit in {unit.path: unit for unit in [*side, *units]}.values():
            digest.update(f"{name}\0{unit.name}\0{unit.size}\0".encode())
            try:
                with fsspec.open(unit.path, "rb").open() as stream:
                    digest.update(stream.read(_SAMPLED))
                    if unit.size > 2 * _SAMPLED:
                        stream.seek(unit.size - _SAMPLED)
                    digest.update(stream.read(_SAMPLED))
            except OSError as error:
                raise InputError(f"corpus.sources.{name}.path: {unit.path} cannot be read ({error.strerror})") from None
    return digest.hexdigest()[:16]


def _read_unit(unit: Unit, beside: dict[str, bytes], layout: Format, source: SourceConfig) -> Iterator[Document]:
    try:
        within = {}
        if layout.side and is_archive(unit.name):
            within = {file.place: file.read() for file in members(unit, layout.side)}
        for file in members(unit, layout.wanted):
            file.side = {**beside, **within}
            yield from layout.parse(file, source)
    except READ_ERRORS:
        yield Document.skip(unit.name, "unreadable_file", {"unreadable_bytes": unit.size})


def _row_groups(unit: Unit, stretch: int, key: str) -> list[Unit]:
    try:
        return split_row_groups(unit, stretch)
    except READ_ERRORS as error:
        raise InputError(
            f"{key}.path: {unit.path} cannot be read as parquet ({str(error).splitlines()[0]}); it is broken: "
            "get it again, or take it out of the folder"
        ) from None


def _named(files: Sequence[Unit]) -> str:
    shown = ", ".join(unit.name for unit in files[:3])
    return shown + (f" and {len(files) - 3:,} more" if len(files) > 3 else "")


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
COMPRESSION = {".gz": 2.7, ".tgz": 2.7, ".zip": 2.7, ".zst": 2.7, ".parquet": 2.7, ".bz2": 3.6, ".xz": 3.6}

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
    units, _ = source_units(source, key, stretch=1 << 62)
    files = {unit.path: unit for unit in units}.values()
    found = sum(unit.size / stored_bytes(source.format, unit.name) for unit in files)
    if source.max_documents:
        found = min(found, source.max_documents * SENTENCES_OF_DOCUMENT.get(source.format, DOCUMENT))
    return found


def stored_bytes(format: str, name: str) -> float:
    """Bytes on disk of a sentence of a format, in a file of this name."""
    ending = posixpath.splitext(name.lower())[1].replace(".tgz", ".gz")
    compression = ending if ending in COMPRESSION else ""
    if (format, compression) in MEASURED:
        return MEASURED[format, compression]
    return MEASURED.get((format, ""), TEXT) / COMPRESSION.get(compression, 1.0)
