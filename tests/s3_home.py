"""A real S3 server on this machine (moto, over HTTP), at an address that every process of the tests knows.

The address is in the environment from the start, because Ray's and Spark's workers inherit it when those start; the
server itself starts with the first test that asks for it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock

import pytest


def announce() -> None:
    """Put the server's address, and keys that it takes, into this process's environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        NO_PROXY=",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1"))),
    )


@cache
def start() -> None:
    """Start the server; it ends with the process."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()


@dataclass
class Requests:
    """What the server was asked for: lines such as `GET /bucket/key`, and how many it had in hand together at most."""

    lines: list[str] = field(default_factory=list)
    together: int = 0


@contextmanager
def counted(seconds: float = 0.0) -> Iterator[Requests]:
    """Every request that the server gets in the block, each made to take so long that those made together are seen."""
    from werkzeug.serving import WSGIRequestHandler

    found, lock, in_hand = Requests(), Lock(), 0
    serve = WSGIRequestHandler.run_wsgi

    def served(handler: WSGIRequestHandler) -> None:
        nonlocal in_hand
        with lock:
            found.lines.append(f"{handler.command} {handler.path}")
            in_hand += 1
            found.together = max(found.together, in_hand)
        try:
            time.sleep(seconds)
            serve(handler)
        finally:
            with lock:
                in_hand -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "run_wsgi", served)
        yield found
