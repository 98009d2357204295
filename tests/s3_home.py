"""A real S3 server on this machine (moto, over HTTP), at an address that every process of the tests knows.

The address is in the environment from the start, because Ray's and Spark's workers inherit it when those start; the
server itself starts with the first test that asks for it.
"""

from __future__ import annotations

import os
import socket
from functools import cache


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
