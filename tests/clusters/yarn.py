"""What jobs are given to a YARN on this machine with: the packed environment on its HDFS, and that of the submitter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark

from neuronsig.storage.location import location
from tests.clusters.minihadoop import Hadoop
from tests.neuronsig_ray.clusters import ROOT, environment

SPARK = Path(pyspark.__file__).parent
# Two executors that fit beside a driver, HDFS and Ray; Spark's own jars are on this machine.
TWO_EXECUTORS = (
    "--num-executors 2 --executor-cores 1 --executor-memory 700m --driver-memory 900m "
    "--conf spark.executor.memoryOverhead=900m --conf spark.driver.memoryOverhead=900m "
    f"--conf spark.yarn.jars=local:{SPARK}/jars/* --conf spark.ui.enabled=false "
)
# JVMs that live for a minute do not earn back what their optimizing compiler costs.
SHORT_LIVED = (
    "--conf spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 "
    "--conf spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1 "
)


def upload_environment(hadoop: Hadoop, folder: Path) -> str:
    """Pack Spark's half, installed alone, in `folder`, and put it on the HDFS; returns its address there."""
    packed = folder / "neuronsig-spark.tar.gz"
    command = [ROOT / "deploy" / "pack_spark.sh", packed, ROOT, "hdfs"]
    # Half the files: a node manager without Hadoop's native library starts a process for each whose mode it sets.
    settings = {"PYTHON": sys.executable, "PIP_NO_COMPILE": "1", "UV_COMPILE_BYTECODE": "0"}
    settings["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = subprocess.run(command, env=environment() | settings, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    there = location(f"{hadoop.uri}/apps/{packed.name}")
    there.parent.mkdir(parents=True, exist_ok=True)
    with packed.open("rb") as source, there.open("wb") as target:
        while data := source.read(2**24):
            target.write(data)
    return str(there)


def yarn_environment(
    hadoop: Hadoop, archive: str, mode: str = "cluster", options: str = TWO_EXECUTORS + SHORT_LIVED
) -> dict[str, str]:
    """The environment of deploy/yarn.sh on a machine that submits to this YARN."""
    java = str(hadoop.java)
    homes = f"--conf spark.executorEnv.JAVA_HOME={java} --conf spark.yarn.appMasterEnv.JAVA_HOME={java} "
    kept = environment()
    del kept["PYTHONPATH"]  # Spark's client hands its own on to YARN, where nothing but the archive is to be found
    return kept | {
        "HADOOP_CONF_DIR": str(hadoop.conf),
        "HADOOP_USER_NAME": "root",
        "JAVA_HOME": java,
        "SPARK_HOME": str(SPARK),
        "PATH": f"{SPARK / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NEURONSIG_ARCHIVE": archive,
        "NEURONSIG_DEPLOY_MODE": mode,
        "NEURONSIG_SPARK_SUBMIT": options + homes,
    }
