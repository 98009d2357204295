"""The compiler of the miners' inner loops: numba, with its machine code kept from one process to the next.

numba keeps the code beside the source, or in the user's cache folder, or in `NUMBA_CACHE_DIR` where that is set.
Where none of them can be written (a read-only install under a user without a home, as on many a cluster), it is
kept in a private folder of the temporary directory, once for each machine; and where even that fails, nowhere:
then every process compiles for some seconds.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """`function` as machine code, made at its first call and kept; it runs without Python's global lock."""
    try:
        return _jit(function, cache=True)
    except RuntimeError:  # numba found no folder that it may write
        numba.config.CACHE_DIR = _private_folder()
    try:
        return _jit(function, cache=bool(numba.config.CACHE_DIR))
    except RuntimeError:
        return _jit(function, cache=False)


def _jit(function: Kernel, cache: bool) -> Kernel:
    kernel: Kernel = numba.njit(cache=cache, nogil=True, error_model="numpy")(function)
    return kernel


def _private_folder() -> str:
    """A folder that only this user can write, because numba runs what it finds there; empty where there is none."""
    folder = Path(tempfile.gettempdir()) / f"neuronsig-numba-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return ""
    private = status.st_uid == os.getuid() and not status.st_mode & 0o022 and not folder.is_symlink()
    return str(folder) if private else ""
