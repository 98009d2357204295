"""Which results of the jobs after mining a signature is shown with: those made from what the run holds now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuronsig.errors import InputError
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS, JobSpec, input_stages
from neuronsig.signature.remake_command import remake_command


@dataclass(frozen=True)
class Freshness:
    """Stages with results that signatures are shown with: the current ones' fingerprints, the others' commands.

    `left_out` are those that were finished, and whose inputs have changed since; `missing` were not finished. Both
    have the command that makes the stage.
    """

    current: dict[str, str]
    left_out: dict[str, str]
    missing: dict[str, str]


def required_stages(model: str) -> tuple[str, ...]:
    """The stages whose results a signature is made of."""
    return *input_stages("mine", model), JOBS["mine"].stage(model)


def with_results() -> list[JobSpec]:
    """Jobs whose results a signature is shown with, those of one model first."""
    return sorted((job for job in JOBS.values() if job.results), key=lambda job: not job.per_model)


def freshness(run: RunDirectory, model: str, needed_by: str) -> Freshness:
    """What there is of one model; raises InputError when a required stage is not finished, or not of its inputs."""
    for stage in required_stages(model):
        run.fingerprint(stage, needed_by)
    found = Freshness({}, {}, {})
    for job in with_results():
        stage = job.stage(model)
        entry = run.stage_record(stage)
        if entry is None or entry["status"] != "complete":
            found.missing[stage] = remake_command(run, model, job.name)
            continue
        try:
            found.current[stage] = run.fingerprint(stage, needed_by)
        except InputError:
            found.left_out[stage] = remake_command(run, model, job.name)
    return found


def say_left_out(commands: Mapping[str, str]) -> None:
    """On the terminal, each command on a line of its own, however long: one that is broken cannot be copied."""
    for results, command in by_results(commands):
        say(f"\nleft out, because what it was made from has changed since: {results}\n  {command}")


def say_missing(commands: Mapping[str, str]) -> None:
    """As `say_left_out`."""
    for results, command in by_results(commands):
        say(f"\nnot made yet: {results}\n  {command}")


def by_results(commands: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(what a stage's results are called, the command that makes it) for each stage."""
    return tuple((JOBS[stage.split("/")[0]].results, command) for stage, command in commands.items())
