import pytest

from neuronsig.errors import ConfigError
from neuronsig.neuron import Neuron


@pytest.mark.parametrize("name", ["L4/U123", "L0/U0-", "mlp:L12/U3071"])
def test_a_name_read_and_written_is_the_same(name: str):
    assert str(Neuron.parse(name)) == name


@pytest.mark.parametrize("name", ["", "4/123", "L4U123", "L4/U", "L-1/U2", "conv:L1/U2"])
def test_anything_else_is_refused(name: str):
    with pytest.raises(ConfigError, match="not a neuron's name"):
        Neuron.parse(name)


def test_both_signs_have_files_of_their_own():
    assert Neuron.parse("L4/U7").slug == "hidden-L04-U0007p"
    assert Neuron.parse("L4/U7-").slug == "hidden-L04-U0007n"
