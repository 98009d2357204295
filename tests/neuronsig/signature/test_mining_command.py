"""The command for one more neuron is complete, and chooses again the neurons that were mined before."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from neuronsig.config import MiningConfig
from neuronsig.config.compose import compose
from neuronsig.neuron import Neuron
from neuronsig.signature.freshness import mining_command
from tests.run_factory import MODEL, change_stage, make_run


def test_the_settings_of_the_last_mining_come_back_with_the_neuron_added(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a run's folder", layers=1, units=2, k=10).run
    mined = MiningConfig(neurons=["L1/U0"], layers=[1], selective=7, alpha=0.01, metadata_skip=["date"])
    change_stage(run, f"mine/{MODEL}", config={"mining": dataclasses.asdict(mined)})
    words = shlex.split(mining_command(run, MODEL, Neuron("hidden", 1, 1)))
    assert words[:2] == ["neuronsig", "mine"]
    config = compose(words[2:])
    assert config.mining == dataclasses.replace(mined, neurons=["L1/U0", "L1/U1"])
    assert (config.run, config.model.name, config.overwrite) == (str(run.root), MODEL, True)


def test_a_direction_that_was_left_out_is_mined_of_all_neurons(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", layers=1, units=2, k=10).run
    mined = MiningConfig(signs=[1], alpha=0.01)
    change_stage(run, f"mine/{MODEL}", config={"mining": dataclasses.asdict(mined)})
    words = shlex.split(mining_command(run, MODEL, Neuron("hidden", 1, 1, -1)))
    assert compose(words[2:]).mining == MiningConfig(alpha=0.01)


def test_defaults_are_not_written_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", layers=1, units=2, k=10).run
    command = mining_command(run, MODEL, Neuron("hidden", 1, 1))
    said = f"neuronsig mine run={run.root} model.name={MODEL} 'mining.neurons=[L1/U1]' overwrite=true"
    assert command == said
