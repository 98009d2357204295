"""How a job may end badly, in one line and an exit code: what a user can mend, a full disk, an interruption.

What is none of these is a defect, and shows its traceback.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator

from neuronsig.errors import NeuronsigError
from neuronsig.run.interruption import ToldInterruption, interrupted

FULL = (errno.ENOSPC, errno.EDQUOT)
# Java and Rust say what the system says; SQLite, Ray and HDFS have words of their own.
_FULL_SAID = (*map(os.strerror, FULL), "No space left on device", "Disk quota exceeded", "database or disk is full")
_FULL_NAMED = ("OutOfDiskError", "DSQuotaExceededException")
_AGAIN = "run the same command again"


def ending(error: BaseException) -> tuple[str, int] | None:
    """What is said of an error (a line; empty where it is said already) and the exit code; None for a defect."""
    chain = list(_chain(error))
    if number := _interruption(chain):
        return ("" if isinstance(error, ToldInterruption) else _interruption_line(number)), 128 + number
    if isinstance(error, NeuronsigError):
        return f"error: {error}", error.exit_code
    if isinstance(error, Exception) and (said := next(filter(None, map(full_disk, chain)), "")):
        return f"error: {said}; free some space and {_AGAIN}: what is committed stays", 2
    return None


def tell(error: BaseException) -> tuple[str, int]:
    """Print what is said of an error, and return it with the exit code; a defect is raised as it is."""
    found = ending(error)
    if found is None:
        raise error
    if found[0]:
        print(found[0], file=sys.stderr)  # noqa: T201
    return found


def full_disk(error: BaseException) -> str:
    """What an error says of a disk that is full, whichever engine or library raised it; empty for other errors."""
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return ""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # what Java has raised is asked of a JVM that may be gone
        return ""
    if any(name in text for name in _FULL_NAMED):
        return os.strerror(errno.ENOSPC)
    return next((said for said in _FULL_SAID if said in text), "")


def _interruption(chain: list[BaseException]) -> int:
    """The signal that made an error, or an error before it: an engine that is interrupted fails in its own ways."""
    for error in chain:
        if isinstance(error, ToldInterruption):
            return error.number
        if isinstance(error, KeyboardInterrupt):
            return interrupted() or signal.SIGINT
    return interrupted()


def _interruption_line(number: int) -> str:
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    return f"{how}; {_AGAIN} to go on from here"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from or while."""
    seen: set[int] = set()
    due: list[BaseException | None] = [error]
    while due:
        found = due.pop(0)
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            due += [found.__cause__, found.__context__]
