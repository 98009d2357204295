"""What workers answer before a job, and the one line that is said of one that cannot do it."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys

import pytest

from neuronsig.errors import MachineError
from neuronsig.run import preflight
from neuronsig.run.preflight import PACKAGES, check, describe, probe, problems

HERE = {"python": "3.11", "packages": {"neuronsig": "1", "numpy": "2.1"}}
REMEDY = "give them this environment"


def worker(host="node1", **changed):
    return {"host": host, **HERE, "lacks": {}, "run": "", "wrote": "x", **changed}


def said(*workers):
    return problems(HERE, workers, "/shared/run", REMEDY)


def test_workers_that_are_as_the_driver_are_no_problem():
    assert said(worker(), worker("node2")) == []


def test_another_python_is_named_with_worker_and_remedy():
    assert said(worker(python="3.12")) == [
        "worker node1: Python 3.12, and the job runs on 3.11; give them this environment"
    ]


def test_another_version_of_a_package_is_named_with_both():
    assert said(worker(packages={"neuronsig": "1", "numpy": "1.26"})) == [
        "worker node1: numpy 1.26, and the job runs with 2.1; give them this environment"
    ]


def test_a_package_that_is_missing_is_named_with_the_reason():
    line = said(worker(lacks={"neuronsig": "No module named 'neuronsig'"}))[0]
    assert line == (
        "worker node1: neuronsig cannot be imported (No module named 'neuronsig'); give them this environment"
    )


def test_the_same_of_several_workers_is_one_line():
    found = said(worker(python="3.12"), worker("node2", python="3.12"), worker("node2", python="3.12"), worker("node3"))
    assert found == ["worker node1 and 1 more: Python 3.12, and the job runs on 3.11; give them this environment"]


def test_a_worker_that_does_as_it_should_passes_and_leaves_nothing(tmp_path):
    check(tmp_path, PACKAGES, lambda report: [report(), report()], REMEDY)
    assert list(tmp_path.iterdir()) == []


def test_a_run_directory_that_only_the_driver_sees_is_one_line(tmp_path, monkeypatch):
    def elsewhere(report):
        (hidden,) = tmp_path.iterdir()
        shutil.move(hidden, tmp_path / "not here")
        return [report()]

    with pytest.raises(MachineError, match=rf"^worker \S+: run={tmp_path} cannot be used from there .*it is not there"):
        check(tmp_path, PACKAGES, elsewhere, REMEDY)


def test_a_run_directory_whose_writes_the_driver_does_not_see_is_one_line(tmp_path):
    def another_disk(report):
        found = report()
        (folder,) = tmp_path.iterdir()
        (folder / found["wrote"]).unlink()
        return [found]

    with pytest.raises(MachineError, match="what is written there is not seen here"):
        check(tmp_path, PACKAGES, another_disk, REMEDY)


def test_a_run_directory_that_a_worker_may_not_write_is_one_line(tmp_path, monkeypatch):
    def read_only(report):
        def refuse(path, data):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("neuronsig.storage.whole_files.atomic_write", refuse)
        return [report()]

    with pytest.raises(MachineError, match=r"cannot be used from there \(Permission denied\)"):
        check(tmp_path, PACKAGES, read_only, REMEDY)


def test_several_problems_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "describe", lambda packages: describe(packages) | {"python": "3.10"})
    with pytest.raises(MachineError, match=r"^[^\n]*and the job runs on 3.10; [^\n]* \(and 1 more\)$"):
        check(tmp_path, PACKAGES, lambda report: [report() | {"run": "no"}], REMEDY)


def test_a_worker_without_neuronsig_can_answer(tmp_path):
    """The question is pickled with its content, not by the name of its module."""
    cloudpickle = pytest.importorskip("pyspark.cloudpickle", reason="pyspark is not installed")
    question = tmp_path / "question"
    question.write_bytes(cloudpickle.dumps(probe(str(tmp_path), PACKAGES)))
    script = (
        "import sys, json, pickle; sys.modules['neuronsig'] = None; "
        f"print(json.dumps(pickle.load(open({str(question)!r}, 'rb'))()))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    answer = json.loads(out)
    assert list(answer["lacks"]) == ["neuronsig"]
    assert answer["python"] == describe(())["python"]
    assert pickle.loads(question.read_bytes())()["lacks"] == {}
