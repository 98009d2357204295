"""The compiler of inner loops, the miners' and others': numba, with its machine code kept from one process to the next.

The code is kept in the first of these folders that can be written: `NUMBA_CACHE_DIR`, the user's cache folder
(`XDG_CACHE_HOME` or ~/.cache), and a private folder in the temporary directory, for a user without a home, as on many
a cluster. So it is compiled once for each machine and user. Where none can be written, or neuronsig is imported from a
zip archive, each process compiles for some seconds.

Code is known by what its sources say, not by where they lie or how old they are: another checkout, and every container
that a cluster unpacks the same environment in, finds it. numba itself looks at the file of a function alone, and not at
the files of those that it calls; so the folder is named by the sources of all of them.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]
settings: Any = numba.config
HERE = Path(__file__).parent


def compiled(function: Kernel) -> Kernel:
    """`function` as machine code, made at its first call and kept; it runs without Python's global lock.

    In an inner loop, call no other function with arrays, compiled or inlined by numba: counting the references to them
    costs more than the loop (measured: 1.3 to three times).
    """
    before, settings.CACHE_LOCATOR_CLASSES = settings.CACHE_LOCATOR_CLASSES, f"{__name__}.{CodePlace.__name__}"
    try:
        kernel: Kernel = numba.njit(cache=bool(code_folder()), nogil=True, error_model="numpy")(function)
    finally:
        settings.CACHE_LOCATOR_CLASSES = before
    return kernel


class CodePlace:
    """Where numba keeps a function's code: one of its `CACHE_LOCATOR_CLASSES`. Its own places are named by paths."""

    def __init__(self, function: Kernel, file: str) -> None:
        self._line = function.__code__.co_firstlineno
        self._stamp = _sources(Path(file).parent)
        self._folder = Path(code_folder()) / f"{function.__module__}-{self._stamp[:16]}"

    @classmethod
    def from_function(cls, function: Kernel, file: str) -> "CodePlace":
        """The place of a function of this file."""
        return cls(function, file)

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The folder of the function's code."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """What the code must have been made from to be taken."""
        return self._stamp

    def get_disambiguator(self) -> str:
        """What tells it from a function of the same name in this file."""
        return str(self._line)


@cache
def code_folder() -> str:
    """The folder for the machine code of the present sources; empty where there is none."""
    if not HERE.is_dir():  # a zip archive
        return ""
    for base in (lambda: settings.CACHE_DIR, _user_folder, _private_folder):
        if not (place := base()):
            continue
        folder = Path(place) / f"kernels-{_sources(HERE)[:16]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return str(folder)
    return ""


@cache
def _sources(folder: Path) -> str:
    """A digest of all Python files of a folder."""
    sources = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        sources.update(path.read_bytes())
    return sources.hexdigest()


def _user_folder() -> str:
    try:
        return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronsig")
    except RuntimeError:  # no home
        return ""


def _private_folder() -> str:
    """A folder that only this user can write, because numba runs what it finds there; empty where there is none."""
    folder = Path(tempfile.gettempdir()) / f"neuronsig-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return ""
    private = status.st_uid == os.getuid() and not status.st_mode & 0o022 and not folder.is_symlink()
    return str(folder) if private else ""
