"""Commits: a data file under a unique name, then a marker that names it (design section 4.2).

Locally the data file is written to a temporary name, flushed to the disk and renamed. On a store, which may know no
rename, it is written to a local temporary file and uploaded under its own name. Only then is the marker written. A
reader believes nothing without a marker whose fingerprint is the plan's and whose file is the one it describes, so a
process may die at any instruction and work may be done twice.

What is compared on reading: size and SHA-256 of a local file. Of a store's object size and the tag (ETag) that the
store gave it at the commit, which is another one for other content; nothing is downloaded. Where the store has no tags
(HDFS), or the tag differs (the run was copied), the object is read and its SHA-256 decides.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from neuronsig.errors import MachineError
from neuronsig.storage.files import concurrently, delete_files, file_digest, list_files, read_bytes, size_and_tag
from neuronsig.storage.location import join, relative_to
from neuronsig.storage.whole_files import atomic_write, written

Marker = dict[str, Any]


def unique_name(name: str, suffix: str) -> str:
    """A data file's name that no other attempt uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}{suffix}"


def commit(data: Path, marker: Path, fingerprint: str, write: Callable[[Path], Mapping[str, Any]]) -> Marker:
    """Write `data` with `write(local path)`, which returns facts, then the JSON `marker` with them; return it."""
    with written(data) as temporary:
        facts = write(temporary)
        content = {**facts, "bytes": temporary.stat().st_size, "sha256": file_digest(temporary)}
    _, tag = size_and_tag(data)
    content |= {} if tag is None else {"tag": tag}
    content |= {"file": relative_to(data, marker.parent), "fingerprint": fingerprint}
    atomic_write(marker, json.dumps(content).encode())
    return content


def committed(marker: Path, fingerprint: str) -> Marker | None:
    """The marker of a valid commit; None when it is absent, of another plan, torn, or its file is not what it says.

    Raises MachineError when they are there but cannot be read.
    """
    try:
        content = json.loads(read_bytes(marker))
        if content["fingerprint"] != fingerprint:
            return None
        data = join(marker.parent, content["file"])
        size, tag = size_and_tag(data)
        if size != content["bytes"]:
            return None
        valid = (tag is not None and tag == content.get("tag")) or file_digest(data) == content["sha256"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        # Taken for absent, it would be deleted by the next sweep.
        raise MachineError(
            f"{marker} or its file cannot be read ({error.strerror or error}); mend that and run the same command again"
        ) from error
    return dict(content) if valid else None


def committed_once(data: Path, marker: Path, fingerprint: str, write: Callable[[Path], Mapping[str, Any]]) -> Marker:
    """The marker of a valid commit, made by `write` where there is none."""
    return committed(marker, fingerprint) or commit(data, marker, fingerprint, write)


def all_committed(markers: Iterable[Path], fingerprint: str) -> list[Marker | None]:
    """`committed` of many markers, in order; those of a store are asked for together."""
    return concurrently(lambda marker: committed(marker, fingerprint), markers)


def sweep(folder: Path, keep: Iterable[str]) -> int:
    """Delete the files of a folder but those in `keep`: leavings of killed processes and of other plans.

    Returns how many there were. Only for a driver that has no task running in this folder.
    """
    kept = set(keep)
    left = [path for path in list_files(folder) if path.name not in kept]
    delete_files(left)
    return len(left)
