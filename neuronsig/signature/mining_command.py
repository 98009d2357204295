"""The command that mines one more neuron of a run, complete, so that it can be copied and run."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

from neuronsig.config import MiningConfig
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.remake_command import words_of


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
