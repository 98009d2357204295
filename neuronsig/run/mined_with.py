"""What the signatures of a finished run were mined with, as run.json has it."""

from __future__ import annotations

from typing import Any

from neuronsig.config import MiningConfig, from_plan
from neuronsig.run.directory import RunDirectory


def mined_with(run: RunDirectory, model: str) -> MiningConfig:
    """The settings: keys that are gone are dropped, keys that the run was mined without have their defaults."""
    return from_plan(MiningConfig, _recorded(run, model))


def mined_trees(run: RunDirectory, model: str) -> str:
    """The fingerprint of the bracketed trees that were mined (mining.trees); empty where there were none."""
    return str(_recorded(run, model).get("trees_fingerprint", ""))


def _recorded(run: RunDirectory, model: str) -> dict[str, Any]:
    return dict((run.stage_record(f"mine/{model}") or {})["plan"]["mining"])
