"""Empty places of every kind: all that is done with files is done on each of them, in the same tests."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from neuronsig.storage import address
from neuronsig.storage.location import location

STORES = ["s3", "mount", pytest.param("hdfs", marks=pytest.mark.clusters)]


def empty_place(request: pytest.FixtureRequest) -> Path:
    """A folder, not yet there, of the kind that the fixture's parameter names: "disk" or one of STORES."""
    if request.param == "hdfs":
        return location(f"{request.getfixturevalue('hdfs').uri}/test-{uuid.uuid4().hex}/run")
    if request.param == "s3":
        return request.getfixturevalue("bucket") / "run"
    folder = request.getfixturevalue("tmp_path")
    if request.param == "mount":
        _mount(folder / "Volumes", request.getfixturevalue("monkeypatch"))
        return location(f"{folder}/Volumes/run")
    return location(f"{folder}/run")


def _mount(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a folder for what Databricks mounts, which knows neither locks nor renaming over a file."""

    def unable(*arguments: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    folder.mkdir()
    monkeypatch.setitem(address.MOUNTS, f"{folder}/", "dbfs:/Volumes/")
    monkeypatch.setattr("fcntl.flock", unable)
    monkeypatch.setattr("os.replace", unable)


def in_another_process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, which knows the same mounts."""
    known = f"from neuronsig.storage import address\naddress.MOUNTS.update({address.MOUNTS})\n"
    command = [sys.executable, "-c", known + code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
