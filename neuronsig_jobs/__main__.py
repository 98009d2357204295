"""The console command: `neuronsig JOB key=value ...`, and the same as `python -m neuronsig_jobs JOB key=value ...`."""

import ast
import importlib
import importlib.util
import io
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from neuronsig.run.interruption import interruptible
from neuronsig.run.stages import JOBS
from neuronsig_jobs.endings import tell


def purpose(job: str) -> str:
    """The first line of what a job's module says of it, without importing it: some need an engine."""
    spec = importlib.util.find_spec(f"neuronsig_jobs.{job}")
    text = spec.loader.get_source(spec.name)  # type: ignore[union-attr]
    return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job that the first word names with the words after it; returns its exit code, 2 where there is none."""
    with interruptible():
        try:
            _show_what_can_be_shown()
            return _called(list(sys.argv[1:] if argv is None else argv))
        except BaseException as error:
            return tell(error)[1]


def _called(words: Sequence[str]) -> int:
    if not words or words[0] in ("--help", "-h"):
        print("Usage: neuronsig JOB [key=value ...]     neuronsig JOB --help explains a job's keys\n")  # noqa: T201
        print("\n".join(f"  {name:<18}{purpose(name)}" for name in JOBS))  # noqa: T201
        return 0 if words else 2
    if words[0] not in JOBS:
        near = get_close_matches(words[0], JOBS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(JOBS)}"
        print(f"error: {words[0]!r} is no job; {meant}", file=sys.stderr)  # noqa: T201
        return 2
    # Imported here, where an interruption is told in a line: this takes seconds.
    job = importlib.import_module(f"neuronsig_jobs.{words[0]}")
    from neuronsig_jobs.launch import launch

    # A job that takes words without a key reads them in a `main` of its own.
    return int(job.main(words[1:]) if hasattr(job, "main") else launch(words[0], job.run, words[1:]))


def _show_what_can_be_shown() -> None:
    """Print `?` for a character that the terminal, or what else the streams are, has not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what a notebook has in their place
            stream.reconfigure(errors="replace")


def submitted() -> None:
    """The same for whoever does not look at what a function returns: an error ends in SystemExit, and nothing else.

    Databricks and YARN take any SystemExit for a failure, and what an entry point returns for nothing.
    """
    if code := main():
        sys.exit(code)


if __name__ == "__main__":
    submitted()
