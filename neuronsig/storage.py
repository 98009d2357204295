"""Where a run directory lives: a local path, or a URI that fsspec opens (s3://, hdfs://, gs://, abfs://, ...).

`location` gives a path object with pathlib's interface for either. What else the house needs of a file is here, and
differs where the store does:

    local      rename is atomic: temporary name, flush to the disk, rename
    elsewhere  one upload of the whole object, which object stores make atomic; nothing is renamed, nothing cached

A path crosses to another process as text (`str(path)`) and is opened there by `location`: clients of stores survive no
fork. HDFS writes in place, so that there a file is torn until it is closed; commits believe no torn file.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem, get_filesystem_class
from fsspec.registry import known_implementations
from upath import UPath

from neuronsig.errors import ConfigError, MachineError

LOCAL = ("file://", "local://")
# What stores call the checksum or version tag of an object; HDFS has none.
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "crc32c")
_BLOCK = 1 << 22


def location(place: Path | str) -> Path:
    """A path object for a local path or a URI; both have pathlib's interface, and local ones are pathlib's own.

    Raises ConfigError for a scheme that is unknown or whose package is not installed.
    """
    if isinstance(place, Path | UPath):
        return cast(Path, place)
    for scheme in LOCAL:
        if place.startswith(scheme):
            return Path(place.removeprefix(scheme))
    if "://" not in place:
        return Path(place)
    check_scheme(place)
    # Other processes write markers all the time: what a client once listed is old.
    return cast(Path, UPath(place.rstrip("/"), use_listings_cache=False))


def check_scheme(place: str, key: str = "run") -> None:
    """Raise ConfigError, naming the package to install, when nothing here opens `place`."""
    scheme = place.split("://")[0]
    if "://" not in place or f"{scheme}://" in LOCAL:
        return
    try:
        get_filesystem_class(scheme)
    except ValueError:
        raise ConfigError(
            f"{key}={place}: scheme {scheme}:// is unknown; use a path, s3://, hdfs://, gs:// or abfs://"
        ) from None
    except ImportError as error:
        package = known_implementations[scheme]["class"].split(".")[0]
        remedy = f"pip install {package}" if package != "fsspec" else str(error)
        raise ConfigError(f"{key}={place}: the package that opens {scheme}:// is not installed; {remedy}") from None


def is_local(path: Path) -> bool:
    """Whether the path is one of this machine's file systems."""
    return not isinstance(path, UPath)


def store_of(path: Path) -> tuple[AbstractFileSystem, str]:
    """The store's client and the path inside it, of a path that is not local."""
    remote = cast(UPath, path)
    return remote.fs, remote.path


def absolute(path: Path) -> str:
    """The path as text that means the same in every process."""
    return str(path.absolute() if is_local(path) else path)


def relative_to(path: Path, folder: Path) -> str:
    """The path seen from a folder, with `..` where it is not below it."""
    if is_local(path):
        return os.path.relpath(path, folder)
    return posixpath.relpath(cast(UPath, path).path, cast(UPath, folder).path)


def join(folder: Path, name: str) -> Path:
    """Inverse of `relative_to`: object stores take `..` for a name."""
    while name.startswith("../"):
        folder, name = folder.parent, name[3:]
    return folder / name


def read_bytes(path: Path) -> bytes:
    """A whole file, in one request. Raises FileNotFoundError."""
    if is_local(path):
        return path.read_bytes()
    store, name = store_of(path)
    return cast(bytes, store.cat_file(name))


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


def create_new(path: Path, data: bytes) -> bool:
    """Write a small file of a store unless there is one; false when there is. Exact on S3 and GCS, else nearly so."""
    store, name = store_of(path)
    try:
        store.pipe_file(name, data, mode="create")
    except FileExistsError:
        return False
    return True


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A local path for the block to write a file to; when the block succeeds the file is at `path`, whole."""
    if is_local(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}.tmp")
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


@contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """A local folder for the block to fill; when the block succeeds it is at `folder`, in place of what was there.

    Locally it is renamed. On a store its files are uploaded, and then a record that all are there: see `is_whole`.
    """
    if is_local(folder):
        partial, old = (folder.with_name(f".{folder.name}.{state}") for state in ("partial", "old"))
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


def move(source: Path, target: Path) -> None:
    """Move a file within one file system or store; on a store without rename it is copied there, then deleted."""
    if is_local(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        return
    store, name = store_of(source)
    store.mv(name, store_of(target)[1])


def remove(path: Path) -> None:
    """Delete a file or folder if it is there."""
    if not is_local(path):
        store, name = store_of(path)
        with suppress(FileNotFoundError):
            store.rm(name, recursive=True)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_files(files: Sequence[Path]) -> None:
    """Delete files of one folder, together; those that are gone already are no error."""
    if files and not is_local(files[0]):
        store = store_of(files[0])[0]
        with suppress(FileNotFoundError):
            store.rm([store_of(file)[1] for file in files])
    else:
        for file in files:
            file.unlink(missing_ok=True)


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
    tag = next((facts[key] for key in _TAGS if facts.get(key)), None)
    return int(facts["size"]), None if tag is None else str(tag)


def flush(path: Path) -> None:
    """Force a local file to the disk."""
    with open(path, "r+b") as stream:
        os.fsync(stream.fileno())


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def reason(error: BaseException) -> str:
    """What a failed read or write says of itself, in one line."""
    return getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "") or type(error).__name__


def parquet_file(path: Path) -> pq.ParquetFile:
    """A Parquet file to be read by row group; of a store's, only the row groups and columns asked for are fetched."""
    if is_local(path):
        return pq.ParquetFile(path)
    store, name = store_of(path)
    # Parquet knows which bytes it needs: they are asked for together, and no reading ahead is wanted.
    return pq.ParquetFile(store.open(name, "rb", cache_type="none"), pre_buffer=True)


def parquet_source(files: Sequence[Path]) -> dict[str, Any]:
    """Names and file system of Parquet files of one store, as pyarrow's readers take them."""
    if is_local(files[0]):
        return {"source": [str(path) for path in files], "filesystem": None}
    return {"source": [store_of(path)[1] for path in files], "filesystem": store_of(files[0])[0]}


def read_parquet(place: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole Parquet file, or a folder of them (names that begin with `_` or `.` are left out), without partitions."""
    files = [place]
    if place.is_dir():
        files = [p for p in files_below(place) if p.name.endswith(".parquet") and not p.name.startswith(("_", "."))]
    return pq.read_table(**parquet_source(files), columns=None if columns is None else list(columns), partitioning=None)


def local_copy(folder: Path) -> Path:
    """A local folder with the files of a store's folder, fetched once a machine; a local folder itself.

    The folder must never change: the copy is known by its address and its files' sizes and tags. Raises MachineError.
    """
    if is_local(folder):
        return folder
    files = files_below(folder)
    content = [(relative_to(file, folder), *size_and_tag(file)) for file in files]
    name = hashlib.sha256(repr((str(folder), content)).encode()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"neuronsig-{os.getuid()}" / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            store, _ = store_of(folder)
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
