"""Objects that tasks need whole: written to a file of the run once, read and kept by every process of a worker.

In place of Spark's broadcasts, which a session of Spark Connect has not.
"""

import hashlib
import pickle
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from neuronsig.storage.files import read_bytes
from neuronsig.storage.location import absolute, location
from neuronsig.storage.whole_files import atomic_write

T = TypeVar("T")


@dataclass(frozen=True)
class Shared(Generic[T]):
    """An object, and the file it is in; only the file's address goes to a task."""

    path: str
    value: T

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self.path,)


def share(value: T, folder: Path) -> Shared[T]:
    """Write an object to `folder`, which all workers see; the caller removes the folder when all tasks are done.

    The file is named for its content, so that no process takes an object that it keeps for another.
    """
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    file = folder / f"{hashlib.sha256(data).hexdigest()[:32]}.pickle"
    atomic_write(file, data)
    return Shared(absolute(file), value)


@lru_cache(maxsize=1)  # the tasks of a stage share one object, which may take hundreds of megabytes
def _read(path: str) -> Shared[Any]:
    return Shared(path, pickle.loads(read_bytes(location(path))))
