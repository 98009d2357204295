"""What is done with files that are there: read, list, measure, delete, copy to this machine."""

import hashlib
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from neuronsig.errors import MachineError
from neuronsig.storage.location import is_local, relative_to, store_of

# What stores call the checksum or version tag of an object; HDFS has none.
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "crc32c")
_TIMES = ("modification_time", "mtime")
_BLOCK = 1 << 22

# Requests to a store wait for the network, not for the processor.
_AT_ONCE = 16

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def concurrently(do: Callable[[_Item], _Found], items: Iterable[_Item]) -> list[_Found]:
    """What `do` gives for every item (a file, mostly), in their order; several are asked for together."""
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        return list(readers.map(do, items))


def read_bytes(path: Path) -> bytes:
    """A whole file, in one request. Raises FileNotFoundError."""
    if is_local(path):
        return path.read_bytes()
    store, name = store_of(path)
    return cast(bytes, store.cat_file(name))


def list_files(folder: Path) -> list[Path]:
    """The files in a folder, not those below its folders, sorted by name; none when there is no such folder."""
    if is_local(folder):
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    store, root = store_of(folder)
    try:
        entries = store.ls(root, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = [entry["name"].rstrip("/").split("/")[-1] for entry in entries if entry["type"] == "file"]
    return sorted(folder / name for name in names if name)


def files_below(folder: Path) -> list[Path]:
    """All files of a folder and of the folders in it, sorted; none when there is no such folder."""
    if is_local(folder):
        return sorted(path for path in folder.rglob("*") if path.is_file())
    store, root = store_of(folder)
    names = [posixpath.relpath(store._strip_protocol(name), store._strip_protocol(root)) for name in store.find(root)]
    return sorted(folder / name for name in names if name != ".")


def free_space(folder: Path) -> int | None:
    """Bytes free where the folder is; None where the store has no such bound."""
    return shutil.disk_usage(folder).free if is_local(folder) else None


def size_below(path: Path) -> int:
    """Bytes of a local file, or of the files below a local folder; 0 where there is none, and of a store's."""
    if not is_local(path):
        return 0
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def size_and_tag(path: Path) -> tuple[int, str | None]:
    """A file's size, and the store's own checksum or version tag of it; None where it has none.

    One request; no content is read. Raises FileNotFoundError.
    """
    if is_local(path):
        return path.stat().st_size, None
    store, name = store_of(path)
    facts = store.info(name)
    return int(facts["size"]), _first(facts, _TAGS)


def _first(facts: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((str(facts[key]) for key in keys if facts.get(key)), None)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remove(path: Path) -> None:
    """Delete a file or folder if it is there."""
    if not is_local(path):
        store, name = store_of(path)
        with suppress(FileNotFoundError):
            if _is_pattern(store, name):
                concurrently(store.rm_file, store.find(name))
            else:
                store.rm(name, recursive=True)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_files(files: Sequence[Path]) -> None:
    """Delete files of one folder, together; those that are gone already are no error."""
    if files and not is_local(files[0]):
        store, names = store_of(files[0])[0], [store_of(file)[1] for file in files]

        def delete(name: str) -> None:
            with suppress(FileNotFoundError):
                store.rm_file(name)

        if any(_is_pattern(store, name) for name in names):
            concurrently(delete, names)
            return
        try:
            store.rm(names)
        except FileNotFoundError:  # one of them, and those after it are still there
            concurrently(delete, names)
    else:
        for file in files:
            file.unlink(missing_ok=True)


def _is_pattern(store: AbstractFileSystem, name: str) -> bool:
    """Whether the store's `rm` would take a name for a pattern, and delete what it matches."""
    return not isinstance(store, LocalFileSystem) and store.protocol != "hdfs" and re.search(r"[*?[]", name) is not None


def local_copy(folder: Path) -> Path:
    """A local folder with the files of a store's folder, fetched once a machine; a local folder itself.

    The folder must never change: the copy is known by its address and its files' sizes and tags. Raises MachineError.
    """
    if is_local(folder):
        return folder
    files = files_below(folder)
    store, _ = store_of(folder)
    facts = [store.info(store_of(file)[1]) for file in files]
    content = [
        (relative_to(file, folder), int(fact["size"]), _first(fact, (*_TAGS, *_TIMES)))
        for file, fact in zip(files, facts, strict=True)
    ]
    name = hashlib.sha256(repr((str(folder), content)).encode()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"neuronsig-{os.getuid()}" / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            for file in files:
                copy = partial / relative_to(file, folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                store.get_file(store_of(file)[1], str(copy))
            # Another process may have been first, with the same files.
            with suppress(OSError):
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be copied to {target} ({error}); free some space or set TMPDIR") from None
    if not target.is_dir():
        raise MachineError(f"{folder} cannot be copied to {target}; delete that folder or set TMPDIR")
    return target
