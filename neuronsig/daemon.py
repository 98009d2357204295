"""Work in another thread, which ends with the process at the latest."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def in_daemon(work: Callable[[], Result]) -> "Future[Result]":
    """What `work` returns or raises, in a daemon thread that nobody waits for when the process ends."""
    ended: Future[Result] = Future()

    def call() -> None:
        try:
            ended.set_result(work())
        except BaseException as error:
            ended.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return ended
