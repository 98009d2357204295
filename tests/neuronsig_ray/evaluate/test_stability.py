"""Errors of stability's tasks, as a user meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuronsig.config import MiningConfig, StabilityConfig
from neuronsig.errors import MachineError
from neuronsig.mining.halves import Lists, Settings
from neuronsig.neuron import Neuron
from neuronsig_ray.evaluate.stability import measure


def test_sentences_that_a_task_cannot_read_are_told_in_one_line(local_ray: None, tmp_path: Path) -> None:
    lists = Lists([Neuron("hidden", 1, 0)], [(np.arange(5), np.arange(5, 10))])
    settings = Settings((5,), StabilityConfig(), MiningConfig(), 1)
    with pytest.raises(MachineError, match="a file of the run cannot be read or written") as caught:
        measure([tmp_path / "gone.parquet"], lists, settings, tmp_path)
    assert "\n" not in str(caught.value)
