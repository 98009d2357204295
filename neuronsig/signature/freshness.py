"""Which results of the jobs after mining a signature is shown with, and the commands that make the others.

Shown are those made from what the run holds now. The commands are complete, so that they can be copied and run.
"""

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neuronsig.config import MiningConfig
from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.progress import say
from neuronsig.run.commands import remake, words_of
from neuronsig.run.directory import RunDirectory
from neuronsig.run.rules import earlier_rules, is_later
from neuronsig.run.stages import JOBS, JobSpec, input_stages

LEFT_OUT = "left out, because what it was made from has changed since"
NOT_MADE = "not made yet"
EARLIER = "shown as it was made by earlier rules"


@dataclass(frozen=True)
class Freshness:
    """Stages with results that signatures are shown with: the current ones' fingerprints, the others' commands.

    `left_out` are those that were finished, and whose inputs have changed since; `missing` were not finished. Both
    have the command that makes the stage. So has what is said of each stage shown, or that these were made from, that
    rules of before today's have made, and what has changed: `earlier`.
    """

    current: dict[str, str]
    left_out: dict[str, str]
    missing: dict[str, str]
    earlier: dict[str, str]


def required_stages(model: str) -> tuple[str, ...]:
    """The stages whose results a signature is made of."""
    return *input_stages("mine", model), JOBS["mine"].stage(model)


def with_results() -> list[JobSpec]:
    """Jobs whose results a signature is shown with, those of one model first."""
    return sorted((job for job in JOBS.values() if job.results), key=lambda job: not job.per_model)


def freshness(run: RunDirectory, model: str, needed_by: str) -> Freshness:
    """What there is of one model; raises InputError when a required stage is not finished, or not of its inputs.

    Stages of earlier rules are as good to look at as they were; those of later ones are refused, as unknown.
    """
    for stage in required_stages(model):
        run.fingerprint(stage, needed_by, earlier=True)
    found = Freshness({}, {}, {}, {})
    for job in with_results():
        stage = job.stage(model)
        entry = run.stage_record(stage)
        if entry is None or entry["status"] != "complete":
            found.missing[stage] = remake_command(run, model, job.name)
            continue
        try:
            found.current[stage] = run.fingerprint(stage, needed_by, earlier=True)
        except InputError:
            if is_later(stage, entry["plan"]):
                raise
            found.left_out[stage] = remake_command(run, model, job.name)
    shown = (*required_stages(model), *found.current)
    found.earlier.update(earlier_rules(run.root, run.record()["stages"], shown))
    return found


def say_commands(why: str, commands: Iterable[tuple[str, str]]) -> None:
    """On the terminal, each command on a line of its own, however long: one that is broken cannot be copied."""
    for what, command in commands:
        say(f"\n{why}: {what}\n  {command}")


def say_freshness(missing: Mapping[str, str], left_out: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    """On the terminal, what a signature is shown without, and what of it other rules than today's have made."""
    say_commands(NOT_MADE, by_results(missing))
    say_commands(LEFT_OUT, by_results(left_out))
    say_commands(EARLIER, earlier.items())


def by_results(commands: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(what a stage's results are called, the command that makes it) for each stage."""
    return tuple((JOBS[stage.split("/")[0]].results, command) for stage, command in commands.items())


def remake_command(run: RunDirectory, model: str, job: str) -> str:
    """The command that makes a model's stage of a job as it was made the last time (neuronsig.run.commands)."""
    return remake(run.root, run.record()["stages"], JOBS[job].stage(model))


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
