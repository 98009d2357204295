"""Jobs on a YARN (cluster mode), its HDFS and a Ray cluster, against the same jobs on this machine alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from neuronsig.run.directory import RunDirectory
from tests.clusters.equal_runs import require_same
from tests.clusters.minihadoop import Hadoop
from tests.clusters.yarn import yarn_environment
from tests.neuronsig_ray.clusters import ROOT

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(1500)]

YARN = ROOT / "deploy" / "yarn.sh"


def wait_until(holds: Callable[[], bool], job: subprocess.Popen[str]) -> None:
    """Wait until `holds()`, as long as the job runs."""
    until = time.monotonic() + 1200
    while not holds():
        assert job.poll() is None, "the job ended before"
        assert time.monotonic() < until, "it lasts too long"
        time.sleep(0.2)


def kill(pattern: str, when: Callable[[], bool], job: subprocess.Popen[str]) -> None:
    """Kill one process whose command line matches, once `when` holds and while the job runs."""
    wait_until(when, job)
    wait_until(lambda: is_killed(pattern), job)


def is_killed(pattern: str) -> bool:
    """Whether there was a process whose command line matches; it is killed."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if re.match(pattern, line):
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False


@pytest.mark.parametrize("killing", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["undisturbed", "killed"])
def test_the_pipeline_on_both_clusters_makes_the_tables_of_one_machine(
    alone: Callable[[], RunDirectory], hadoop: Hadoop, archive: str, cluster: str, words: list[str], killing: bool
):
    """Annotation, tokenization and mining by drivers on YARN, the model on two raylets, all on HDFS.

    Where an executor that annotates and the driver that mines are killed, YARN starts them again, and the driver's
    second attempt takes over the lease of the first. (A raylet is killed in tests/neuronsig_ray/test_chaos.py.) The
    pipeline is interrupted when it has mined: what comes next are Ray's jobs, as the collection is.
    """
    run = RunDirectory(f"{hadoop.uri}/runs/{killing}")

    def is_(stage: str, status: str) -> bool:
        try:
            record = run.stage_record(stage)
        except FileNotFoundError:
            return False
        return record is not None and record["status"] == status

    submit = [
        f"spark.submit={YARN}",
        f"ray.submit=ray job submit --address {cluster} -- {sys.executable} -m neuronsig_jobs",
    ]
    command = [sys.executable, "-m", "neuronsig_jobs", "pipeline", "--brief", f"run={run.root}", *words, *submit]
    command += ["ray.replicas=2", "ray.gpus='0'", *["annotator.batch_sentences=150"] * killing]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=yarn_environment(hadoop, archive),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as pipeline:
        told: list[str] = []
        listener = threading.Thread(target=lambda: told.extend(pipeline.stdout or ()))
        listener.start()
        try:
            if killing:
                kill(r"\S*java .*CoarseGrainedExecutorBackend", lambda: is_("annotate", "running"), pipeline)
                kill(r"\S*java .*deploy\.yarn\.ApplicationMaster", lambda: is_("mine/minilm", "running"), pipeline)
            wait_until(lambda: is_("mine/minilm", "complete"), pipeline)
            pipeline.terminate()
            assert pipeline.wait(60) == 143
        except AssertionError as error:
            pytest.fail(f"{error}\n{''.join(told)[-6000:]}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pipeline.pid, signal.SIGKILL)
            listener.join()
    require_same(alone(), run)
