"""HDFS through hdfs-native, with the manners of fsspec's other stores, and paths that keep their namenode as text."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import hdfs_native.fsspec
from fsspec import register_implementation
from upath.implementations.hdfs import HDFSPath
from upath.registry import register_implementation as register_path

# A forked process that drops its parent's client waits forever for threads that it does not have.
_kept: list[Any] = []


class HdfsFileSystem(hdfs_native.fsspec.HdfsFileSystem):  # type: ignore[misc]
    """A client of one namenode or name service.

    What is uploaded or written in one piece is renamed to its name, in one step of the namenode, when it is whole.
    """

    def __init__(self, host: str | None = None, port: int | None = None, **options: Any) -> None:
        # Nothing is ever cached, and its settings are Hadoop's alone.
        super().__init__(host, port, **{key: value for key, value in options.items() if key != "use_listings_cache"})
        _kept.append(self.client)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        """The path below the namenode; `#`, `?` and `;` are parts of names there."""
        return re.sub("^hdfs://[^/]*", "", path) or "/"

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        """Host and port; the case of a name service's letters matters, which `urlsplit(path).hostname` drops."""
        url = urlsplit(path)
        return {"host": url.netloc.removesuffix(f":{url.port}") or None, "port": url.port}

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        """Write a whole file; with `mode` "create" one of several writers does, the others get FileExistsError."""
        if mode == "create" and self.exists(path):
            raise FileExistsError(path)
        with self._replacing(path, overwrite=mode != "create") as temporary:
            super().pipe_file(temporary, value, **kwargs)

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        """Upload a local file."""
        with self._replacing(rpath) as temporary:
            super().put_file(lpath, temporary, **kwargs)

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Move a file in place of one that may be there; folders above it are made."""
        self.makedirs(self._parent(path2), exist_ok=True)
        super().mv(path1, path2, overwrite=True, **kwargs)

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete a file or folder, or several of them."""
        for each in [path] if isinstance(path, str) else path:
            super().rm(each, recursive=recursive, maxdepth=maxdepth)

    @contextmanager
    def _replacing(self, path: str, overwrite: bool = True) -> Iterator[str]:
        """A name beside `path` for the block to write to, so that nobody reads half of it."""
        folder, _, name = self._strip_protocol(path).rpartition("/")
        temporary = f"{folder}/.{name}-{uuid.uuid4().hex[:12]}.tmp"
        try:
            yield temporary
            super().mv(temporary, path, overwrite=overwrite)
        except BaseException:
            with suppress(Exception):
                super().rm(temporary)
            raise


class HdfsPath(HDFSPath):  # type: ignore[misc]
    """A path whose text names the namenode: another process opens it by that."""

    __slots__ = ()

    def __str__(self) -> str:
        text = super().__str__()
        host, port = self.storage_options.get("host"), self.storage_options.get("port")
        return text.replace("hdfs:///", f"hdfs://{host}{f':{port}' if port else ''}/", 1) if host else text


register_implementation("hdfs", HdfsFileSystem, clobber=True)
register_path("hdfs", HdfsPath, clobber=True)
