"""The sentence of a neuron tells what predicts its list, how well, and what it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuronsig.neuron import Neuron
from neuronsig.signature.numbers import percent
from neuronsig.signature.summary import NOTHING, UNKNOWN, describe
from neuronsig.signature.view import FacetView, NeuronView, ScoreView, Share, TriggerView
from neuronsig.statements.wording import ToldStatement

QUIET = NeuronView(
    neuron=Neuron("hidden", 1, 0),
    n_sentences=1000,
    n_tokens=18_000,
    mined=True,
    selectivity=1.0,
    length=Share("words", 18.0, 18.9),
    length_sd=5.0,
    pos_shares=(),
    sentences=(),
    evidence={},
    metadata={},
    told=(),
)
OLYMPICS = replace(QUIET, told=(ToldStatement("with “olympics” or “medal”", 0.64, 0.02, 0.4, 0.64),))
SCORE = ScoreView(0.41, 0.01, True, False, told_beats_chance=True, told_ap=0.3, patterns=700)


def test_statements_are_told_strongest_first_with_what_they_cover() -> None:
    told = ToldStatement("of at most 6 words", 0.5, 0.2, 0.1, 0.815, "length")
    found = describe(replace(OLYMPICS, told=(*OLYMPICS.told, told)))  # type: ignore[misc]
    assert found.text == (
        "Sentences with “olympics” or “medal” (64%, others 2.0%); of at most 6 words (50%, others 20%). "
        "These cover 82% of its sentences."
    )
    assert (found.label, found.kind, found.strength) == ("“olympics” or “medal” · at most 6 words", "words", 0.4)


def test_of_ten_statements_five_are_in_the_sentence() -> None:
    told = tuple(ToldStatement(f"with “w{i}”", 0.1, 0.01, 0.1, 0.1 * i) for i in range(1, 11))
    text = describe(replace(QUIET, told=told)).text
    assert "“w5”" in text
    assert "“w6”" not in text
    assert text.endswith("These cover 50% of its sentences.")


def test_what_nothing_is_told_of_says_so() -> None:
    assert describe(QUIET).label == NOTHING
    assert describe(QUIET).text.startswith("Nothing stands out: no statement is credible")
    assert describe(QUIET).kind == "none"


def test_a_neuron_that_is_not_described_yet_names_the_job() -> None:
    found = describe(replace(QUIET, told=None))
    assert (found.label, found.kind) == (UNKNOWN, "none")
    assert "neuronsig describe" in found.text
    assert "neuronsig mine" in describe(replace(QUIET, told=None, mined=False)).text


def test_too_few_sentences_say_nothing() -> None:
    assert "too few" in describe(replace(OLYMPICS, n_sentences=3)).text


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (SCORE, "it reaches average precision 0.30, all 700 statements 0.41 (chance 0.01)."),
        (replace(SCORE, told_ap=0.05), "all 700 statements 0.41 (chance 0.01). It predicts little."),
        (replace(SCORE, told_beats_chance=False), "what is told is not clearly better than chance."),
    ],
    ids=["well", "little", "chance"],
)
def test_how_it_does_on_unseen_documents_is_told(score: ScoreView, said: str) -> None:
    assert describe(replace(OLYMPICS, score=score)).text.endswith(said)
    assert "unseen" not in describe(replace(QUIET, score=score)).text


def test_what_carries_the_activation_is_told_where_it_is_one_thing() -> None:
    trigger = TriggerView("token", "olympics", 0.71, concentration=0.34, sentences=20)
    text = describe(replace(OLYMPICS, trigger=trigger, score=SCORE)).text
    strongest = "The strongest word is “olympics” in 71% of the top 20 sentences"
    assert f" {strongest}; the strongest token holds 34% of what is above the unit's mean. On unseen" in text
    of_tag = TriggerView("tag", tag="VBD", tag_share=0.6, concentration=0.25)
    assert "of the past-tense verbs in 60% of the top sentences;" in describe(replace(OLYMPICS, trigger=of_tag)).text
    assert "strongest" not in describe(replace(OLYMPICS, trigger=TriggerView("diffuse"))).text


def test_a_neuron_that_answers_to_two_things_says_so() -> None:
    facets = (FacetView(0.6, ("olympics", "medal")), FacetView(0.2, ("tariff",)), FacetView(0.1, ()))
    facets += (FacetView(0.1, ("duty",), told=(("of at most 8 words", 0.8, 0.25), ("with “x”", 0.4, 0.1))),)
    text = describe(replace(OLYMPICS, facets=facets)).text
    assert "fall into 4 groups: 60% with “olympics”, “medal”; 20% with “tariff”; 10% with no words of their own" in text
    assert "; 10% of at most 8 words." in text
    assert "groups" not in describe(replace(OLYMPICS, facets=facets[:1])).text


def test_facets_that_are_first_told_alike_are_told_apart_by_what_is_their_own() -> None:
    def facet(share: float, *told: str) -> FacetView:
        return FacetView(share, (), told=tuple((text, 0.8, 0.2) for text in told))

    facets = (facet(0.5, "with “a”"), facet(0.3, "without “a”", "with “b”"), facet(0.2, "without “a”", "without “b”"))
    text = describe(replace(OLYMPICS, facets=facets)).text
    assert "50% with “a”; 30% without “a” and with “b”; 20% without “a” and without “b”." in text
    alike = (facet(0.5, "with “a”"), facet(0.3, "without “a”"), facet(0.2, "without “a”"))
    assert "30% without “a”; 20% without “a”." in describe(replace(OLYMPICS, facets=alike)).text


def test_a_long_label_is_clipped() -> None:
    told = ToldStatement("with " + ", ".join(f"“word{i}”" for i in range(8)), 0.5, 0.1, 0.2, 0.5)
    label = describe(replace(QUIET, told=(told,))).label
    assert (len(label), label[-1]) == (60, "…")


@pytest.mark.parametrize(
    ("share", "text"), [(0.824, "82%"), (0.031, "3.1%"), (0.0004, "0.04%"), (0.00001, "<0.01%"), (0.0, "0%")]
)
def test_percentages_keep_two_digits(share: float, text: str) -> None:
    assert percent(share) == text
