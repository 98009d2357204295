"""How a corpus's bytes are opened: files as their names say that they are packed, stretches of large files.

Paths are local or anything fsspec opens (`s3://`, `hdfs://`, ...).
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import posixpath
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, cast

import pyarrow as pa

from neuronsig.storage.files import concurrently
from neuronsig.storage.location import client_of

# Would be taken for text: nothing here unpacks them.
UNREADABLE = (
    ".lz4", ".7z", ".rar", ".br", ".z", ".lz", ".lzo", ".snappy", ".sz", ".deflate", ".zipx", ".arj", ".cab",
)  # fmt: skip
_DECOMPRESSORS: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda stream: gzip.GzipFile(fileobj=stream),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".lzma": lzma.LZMAFile,
    ".zst": lambda stream: pa.CompressedInputStream(stream, "zstd"),
}
COMPRESSED = (*_DECOMPRESSORS,)
_SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz", ".tzst": ".zst"}
ARCHIVES = (*(f".tar{ending}" for ending in ("", *COMPRESSED)), *_SHORT, ".zip")
_MAGIC = {
    ".gz": (b"\x1f\x8b",),
    ".bz2": (b"BZh",),
    ".xz": (b"\xfd7zXZ\0",),
    ".zst": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + kind]) + b"\x2a\x4d\x18" for kind in range(16))),
    ".zip": (b"PK",),
}
"""How a file of an ending begins; there is no one mark of .lzma."""
HEAD_BYTES = 512
_BZIP2_END = 0x177245385090

# What a broken archive, compressed stream, disk or Parquet schema raises.
READ_ERRORS = (
    OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, pa.ArrowException,
    UnicodeDecodeError,
)  # fmt: skip
_BUFFER = 1 << 17
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")

HIDDEN = "hidden_file"
NOT_A_FILE = "not_a_file"
OTHER_FORMAT = "other_format"
UNREADABLE_FILE = "unreadable_file"
UNREADABLE_PACKING = "unreadable_packing"


@dataclass(frozen=True)
class Unit:
    """A piece of a source that one task reads from start to end: a file, an archive, or a stretch of a file.

    `name` is the path below the source's own, with forward slashes, as `readable` has it; `path` is what opens it.
    `start` and `end` bound a stretch (bytes, or row groups); `end` 0 is the end of the file. `first_record` is the
    number of the stretch's first record.
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
    """A file or an archive's member, as parsers see it; `skipped` says why a member is not to be read."""

    name: str
    open: Callable[[], IO[bytes]]
    unit: Unit
    side: dict[str, bytes] = field(default_factory=dict)
    skipped: str = ""

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


def is_hidden(name: str) -> bool:
    """Whether a name below a source, or a folder's above it there, begins with `.` or `_`."""
    return any(part.startswith((".", "_")) and part not in (".", "..") for part in name.split("/"))


def compression(name: str) -> str:
    """The ending, in lower case, of a file that is compressed as a whole; empty where none is."""
    ending = posixpath.splitext(name.lower())[1]
    ending = _SHORT.get(ending, ending)
    return ending if ending in COMPRESSED else ""


def bare_name(name: str) -> str:
    """A file's name without the ending of its compression."""
    return posixpath.splitext(name)[0] if name.lower().endswith(COMPRESSED) else name


def readable(name: str) -> str:
    """A name as text of one line: control characters and bytes that are not UTF-8, which Python has as lone surrogates,
    are written as `\\xe9`."""
    text = name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text if text.isprintable() else _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def is_packed(name: str) -> bool:
    """Whether a file's ending says how it begins."""
    return compression(name) not in ("", ".lzma") or name.lower().endswith(".zip")


def begins_right(name: str, head: bytes) -> bool:
    """Whether these HEAD_BYTES are such that a packed file of this name may begin with them."""
    ending = compression(name) or ".zip"
    if not is_archive(name) or ending in (".zip", ".zst"):
        return head.startswith(_MAGIC.get(ending, b""))
    # tarfile finds out by itself how an archive is packed.
    return head[257:262] == b"ustar" or head.startswith(tuple(itertools.chain(*_MAGIC.values())))


def first_bytes(units: Sequence[Unit]) -> list[bytes | Exception]:
    """HEAD_BYTES of each of a source's files, or what forbids to read them; several are asked for together."""
    if not units:
        return []
    # A client is made anew for every thread that asks for one.
    system = client_of(units[0].path)[0]

    def head(unit: Unit) -> bytes | Exception:
        try:
            return cast(bytes, system.cat_file(unit.path, start=0, end=HEAD_BYTES)) if unit.size else b""
        except Exception as error:  # a store's package raises errors of its own
            return error

    return concurrently(head, units)


def is_cut_bzip2(unit: Unit) -> bool:
    """Whether a bzip2 file has no end, as a download that was broken off."""
    with open_bytes(unit.path) as stream:
        stream.seek(max(0, unit.size - 11))
        tail = int.from_bytes(stream.read(), "big")
    # The mark, 32 bits of a checksum, and up to 7 bits that fill the last byte.
    return all((tail >> 32 + shift) % (1 << 48) != _BZIP2_END for shift in range(8))


def open_bytes(path: str) -> IO[bytes]:
    """A file's bytes as they are stored. No character of a path has a meaning but the slashes and a scheme."""
    if "://" not in path:
        return open(path, "rb")
    system, place = client_of(path)
    return cast(IO[bytes], system.open(place, "rb"))


def open_file(path: str) -> IO[bytes]:
    """A file's bytes, decompressed where its name says that it is compressed."""
    return unpacked(open_bytes(path), path)


class _Unpacked(io.RawIOBase):
    """A decompressed stream, read in pieces so small that next to nothing before a break is lost; it closes the one
    below it, too."""

    def __init__(self, stream: Any, below: IO[bytes]) -> None:
        self._stream, self._below = stream, below

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read1(min(len(buffer), io.DEFAULT_BUFFER_SIZE))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.close()
            self._below.close()


def unpacked(stream: IO[bytes], name: str) -> IO[bytes]:
    """A stream decompressed where its name says that it is compressed."""
    ending = compression(name)
    if not ending:
        return stream
    below = io.BufferedReader(stream, _BUFFER)  # type: ignore[type-var]
    if not below.peek(1):
        return below  # some modules take a file without a byte for a broken one
    return io.BufferedReader(_Unpacked(_DECOMPRESSORS[ending](below), below), _BUFFER)


def split_lines(unit: Unit, stretch: int) -> list[Unit]:
    """A file of lines as stretches of about `stretch` bytes; a line belongs to the stretch it begins in."""
    if unit.size <= stretch or bare_name(unit.name) != unit.name:
        return [unit]
    bounds = [*range(0, unit.size, stretch), unit.size]
    return [Unit(unit.path, unit.name, end - start, start, end) for start, end in itertools.pairwise(bounds)]


def lines_of(file: SourceFile) -> Iterator[bytes]:
    """The lines that begin inside the file's stretch, without their line ends."""
    with file.open() as stream:
        yield from lines_in(stream, file.unit)


def lines_in(stream: IO[bytes], unit: Unit) -> Iterator[bytes]:
    """The lines of an open file that begin inside a stretch of it, without their line ends."""
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
