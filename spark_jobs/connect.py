"""Spark Connect: a session on a server, which has no context, no JVM at hand and no broadcast objects.

Tokenization, the corpus's table and mining use nothing of these, so that they run on Databricks' standard and
serverless compute; Spark NLP and MLlib need a session of its own JVM.
"""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from neuronsig.config import SparkConfig
from neuronsig.errors import ConfigError, MachineError, first_line

SCHEME = "sc://"
PORT = 15002
"""Where a server listens unless its address says otherwise."""

# What Spark itself takes for the wish to have a session of Spark Connect.
_WISHED = ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED")


def is_wished(config: SparkConfig) -> bool:
    """Whether the session is one of Spark Connect: the master is a server's address, or the platform has one."""
    return config.master.startswith(SCHEME) or any(name in os.environ for name in _WISHED)


def is_connected(session: SparkSession) -> bool:
    """Whether a session is one of Spark Connect."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def connected(config: SparkConfig) -> SparkSession:
    """The session on the server at `spark.master`, or the platform's own, with the settings of `spark.conf`.

    Raises MachineError where nobody answers or a package is missing, ConfigError for a setting that the server refuses.
    """
    builder: Any = SparkSession.builder
    if config.master.startswith(SCHEME):
        _require_listening(config.master)
        builder = builder.remote(config.master)
    try:
        session: SparkSession = builder.getOrCreate()
        said = session.version
    except ImportError as error:
        raise MachineError(f"Spark Connect: {first_line(error)}; pip install neuronsig[connect]") from None
    except Exception as error:
        raise MachineError(
            f"spark.master={config.master}: no session of Spark Connect can be had ({first_line(error)}); check the "
            "address and its token"
        ) from error
    for setting in config.conf:
        key, _, value = (part.strip() for part in setting.partition("="))
        try:
            session.conf.set(key, value)
        except Exception as error:
            raise ConfigError(
                f"spark.conf has {key}, which Spark Connect's server ({said}) does not let a session set "
                f"({first_line(error)}); give it to the server, or leave it out"
            ) from None
    return session


def refusal(what: str) -> MachineError:
    """What is said where `what` needs more than a session of Spark Connect has."""
    return MachineError(
        f"{what} cannot run on Spark Connect (spark.master={SCHEME}..., Databricks standard or serverless compute): "
        "it needs a session with its own JVM; set spark.master=local[*] or a cluster's, or Databricks' dedicated one"
    )


def parallelism(session: SparkSession) -> int:
    """Tasks that the cluster runs at once, about: into so many parts Spark divides what says nothing else."""
    if not is_connected(session):
        return session.sparkContext.defaultParallelism
    # Only a job tells it there, which takes a quarter of a second.
    rows = session.range(1 << 10).select(F.spark_partition_id().alias("part")).collect()
    return 1 + max(int(row["part"]) for row in rows)


def _require_listening(address: str) -> None:
    server = urlsplit(address)
    try:
        socket.create_connection((server.hostname or "", server.port or PORT), timeout=10).close()
    except (OSError, ValueError) as error:
        raise MachineError(
            f"spark.master={address}: nobody answers there ({getattr(error, 'strerror', None) or error}); start the "
            "server, or correct the address"
        ) from None
