"""The environment with which jobs are given to a YARN on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyspark

from tests.clusters.minihadoop import Hadoop
from tests.neuronsig_ray.clusters import environment

SPARK = Path(pyspark.__file__).parent
# Two executors that fit beside a driver, HDFS and Ray; Spark's own jars are on this machine.
SMALL = (
    "--num-executors 2 --executor-cores 1 --executor-memory 700m --driver-memory 900m "
    "--conf spark.executor.memoryOverhead=900m --conf spark.driver.memoryOverhead=900m "
    f"--conf spark.yarn.jars=local:{SPARK}/jars/* --conf spark.ui.enabled=false "
    "--conf spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 "
    "--conf spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1 "
)


def yarn_environment(hadoop: Hadoop, archive: str, mode: str = "cluster") -> dict[str, str]:
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
        "NEURONSIG_SPARK_SUBMIT": SMALL + homes,
    }
