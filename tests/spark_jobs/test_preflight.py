"""A worker of Spark that cannot do the job is one line on the terminal, with worker, thing and remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from neuronsig.errors import MachineError
from neuronsig.run.preflight import here
from spark_jobs.preflight import check_workers, why
from tests.run_factory import make_run

ROOT = Path(__file__).parents[2]
DAEMON = "spark.python.daemon.module=pyspark.daemon"  # a cluster's, where ours is this machine's
# JVMs that live for a minute do not earn back what their optimizing compiler costs.
SHORT_LIVED = [f"spark.{where}JavaOptions=-XX:TieredStopAtLevel=1" for where in ("driver.default", "executor.extra")]
LOST = "Lost task 0.3 in stage 0.0 (TID 3) (10.0.0.7 executor 1): org.apache.spark.api.python.PythonException: "


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version (3, 9) than that in driver 3.11, PySpark",
            "worker 10.0.0.7: Python 3.9, and the job runs on ",
        ),
        (
            'java.io.IOException: Cannot run program "/env/python": error=2, No such file or directory',
            "worker 10.0.0.7: there is no /env/python; ",
        ),
        ("ModuleNotFoundError: No module named 'pyspark'", "worker 10.0.0.7: pyspark cannot be imported; "),
        (
            "\nError from python worker:\n  pyenv: python3.8: command not found\nPYTHONPATH was:\n  /x",
            "worker 10.0.0.7: its Python does not answer (pyenv: python3.8: command not found); ",
        ),
    ],
    ids=["another Python", "no Python", "no pyspark", "a shim"],
)
def test_a_python_that_does_not_get_as_far_as_the_question_is_one_line(told, said):
    found = why(RuntimeError(f"Job aborted due to stage failure: {LOST}{told}\n  more\n"))
    assert found.startswith(said)
    assert "PYSPARK_PYTHON" in found
    assert "\n" not in found


def test_whatever_else_fails_is_one_line_too():
    assert why(RuntimeError("lost\n  more")).startswith("a worker: its Python does not answer (lost); ")


def test_workers_that_are_not_the_machines_own_are_asked(spark, tmp_path, monkeypatch):
    check_workers(spark, str(tmp_path), "no_such")
    monkeypatch.setattr("neuronsig.run.preflight.describe", lambda _: {"python": here(), "packages": {}})
    monkeypatch.setattr("spark_jobs.preflight.is_connected", lambda _: True)
    with pytest.raises(MachineError, match=r"^worker \S+: no_such cannot be imported \(No module named 'no_such'\); "):
        check_workers(spark, str(tmp_path), "no_such")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run whose table of corpora is yet to be made."""
    made = make_run(tmp_path_factory.mktemp("preflight") / "run", sentences=40, k=10).run
    shutil.rmtree(made.analysis())
    return made.root


def corpus_table(run: Path, *conf: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The job on two worker processes of this machine, as a user starts it."""
    settings = ",".join(f"'{setting}'" for setting in (*conf, *SHORT_LIVED))
    words = [f"run={run}", "overwrite=true", "spark.master=local-cluster[2,1,1024]", f"spark.conf=[{settings}]"]
    return subprocess.run(
        [sys.executable, "-m", "neuronsig_jobs", "corpus_table", "--brief", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


def other_python() -> tuple[str, str] | None:
    """A Python of another minor version that this machine has, and that version."""
    named = [f"python3.{minor}" for minor in range(9, 16)]
    for python in (*filter(shutil.which, named), *map(str, Path.home().glob(".pyenv/versions/3.*/bin/python"))):
        asked = [python, "-c", "import platform; print('.'.join(platform.python_version_tuple()[:2]))"]
        found = subprocess.run(asked, capture_output=True, text=True)
        # A shim of a version that is not there fails.
        if not found.returncode and found.stdout.strip() != here() and int(found.stdout.split(".")[1]) > 8:
            return python, found.stdout.strip()
    return None


@pytest.mark.clusters
def test_a_worker_whose_python_has_not_the_packages_is_one_line(run, tmp_path):
    venv.create(tmp_path / "bare", symlinks=True)
    bare = str(tmp_path / "bare" / "bin" / "python")
    done = corpus_table(run, "spark.executorEnv.PYTHONPATH=/nowhere", DAEMON, PYSPARK_PYTHON=bare)
    assert done.returncode == 2
    assert done.stderr.startswith("error: worker ")
    assert "neuronsig cannot be imported (No module named 'neuronsig'); give the workers this env" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.clusters
def test_a_worker_that_has_another_python_is_one_line(run):
    other = other_python()
    if other is None:
        pytest.skip("this machine has one Python")
    done = corpus_table(run, DAEMON, PYSPARK_PYTHON=other[0])
    assert done.returncode == 2
    assert done.stderr.startswith("error: worker ")
    assert f"Python {other[1]}, and the job runs on {here()}; " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.clusters
def test_a_run_directory_that_only_the_driver_sees_is_one_line(run, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this user may not make mounts of its own")
    elsewhere = tmp_path / "python"
    elsewhere.write_text(
        "#!/bin/sh\n"
        f'exec unshare -rm sh -c \'mount -t tmpfs none "{run}" && exec "{sys.executable}" "$@"\' python "$@"\n'
    )
    elsewhere.chmod(0o755)
    done = corpus_table(run, PYSPARK_PYTHON=str(elsewhere))
    assert done.returncode == 2
    assert done.stderr.startswith("error: worker ")
    assert f"run={run} cannot be used from there (it is not there); choose a run=... on a disk" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.clusters
def test_workers_that_are_as_they_should_be_do_the_job(run):
    done = corpus_table(run)
    assert (done.returncode, done.stderr) == (0, "")
