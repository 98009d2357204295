"""Archives, read in place, member by member."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from neuronsig.corpora.files import (
    HIDDEN,
    NOT_A_FILE,
    OTHER_FORMAT,
    READ_ERRORS,
    UNREADABLE,
    UNREADABLE_PACKING,
    SourceFile,
    Unit,
    compression,
    is_archive,
    is_hidden,
    open_bytes,
    open_file,
    readable,
    unpacked,
)
from neuronsig.errors import first_line

LINK = "link_in_archive"
ENCRYPTED = "encrypted"
# What the archives' own modules raise besides, of headers that are broken or of kinds that they do not know.
_BROKEN_HEADERS = (ValueError, LookupError, struct.error, OverflowError, NotImplementedError, RuntimeError)


def members(unit: Unit, wanted: Callable[[str], bool]) -> Iterator[SourceFile]:
    """The files in an archive in the order they are stored; another file itself, whatever its name.

    Those that are not wanted, or cannot be read, have the reason in `skipped`. A tar archive is streamed: a member
    must be read before the next one is asked for.
    """
    if not is_archive(unit.path):
        yield SourceFile.of(unit)
        return
    opened = _zip_members if costs_no_other(unit) else _tar_members
    for name, skipped, get in opened(unit.path):
        if is_hidden(name):
            skipped = HIDDEN
        elif is_archive(name) or name.lower().endswith(UNREADABLE):
            skipped = skipped or UNREADABLE_PACKING
        elif not wanted(name):
            skipped = OTHER_FORMAT
        yield SourceFile(readable(name), lambda get=get, name=name: unpacked(get(), name), unit, skipped=skipped)  # type: ignore[misc]


def wanted_members(unit: Unit, wanted: Callable[[str], bool]) -> Iterator[SourceFile]:
    """Those of `members` that are to be read."""
    return (file for file in members(unit, wanted) if not file.skipped)


def costs_no_other(unit: Unit) -> bool:
    """Whether one broken member of an archive leaves the others readable: a zip's lie where its directory says."""
    return unit.path.lower().endswith(".zip")


_Member = tuple[str, str, Callable[[], IO[bytes]]]
"""Name, reason not to read it, and what opens it."""


def _zip_members(path: str) -> Iterator[_Member]:
    with open_bytes(path) as stream, _headers(zipfile.ZipFile, stream) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                skipped = ENCRYPTED if entry.flag_bits & 1 else ""
                yield entry.filename, skipped, lambda entry=entry: _headers(archive.open, entry)  # type: ignore[misc]


def _tar_members(path: str) -> Iterator[_Member]:
    # tarfile finds out by itself what it knows, whatever the ending.
    opened = open_file(path) if compression(path) == ".zst" else open_bytes(path)
    with opened as stream, _tar(stream) as archive:
        while (member := _headers(archive.next)) is not None:
            if not member.isdir():
                skipped = "" if member.isfile() else LINK if member.islnk() or member.issym() else NOT_A_FILE
                name = member.name.removeprefix("./")
                yield name, skipped, lambda member=member: archive.extractfile(member)  # type: ignore[misc]


class _TarHeader(tarfile.TarInfo):
    """A header; one that is broken is an error, where tarfile takes it for the archive's end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _TarHeader:
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error


def _tar(stream: IO[bytes]) -> Any:
    names = {"encoding": "utf-8", "errors": "surrogateescape"}
    archive = _headers(tarfile.open, None, "r|*", stream, errorlevel=1, tarinfo=_TarHeader, **names)
    # Readers of text ask it of a member, which asks this stream, which cannot say.
    archive.fileobj.seekable = lambda: False
    return archive


def _headers(read: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """What a function of the archives' modules returns; what it raises is one of READ_ERRORS."""
    try:
        return read(*arguments, **settings)
    except READ_ERRORS:
        raise
    except _BROKEN_HEADERS as error:
        raise OSError(first_line(error)) from error
