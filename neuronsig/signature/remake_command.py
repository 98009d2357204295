"""The command that makes what a job after mining finds, complete, so that it can be copied and run."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS

UNREAD = ("model.name", "model.shape")
"""Keys that are written anyway, or that no job after mining reads."""


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
    """What a command without a word means."""
    return compose()


def _written(value: Any) -> str:
    """A value in Hydra's grammar: lists of names and numbers without blanks and quotes."""
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
