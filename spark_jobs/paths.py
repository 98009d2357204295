"""Paths as Spark is to be given them."""

from __future__ import annotations

from pathlib import Path


def uri(path: Path | str) -> str:
    """A local path with its scheme, anything with a scheme unchanged.

    Without a scheme Spark looks in Hadoop's default file system, which on a cluster is not this machine's.
    """
    return str(path) if "://" in str(path) else f"file://{Path(path).absolute()}"
