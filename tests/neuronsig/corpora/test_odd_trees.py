"""Random trees of odd names, endings and bytes: every file is read or counted, or there is one error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from neuronsig.corpora.files import readable
from neuronsig.errors import InputError
from tests.neuronsig.corpora.reading import read
from tests.neuronsig.corpora.test_listing import PACKERS, checked

ROWS = b'{"text": "A row."}\n{"text": "More of it."}\n'


def tar(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a.jsonl", "sub/b.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", data)
        archive.writestr("sub/b.txt", data)
    return stream.getvalue()


PACKED = {
    **PACKERS, ".tar": tar, ".zip": zipped, ".tgz": lambda data: gzip.compress(tar(data)),
    ".tar.zst": lambda data: PACKERS[".zst"](tar(data)), "": bytes,
}  # fmt: skip
PIECES = st.sampled_from(
    [b"a", b"_", b".", b"::", b"\xe9", "é".encode(), b"*", b"[1]", b"%20", b"#", b"?", b" ", b"\n", b"~", b"\\"]
)
NAMES = st.lists(PIECES, min_size=1, max_size=4).map(b"".join).filter(lambda name: name not in (b".", b".."))


class Content(NamedTuple):
    """A file packed as its ending says, and then cut at a place, or with bytes changed at some; or what is no file."""

    rows: bytes
    ending: str
    kind: str
    changes: list[tuple[int, int]]

    def data(self) -> bytes:
        data = bytearray(PACKED.get(self.ending, bytes)(self.rows))
        for place, byte in self.changes if data else []:
            if self.kind == "cut":
                del data[place % len(data) :]
                break
            if self.kind == "changed":
                data[place % len(data)] = byte
        return bytes(data)


@st.composite
def entries(draw: st.DrawFn) -> tuple[tuple[bytes, ...], Content]:
    """A path below the tree's root, and what is there."""
    before, ending = draw(st.sampled_from(["", ".txt", ".jsonl"])), draw(st.sampled_from([*PACKED, ".7z", ".pdf"]))
    at = (*draw(st.lists(NAMES, max_size=1)), draw(NAMES) + before.encode() + ending.encode())
    rows = draw(st.sampled_from([ROWS, ROWS, b"", b"\xff\xfe\0", b"\x80\x01"]))
    packed = draw(st.sampled_from([ending] * 9 + [""]))
    kind = draw(st.sampled_from(["whole"] * 6 + ["cut", "changed", "changed", "pipe", "nowhere", "."]))
    changes = st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=4)
    return at, Content(rows, packed, kind, draw(changes) if kind in ("cut", "changed") else [])


TREES = st.lists(entries(), min_size=1, max_size=5).map(dict)


def made(root: bytes, tree: dict[tuple[bytes, ...], Content]) -> list[bytes]:
    """Write a tree; returns the names of its files, links and pipes."""
    names = []
    for at, content in tree.items():
        path = os.path.join(root, *at)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if content.kind == "pipe":
                os.mkfifo(path)
            elif content.kind in ("nowhere", "."):
                os.symlink(content.kind, path)
            else:
                with open(path, "xb") as stream:
                    stream.write(content.data())
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        names.append(os.path.relpath(path, root))
    return names


@seed(14)
@settings(max_examples=150, deadline=None, database=None)
@given(tree=TREES, format=st.sampled_from(["text", "jsonl"]))
def test_no_file_is_lost_and_none_ends_in_a_traceback(tree: dict[tuple[bytes, ...], Content], format: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = made(os.fsencode(folder), tree)
        # A task may meet what the checks before a job, which look at the first files, did not.
        for reader in (checked, unchecked):
            found, said = outcome(reader, format, folder)
            assert len(said.splitlines()) <= 1
            for name in [] if said else names:
                shown = readable(os.fsdecode(name))
                assert is_empty_or_archive(folder, name) or any(shown in one for one in found), (name, found)


def outcome(reader: Callable[[str, str], dict[str, str]], format: str, folder: str) -> tuple[dict[str, str], str]:
    try:
        return reader(format, folder), ""
    except InputError as error:
        return {}, str(error)


def unchecked(format: str, folder: str) -> dict[str, str]:
    return {one.doc_id: one.skipped or one.text for one in read(format, Path(folder))}


def is_empty_or_archive(folder: str, name: bytes) -> bool:
    """Whether a file may have no record of its name: its rows have none, or its members'."""
    if name.lower().endswith((b".zip", b".tar", b".tgz", b".zst")):
        return True
    path = os.path.join(os.fsencode(folder), name)
    data = b"" if not os.path.isfile(path) else Path(os.fsdecode(path)).read_bytes()
    for unpack in (gzip.decompress, bz2.decompress, lzma.decompress, bytes):
        try:
            return not unpack(data).strip()
        except Exception:
            continue
    return False
