"""What is said of a neuron's trigger is what was measured, and no more."""

from __future__ import annotations

import pytest

from neuronsig.signature.view import TriggerView
from neuronsig.signature.wording import corpus_text, detector_text


@pytest.mark.parametrize("detector", ["token", "tag", "context", "diffuse", "special"])
def test_every_detector_is_told_with_how_much_the_strongest_token_holds(detector: str) -> None:
    found = TriggerView(detector, "the", 0.7, "DT", 0.9, special_share=0.6, concentration=0.248, sentences=20)
    said = detector_text(found)
    assert "the strongest token holds 25% of what is above the unit's mean" in said
    assert "sits on" not in said


def test_the_word_that_is_most_often_strongest_is_told_of_a_spread_activation_too() -> None:
    said = detector_text(TriggerView("diffuse", "1/2", 0.7, concentration=0.006, sentences=20))
    assert said.startswith("Diffuse: no word carries the activation (the strongest one is most often “1/2”, in 70% of")


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ("length", "its other sentences, length for length."),
        ("length_domain", "its other sentences, length for length and domain for domain."),
        ("none", "its other sentences."),
        ("", "its other sentences."),
    ],
)
def test_the_corpus_of_a_share_is_what_mining_compared_with(match: str, said: str) -> None:
    assert corpus_text(match) == f"Shares of the corpus are of {said}"
