"""Replicas that are killed once, at a named point; a flag file remembers that it has happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from neuronsig import commits
from neuronsig_ray.scorer import Replica, ScoredShard


def kill_once(flag: Path) -> None:
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def flag_of(replica: Replica) -> Path:
    return Path(replica.job.tokenized).parent / "killed"


class KilledBeforeWrite(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        if index > 0:
            kill_once(flag_of(self))
        return super().commit(index, scored)


class KilledBeforeMarker(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        write_marker = commits.atomic_write

        def dying(path: Path, data: bytes) -> None:
            kill_once(flag_of(self))
            write_marker(path, data)

        commits.atomic_write = dying
        try:
            return super().commit(index, scored)
        finally:
            commits.atomic_write = write_marker


class KilledAfterMarker(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        marker = super().commit(index, scored)
        if index > 0:
            kill_once(flag_of(self))
        return marker
