"""A neuron in one sentence: the statements that predict its list (neuronsig describe), strongest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuronsig.names import TAGS
from neuronsig.signature.numbers import percent
from neuronsig.signature.view import FacetView, NeuronView
from neuronsig.statements.wording import ToldStatement

FEW = 10  # sentences below which nothing is said
ASPECTS = ("metadata", "words", "tags", "length", "none")
NOTHING, UNKNOWN = "nothing stands out", "not described yet"
SHOWN = 5
"""Statements in the sentence, at most; the page has all that are told."""
LITTLE = 0.25
"""Share of the whole signature's average precision below which what is told is said to predict little."""


@dataclass(frozen=True)
class Description:
    """`label`: a few words; `text`: one sentence and how well it predicts; `kind`: what the first statement is about,
    one of ASPECTS; `strength`: the bits that it tells, by which neurons of one kind are ordered."""

    label: str
    text: str
    kind: str
    strength: float


def describe(view: NeuronView) -> Description:
    """Say in one sentence what predicts that a sentence is among the neuron's top sentences."""
    if view.n_sentences < FEW:
        text = f"Only {view.n_sentences} sentences were collected, too few to say anything."
        return Description(NOTHING, text, "none", 0.0)
    if view.told is None:
        jobs = "neuronsig describe finds" if view.mined else "neuronsig mine, then neuronsig describe, find"
        return Description(UNKNOWN, f"Not described yet: {jobs} what is told.", "none", 0.0)
    further = "".join((_facets(view), _carrier(view), _score(view)))
    if not view.told:
        text = "Nothing stands out: no statement is credible among all that were looked at."
        return Description(NOTHING, text + further, "none", 0.0)
    first = view.told[0]
    label = " · ".join(one.text.removeprefix("with ").removeprefix("of ") for one in view.told[:2])
    return Description(_clip(label, 60), _sentence(view.told[:SHOWN]) + further, first.aspect, first.bits)


def _sentence(told: Sequence[ToldStatement]) -> str:
    """The statements, and what they cover."""
    shares = (f"{one.text} ({percent(one.share)}, others {percent(one.reference)})" for one in told)
    covered = told[-1].covered
    cover = f" These cover {percent(covered)} of its sentences." if covered < 0.995 else ""
    return f"Sentences {'; '.join(shares)}.{cover}"


def _facets(view: NeuronView) -> str:
    """The groups that the sentences fall into, where they are two or more, each by what sets it apart."""
    facets = view.facets or ()
    if len(facets) < 2:
        return ""
    kinds = (f"{percent(facet.share)} {_apart(facet, facets)}" for facet in facets)
    return f" They fall into {len(facets)} groups: {'; '.join(kinds)}."


def _apart(facet: FacetView, facets: Sequence[FacetView]) -> str:
    """The statement that predicts a facet best, or its words where none does; where another facet has that statement
    too, with the first that is its own."""
    if not facet.told:
        return "with " + (", ".join(f"“{word}”" for word in facet.words[:3]) or "no words of their own")
    others = {text for other in facets if other is not facet for text, *_ in other.told}
    first, *further = (text for text, *_ in facet.told)
    own = next((text for text in further if text not in others), "")
    return f"{first} and {own}" if first in others and own else first


def _carrier(view: NeuronView) -> str:
    """Which word is the strongest, where it is the same word or part of speech."""
    found = view.trigger
    if found and found.detector == "token":
        what = f"“{found.word}” in {percent(found.word_share)}"
    elif found and found.detector == "tag":
        what = f"of the {TAGS.get(found.tag, f'words tagged {found.tag}')} in {percent(found.tag_share)}"
    else:
        return ""
    return f" The strongest word is {what} of {found.looked_at}; {strongest_token(found.concentration)}."


def strongest_token(concentration: float) -> str:
    """How much of the activation is on one token, without which it says little that it is often the same word."""
    return f"the strongest token holds {percent(concentration)} of what is above the unit's mean"


def _score(view: NeuronView) -> str:
    """How well what is told finds unseen sentences that activate the neuron, and how well all statements do."""
    score = view.score
    if score is None or not view.told:
        return ""
    if not score.told_beats_chance:
        return " On unseen documents what is told is not clearly better than chance."
    of = f"average precision {score.told_ap:.2f}, all {score.patterns} statements {score.ap:.2f}"
    little = " It predicts little." if score.told_ap < LITTLE * score.ap else ""
    return f" On unseen documents it reaches {of} (chance {score.chance:.2f}).{little}"


def _clip(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
