"""What lies at a corpus's path: the files below it, and what is passed over there, each with its reason."""

from __future__ import annotations

import os
import posixpath
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from neuronsig.corpora.document import Document
from neuronsig.corpora.files import HIDDEN, NOT_A_FILE, UNREADABLE_FILE, Unit, is_hidden, readable
from neuronsig.errors import InputError, reason
from neuronsig.storage.location import check_scheme, client_of
from neuronsig.storage.reach import first_answer, what_to_check

BROKEN_LINK = "broken_link"
LINKED_AGAIN = "folder_linked_again"
UNREADABLE_FOLDER = "unreadable_folder"


class Found(NamedTuple):
    """What is at a path: files, what is passed over, as skipped records; whether the path is a file's own."""

    files: list[Unit]
    passed: list[Document]
    is_file: bool


class _Entry(NamedTuple):
    path: str
    name: str
    size: int
    skipped: str = ""


def list_files(path: str, key: str, remedy: str) -> Found:
    """All files at a path, sorted by name. Passed over, and never opened, are hidden ones (`.`, `_`), pipes, sockets,
    devices, links to nothing, and folders that cannot be listed.

    A local link to a folder is followed, but no folder is read twice. Raises InputError when the path does not exist
    or is an empty folder, with the `remedy`, or cannot be reached.
    """
    place = check_scheme(path, f"{key}.path")
    is_local = "://" not in place
    try:
        entries, is_file = _at(os.path.join(os.getcwd(), os.path.expanduser(place))) if is_local else _in_store(place)
    except InputError as error:
        raise InputError(f"{key}.path={path} {error}") from None
    except FileNotFoundError:
        raise InputError(f"{key}.path={path} does not exist; {remedy}") from None
    except Exception as error:  # a store's package raises errors of its own
        mend = "check the path and its permissions" if is_local else what_to_check(path)
        raise InputError(f"{key}.path={path} cannot be read ({reason(error)}); {mend}") from None
    if not entries:
        raise InputError(f"{key}.path={path} is an empty folder; {remedy}")
    files, passed, taken = [], [], {entry.name for entry in entries}
    for entry in sorted(entries, key=lambda entry: entry.name):
        skipped = HIDDEN if is_hidden(entry.name) and not is_file else entry.skipped
        if skipped:
            passed.append(Document.skip(readable(entry.name), skipped))
        else:
            files.append(Unit(entry.path, _unique(entry.name, taken), entry.size))
    return Found(files, passed, is_file)


def by_reason(counts: Mapping[str, int], first: Mapping[str, str]) -> str:
    """Counts of what was skipped in words, each with its first example: `2 hidden_file (first .a), 1 binary (b)`."""
    named = ((reason, count, first.get(reason, "")) for reason, count in counts.items())
    shown = ((reason, count, f"first {name}" if count > 1 else name) for reason, count, name in named)
    return ", ".join(f"{count:,} {reason} ({name})" for reason, count, name in shown)


def skipped_by_reason(records: Iterable[Document]) -> str:
    """The same of skipped records."""
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for record in records:
        if record.skipped:
            counts[record.skipped] = counts.get(record.skipped, 0) + 1
            first.setdefault(record.skipped, record.doc_id)
    return by_reason(counts, first)


def _unique(name: str, taken: set[str]) -> str:
    """The name as text, which no other file has."""
    shown = readable(name)
    if shown != name:
        while shown in taken:
            shown += "\ufffd"
        taken.add(shown)
    return shown


def _at(root: str) -> tuple[list[_Entry], bool]:
    facts = os.stat(root)
    if stat.S_ISDIR(facts.st_mode):
        return list(_below(root)), False
    if not stat.S_ISREG(facts.st_mode):
        raise InputError("is a pipe, socket or device; give a file or folder")
    return [_Entry(root, posixpath.basename(root), facts.st_size)], True


def _below(root: str) -> Iterator[_Entry]:
    """Files below a folder, those below its links to folders after the others."""
    top, read = os.path.realpath(root), set()
    folders, linked = deque([(root, "")]), deque[tuple[str, str]]()
    while folders or linked:
        folder, prefix = (folders or linked).popleft()
        real = os.path.realpath(folder)
        if real in read or (real != top and top.startswith(real.rstrip("/") + "/")):
            yield _Entry(folder, prefix[:-1], 0, LINKED_AGAIN)
            continue
        read.add(real)
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            if not prefix:
                raise
            yield _Entry(folder, prefix[:-1], 0, UNREADABLE_FOLDER)
            continue
        for entry in entries:
            name = prefix + entry.name
            kind, size = _kind(entry)
            if kind != "folder":
                yield _Entry(entry.path, name, size, kind)
            elif not entry.is_symlink():
                folders.append((entry.path, name + "/"))
            elif is_hidden(name):
                yield _Entry(entry.path, name, 0, HIDDEN)
            else:
                linked.append((entry.path, name + "/"))


def _kind(entry: os.DirEntry[str]) -> tuple[str, int]:
    """`folder`, or why an entry is passed over, empty for a file; and its size."""
    try:
        facts = entry.stat()
    except OSError:
        return BROKEN_LINK if entry.is_symlink() else UNREADABLE_FILE, 0
    if stat.S_ISDIR(facts.st_mode):
        return "folder", 0
    return "" if stat.S_ISREG(facts.st_mode) else NOT_A_FILE, facts.st_size


def _in_store(place: str) -> tuple[list[_Entry], bool]:
    system, root = client_of(place)
    facts = first_answer(system, lambda: system.info(root))
    if facts["type"] == "file":
        return [_Entry(_address(system, root), posixpath.basename(root), int(facts["size"] or 0))], True
    root = root.rstrip("/")
    prefix = root + "/"
    # An object store lists at once all that begins with a name; others walk from folder to folder.
    found = (
        _walked(system, root) if _walks(system) else ((facts, "") for facts in system.find(root, detail=True).values())
    )
    entries = []
    for facts, skipped in found:
        name = facts["name"].removeprefix(prefix)
        if name != root and not name.endswith("/"):  # objects that stand for folders
            entries.append(_Entry(_address(system, facts["name"]), name, int(facts.get("size") or 0), skipped))
    return entries, False


def _walks(system: AbstractFileSystem) -> bool:
    """Whether a client's `find` is fsspec's own, which goes from folder to folder; some have only an async one."""
    kind = type(system)
    return kind.find is AbstractFileSystem.find and getattr(kind, "_find", None) in (None, AsyncFileSystem._find)


def _walked(system: AbstractFileSystem, root: str) -> Iterator[tuple[dict[str, Any], str]]:
    folders = deque([root])
    while folders:
        folder = folders.popleft()
        try:
            found = system.ls(folder, detail=True)
        except Exception:  # a store's package raises errors of its own
            if folder == root:
                raise
            yield {"name": folder}, UNREADABLE_FOLDER
            continue
        folders += [facts["name"] for facts in found if facts["type"] == "directory"]
        yield from ((facts, "") for facts in found if facts["type"] != "directory")


def _address(system: AbstractFileSystem, path: str) -> str:
    return str(system.unstrip_protocol(path))
