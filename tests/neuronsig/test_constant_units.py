"""Which units are constant, told by the range of their activations, and that readers of lists leave them out."""

from __future__ import annotations

import numpy as np
import pytest

from neuronsig.analysis.vectors import neuron_lists
from neuronsig.config import MiningConfig
from neuronsig.constant_units import constant_neurons, constant_rows, count_units, left_out
from neuronsig.errors import ConfigError, InputError
from neuronsig.mining.chosen import require_neurons
from neuronsig.neuron import Neuron
from neuronsig.readers import listed_neurons, read_top_lists
from tests.run_factory import MODEL, make_constant, make_run

USUAL = (-0.6, 0.9)
RANGES = [
    pytest.param((0.0, 0.0), {"float32", "bfloat16"}, id="never fires"),
    pytest.param((-0.0, 0.0), {"float32", "bfloat16"}, id="zero in both signs"),
    pytest.param((0.3, 0.3), {"float32", "bfloat16"}, id="its bias alone"),
    pytest.param((0.3, 0.3 * (1 + 2e-6)), {"float32", "bfloat16"}, id="sums of other lengths"),
    pytest.param((-0.3 * (1 + 2**-8), -0.3), {"bfloat16"}, id="one step of bfloat16"),
    pytest.param((-2e-32, 4e-33), {"float32", "bfloat16"}, id="all but switched off, as MiniLM's L6/U127"),
    pytest.param((-9.4e-8, -8.1e-8), {"float32", "bfloat16"}, id="switched off less, as MiniLM's L6/U319"),
    pytest.param((np.inf, np.inf), {"float32", "bfloat16"}, id="overflows in every sentence"),
    pytest.param((-np.inf, np.inf), set(), id="overflows both ways"),
    pytest.param((0.0, np.inf), set(), id="overflows once"),
    pytest.param((np.nan, 0.3), set(), id="not known"),
    pytest.param(USUAL, set(), id="as any other"),
    pytest.param((0.0, 1e-3), set(), id="seldom and weak"),
    pytest.param((7.8, 8.2), set(), id="large, and differs little"),
    pytest.param((1e-4, 3e-4), set(), id="small"),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("own", "constant"), RANGES)
def test_a_unit_is_constant_where_its_activations_differ_by_no_more_than_float_noise(own, constant, dtype):
    lowest, highest = np.array([own, *[USUAL] * 8], np.float32).T
    found = constant_rows(lowest, highest, dtype)
    assert found[0] == (dtype in constant)
    assert not found[1:].any()


def test_where_most_units_are_dead_the_others_are_not():
    lowest, highest = np.float32([0, 0, 0, 0, 1e-9]), np.float32([0, 0, 0, 0, 2e-9])
    assert constant_rows(lowest, highest, "float32").tolist() == [True] * 4 + [False]


@pytest.fixture(scope="module")
def topk(tmp_path_factory):
    """Two layers of four units, both signs of one unit constant, of another only one that is not collected."""
    made = make_run(tmp_path_factory.mktemp("run"), units=4, sentences=80, k=10)
    constant = {Neuron("hidden", 2, 3): 0.25, Neuron("hidden", 2, 3, -1): 0.25, Neuron("hidden", 1, 0): 0.0}
    make_constant(made.run, constant)
    return made.run.topk(MODEL)


def test_markers_tell_which_they_are_and_their_activation(topk, tmp_path):
    assert constant_neurons(topk) == {
        Neuron("hidden", 1, 0): 0.0,
        Neuron("hidden", 2, 3, -1): 0.25,
        Neuron("hidden", 2, 3): 0.25,
    }
    assert count_units(constant_neurons(topk)) == 2
    assert left_out(topk) == {"constant units left out": 2}
    assert constant_neurons(tmp_path) == {}
    assert left_out(tmp_path) == {}


def test_readers_of_all_lists_leave_them_out(topk):
    wanted = [Neuron("hidden", 1, 1), Neuron("hidden", 1, 2), Neuron("hidden", 1, 3)]
    wanted += [Neuron("hidden", 2, unit) for unit in range(3)]
    assert listed_neurons(topk) == wanted
    lists = read_top_lists(topk)
    assert lists.neurons == wanted
    assert len(lists.sentence_ids) == 6 * 10
    assert neuron_lists(topk).neurons == wanted
    # A list that is asked for by name is there.
    assert read_top_lists(topk, [Neuron("hidden", 1, 0)]).neurons == [Neuron("hidden", 1, 0)]


def test_one_that_is_named_to_be_mined_is_refused(topk):
    codes = [neuron.code for neuron in listed_neurons(topk)]
    with pytest.raises(ConfigError, match=r"mining\.neurons=L2/U3: its activation is the same for every sentence \(0"):
        require_neurons(MiningConfig(neurons=["L1/U1", "L2/U3"]), codes, topk)
    with pytest.raises(ConfigError, match=r"mining\.neurons=L2/U4: .* units 0 to 3 of layer 2"):
        require_neurons(MiningConfig(neurons=["L2/U4"]), codes, topk)


def test_a_run_in_which_all_are_constant_is_refused_in_one_line(tmp_path):
    made = make_run(tmp_path, layers=1, units=2, sentences=80, k=10)
    make_constant(made.run, {Neuron("hidden", 1, unit): 0.5 for unit in range(2)})
    for read in (listed_neurons, read_top_lists):
        with pytest.raises(
            InputError, match="each of its 2 units has the same activation for every sentence"
        ) as caught:
            read(made.run.topk(MODEL))
        assert "\n" not in str(caught.value)
