"""Replicas and writes that fail once, at a named point; a replica's flag file remembers that it has happened."""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from neuronsig.run import commits
from neuronsig_ray.collect import scorer
from neuronsig_ray.collect.scorer import Replica, ScoredShard


def first_time(flag: Path) -> bool:
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def flag_of(replica: Replica) -> Path:
    return Path(replica.job.tokenized).parent / "failed"


def kill_once(replica: Replica) -> None:
    if first_time(flag_of(replica)):
        os.kill(os.getpid(), signal.SIGKILL)


class KilledBeforeWrite(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        if index > 0:
            kill_once(self)
        return super().commit(index, scored)


class KilledBeforeMarker(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        write_marker = commits.atomic_write

        def dying(path: Path, data: bytes) -> None:
            kill_once(self)
            write_marker(path, data)

        with mock.patch.object(commits, "atomic_write", dying):
            return super().commit(index, scored)


class KilledAfterMarker(Replica):
    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        marker = super().commit(index, scored)
        if index > 0:
            kill_once(self)
        return marker


class CommitsTwice(Replica):
    """As when Ray runs a task again whose first attempt was only thought lost."""

    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        super().commit(index, scored)
        return super().commit(index, scored)


class FullDisk(Replica):
    """One shard is written to /dev/full, where every write ends as on a full disk."""

    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        if index == 0 or not first_time(flag_of(self)):
            return super().commit(index, scored)
        whole = scorer.commit

        def full(data: Path, marker: Path, fingerprint: str, write: Any) -> Any:
            def to_full(path: Path) -> Any:
                os.symlink("/dev/full", path)
                return write(path)

            return whole(data, marker, fingerprint, to_full)

        with mock.patch.object(scorer, "commit", full):
            return super().commit(index, scored)


class Slow(Replica):
    """Leaves time for a node to be lost while shards are under way."""

    def commit(self, index: int, scored: ScoredShard) -> dict[str, Any]:
        time.sleep(0.25)
        return super().commit(index, scored)


class Died(BaseException):
    """The process ends here."""


@contextmanager
def failing_write(pattern: str, dies: bool) -> Iterator[None]:
    """The first file of this process whose path matches is not written: the disk is full, or the process `dies`.

    One that dies leaves half of the temporary file; what is whole and renamed stays.
    """
    replace, failed = os.replace, []

    def fail(source: Path | str, target: Path | str) -> None:
        if failed or not re.search(pattern, str(target)):
            replace(source, target)
            return
        failed.append(target)
        if dies:
            half = Path(source).read_bytes()
            Path(f"{source}-half.tmp").write_bytes(half[: len(half) // 2])
            raise Died
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with mock.patch.object(os, "replace", fail):
        yield
    assert failed, f"no {pattern} was written"
