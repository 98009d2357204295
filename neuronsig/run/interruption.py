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
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it is a host program's, which Python cannot set again
                signal.signal(number, handler)
        if _received:
            logging.disable(logging.NOTSET)
            del _received[:]


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Undo what an engine that starts in the block does to the handlers of `interruptible`.

    Where there are none, as in a notebook, the engine's own stay: nothing else would end what it runs.
    """
    is_main = threading.current_thread() is threading.main_thread()
    own = [number for number in SIGNALS if is_main and signal.getsignal(number) is _interrupt]
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, _interrupt)


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
