"""Which settings are made, and that a real session works."""

from __future__ import annotations

import collections
import io

import pytest
from pyspark.conf import SparkConf

from neuronsig.config import SparkConfig
from neuronsig.errors import MachineError
from spark_jobs import jvm
from spark_jobs import session as module
from spark_jobs.session import local_cores, settings, spark_session


@pytest.mark.parametrize(("master", "cores"), [("local[3]", 3), ("local", 1), ("local[2,4]", 2)])
def test_cores_of_a_master(master, cores):
    assert local_cores(master) == cores


def test_a_local_jar_takes_the_place_of_the_package():
    values = settings(SparkConfig(nlp_jar="/jars/nlp.jar"), nlp=True)
    assert values["spark.jars"] == "/jars/nlp.jar"
    assert "spark.jars.packages" not in values


def test_only_jobs_that_annotate_fetch_spark_nlp():
    assert "spark.jars.packages" in settings(SparkConfig(), nlp=True)
    for config in (SparkConfig(), SparkConfig(nlp_jar="/jars/nlp.jar")):
        assert not {"spark.jars", "spark.jars.packages", "spark.jars.excludes"} & settings(config).keys()


def test_settings_of_the_user_win_and_a_submitted_job_keeps_its_master_and_memory():
    values = settings(SparkConfig(master="", nlp_package="", conf=["spark.ui.enabled=true", "spark.x=a=b"]), nlp=True)
    assert values["spark.ui.enabled"] == "true"
    assert values["spark.x"] == "a=b"
    assert not {"spark.master", "spark.driver.memory", "spark.jars.packages"} & values.keys()


@pytest.mark.parametrize(
    ("master", "given", "partitions"),
    [("local[8]", 0, "16"), ("local[2]", 0, "8"), ("yarn", 0, None), ("", 0, None), ("yarn", 500, "500")],
)
def test_a_cluster_keeps_its_own_number_of_shuffle_partitions(master, given, partitions):
    values = settings(SparkConfig(master=master, shuffle_partitions=given))
    assert values.get("spark.sql.shuffle.partitions") == partitions


def test_only_errors_reach_the_terminal_without_the_frames_of_the_jvm():
    stream = io.StringIO(
        ":: loading settings\n"
        "26/01/01 00:00:00 WARN Noise: no\n"
        "26/01/01 00:00:01 ERROR Executor: task failed\n"
        "java.lang.X: reason\n"
        "\tat a.b(C.java:1)\n"
        "26/01/01 00:00:02 INFO Noise: no\n"
        "26/01/01 00:00:03 ERROR TaskSetManager: Task 0 in stage 0.0 failed 4 times; aborting job\n"
    )
    terminal, tail = io.StringIO(), collections.deque(maxlen=10)
    jvm._relay_errors(stream, tail, terminal)
    assert terminal.getvalue() == ("26/01/01 00:00:01 ERROR Executor: task failed\njava.lang.X: reason\n")
    assert len(tail) == 7


def test_an_unreachable_package_is_explained_with_both_remedies():
    conf = SparkConf(loadDefaults=False)
    conf.set("spark.jars.packages", "a:b:1")
    said = jvm._why_no_jvm(["x\n", ":: a#b;1: not found unresolved dependency\n"], conf)
    assert "spark.nlp_package=a:b:1" in said
    assert "spark.nlp_jar" in said


@pytest.mark.parametrize(
    "line",
    [
        'Exception in thread "main" java.io.FileNotFoundException: /nowhere/.ivy2/cache/x.xml (Permission denied)',
        'Exception in thread "main" java.lang.IllegalArgumentException: basedir must be absolute: ?/.ivy2/local',
    ],
    ids=["not writable", "no HOME"],
)
def test_a_package_cache_that_cannot_be_written_is_explained_with_its_setting(line):
    said = jvm._why_no_jvm([":: loading settings\n", line], SparkConf(loadDefaults=False))
    assert "spark.jars.ivy" in said
    assert line in said


def test_fetching_the_jar_without_a_network_is_a_warning_not_a_failure(monkeypatch, capsys):
    def offline(*_, nlp):
        assert nlp
        raise MachineError("no network")

    monkeypatch.setattr(module, "spark_session", offline)
    assert module.main() == 0
    assert "no network" in capsys.readouterr().out


def test_a_running_session_without_the_jar_is_refused_where_it_is_needed(spark, monkeypatch):
    assert spark_session(SparkConfig(), nlp=True) is spark
    monkeypatch.setattr(module, "NLP_CLASS", "com.johnsnowlabs.nlp.NoSuchClass")
    with pytest.raises(MachineError, match="not Spark NLP's jar"):
        spark_session(SparkConfig(), nlp=True)


def test_a_running_session_is_taken_as_it_is(spark):
    assert spark_session(SparkConfig(master="local[1]")) is spark
    assert spark.conf.get("spark.sql.execution.arrow.pyspark.enabled") == "true"


def test_the_session_has_spark_nlp_and_workers_of_this_python(spark):
    import sys

    assert spark._jvm.com.johnsnowlabs.nlp.DocumentAssembler is not None

    def version(batches):
        import sys as worker

        import pyarrow as pa

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"executable": [worker.executable]})

    assert spark.range(0, 1, 1, 1).mapInArrow(version, "executable string").first()[0] == sys.executable


def test_a_package_that_the_user_names_joins_spark_nlps_where_that_is_needed():
    config = SparkConfig(nlp_package="nlp:nlp:1", conf=["spark.jars.packages=org.apache.hadoop:hadoop-aws:3.3.4"])
    assert settings(config)["spark.jars.packages"] == "org.apache.hadoop:hadoop-aws:3.3.4"
    assert settings(config, nlp=True)["spark.jars.packages"] == "nlp:nlp:1,org.apache.hadoop:hadoop-aws:3.3.4"


def test_python_s_workers_have_no_archive_to_list_before_each_task(spark):
    def archives(_):
        import sys
        import zipimport

        yield [place for place, by in sys.path_importer_cache.items() if isinstance(by, zipimport.zipimporter)]

    assert spark.sparkContext.parallelize([0], 1).mapPartitions(archives).collect() == [[]]
    assert [name for name in spark.sparkContext._python_includes if name.endswith(".jar")] == []


def test_a_session_that_has_no_context_is_taken_as_it_is(monkeypatch):
    """As one of Spark Connect: asked for its context, it raises."""

    class Connected:
        @property
        def sparkContext(self):  # noqa: N802
            pytest.fail("it was asked for its context")

    class Builder:
        config = appName = lambda self, *_, **__: self  # noqa: N815

        def getOrCreate(self):  # noqa: N802
            return Connected()

    class Session:
        builder = Builder()

        @staticmethod
        def getActiveSession():  # noqa: N802
            return None

    adjusted = []
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "0")
    monkeypatch.setattr(module.SparkContext, "_active_spark_context", None)
    monkeypatch.setattr(module, "SparkSession", Session)
    monkeypatch.setattr(module, "_adjust", lambda session, _: adjusted.append(session) or session)
    session = spark_session(SparkConfig(master="", nlp_package=""))
    assert adjusted == [session]
