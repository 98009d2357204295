"""How a job ends badly: one line, and an exit code."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from neuronsig.errors import InputError, MachineError
from neuronsig.run import interruption
from neuronsig.run.interruption import ToldInterruption, interruptible
from neuronsig_jobs.endings import ending
from neuronsig_jobs.pipeline import ended, how_ended

GO_ON = "run the same command again to go on from here"


@pytest.fixture(autouse=True)
def no_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engines of the tests' own process live on."""
    monkeypatch.setattr(interruption, "_ends", [])


def after(first: BaseException, then: Exception) -> Exception:
    """An error that was raised while another one was under way."""
    try:
        try:
            raise first
        except BaseException:
            raise then  # noqa: B904
    except Exception as error:
        return error


class JavaError(Exception):
    """As py4j's: what it says is asked of the JVM."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __str__(self) -> str:
        if not self.said:
            raise ConnectionError("the JVM is gone")
        return self.said


class OutOfDiskError(Exception):
    """As Ray's."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        # pyarrow's has the number, but not everywhere.
        OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
        JavaError("An error occurred while calling o1.parquet.\n: org.apache.spark.SparkException: Job aborted\n"
                  "Caused by: java.io.IOException: No space left on device\n\tat java.base/java.io.X(Native Method)\n"),
        JavaError("Traceback (most recent call last):\nOSError: [Errno 122] Disk quota exceeded\n"),
        JavaError("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException: The DiskSpace quota of /runs is exceeded"),
        OutOfDiskError("Local disk is full"),
        after(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/runs/x"), RuntimeError("the writer was left open")),
    ],
    ids=["Python", "pyarrow", "JVM", "worker of Spark", "HDFS", "Ray", "an error while it is cleaned up"],
)  # fmt: skip
def test_a_disk_that_is_full_is_one_line_whoever_finds_it(error: Exception):
    line, code = ending(error) or ("", 0)
    assert re.fullmatch(r"error: .*(No space left|quota exceeded)[^\n]*; free some space and run [^\n]* stays", line)
    assert code == 2


@pytest.mark.parametrize(
    "error", [OSError(errno.EISDIR, "Is a directory"), JavaError("NullPointerException"), JavaError(""), SystemExit(1)]
)
def test_what_is_no_fault_of_the_user_s_is_a_defect(error: BaseException):
    assert ending(error) is None


def test_an_error_that_is_told_stays_as_it_is_told():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert ending(after(full, InputError("run=x cannot be written"))) == ("error: run=x cannot be written", 2)


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        after(KeyboardInterrupt(), JavaError("Py4JError: An error occurred while calling o1.setCallSite")),
        after(KeyboardInterrupt(), MachineError("Spark cannot be started")),
    ],
    ids=["as it is", "an engine fails by it", "an engine does not start"],
)
def test_what_fails_because_of_an_interruption_is_one(error: BaseException):
    assert ending(error) == (f"interrupted; {GO_ON}", 130)
    assert ending(ToldInterruption(signal.SIGTERM)) == ("", 143)


def test_an_interruption_that_an_engine_has_swallowed_is_one_too():
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert ending(ConnectionError("the JVM is gone")) == (f"ended by SIGTERM; {GO_ON}", 143)
    assert ending(ConnectionError("the JVM is gone")) is None


WAITING = """
import os, signal, sys, time
from neuronsig_jobs.__main__ import interruptible, tell
with interruptible():
    try:
        if sys.argv[2:] == ["alone"]:
            os.kill(os.getpid(), signal.SIGINT)
        open(sys.argv[1], "w").close()
        time.sleep(60)
    except BaseException as error:
        sys.exit(tell(error)[1])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_pipeline_hands_an_interruption_on_and_waits(
    number: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    def interrupt() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    with interruptible():
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(ToldInterruption) as told:
            ended([sys.executable, "-c", WAITING, str(tmp_path / "begun")])
    assert told.value.number == number
    assert capfd.readouterr().err.count(GO_ON) == 1


def test_a_job_that_is_interrupted_alone_interrupts_the_pipeline(tmp_path: Path):
    with pytest.raises(ToldInterruption):
        ended([sys.executable, "-c", WAITING, str(tmp_path / "begun"), "alone"])


def test_a_job_that_a_signal_has_ended_says_which():
    assert how_ended(2) == "ended with exit code 2 (see above)"
    code = ended([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert how_ended(code) == "was ended by signal 9 (Killed), as a machine does that is out of memory"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "ascii:strict"])
def test_what_a_stream_cannot_show_is_a_question_mark(encoding: str):
    command = [sys.executable, "-m", "neuronsig_jobs", "show", "run=runs/größe→"]
    shown = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding}, check=False)
    assert shown.returncode == 2, shown.stderr
    ascii_only = encoding.startswith("ascii")
    assert b"run: runs/" + (b"gr??e?" if ascii_only else b"gr\xf6\xdfe?") in shown.stdout
    assert shown.stderr.startswith(b"error: run=runs/" + (b"gr??e?" if ascii_only else b"gr\xf6\xdfe?"))
    assert shown.stderr.count(b"\n") == 1
