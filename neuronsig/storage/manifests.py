"""Tables that are written in place, in batches: which of the files that lie there are part of them.

Tasks write files into the table under names that no other attempt uses. What makes them part of it is the batch's
*manifest*, one small file in the folder `_batches`. A file that no manifest names was left by an attempt that died: no
reader takes it, and the next job deletes it. Nothing is ever moved, and a table is listed once, not once a batch.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neuronsig.storage.files import concurrently, list_files, read_bytes
from neuronsig.storage.whole_files import atomic_write

FOLDER = "_batches"
"""A table that has this folder, in whatever state, has no file but those that manifests in it name."""

_SUFFIX = ".json"


@dataclass(frozen=True)
class Batch:
    """Rows with ids from `start` to `stop` - 1, and the rows of each of the files that hold them."""

    start: int
    stop: int
    files: dict[str, int]

    def manifest(self, table: Path) -> Path:
        return table / FOLDER / f"{self.start:012d}{_SUFFIX}"

    def publish(self, table: Path) -> None:
        """Make the files part of the table, all at once."""
        atomic_write(self.manifest(table), json.dumps(asdict(self)).encode())


def read_batches(table: Path) -> list[Batch]:
    """The batches that are part of a table, in the order of their ids."""
    return _read(list_files(table / FOLDER))


def named_files(table: Path, below: Iterable[Path]) -> set[str] | None:
    """The files that manifests name, of a table with these files below it; None where it is not written in batches."""
    records = [file for file in below if file.parent == table / FOLDER]
    return {name for batch in _read(records) for name in batch.files} if records else None


def missing_ranges(done: Sequence[Batch], start: int, stop: int, size: int = 0) -> list[tuple[int, int]]:
    """Half-open ranges of the ids from `start` to `stop` - 1 that no batch has, of `size` ids each at most (0: any)."""
    found: list[tuple[int, int]] = []
    for batch in [*sorted(done, key=lambda batch: batch.start), Batch(stop, stop, {})]:
        end = min(batch.start, stop)
        step = size or max(end - start, 1)
        found += [(first, min(first + step, end)) for first in range(start, end, step)]
        start = max(start, batch.stop)
    return found


def _read(files: Iterable[Path]) -> list[Batch]:
    manifests = [file for file in files if file.suffix == _SUFFIX]
    contents = concurrently(read_bytes, manifests)
    return sorted((Batch(**json.loads(content)) for content in contents), key=lambda batch: batch.start)
