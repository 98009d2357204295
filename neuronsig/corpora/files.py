"""Where a corpus lies: files of a folder, members of archives, stretches of large files.

Paths are local or anything fsspec opens (`s3://`, `hdfs://`, ...). Archives are read in place, member by member.
"""

from __future__ import annotations

import itertools
import posixpath
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

import fsspec

from neuronsig.errors import InputError, reason
from neuronsig.storage.location import check_scheme
from neuronsig.storage.reach import first_answer, what_to_check

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
COMPRESSED = (".gz", ".bz2", ".xz")
# Would be taken for text: nothing here unpacks them.
UNREADABLE = (".zst", ".lz4", ".7z", ".rar", ".br")


@dataclass(frozen=True)
class Unit:
    """A piece of a source that one task reads from start to end: a file, an archive, or a stretch of a file.

    `name` is the path below the source's own, with forward slashes. `start` and `end` bound a stretch (bytes, or
    row groups); `end` 0 is the end of the file. `first_record` is the number of the stretch's first record.
    """

    path: str
    name: str
    size: int
    start: int = 0
    end: int = 0
    first_record: int = 0

    @property
    def place(self) -> str:
        """The whole path with forward slashes, for formats that read the names of the folders above a file."""
        return self.path.replace("\\", "/")


@dataclass
class SourceFile:
    """A file or an archive's member, as parsers see it."""

    name: str
    open: Callable[[], IO[bytes]]
    unit: Unit
    side: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, unit: Unit) -> SourceFile:
        """A unit that is no archive."""
        return cls(unit.name, lambda: open_file(unit.path), unit)

    @property
    def place(self) -> str:
        """A member's path in its archive, a file's whole path."""
        return self.name if is_archive(self.unit.name) else self.unit.place

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def bare_name(name: str) -> str:
    """A file's name without the ending of its compression."""
    return posixpath.splitext(name)[0] if name.lower().endswith(COMPRESSED) else name


def list_files(path: str, key: str, remedy: str) -> list[Unit]:
    """All files at a path, sorted by name; hidden ones (`.`, `_`) left out.

    Raises InputError when the path does not exist or holds no file, with the `remedy`, or cannot be reached.
    """
    place = check_scheme(path, f"{key}.path")
    try:
        system, root = fsspec.core.url_to_fs(place)
        facts = first_answer(system, lambda: system.info(root))
        if facts["type"] == "file":
            name = posixpath.basename(root)
            return [Unit(_full(system, root), name, int(facts["size"] or 0))]
        found = system.find(root, detail=True)
    except FileNotFoundError:
        raise InputError(f"{key}.path={path} does not exist; {remedy}") from None
    except Exception as error:  # a store's package raises errors of its own
        mend = what_to_check(path) if "://" in path else "check the path and its permissions"
        raise InputError(f"{key}.path={path} cannot be read ({reason(error)}); {mend}") from None
    prefix = root.rstrip("/") + "/"
    units = []
    for full, info in found.items():
        name = full.removeprefix(prefix)
        if not any(part.startswith((".", "_")) for part in name.split("/")):
            units.append(Unit(_full(system, full), name, int(info.get("size") or 0)))
    if not units:
        raise InputError(f"{key}.path={path} is an empty folder; {remedy}")
    return sorted(units, key=lambda unit: unit.name)


def open_file(path: str) -> IO[bytes]:
    """A file's bytes, decompressed where its name says that it is compressed."""
    stream = fsspec.open(path, "rb", compression="infer").open()
    return stream  # type: ignore[no-any-return]


def members(unit: Unit, wanted: Callable[[str], bool]) -> Iterator[SourceFile]:
    """The wanted members of an archive in the order they are stored; another file itself, whatever its name.

    A tar archive is streamed: a member must be read before the next one is asked for.
    """
    lower = unit.path.lower()
    if lower.endswith(".zip"):
        with fsspec.open(unit.path, "rb").open() as stream, zipfile.ZipFile(stream) as archive:
            for entry in archive.infolist():
                if not entry.is_dir() and wanted(entry.filename):
                    yield SourceFile(entry.filename, lambda entry=entry: archive.open(entry), unit)  # type: ignore[misc]
    elif is_archive(lower):
        with (
            fsspec.open(unit.path, "rb").open() as stream,
            tarfile.open(fileobj=stream, mode="r|*", errorlevel=1) as archive,
        ):
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isfile() and wanted(name):
                    data = archive.extractfile(member)
                    yield SourceFile(name, lambda data=data: data, unit)  # type: ignore[misc]
    else:
        yield SourceFile.of(unit)


def split_lines(unit: Unit, stretch: int) -> list[Unit]:
    """A file of lines as stretches of about `stretch` bytes; a line belongs to the stretch it begins in."""
    if unit.size <= stretch or bare_name(unit.name) != unit.name:
        return [unit]
    bounds = [*range(0, unit.size, stretch), unit.size]
    return [Unit(unit.path, unit.name, end - start, start, end) for start, end in itertools.pairwise(bounds)]


def lines_of(file: SourceFile) -> Iterator[bytes]:
    """The lines that begin inside the file's stretch, without their line ends."""
    unit = file.unit
    with file.open() as stream:
        position = 0
        if unit.start:
            stream.seek(unit.start - 1)
            position = unit.start - 1 + len(stream.readline())
        for line in stream:
            if unit.end and position >= unit.end:
                return
            position += len(line)
            yield line.rstrip(b"\r\n")


def count_lines(unit: Unit) -> int:
    """The number of lines that begin inside a stretch."""
    return sum(1 for _ in lines_of(SourceFile.of(unit)))


def _full(system: fsspec.AbstractFileSystem, path: str) -> str:
    protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
    return path if protocol in ("file", "local") else str(system.unstrip_protocol(path))
