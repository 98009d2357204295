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
from pathlib import Path

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from neuronsig.corpora.files import readable
from neuronsig.errors import InputError
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
ENDINGS = st.sampled_from([*PACKED, *(f".jsonl{ending}" for ending in PACKED), ".txt", ".7z", ".pdf", ".ZIP"])
PIECES = st.sampled_from(
    [b"a", b"_", b".", b"::", b"\xe9", "é".encode(), b"*", b"[1]", b"%20", b"#", b"?", b" ", b"\n", b"~", b"\\"]
)
NAMES = st.lists(PIECES, min_size=1, max_size=4).map(b"".join).filter(lambda name: name not in (b".", b".."))


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """A file packed in some way, whole, cut short or with some bytes changed; or any few bytes."""
    data = bytearray(draw(st.sampled_from([*PACKED.values()]))(draw(st.sampled_from([ROWS, b"", b"\xff\xfe\0"]))))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=3)):
        if place < len(data):
            data[place] = byte
    return draw(st.one_of(st.just(bytes(data)), st.just(bytes(data[: len(data) // 2])), st.binary(max_size=12)))


TREES = st.dictionaries(
    st.tuples(st.lists(NAMES, max_size=1), NAMES, ENDINGS).map(lambda at: (*at[0], at[1] + at[2].encode())),
    st.one_of(contents(), st.sampled_from(["pipe", "nowhere", "."])),
    min_size=1,
    max_size=5,
)  # fmt: skip


def made(root: bytes, tree: dict[tuple[bytes, ...], bytes | str]) -> list[bytes]:
    """Write a tree; returns the names of its files, links and pipes."""
    names = []
    for at, content in tree.items():
        path = os.path.join(root, *at)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if content == "pipe":
                os.mkfifo(path)
            elif isinstance(content, str):
                os.symlink(content, path)
            else:
                with open(path, "xb") as stream:
                    stream.write(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        names.append(os.path.relpath(path, root))
    return names


@seed(14)
@settings(max_examples=150, deadline=None, database=None)
@given(tree=TREES, format=st.sampled_from(["text", "jsonl"]))
def test_no_file_is_lost_and_none_ends_in_a_traceback(tree: dict[tuple[bytes, ...], bytes | str], format: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = made(os.fsencode(folder), tree)
        found = outcome(format, folder)
        if isinstance(found, str):
            assert "\n" not in found
            return
        for name in names:
            shown = readable(os.fsdecode(name))
            assert any(shown in one or is_empty_or_archive(folder, name) for one in found), (name, found)


def outcome(format: str, folder: str) -> dict[str, str] | str:
    try:
        return checked(format, folder)
    except InputError as error:
        return str(error)


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
