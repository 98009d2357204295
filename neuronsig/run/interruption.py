"""Ctrl-C and SIGTERM: a job ends once and in order, whatever it is doing, and the same command goes on from there.

The first signal ends what engines run (`before_interruption`) and raises KeyboardInterrupt in the main thread. The
second is taken for the first, which came twice: to this process, and handed on by the pipeline. The third ends the
process at once.
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_received: list[int] = []
_ends: list[Callable[[], None]] = []


class ToldInterruption(KeyboardInterrupt):
    """An interruption of which the user was told by the process that it reached first."""

    def __init__(self, number: int) -> None:
        self.number = number


def interrupted() -> int:
    """The signal that has interrupted this process; 0 where none has."""
    return _received[0] if _received else 0


def before_interruption(end: Callable[[], None]) -> None:
    """Have `end` called when the process is interrupted, before KeyboardInterrupt is raised; its errors are ignored."""
    if end not in _ends:
        _ends.append(end)


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block both signals interrupt the process, also where a script's `&` has it ignore one of them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handlers()
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _received:
            logging.disable(logging.NOTSET)
            del _received[:]


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Undo what an engine does to the handlers of the signals while it starts in the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handlers() -> dict[int, Callable[[int, FrameType | None], object] | int]:
    """The handlers of the signals; without those that are not Python's own, which it cannot set again."""
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in found.items() if handler is not None}


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    if len(_received) == 1:
        logging.disable(logging.CRITICAL)  # what engines say of their failures, which follow, is no news
        for end in _ends:
            with suppress(Exception):
                end()
        raise KeyboardInterrupt
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
