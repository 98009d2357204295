"""Spark's workers asked before a job whether they can do it (neuronsig.run.preflight)."""

import json
import re
from collections.abc import Callable
from functools import partial

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from neuronsig.errors import MachineError, first_line
from neuronsig.run.preflight import PACKAGES, Report, check, here, other_python
from neuronsig.storage.location import absolute, location
from spark_jobs.connect import is_connected, parallelism
from spark_jobs.jvm import can_name

ENVIRONMENT = (
    "give the workers this environment: PYSPARK_PYTHON (spark.pyspark.python) names its Python there, --archives or "
    "spark.archives sends it, --py-files sends neuronsig alone"
)
_OTHER_PYTHON = re.compile(r"different version \(?'?([\d., ]+?)'?\)? than that in driver")
_HOST = re.compile(r"\(TID \d+\) \(([^\s)]+)")
_NO_INTERPRETER = re.compile(r"Cannot run program \"([^\"]+)\"")
_ITS_WORDS = re.compile(r"Error from python worker:\s+(.*)")
_LACKS = re.compile(r"No module named '?([\w.]+)'?")


def check_workers(session: SparkSession, run: str, *needs: str) -> None:
    """Raise MachineError, one line, where a worker has another Python or other packages, or cannot use the run.

    `needs` are packages besides those that every job needs. Workers that are this machine's own are not asked. The
    session's JVM must have the characters of the run's name.
    """
    if not can_name(session, absolute(location(run))):
        raise MachineError(
            f"run={run}: Spark's JVM has not all characters of this name and would write to another folder; start it "
            "with LC_ALL=C.UTF-8 in its environment, or choose a run=... in ASCII"
        )
    if not is_connected(session) and re.fullmatch(r"local(\[[^-]*\])?", session.conf.get("spark.master") or ""):
        return
    check(location(run), [*PACKAGES, "spark_jobs", *needs], partial(_ask, session), ENVIRONMENT)


def _ask(session: SparkSession, report: Callable[[], Report]) -> list[Report]:
    """The answers of as many tasks as run at once; asked again when there are more workers than at first."""

    def answer(_: int) -> str:
        return json.dumps(report())

    # Not a function of Arrow batches: a worker may have no pyarrow.
    asked = F.udf(answer, "string")
    answers: list[Report] = []
    try:
        while (tasks := parallelism(session)) > len(answers):
            rows = session.range(0, tasks, 1, tasks).select(asked("id").alias("answer")).collect()
            answers = [json.loads(row["answer"]) for row in rows]
    except Exception as error:
        raise MachineError(why(error)) from error
    return answers


def why(error: Exception) -> str:
    """One line out of what Spark says of a worker whose Python did not get as far as the question."""
    # Spark raises the worker's traceback alone; what the JVM told it, with the host, is the error's context.
    text = f"{error}\n{error.__context__ or ''}"
    host = _HOST.search(text)
    worker = f"worker {host.group(1)}" if host else "a worker"
    if found := _OTHER_PYTHON.search(text):
        there = ".".join(re.findall(r"\d+", found.group(1))[:2])
        return f"{worker}: {other_python(there, here(), ENVIRONMENT)}"
    if found := _NO_INTERPRETER.search(text):
        return f"{worker}: there is no {found.group(1)}; {ENVIRONMENT}"
    if found := _LACKS.search(text):
        return f"{worker}: {found.group(1)} cannot be imported; {ENVIRONMENT}"
    found = _ITS_WORDS.search(text)
    return f"{worker}: its Python does not answer ({found.group(1) if found else first_line(error)}); {ENVIRONMENT}"
