"""A real HDFS and YARN on this machine: a namenode, a resource manager and their nodes, all in one JVM.

Hadoop's own MiniDFSCluster and MiniYARNCluster, on the jars of the installed pyspark and a few more from Maven, driven
through py4j: no Docker, no compiler. Every port is free when it starts, so that several may run beside each other.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyspark
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from spark_jobs.java import choose_java

NODES = 2
SPARK_JARS = Path(pyspark.__file__).parent / "jars"
# Its own, so that the jars have the same names whatever the user's Ivy and Spark are.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronsig" / "minihadoop"
# What MiniDFSCluster and MiniYARNCluster load and pyspark has not.
PACKAGES = (
    "org.apache.hadoop:hadoop-client-minicluster:{hadoop}",
    "junit:junit:4.13.2",
    "org.hamcrest:hamcrest-core:1.3",
    "org.bouncycastle:bcpkix-jdk15on:1.70",
    "org.bouncycastle:bcprov-jdk15on:1.70",
    "org.bouncycastle:bcutil-jdk15on:1.70",
)
# pyspark has them, in this version.
EXCLUDED = ("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime")
DFS = {"dfs.replication": NODES, "dfs.namenode.fs-limits.min-block-size": 0}
NODE_MB = 6000
YARN = {
    "yarn.nodemanager.resource.memory-mb": NODE_MB,
    "yarn.nodemanager.resource.cpu-vcores": 8,
    "yarn.scheduler.minimum-allocation-mb": 256,
    "yarn.scheduler.maximum-allocation-mb": NODE_MB,
    # Python and the JVM reserve far more than they use.
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
    "yarn.nodemanager.localizer.cache.target-size-mb": 20000,
    "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_USER_NAME",
    # Containers' logs stay, for who wants to know why a test failed.
    "yarn.nodemanager.delete.debug-delay-sec": 36000,
}
SCHEDULER = {"root.queues": "default", "root.default.capacity": 100, "maximum-am-resource-percent": 0.8}


@dataclass
class Hadoop:
    """`uri` hdfs://localhost:PORT; `conf` a HADOOP_CONF_DIR, which knows YARN once `start_yarn` was called;
    `folder` where its logs are (out.log, err.log, containers' below target/)."""

    uri: str
    conf: Path
    folder: Path
    java: Path
    _jvm: Any
    _configuration: Any
    _yarn: Any = None

    def start_yarn(self) -> None:
        """Start a resource manager and NODES node managers, unless they run already; the files below `conf` then say
        where they are."""
        if self._yarn is not None:
            return
        wanted = self._jvm.org.apache.hadoop.yarn.conf.YarnConfiguration(self._configuration)
        _set(wanted, {"fs.defaultFS": self.uri, **YARN})
        self._yarn = self._jvm.org.apache.hadoop.yarn.server.MiniYARNCluster("yarn", NODES, 1, 1)
        self._yarn.init(wanted)
        self._yarn.start()
        assert self._yarn.waitForNodeManagersToConnect(60_000)
        self._write(self._yarn.getConfig(), "yarn-site.xml")

    def _write(self, configuration: Any, name: str) -> None:
        written = self._jvm.org.apache.hadoop.conf.Configuration(configuration)
        _set(
            written,
            {
                "fs.defaultFS": self.uri,
                # The mini clusters' own class, which no client has.
                "net.topology.node.switch.mapping.impl": "org.apache.hadoop.net.ScriptBasedMapping",
            },
        )
        stream = self._jvm.java.io.FileOutputStream(str(self.conf / name))
        written.writeXml(stream)
        stream.close()


@contextmanager
def running(folder: Path) -> Iterator[Hadoop]:
    """An HDFS of NODES datanodes with its files and logs in `folder`; it ends with the block, and with the process."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    queues = "".join(
        f"<property><name>yarn.scheduler.capacity.{name}</name><value>{escape(str(value))}</value></property>"
        for name, value in SCHEDULER.items()
    )
    (conf / "capacity-scheduler.xml").write_text(f"<configuration>{queues}</configuration>")
    java = choose_java(pyspark.__version__)
    options = [
        "-Xmx1200m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        # Without its native library Hadoop starts a process for every file of an archive, to set its mode.
        "-Djdk.lang.Process.launchMechanism=VFORK",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dtest.build.data={folder / 'dfs'}",
    ]
    with open(folder / "out.log", "w") as out, open(folder / "err.log", "w") as err:
        with _environment(JAVA_HOME=str(java)):
            port, process = launch_gateway(
                classpath=os.pathsep.join([str(conf), *map(str, jars()), str(SPARK_JARS / "*")]),
                java_path=str(java / "bin" / "java"),
                javaopts=options,
                die_on_exit=True,
                redirect_stdout=out,
                redirect_stderr=err,
                cwd=str(folder),
                return_proc=True,
            )
        # The JVM keeps every object, so that none has to be told of when the JVM is gone.
        parameters = GatewayParameters(port=port, auto_convert=True, enable_memory_management=False)
        gateway = JavaGateway(gateway_parameters=parameters)
        try:
            configuration = gateway.jvm.org.apache.hadoop.conf.Configuration()
            _set(configuration, {"hdfs.minidfs.basedir": folder / "dfs", **DFS})
            builder = gateway.jvm.org.apache.hadoop.hdfs.MiniDFSCluster.Builder(configuration)
            dfs = builder.numDataNodes(NODES).format(True).build()
            dfs.waitActive()
            hadoop = Hadoop(str(dfs.getURI().toString()), conf, folder, java, gateway.jvm, configuration)
            hadoop._write(configuration, "core-site.xml")
            yield hadoop
        finally:
            gateway.close()
            process.kill()
            process.wait()


def jars() -> list[Path]:
    """The jars that pyspark lacks, fetched from Maven the first time, as Spark fetches Spark NLP's."""
    (api,) = SPARK_JARS.glob("hadoop-client-api-*.jar")
    version = re.sub(r"hadoop-client-api-(.*)\.jar", r"\1", api.name)
    packages = [package.format(hadoop=version) for package in PACKAGES]
    found = [CACHE / "jars" / "{}_{}-{}.jar".format(*package.split(":")) for package in packages]
    if not all(jar.exists() for jar in found):
        conf = [f"spark.jars.ivy={CACHE}", f"spark.jars.packages={','.join(packages)}"]
        conf.append(f"spark.jars.excludes={','.join(EXCLUDED)}")
        fetch = "import sys; from neuronsig.config import SparkConfig; from spark_jobs.session import spark_session; "
        fetch += "spark_session(SparkConfig(master='local[1]', driver_memory='512m', conf=sys.argv[1:])).stop()"
        subprocess.run([sys.executable, "-c", fetch, *conf], check=True)
    return found


def _set(configuration: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        configuration.set(key, str(value))


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """What a process that is started in the block inherits."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
