"""Commits: a data file under a unique name, then a marker that names it (design section 4.2).

The data file is written to a temporary name, flushed to the disk and renamed; only then is the marker written. A reader
believes nothing without a marker whose fingerprint is the plan's and whose checksum is the file's, so a process may die
at any instruction and work may be done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from neuronsig.rundir import atomic_write

Marker = dict[str, Any]


def unique_name(name: str, suffix: str) -> str:
    """A data file's name that no other attempt uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}{suffix}"


def commit(data: Path, marker: Path, fingerprint: str, write: Callable[[Path], Mapping[str, Any]]) -> Marker:
    """Write `data` with `write(temporary path)`, which returns facts, then the JSON `marker` with them; return it."""
    data.parent.mkdir(parents=True, exist_ok=True)
    temporary = data.with_name(f".{data.name}-{uuid.uuid4().hex[:12]}.tmp")
    try:
        facts = write(temporary)
        digest = file_digest(temporary, flush=True)
        size = temporary.stat().st_size
        os.replace(temporary, data)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    name = os.path.relpath(data, marker.parent)
    content = {**facts, "file": name, "bytes": size, "sha256": digest, "fingerprint": fingerprint}
    atomic_write(marker, json.dumps(content).encode())
    return content


def committed(marker: Path, fingerprint: str) -> Marker | None:
    """The marker of a valid commit; None when it is absent, of another plan, torn, or its file is not what it says."""
    try:
        content = json.loads(marker.read_text())
        if content["fingerprint"] != fingerprint:
            return None
        data = marker.parent / content["file"]
        valid = data.stat().st_size == content["bytes"] and file_digest(data) == content["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(content) if valid else None


def sweep(folder: Path, keep: Iterable[str]) -> None:
    """Delete the files of a folder but those in `keep`: leavings of killed processes and of other plans.

    Only for a driver that has no task running in this folder.
    """
    kept = set(keep)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_file() and path.name not in kept:
            path.unlink(missing_ok=True)


def file_digest(path: Path, flush: bool = False) -> str:
    """SHA-256 of a file; `flush` first forces it to the disk."""
    digest = hashlib.sha256()
    with open(path, "r+b" if flush else "rb") as stream:
        if flush:
            os.fsync(stream.fileno())
        while block := stream.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
