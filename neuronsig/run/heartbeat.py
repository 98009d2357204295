"""How far a worker is within one unit of work, told through a small file: for people to watch, never for the result."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from neuronsig.storage.files import delete_files, list_files
from neuronsig.storage.location import is_local, store_of
from neuronsig.storage.whole_files import atomic_write

SECONDS = 2.0
# A store bills every request.
STORE_SECONDS = 15.0
_PREFIX = ".progress-"


class Heartbeat:
    """Writes the count of one unit of work to `folder` every few seconds; readers see an old count or a new one."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{_PREFIX}{name}"
        self._seconds = SECONDS if is_local(folder) else STORE_SECONDS
        self._last = time.monotonic()

    def beat(self, done: Mapping[str, int]) -> None:
        """Tell how many items of each kind (sentences, tokens) of the unit are finished."""
        if time.monotonic() - self._last < self._seconds:
            return
        self._last = time.monotonic()
        with suppress(Exception):  # nothing that is only watched may end the work
            atomic_write(self._file, json.dumps(done).encode())

    def stop(self) -> None:
        """The unit is finished: its own record says so from now on."""
        with suppress(Exception):
            delete_files([self._file])


def beats(folder: Path) -> Counter[str]:
    """Items of each kind done in all units under way in `folder`."""
    files = [file for file in list_files(folder) if file.name.startswith(_PREFIX)]
    if not files:
        return Counter()
    counts: list[bytes] = []
    if is_local(folder):
        for file in files:
            with suppress(OSError):  # finished between the listing and the reading
                counts.append(file.read_bytes())
    else:
        store = store_of(folder)[0]
        found = store.cat([store_of(file)[1] for file in files], on_error="omit")
        counts = list(found.values())
    total: Counter[str] = Counter()
    for count in counts:
        with suppress(ValueError):  # torn
            total.update(json.loads(count))
    return total
