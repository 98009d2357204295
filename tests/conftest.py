"""Fixtures that several packages' tests share."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import s3_home
from tests.cases import CORPORA
from tests.stores import STORES, empty_place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.clusters.minihadoop import Hadoop

# Threads that spin while they wait take the core from those they wait for: two processes share two cores here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Ray gives its workers 15 by default: beside Spark on two cores they would hardly ever run.
os.environ.setdefault("RAY_worker_niceness", "0")
# Ray Train looks at its workers so often, in seconds: at each look a report of theirs is taken.
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
s3_home.announce()

ENGINES = ["hadoop", "spark", "mining", "local_ray", ""]
MINING = re.compile(r"mining|test_mine\.|test_planted_neurons\.")
"""Files whose tests mine on Spark and annotate nothing."""
ON_HDFS = re.compile(r"[[-]hdfs[]-]")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests that one worker of pytest-xdist takes: a file's, and all files' that use an engine alike.

    Spark NLP reads its models in one worker alone, which takes most of a minute; the other mines. What takes longest is
    begun first: Hadoop's tests, where they are asked for, Spark's, then Ray's, then the rest.
    """
    if not config.pluginmanager.hasplugin("xdist"):
        return
    engines: dict[Path, set[str]] = {}
    for item in items:
        used = {"hadoop", "spark", "local_ray"} & set(getattr(item, "fixturenames", ()))
        if "spark" in used and MINING.search(str(item.path.relative_to(Path(__file__).parent))):
            used = {"mining"}
        engines.setdefault(item.path, set()).update(used)
    first = {path: min(of, key=ENGINES.index, default="") for path, of in engines.items()}

    def engine(item: pytest.Item) -> str:
        # A store that is HDFS is asked for by its name; there is one for all of a process's tests.
        return "hadoop" if ON_HDFS.search(item.name) else first[item.path]

    items.sort(key=lambda item: ENGINES.index(engine(item)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(engine(item) or str(item.path)))


@pytest.fixture
def bucket() -> Path:
    """A new bucket of a real S3 server."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    pytest.importorskip("moto.server", reason="moto is not installed")
    from neuronsig.storage.location import location, store_of

    s3_home.start()
    root = location(f"s3://test-{uuid.uuid4().hex}")
    store_of(root)[0].mkdir(store_of(root)[1])
    return root


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Path:
    """A run's place in each kind of store."""
    return empty_place(request)


@pytest.fixture(params=["disk", *STORES])
def folder(request: pytest.FixtureRequest) -> Path:
    """A run's place on this machine's disk and in each kind of store."""
    return empty_place(request)


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hadoop]:
    """A real HDFS; for tests that are marked `clusters`."""
    from tests.clusters import minihadoop

    with minihadoop.running(tmp_path_factory.mktemp("hadoop")) as hadoop:
        yield hadoop


@pytest.fixture(scope="session")
def hadoop(hdfs: Hadoop) -> Hadoop:
    """That HDFS with a YARN beside it, in the same JVM."""
    hdfs.start_yarn()
    return hdfs


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A real local session with Spark NLP's jar; small, so that it fits beside everything else."""
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    from neuronsig.config import SparkConfig
    from spark_jobs import annotation_steps, annotators
    from spark_jobs.session import spark_session

    # A default file system that is not this machine's: every path given to Spark must name its own.
    settings = [
        "spark.hadoop.fs.defaultFS=viewfs://elsewhere/",
        f"spark.hadoop.fs.viewfs.mounttable.elsewhere.link./elsewhere=file://{tmp_path_factory.mktemp('elsewhere')}",
    ]
    # A JVM that lives for minutes does not earn back what its optimizing compiler costs: half its processor time.
    settings.append("spark.driver.defaultJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    # Nor do queries over a few rows what compiling each of them costs: a quarter of the rest.
    settings += ["spark.sql.codegen.wholeStage=false", "spark.sql.codegen.factoryMode=NO_CODEGEN"]
    config = SparkConfig(master="local[2]", driver_memory="2g", shuffle_partitions=2, conf=settings)
    session = spark_session(config, "tests", nlp=True)
    with pytest.MonkeyPatch.context() as patch:
        # Reading the tagger takes seconds; here it is read once.
        patch.setattr(annotation_steps, "load_tagger", cache(annotators.load_tagger))
        yield session
    session.stop()


@pytest.fixture(scope="module")
def coarse_figures() -> Iterator[None]:
    """Figures have a sixteenth of their pixels."""
    from neuronsig.figures import style

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 50)
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real corpora; the test is skipped where they are absent."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora in {CORPORA}; set NEURONSIG_DATA")
    return CORPORA


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray for the whole session: starting one takes seconds."""
    from neuronsig.config import RayConfig
    from neuronsig_ray.session import ray_session

    with ray_session(RayConfig(address="local", object_store_mb=100)):
        yield
