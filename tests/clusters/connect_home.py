"""A real server of Spark Connect in a process of its own: Spark's own plugin, its jar fetched as Spark NLP's is."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# 3.5.8 and later are in no repository that everybody reaches; what a client says is the same.
JAR = "org.apache.spark:spark-connect_2.12:3.5.7"
PLUGIN = "org.apache.spark.sql.connect.SparkConnectPlugin"


@contextmanager
def server() -> Iterator[str]:
    """The address of a server, which ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [sys.executable, "-m", "tests.clusters.connect_home", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said == "ready\n", said + process.stdout.read()
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        process.wait(60)


def main() -> None:
    """Serve at the port given until standard input ends."""
    from neuronsig.config import SparkConfig
    from spark_jobs.session import spark_session

    conf = [f"spark.plugins={PLUGIN}", f"spark.jars.packages={JAR}", f"spark.connect.grpc.binding.port={sys.argv[1]}"]
    conf.append("spark.driver.defaultJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    session = spark_session(SparkConfig(master="local[2]", driver_memory="1500m", shuffle_partitions=2, conf=conf))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    session.stop()


if __name__ == "__main__":
    main()
