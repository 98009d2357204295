"""Which results of the jobs after mining a signature is shown with, and the commands that make the others.

Shown are those made from what the run holds now. The commands are complete, so that they can be copied and run.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from neuronsig.config import Config, MiningConfig
from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS, JobSpec, input_stages

UNREAD = ("model.name", "model.shape")
"""Keys that are written anyway, or that no job after mining reads."""

LEFT_OUT = "left out, because what it was made from has changed since"
NOT_MADE = "not made yet"


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


def say_commands(why: str, commands: Mapping[str, str]) -> None:
    """On the terminal, each command on a line of its own, however long: one that is broken cannot be copied."""
    for results, command in by_results(commands):
        say(f"\n{why}: {results}\n  {command}")


def by_results(commands: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(what a stage's results are called, the command that makes it) for each stage."""
    return tuple((JOBS[stage.split("/")[0]].results, command) for stage, command in commands.items())


def remake_command(run: RunDirectory, model: str, job: str) -> str:
    """`neuronsig JOB run=... model.name=...` with the model of the collection and the settings of the last time.

    Only what differs from the defaults is written out. A job after mining may load the model, and refuses another than
    the one that was collected with.
    """
    words, known = [f"run={run.root}"], JOBS[job]
    entry = run.stage_record(known.stage(model))
    if known.per_model:
        words.append(f"model.name={model}")
        words += _recorded(run.stage_record(JOBS["collect"].stage(model)), "model")
        for section in known.own_sections:
            words += _recorded(entry, section)
    if entry is not None and known.refuses:
        words.append("overwrite=true")
    return shlex.join(["neuronsig", job, *words])


def mining_command(run: RunDirectory, model: str, neuron: Neuron) -> str:
    """`neuronsig mine run=... mining.neurons=[...] overwrite=true` with the settings of the run's last mining.

    The job writes the patterns of the neurons that its settings choose, so the ones mined before are named again; what
    is known of them is found in the run's work folder and not mined again. Where a setting left out one
    direction of all neurons, both are mined.
    """
    settings: dict[str, Any] = {}
    if entry := run.stage_record(f"mine/{model}"):
        settings = entry.get("config", {}).get("mining", {})
    default = dataclasses.asdict(MiningConfig())
    differing = {key: value for key, value in settings.items() if key in default and value != default[key]}
    if neuron.sign not in differing.get("signs", [neuron.sign]):
        del differing["signs"]
    if not settings or any(settings.get(name) for name in ("neurons", "layers", "selective")):
        differing["neurons"] = sorted({*settings.get("neurons", []), str(neuron)})
    words = [f"run={run.root}", f"model.name={model}", *words_of("mining", differing, default)]
    return shlex.join(["neuronsig", "mine", *words, "overwrite=true"])


def words_of(section: str, recorded: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    """`section.key=value` for the recorded settings that are not the defaults, in the order of the defaults.

    Keys that are no longer known have none.

    >>> words_of("mining", {"alpha": 0.01, "layers": [1, 2], "gone": 3}, {"layers": [], "alpha": 0.05})
    ['mining.layers=[1,2]', 'mining.alpha=0.01']
    """
    differing = [key for key, value in default.items() if recorded.get(key, value) != value]
    return [f"{section}.{key}={_written(recorded[key])}" for key in differing]


def _recorded(entry: Mapping[str, Any] | None, section: str) -> list[str]:
    """The words that give a section the values that a stage's record has of it."""
    default = dataclasses.asdict(getattr(_default(), section))
    read = {key: value for key, value in default.items() if f"{section}.{key}" not in UNREAD}
    return words_of(section, (entry or {}).get("config", {}).get(section, {}), read)


@cache
def _default() -> Config:
    return compose()


def _written(value: Any) -> str:
    """A value in Hydra's grammar: lists of names and numbers without blanks and quotes."""
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
