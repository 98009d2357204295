"""Where a file is: a local path, or a URI that fsspec opens (s3://, hdfs://, gs://, abfs://, ...).

`location` gives a path object with pathlib's interface for either. A path crosses to another process as text
(`absolute`) and is opened there by `location`: clients of stores survive no fork.
"""

import os
import posixpath
from importlib import import_module
from pathlib import Path
from typing import cast

from fsspec import AbstractFileSystem, get_filesystem_class
from fsspec.registry import known_implementations
from upath import UPath

from neuronsig.errors import ConfigError
from neuronsig.storage.address import canonical, mount_of


def location(place: Path | str) -> Path:
    """A path object for a local path or a URI; both have pathlib's interface, and local ones are pathlib's own.

    Raises ConfigError for half a URI, a scheme that is unknown or one whose package is not installed.
    """
    if isinstance(place, Path | UPath):
        return cast(Path, place)
    place = check_scheme(place)
    if mount_of(place):
        return cast(Path, UPath(f"file://{place.rstrip('/')}", auto_mkdir=True))
    if "://" not in place:
        return Path(place)
    # Other processes write markers all the time: what a client once listed is old.
    return cast(Path, UPath(place.rstrip("/"), use_listings_cache=False))


def check_scheme(place: str, key: str = "run") -> str:
    """The place as `canonical` has it.

    Raises ConfigError, naming what to write or the package to install, when nothing here opens it.
    """
    whole = canonical(place, key)
    scheme, uri, _ = whole.partition("://")
    if not uri:
        return whole
    try:
        if scheme == "hdfs":
            import_module("neuronsig.storage.hdfs")
        get_filesystem_class(scheme)
    except ValueError:
        raise ConfigError(
            f"{key}={place}: scheme {scheme}:// is unknown; use a path, s3://, hdfs://, gs:// or abfs://"
        ) from None
    except ImportError as error:
        package = "hdfs-native" if scheme == "hdfs" else known_implementations[scheme]["class"].split(".")[0]
        remedy = f"pip install {package}" if package != "fsspec" else str(error)
        raise ConfigError(f"{key}={place}: the package that opens {scheme}:// is not installed; {remedy}") from None
    return whole


def client_of(place: str) -> tuple[AbstractFileSystem, str]:
    """The client of the store that a place of `check_scheme`'s form is in, and the place's path there, as it is.

    fsspec's own functions of addresses take `::` for one file inside another, and `*` for many.
    """
    kind = get_filesystem_class(place.partition("://")[0] if "://" in place else "file")
    return kind(**kind._get_kwargs_from_urls(place)), kind._strip_protocol(place)


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
