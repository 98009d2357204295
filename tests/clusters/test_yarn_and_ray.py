"""Jobs on a YARN (cluster mode), its HDFS and a Ray cluster, against the same jobs on this machine alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import read_table
from neuronsig.storage.whole_files import atomic_write, put_folder
from neuronsig.tables import PROFILES, SENTENCES, SIGNATURES, TOPK
from neuronsig_jobs.launch import for_job
from tests.clusters.minihadoop import Hadoop
from tests.clusters.yarn import yarn_environment
from tests.neuronsig_ray.clusters import ROOT

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(1500)]

YARN = ROOT / "deploy" / "yarn.sh"
TABLES: list[tuple[str, pa.Schema, Sequence[str]]] = [
    ("sentences", SENTENCES, ["sentence_id"]),
    ("topk/minilm", TOPK, ["layer", "unit", "rank"]),
    ("signatures/minilm", SIGNATURES, ["layer", "unit", "kind", "rank"]),
    ("profiles/minilm", PROFILES, ["layer", "unit"]),
]


def require_same(one: RunDirectory, other: RunDirectory, *tables: str) -> None:
    for table, schema, key in TABLES:
        if table.split("/")[0] in tables:
            order = [(name, "ascending") for name in key]
            rows, others = (read_table(run.root / table, schema).sort_by(order) for run in (one, other))
            assert rows.num_rows > 0
            assert rows.equals(others), table


def test_the_pipeline_on_both_clusters_makes_the_tables_of_one_machine(
    hadoop: Hadoop, archive: str, cluster: str, words: list[str], alone: RunDirectory
):
    """Annotation, tokenization and mining by drivers on YARN, the model on two raylets, all on HDFS."""
    run = f"{hadoop.uri}/runs/both"
    submit = [
        f"spark.submit={YARN}",
        f"ray.submit=ray job submit --address {cluster} -- {sys.executable} -m neuronsig_jobs",
    ]
    command = [sys.executable, "-m", "neuronsig_jobs", "pipeline", "--brief", f"run={run}", *words, *submit]
    command += ["ray.replicas=2", "ray.gpus='0'"]
    environment = yarn_environment(hadoop, archive)
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-6000:]
    assert "left out: evaluate" in said.stdout
    require_same(alone, RunDirectory.existing(run), "sentences", "topk", "signatures", "profiles")


def killed(pattern: str, when: Callable[[], bool], job: subprocess.Popen[str]) -> None:
    """Kill one process whose command line matches, once `when` holds and while the job runs."""
    until = time.monotonic() + 400
    while time.monotonic() < until:
        assert job.poll() is None, "the job ended before anything was killed"
        if when():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if re.match(pattern, line):
                    os.kill(int(process.name), signal.SIGKILL)
                    return
        time.sleep(0.2)
    raise AssertionError(f"no {pattern} was there to be killed")


def upload(one: RunDirectory, other: RunDirectory, less: str) -> None:
    """Copy a run to another place, less one stage of it."""
    atomic_write(
        other.record_file,
        json.dumps(
            {"stages": {name: entry for name, entry in one.record()["stages"].items() if name != less}}
        ).encode(),
    )
    for table in ("sentences", "tokenized", "topk"):
        put_folder(one.root / table, other.root / table)


@pytest.mark.parametrize(
    ("job", "pattern", "table"),
    [
        ("annotate", r"\S*java .*CoarseGrainedExecutorBackend", "sentences"),
        ("mine", r"\S*java .*deploy\.yarn\.ApplicationMaster", "signatures"),
    ],
    ids=["executor", "driver"],
)
def test_what_yarn_starts_again_ends_in_the_same_table(
    hadoop: Hadoop, archive: str, words: list[str], alone: RunDirectory, job: str, pattern: str, table: str
):
    """The driver's second attempt takes over the lease of the first."""
    run = RunDirectory(f"{hadoop.uri}/runs/{job}-killed")
    if job == "mine":
        upload(alone, run, less="mine/minilm")
    stage = "annotate" if job == "annotate" else "mine/minilm"

    def begun() -> bool:
        try:
            record = run.stage_record(stage)
        except FileNotFoundError:
            return False
        return record is not None and record["status"] == "running"

    command = [str(YARN), job, "--brief", f"run={run.root}", *for_job(words, job)]
    command += ["annotator.batch_sentences=100"] * (job == "annotate")
    with subprocess.Popen(
        command, env=yarn_environment(hadoop, archive), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as started:
        killed(pattern, begun, started)
        said = started.communicate(timeout=900)[0]
    assert started.returncode == 0, said[-6000:]
    require_same(alone, run, *(["signatures", "profiles"] if table == "signatures" else [table]))
