"""How far a worker is within one unit of work, told through a small file: for people to watch, never for the result."""

from __future__ import annotations

import os
import time
from pathlib import Path

SECONDS = 2.0
_PREFIX = ".progress-"


class Heartbeat:
    """Writes the count of one unit of work to `folder` every SECONDS; readers see an old count or a new one."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{_PREFIX}{name}"
        self._last = time.monotonic()

    def beat(self, done: int) -> None:
        """Tell that `done` items of the unit are finished."""
        if time.monotonic() - self._last < SECONDS:
            return
        self._last = time.monotonic()
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(str(done))
        os.replace(temporary, self._file)

    def stop(self) -> None:
        """The unit is finished: its own record says so from now on."""
        self._file.unlink(missing_ok=True)


def beats(folder: Path) -> int:
    """Items done in all units under way in `folder`."""
    total = 0
    for file in folder.glob(f"{_PREFIX}*"):
        try:
            total += int(file.read_text())
        except (OSError, ValueError):
            continue  # finished, or replaced, between the listing and the reading
    return total
