"""A neuron in one sentence, of the statements that predict its list (neuronsig describe), strongest first."""

from __future__ import annotations

from neuronsig.signature.salience import percent
from neuronsig.signature.view import NeuronView
from neuronsig.statements.wording import ToldStatement

SHOWN = 5
"""Statements in the sentence, at most; the page has all that are told."""
NOTHING = "nothing stands out"


def told_text(view: NeuronView) -> str:
    """What is told, what it covers, and what it predicts."""
    told = view.told or ()
    if not told:
        return "Nothing stands out: no statement is credible among all that were looked at." + score_text(view)
    first = told[:SHOWN]
    text = "Sentences " + "; ".join(f"{one.text} ({_shares(one)})" for one in first)
    covered = first[-1].covered
    cover = f" These cover {percent(covered)} of its sentences." if covered < 0.995 else ""
    return f"{text}.{cover}" + score_text(view)


def _shares(one: ToldStatement) -> str:
    return f"{percent(one.share)}, others {percent(one.reference)}"


def told_label(view: NeuronView) -> str:
    """The first two statements."""
    return " · ".join(_short(one) for one in (view.told or ())[:2]) or NOTHING


def _short(one: ToldStatement) -> str:
    return one.text.removeprefix("with ").removeprefix("of ")


def score_text(view: NeuronView) -> str:
    """How well what is told finds unseen sentences that activate the neuron, and how well all statements do."""
    score = view.score
    if score is None:
        return ""
    if not view.told:
        return ""
    if not score.told_beats_chance:
        return " On unseen documents what is told is not clearly better than chance."
    of = f"average precision {score.told_ap:.2f}, all {score.patterns} statements {score.ap:.2f}"
    little = " It predicts little." if score.told_ap < LITTLE * score.ap else ""
    return f" On unseen documents it reaches {of} (chance {score.chance:.2f}).{little}"


LITTLE = 0.25
"""Share of the whole signature's average precision below which what is told is said to predict little."""
