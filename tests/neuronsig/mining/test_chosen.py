"""Which neurons are mined: those named, of layers named, the most selective; what was not collected is named."""

from pathlib import Path

import pytest

from neuronsig.config import MiningConfig
from neuronsig.errors import ConfigError
from neuronsig.mining.chosen import choose, require_neurons
from neuronsig.neuron import Neuron


@pytest.mark.parametrize(
    ("mining", "said"),
    [
        (MiningConfig(neurons=["L7/U0"]), r"mining\.neurons=L7/U0: .*layers 1, 2"),
        (MiningConfig(neurons=["L2/U99"]), r"mining\.neurons=L2/U99: .*units 0 to 1 of layer 2"),
        (MiningConfig(neurons=["L1/U16777216"]), r"mining\.neurons=L1/U16777216: .*units 0 to 0 of layer 1"),
        (MiningConfig(neurons=["L2/U1-"]), r"mining\.neurons=L2/U1-: .*signs \[1\]"),
        (MiningConfig(neurons=["mlp:L1/U0"]), r"mining\.neurons=mlp:L1/U0: .*sites hidden"),
        (MiningConfig(layers=[3]), r"mining\.layers=3: .*layers 1, 2"),
        (MiningConfig(signs=[-1]), r"mining\.signs=\[-1\]: .*signs \[1\]"),
        (MiningConfig(neurons=["L2/U1-"], signs=[1]), r"mining\.neurons=L2/U1-: its sign is not in mining\.signs"),
    ],
    ids=["layer", "unit", "a unit beyond the code's bits", "sign", "site", "layers", "signs", "sign left out"],
)
def test_a_neuron_that_was_not_collected_is_named_with_the_bounds(mining, said):
    codes = [Neuron("hidden", *where).code for where in ((1, 0), (2, 0), (2, 1))]
    with pytest.raises(ConfigError, match=said):
        require_neurons(mining, codes, Path("topk"))


def test_all_are_mined_unless_some_are_named():
    neurons = [Neuron("hidden", layer, unit, sign) for layer in (1, 2) for unit in (0, 1) for sign in (1, -1)]
    rows = [
        {"site": n.site, "layer": n.layer, "unit": n.unit, "sign": n.sign, "lead_bits": bits, "lead_item": str(bits)}
        for bits, n in enumerate(neurons)
    ]

    def chosen(**settings):
        return [str(neuron) for neuron in choose(rows, MiningConfig(**settings))]

    assert chosen() == [str(neuron) for neuron in neurons]
    assert chosen(signs=[-1]) == ["L1/U0-", "L1/U1-", "L2/U0-", "L2/U1-"]
    assert chosen(neurons=["L1/U1"]) == ["L1/U1"]
    assert chosen(layers=[2], signs=[1]) == ["L2/U0", "L2/U1"]
    assert chosen(selective=1, neurons=["L1/U0"]) == ["L1/U0", "L2/U1-"]
