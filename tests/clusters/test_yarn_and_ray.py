"""The main path on a YARN (cluster mode), its HDFS and a Ray cluster, against the same jobs on this machine alone."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from neuronsig.run.directory import RunDirectory
from neuronsig.storage.location import location
from neuronsig.storage.parquet import read_table
from neuronsig.tables import PROFILES, SIGNATURES, TOPK
from neuronsig_jobs.launch import for_job
from tests.clusters.minihadoop import Hadoop
from tests.clusters.yarn import yarn_environment
from tests.neuronsig_ray.clusters import ROOT, Node, environment, free_port, still_cluster

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(1500)]

WORDS = [
    "corpus=text",
    "collect.k=25",
    "collect.layers=[1,6]",
    "collect.dtype=float32",
    "tokenize.shard_sentences=60",
    "mining.layers=[1]",
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


@pytest.fixture(scope="module")
def archive(hadoop: Hadoop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The packed environment on HDFS: Spark's half, installed alone."""
    packed = tmp_path_factory.mktemp("packed") / "neuronsig-spark.tar.gz"
    command = [ROOT / "deploy" / "pack_spark.sh", packed, ROOT]
    said = subprocess.run(
        command, env=environment() | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert packed.stat().st_size < 600e6
    names = subprocess.run(["tar", "tzf", packed], capture_output=True, text=True, check=True).stdout
    assert "site-packages/neuronsig_jobs/" in names
    assert not {f"lib/python3.11/site-packages/{name}/__init__.py" for name in ("torch", "ray")} & set(names.split())
    there = location(f"{hadoop.uri}/apps/neuronsig-spark.tar.gz")
    there.parent.mkdir(parents=True, exist_ok=True)
    with packed.open("rb") as source, there.open("wb") as target:
        while data := source.read(2**24):
            target.write(data)
    return str(there)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    """The address of two raylets' dashboard."""
    with still_cluster(tmp_path_factory.mktemp("ray"), (Node(), Node()), dashboard := free_port()):
        yield f"http://127.0.0.1:{dashboard}"


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "all.txt").write_text(sentences())
    return folder


@pytest.fixture(scope="module")
def alone(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The run of one machine."""
    run = tmp_path_factory.mktemp("alone") / "run"
    words = [f"run={run}", f"corpus.path={texts}", *WORDS, "spark.master=local[2]", "spark.driver_memory=2g"]
    for job in ("annotate", "tokenize", "collect", "mine"):
        command = [sys.executable, "-m", "neuronsig_jobs", job, "--brief", *for_job(words, job)]
        said = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout[-3000:] + said.stderr[-3000:]
    return RunDirectory.existing(run)


def same_tables(one: RunDirectory, other: RunDirectory) -> None:
    for table, schema, key in (
        ("topk/minilm", TOPK, ["layer", "unit", "rank"]),
        ("signatures/minilm", SIGNATURES, ["layer", "unit", "kind", "rank"]),
        ("profiles/minilm", PROFILES, ["layer", "unit"]),
    ):
        order = [(name, "ascending") for name in key]
        rows, others = (read_table(run.root / table, schema).sort_by(order) for run in (one, other))
        assert rows.num_rows > 0
        assert rows.equals(others), table


def test_the_pipeline_on_both_clusters_makes_the_tables_of_one_machine(
    hadoop: Hadoop, archive: str, cluster: str, texts: Path, alone: RunDirectory
):
    """Annotation, tokenization and mining by drivers on YARN, the model on two raylets, all on HDFS."""
    run = f"{hadoop.uri}/runs/both"
    command = [
        sys.executable,
        "-m",
        "neuronsig_jobs",
        "pipeline",
        "--brief",
        f"run={run}",
        f"corpus.path={texts}",
        *WORDS,
    ]
    command += [f"spark.submit={ROOT / 'deploy' / 'yarn.sh'}", "ray.replicas=2"]
    command += [f"ray.submit=ray job submit --address {cluster} -- {sys.executable} -m neuronsig_jobs"]
    said = subprocess.run(
        command, cwd=ROOT, env=yarn_environment(hadoop, archive), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-6000:]
    assert "left out: evaluate" in said.stdout
    same_tables(alone, RunDirectory.existing(run))
