"""Which results of the jobs after mining a signature is shown with: those made from what the run holds now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuronsig.errors import InputError
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.remake_command import making_command

FOUND = {
    "cluster": "clusters, typical sentences and facets",
    "triggers": "the words that carry the activation",
    "evaluate": "the signature's score on unseen sentences",
    "stability": "the agreement of halves of the corpus",
    "outliers": "whether one thing dominates the top sentences",
    "corpus_table": "the corpora in figures, which neurons are compared with",
}
"""Jobs whose results a signature is shown with, and what they are called."""


@dataclass(frozen=True)
class Currency:
    """Stages of the jobs in FOUND: fingerprints of the current ones, and the commands that make the others.

    `left_out` are those that were finished, and whose inputs have changed since; `missing` were not finished.
    """

    current: dict[str, str]
    left_out: dict[str, str]
    missing: dict[str, str]


def required_stages(model: str) -> tuple[str, ...]:
    """The stages whose results a signature is made of."""
    return "annotate", f"collect/{model}", f"mine/{model}"


def currency(run: RunDirectory, model: str, needed_by: str) -> Currency:
    """What there is of one model; raises InputError when a required stage is not finished, or not of its inputs."""
    for stage in required_stages(model):
        run.fingerprint(stage, needed_by)
    found = Currency({}, {}, {})
    for job in FOUND:
        stage = job if job == "corpus_table" else f"{job}/{model}"
        entry = run.stage_record(stage)
        if entry is None or entry["status"] != "complete":
            found.missing[stage] = making_command(run, model, job)
            continue
        try:
            found.current[stage] = run.fingerprint(stage, needed_by)
        except InputError:
            found.left_out[stage] = making_command(run, model, job)
    return found


def say_left_out(commands: Mapping[str, str]) -> None:
    """On the terminal, each command on a line of its own, however long: one that is broken cannot be copied."""
    for what, command in told(commands):
        say(f"\nleft out, because what it was made from has changed since: {what}\n  {command}")


def say_missing(commands: Mapping[str, str]) -> None:
    """As `say_left_out`."""
    for what, command in told(commands):
        say(f"\nnot made yet: {what}\n  {command}")


def told(commands: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(what a stage finds, the command that makes it) for each stage."""
    return tuple((FOUND[stage.split("/")[0]], command) for stage, command in commands.items())
