"""A small text, its run on one machine, and the clusters that other tests run it on."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from neuronsig.run.directory import RunDirectory
from tests.clusters import one_machine
from tests.clusters.minihadoop import Hadoop
from tests.clusters.yarn import upload_environment
from tests.neuronsig_ray.clusters import Node, free_port, still_cluster

SETTINGS = [
    "corpus=text",
    "collect.k=25",
    "collect.layers=[1,6]",
    "collect.dtype=float32",
    "tokenize.shard_sentences=60",
    f"mining.neurons=[{','.join(f'L1/U{unit}' for unit in range(0, 384, 32))}]",
    "mining.min_count=2",
    "analysis.epochs=1",
    "ray.replica_cpus=1",
]
WHO = "The baker|A sailor|My neighbour|Somebody|Her old aunt"
DID = "sold|quickly painted|never saw|carried|forgot"
WHAT = "two loaves of bread|the red boat|a letter from Rome|some apples"
WHEN = "on Monday.|before the storm!|after all."


def sentences() -> str:
    """Three hundred sentences, each another combination of a few words."""
    return " ".join(" ".join(parts) for parts in itertools.product(*(x.split("|") for x in (WHO, DID, WHAT, WHEN))))


@pytest.fixture(scope="session")
def archive(hadoop: Hadoop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The packed environment on HDFS: Spark's half, installed alone."""
    folder = tmp_path_factory.mktemp("packed")
    there = upload_environment(hadoop, folder)
    (packed,) = folder.glob("*.tar.gz")
    assert packed.stat().st_size < 600e6
    names = subprocess.run(["tar", "tzf", packed], capture_output=True, text=True, check=True).stdout
    assert "site-packages/neuronsig_jobs/" in names
    assert not {f"lib/python3.11/site-packages/{name}/__init__.py" for name in ("torch", "ray", "pyspark")} & set(
        names.split()
    )
    return there


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of two raylets' dashboard."""
    with still_cluster(tmp_path_factory.mktemp("ray"), (Node(), Node()), dashboard := free_port()):
        yield f"http://127.0.0.1:{dashboard}"


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "all.txt").write_text(sentences())
    return folder


@pytest.fixture(scope="session")
def words(texts: Path) -> list[str]:
    """What is said to every job, but for the run directory."""
    return [f"corpus.path={texts}", *SETTINGS]


@pytest.fixture(scope="session")
def alone(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RunDirectory]]:
    """The run of one machine, which is made while the clusters are brought up and at work: called, it is waited for."""
    run = tmp_path_factory.mktemp("alone") / "run"
    with one_machine.started([f"run={run}", *words]) as process:

        def finished() -> RunDirectory:
            said = process.communicate(timeout=900)[1]
            assert process.returncode == 0, said[-3000:]
            return RunDirectory.existing(run)

        yield cache(finished)
        process.kill()
