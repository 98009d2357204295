"""The jobs on a real server of Spark Connect: what they make is equal, row for row, to what a local session makes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from neuronsig.run.directory import RunDirectory
from neuronsig_jobs.__main__ import main
from tests.clusters.connect_home import server
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, write_run

pytestmark = pytest.mark.clusters

MINING = ["mining.min_count=3", "mining.pattern_min_count=3"]
JOBS = {"corpus_table": [], "tokenize": ["tokenize.shard_sentences=100"], "mine": MINING}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("grpc_status", reason="neuronsig[connect] is not installed")
    with server() as address:
        yield address


def make(folder: Path) -> RunDirectory:
    rng = random.Random(3)
    top = {(1, unit): rng.sample(range(300), 60) for unit in range(4)}
    return write_run(folder, random_sentences(300), top)


def on(address: str, job: str, run: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A job in a process of its own: one that has a session of Spark Connect can have no other."""
    command = [sys.executable, "-m", "neuronsig_jobs", job, f"run={run}", f"spark.master={address}", "--brief", *words]
    return subprocess.run(command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True)


def tables(run: RunDirectory) -> dict[str, list[dict[str, object]]]:
    """Folder, and file where its name is the run's own -> rows."""
    whole = {"signatures": run.signatures(MODEL), "profiles": run.profiles(MODEL)}
    files = [*run.root.joinpath("tokenized").rglob("*.parquet"), run.analysis("corpora.parquet")]
    whole |= {str(file.relative_to(run.root)): file for file in files}
    return {name: pq.read_table(path).to_pylist() for name, path in whole.items()}


def test_tokenize_corpus_table_and_mine_are_equal_to_a_local_session(spark, tmp_path, address):
    local, connected = make(tmp_path / "local"), make(tmp_path / "connected")
    for job, words in JOBS.items():
        done = on(address, job, connected.root, *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert main([job, f"run={local.root}", "--brief", *words]) == 0
    made = tables(connected)
    assert made == tables(local)
    assert len(made) == 6
    assert all(made.values())
    for run in (local, connected):
        assert not list(run.root.rglob("*.pickle"))
        assert not list(run.root.glob(".preflight*"))


@pytest.mark.parametrize(
    ("job", "words", "said"),
    [
        ("annotate", [], "error: annotation, by Spark NLP, cannot run on Spark Connect"),
        ("mine", ["mining=mllib"], "error: mining=mllib (mining=grouped can) cannot run on Spark Connect"),
        ("mine", ["spark.conf=['spark.scheduler.mode=FAIR']"], "error: spark.conf has spark.scheduler.mode, which"),
    ],
    ids=["annotate", "mllib", "a setting of the server's"],
)
def test_what_needs_more_than_connect_has_is_one_line(tmp_path, address, job, words, said):
    run = tmp_path / "run" if job == "annotate" else make(tmp_path / "run").root
    done = on(address, job, run, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
