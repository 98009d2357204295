"""The JVM behind a session that is started here: its start, its output, its end, and how it names files."""

import codecs
import collections
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from typing import IO, Any

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.conf import SparkConf
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from neuronsig.errors import MachineError
from neuronsig.run.interruption import interrupted
from spark_jobs.connect import is_connected
from spark_jobs.java import why_no_room

_LINES_PER_ERROR = 12
_ENDS_WITHIN = 10.0  # seconds that it has to end in order when the job is interrupted
_TOLD_AFTER = 10.0
_LOG_LINE = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?P<level>[A-Z]+) ")


def start_jvm(conf: SparkConf) -> None:
    """Start the JVM with its output in a pipe, of which only errors reach the terminal."""
    read_end, write_end = os.pipe()
    tail: collections.deque[str] = collections.deque(maxlen=200)
    stream = os.fdopen(read_end, "r", encoding="utf-8", errors="replace")
    reader = threading.Thread(target=_relay_errors, args=(stream, tail, sys.stderr), daemon=True)
    reader.start()
    try:
        gateway = launch_gateway(conf, popen_kwargs={"stdout": write_end, "stderr": write_end})
    except Exception as error:
        os.close(write_end)
        reader.join(timeout=2)
        raise MachineError(_why_no_jvm(tail, conf)) from error
    os.close(write_end)
    SparkContext._ensure_initialized(gateway=gateway)


def _why_no_jvm(tail: Iterable[str], conf: SparkConf) -> str:
    """One line out of what spark-submit said before it gave up."""
    lines = [line.strip() for line in tail if line.strip()]
    if any("unresolved dependency" in line or "download failed" in line.lower() for line in lines):
        package = conf.get("spark.jars.packages")
        return (
            f"spark.nlp_package={package} cannot be fetched from a Maven repository; give access to one "
            "(spark.conf=['spark.jars.repositories=URL']) or set spark.nlp_jar to Spark NLP's assembly jar"
        )
    said = [line for line in lines if "Exception" in line or "rror" in line]
    cache = next((line for line in said if "ivy" in line or "basedir must be absolute" in line), None)
    if cache:
        return (
            f"Spark cannot keep the packages it fetches ({cache}); set spark.conf=['spark.jars.ivy=FOLDER'] to a "
            "folder that can be written (default: .ivy2 in HOME), or set spark.nlp_jar to Spark NLP's assembly jar"
        )
    if no_room := why_no_room("\n".join(lines)):
        return f"Spark's JVM did not start ({no_room})"
    first = (said or lines or ["no output"])[0 if said else -1]
    return f"Spark's JVM did not start ({first}); check JAVA_HOME, spark.driver_memory and spark.conf"


def end_jobs() -> None:
    """End what Spark does, for the job was interrupted."""
    if (server := getattr(SparkContext._active_spark_context, "_accumulatorServer", None)) is not None:
        server.handle_error = lambda *_: None  # it prints a traceback when the JVM hangs up
    if not end_jvm(SparkContext._gateway, _ENDS_WITHIN) and SparkContext._active_spark_context is not None:
        # Another's JVM: asked from another thread, for in this one it may be answering.
        threading.Thread(target=SparkContext._active_spark_context.cancelAllJobs, daemon=True).start()


def end_jvm(gateway: Any, seconds: float | None) -> bool:
    """End a JVM that was started here, killed after so many seconds; false where it is another's."""
    process = getattr(gateway, "proc", None)
    if not isinstance(process, subprocess.Popen) or not process.stdin:
        return False
    process.stdin.close()  # with which the JVM ends
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return True


def can_name(session: SparkSession, place: str) -> bool:
    """Whether the session's JVM names a file as Python does: bytes that are no text it cannot, and with a locale of the
    machine that has no such characters it would take another name."""
    if place.isascii():
        return True
    try:
        if "://" in place or is_connected(session):
            return bool(place.encode())
        encoding = str(session._jvm.java.lang.System.getProperty("sun.jnu.encoding"))  # type: ignore[union-attr,operator]
        return bool(place.encode(codecs.lookup(encoding).name))
    except UnicodeEncodeError:
        return False
    except (LookupError, Py4JError):  # an encoding that Python has not, or a platform that does not let one ask
        return True


def _relay_errors(stream: IO[str], tail: collections.deque[str], terminal: Any) -> None:
    """Pass on the JVM's ERROR and FATAL records, without the JVM's own stack frames; keep the last lines of all.

    They are passed on after some seconds, or when the JVM is gone: what ends the job is told as the job's own error.
    """
    room = 0
    held: list[str] = []

    def tell() -> None:
        told, held[:] = "".join(held), []
        if not interrupted():
            terminal.write(told)

    for line in stream:
        tail.append(line)
        record = _LOG_LINE.match(line)
        if record:
            # The same failure comes back as the exception that ends the job, with all its lines; that a task of it
            # failed so often says nothing else.
            told = record.group("level") in ("ERROR", "FATAL") and "TaskSetManager" not in line
            room = _LINES_PER_ERROR if told else 0
        if (room > 0 and not line.startswith(("\tat ", "\t... "))) or "OutOfMemoryError" in line:
            if not held:
                timer = threading.Timer(_TOLD_AFTER, tell)
                timer.daemon = True
                timer.start()
            held.append(line)
            room -= 1
    tell()
