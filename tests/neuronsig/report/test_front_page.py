"""The front page shows different findings, and silent neurons from all over the model."""

from __future__ import annotations

from dataclasses import replace

from neuronsig.neuron import Neuron
from neuronsig.report.front_page import choose_featured, choose_silent
from neuronsig.report.site_data import Line
from neuronsig.signature.summary import Description
from tests.neuronsig.signature.test_summary import QUIET


def line(unit: int, label: str, kind: str, strength: float) -> Line:
    view = replace(QUIET, neuron=Neuron("hidden", 1, unit))
    return Line(view, Description(label, "", kind, strength))


def test_copies_of_one_finding_give_way_to_another_finding() -> None:
    lines = [
        line(0, "pull, issues", "words", 9.0),
        line(1, "issues, pull", "words", 8.0),
        line(2, "king", "words", 5.0),
    ]
    [(section, chosen)] = choose_featured(lines, 2)
    assert section[0] == "words"
    assert [x.neuron.unit for x in chosen] == [0, 2]


def test_every_kind_has_its_turn() -> None:
    lines = [line(i, f"w{i}", "words", 9.0) for i in range(5)] + [line(9, "short sentences", "length", 0.1)]
    found = {section[0]: [x.neuron.unit for x in chosen] for section, chosen in choose_featured(lines, 3)}
    assert found == {"words": [4, 3], "length": [9]}


def test_silent_neurons_are_spread_over_the_model() -> None:
    lines = [line(i, "nothing stands out", "none", 0.0) for i in range(12)]
    assert [x.neuron.unit for x in choose_silent(lines, 3)] == [2, 6, 10]
    assert choose_silent(lines[:2], 3) == lines[:2]
