"""Whether the workers of a cluster can do the job: asked before work starts, and said in one line.

Spark and Ray carry the question (`probe`) to their workers and bring the answers back; what is asked, compared and said
is the same for both.
"""

import platform
import uuid
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from neuronsig.errors import MachineError, reason
from neuronsig.storage.files import remove
from neuronsig.storage.location import absolute
from neuronsig.storage.whole_files import atomic_write

Report = dict[str, Any]
"""A worker's answer. `host`; `python`, its minor version; `packages`, name -> version; `lacks`, name -> why it cannot
be imported; `run`, why the run directory is of no use there, or empty; `wrote`, the file that it wrote there."""

PACKAGES = ("neuronsig", "numpy", "pyarrow")
"""What every worker needs; a job adds its own."""


def probe(folder: str, packages: Sequence[str]) -> Callable[[], Report]:
    """What a worker runs. It is pickled by value, being a function inside one: the worker may have no neuronsig.

    `folder` is the one that `check` made.
    """
    names = list(packages)

    def report() -> dict[str, Any]:
        import platform
        import socket
        import uuid
        from importlib import import_module

        found: Report = {"host": socket.gethostname(), "python": ".".join(platform.python_version_tuple()[:2])}
        found |= {"packages": {}, "lacks": {}, "run": "", "wrote": ""}
        for name in names:
            try:
                found["packages"][name] = str(getattr(import_module(name), "__version__", ""))
            except Exception as error:
                found["lacks"][name] = str(error).split("\n")[0] or type(error).__name__
        if "neuronsig" in found["lacks"]:
            return found
        try:
            from neuronsig.storage.files import read_bytes
            from neuronsig.storage.location import location
            from neuronsig.storage.whole_files import atomic_write

            seen = location(folder)
            try:
                read_bytes(seen / "driver")
            except FileNotFoundError:
                found["run"] = "it is not there"
                return found
            name = uuid.uuid4().hex
            atomic_write(seen / name, b"")
            found["wrote"] = name
        except Exception as error:
            said = getattr(error, "strerror", None) or str(error).split("\n")[0]
            found["run"] = said or type(error).__name__
        return found

    return report


def check(
    run: Path,
    packages: Sequence[str],
    ask: Callable[[Callable[[], Report]], Iterable[Report]],
    environment: str,
) -> None:
    """Raise MachineError, one line, unless all workers are as this process is, and see and write the run directory.

    `ask` calls a function on the workers and gives back what they return. `environment` is the remedy where a worker
    has another Python or other packages.
    """
    folder = run / f".preflight-{uuid.uuid4().hex[:12]}"
    try:
        atomic_write(folder / "driver", b"")
    except Exception as error:  # a store's package raises errors of its own
        raise MachineError(f"run={run} cannot be written ({reason(error)}); choose another run=...") from None
    try:
        workers = list(ask(probe(absolute(folder), packages)))
        for worker in workers:
            if worker["wrote"] and not (folder / worker["wrote"]).is_file():
                worker["run"] = "what is written there is not seen here"
    finally:
        remove(folder)
    found = problems(describe(packages), workers, str(run), environment)
    if found:
        raise MachineError(found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))


def describe(packages: Sequence[str]) -> Report:
    """What this process has, as a worker says it."""
    versions = {name: str(getattr(import_module(name), "__version__", "")) for name in packages}
    return {"python": here(), "packages": versions}


def here() -> str:
    """The minor version of this process's Python."""
    return ".".join(platform.python_version_tuple()[:2])


def problems(driver: Report, workers: Sequence[Report], run: str, environment: str) -> list[str]:
    """One line for each thing that is wrong, with the first worker that has it, and the remedy."""
    hosts: dict[str, list[str]] = {}
    for worker in workers:
        for said in _differences(driver, worker, run, environment):
            hosts.setdefault(said, []).append(worker["host"])
    lines = []
    for said, found in hosts.items():
        others = len(set(found)) - 1
        lines.append(f"worker {found[0]}{f' and {others} more' if others else ''}: {said}")
    return lines


def other_python(there: str, here: str, environment: str) -> str:
    """What is said of a worker with another Python."""
    return f"Python {there}, and the job runs on {here}; {environment}"


def _differences(driver: Report, worker: Report, run: str, environment: str) -> Iterable[str]:
    if worker["python"] != driver["python"]:
        yield other_python(worker["python"], driver["python"], environment)
    for name, why in worker["lacks"].items():
        yield f"{name} cannot be imported ({why}); {environment}"
    for name, version in worker["packages"].items():
        if version != driver["packages"].get(name, version):
            yield f"{name} {version}, and the job runs with {driver['packages'][name]}; {environment}"
    if worker["run"]:
        yield (
            f"run={run} cannot be used from there ({worker['run']}); choose a run=... on a disk that "
            "all nodes share and may write, or at a URI: s3://, hdfs://, gs://, abfs://"
        )
