"""Paths as Spark is to be given them, and tables that are written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession


def uri(path: Path | str) -> str:
    """A path as an address that Spark opens: a local one with its scheme, any other by its own.

    Without a scheme Spark looks in Hadoop's default file system, which on a cluster is not this machine's. `s3://`
    becomes `s3a://`, the name of Hadoop's own connector (hadoop-aws), unless this Spark has one for `s3` (EMR).
    """
    text = str(path)
    if "://" not in text:
        return f"file://{Path(path).absolute()}"
    if text.startswith("s3://") and not _knows_s3():
        return "s3a" + text.removeprefix("s3")
    return text


def write_once(folder: Path, make: Callable[[], DataFrame]) -> str:
    """Write what `make` gives, unless Spark has written the folder to its end already; returns its address."""
    if not (folder / "_SUCCESS").exists():
        make().write.mode("overwrite").parquet(uri(folder))
    return uri(folder)


def _knows_s3() -> bool:
    session = SparkSession.getActiveSession()
    context = getattr(session, "_jsc", None)
    return context is not None and context.hadoopConfiguration().get("fs.s3.impl") is not None
