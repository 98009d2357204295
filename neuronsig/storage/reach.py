"""Whether a store answers at all: asked once, before the work, because its client tries for minutes what cannot be."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fsspec import AbstractFileSystem

from neuronsig.daemon import in_daemon
from neuronsig.storage.location import is_local, store_of

CONNECT_SECONDS = 8.0
ANSWER_SECONDS = 20.0

Answer = TypeVar("Answer")


def first_answer(store: AbstractFileSystem, ask: Callable[[], Answer]) -> Answer:
    """What `ask`, a first use of the store, returns or raises; OSError when the store gives no answer for 20 s."""
    host, port = getattr(store, "host", None), getattr(store, "port", None)
    if host and port:
        try:
            socket.create_connection((host, port), CONNECT_SECONDS).close()
        except OSError as error:
            raise OSError(f"nothing answers at {host}:{port}: {error.strerror or 'timed out'}") from None
    try:
        # The client may hang for minutes still.
        return in_daemon(ask).result(ANSWER_SECONDS)
    except TimeoutError:
        raise OSError(f"no answer within {ANSWER_SECONDS:.0f} s") from None


def opened(place: Path, ask: Callable[[], Answer]) -> Answer:
    """What `ask`, a first use of a path, returns or raises; of a store as `first_answer` has it."""
    return ask() if is_local(place) else first_answer(store_of(place)[0], ask)


def what_to_check(place: str) -> str:
    """What to check when a store refuses, or does not answer."""
    return {
        "s3": "check the bucket and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL",
        "hdfs": "check the namenode's host and port (fs.defaultFS of core-site.xml) and HADOOP_USER_NAME",
    }.get(place.partition("://")[0], "check the address and the keys")
