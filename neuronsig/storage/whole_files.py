"""Files and folders that a reader sees whole or not at all.

    local      rename is atomic: temporary name, flush to the disk, rename
    elsewhere  one upload of the whole object, which object stores make atomic and HDFS's client too, by renaming it

A mount (Databricks' /Volumes) writes in place, so that there a file is torn until it is closed; commits believe no torn
file.
"""

import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from neuronsig.storage.files import read_bytes, remove
from neuronsig.storage.location import is_local, store_of

SETTLE_SECONDS = 1.0
"""After so long a mount shows the whole of a small file that was written to it."""


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the whole new one."""
    if not is_local(path):
        store, name = store_of(path)
        store.pipe_file(name, data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """The content of a small file; a torn one elsewhere than on the local disk is looked at again, for a mount shows a
    file before all of it is there. Raises FileNotFoundError, and ValueError when it is torn still."""
    try:
        return json.loads(read_bytes(path))
    except ValueError:
        if is_local(path):
            raise
        time.sleep(SETTLE_SECONDS)
        return json.loads(read_bytes(path))


def create_new(path: Path, data: bytes) -> bool:
    """Write a small file of a store unless there is one; else false.

    Exact on S3, GCS and HDFS, on a mount as exact as it creates files, elsewhere nearly so.
    """
    store, name = store_of(path)
    try:
        if isinstance(store, LocalFileSystem):  # a mount: its own mode="create" looks first and writes then
            with store.open(name, "xb") as file:
                file.write(data)
        else:
            store.pipe_file(name, data, mode="create")
    except FileExistsError:
        return False
    return True


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A local path for the block to write a file to; when the block succeeds the file is at `path`, whole."""
    if is_local(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # pyarrow takes a relative name with a colon for a URI.
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}.tmp").absolute()
        try:
            yield temporary
            flush(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="neuronsig-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        put(temporary, path)


@contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """A local folder for the block to fill; when the block succeeds it is at `folder`, in place of what was there.

    Locally it is renamed. On a store its files are uploaded, and then a record that all are there: see `is_whole`.
    """
    if is_local(folder):
        partial, old = (folder.with_name(f".{folder.name}.{state}").absolute() for state in ("partial", "old"))
        remove(partial)
        partial.mkdir(parents=True)
        yield partial
        remove(old)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        remove(old)
        return
    remove(_record_of(folder))
    with tempfile.TemporaryDirectory(prefix="neuronsig-") as temporary:
        yield Path(temporary)
        remove(folder)
        put_folder(Path(temporary), folder)
    atomic_write(_record_of(folder), b"{}")


def is_whole(folder: Path) -> bool:
    """Whether `written_folder` has finished this folder."""
    return folder.is_dir() if is_local(folder) else _record_of(folder).is_file()


def _record_of(folder: Path) -> Path:
    return folder.with_name(f"_{folder.name}.whole")


def put(source: Path, path: Path) -> None:
    """Upload a local file to a store as one object."""
    store, name = store_of(path)
    store.put_file(str(source), name)
    size = source.stat().st_size
    if store.size(name) != size:
        raise OSError(f"{path} has {store.size(name)} bytes after the upload, {size} were sent")


def put_folder(source: Path, folder: Path) -> None:
    """Upload the files below a local folder to the same names below a store's folder."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    store, root = store_of(folder)
    store.put([str(file) for file in files], [f"{root}/{file.relative_to(source).as_posix()}" for file in files])


def flush(path: Path) -> None:
    """Force a local file to the disk."""
    with open(path, "r+b") as stream:
        os.fsync(stream.fileno())
