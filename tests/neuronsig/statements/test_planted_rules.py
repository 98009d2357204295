"""A list made by a rule is told by that rule first, in noise too, and a list of no meaning by nothing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from neuronsig.statements.signature import describe
from neuronsig.statements.training import TrainingText, reference_of
from neuronsig.statements.wording import said
from tests.neuronsig.statements.texts import RULES, Row, make_rows, table_of

N, LISTS = 9000, 2304
OTHERS = {
    # Said in other words, of the same sentences or nearly.
    "with a word in -tion": {"with a word in -ion"},  # all such words of the text are both
    "with digits": {"with a number"},
    "either with “the” or with “a”, not both": {"either with “a” or with “the”, not both"},
    "either with “of” or with “in”, not both": {"either with “in” or with “of”, not both"},
    "with a plural noun and with a past verb": {"with a past verb and with a plural noun"},
    "with “old” or “small”": {
        "with “small” or “old”",
        "with a form of “old” or “small”",
        "with a form of “small” or “old”",
    },
    "with “boat” or “stone”": {"with “stone” or “boat”", "with a form of “stone” or “boat”"},
}
assert len(RULES) >= 40
QUICK = ["with “music”", "with a determiner, an adjective and a noun in a row", "ending in “?”", "without a verb"]


@cache
def corpus() -> tuple[list[Row], TrainingText]:
    rows = make_rows(N)
    return rows, TrainingText.of(table_of(rows), reference_of(np.arange(N), 1000))


def first_statement(rule: str, noise: float, size: int = 250) -> str:
    """What is told first of a list of `size` sentences, of which the share `noise` is drawn from all."""
    rows, text = corpus()
    draw = np.random.default_rng(len(rule))
    holds = np.flatnonzero([bool(RULES[rule](row)) for row in rows])
    size = min(size, int(0.8 * len(holds)))
    true = draw.choice(holds, round(size * (1 - noise)), replace=False)
    others = draw.choice(np.setdiff1d(np.arange(N), true), size - len(true), replace=False)
    told = [one for one in describe(text, np.concatenate((true, others)), LISTS) if one.told is not None]
    return said(told[0].statement, (told[0].told or 0) > 0) if told else ""


@pytest.mark.parametrize("rule", QUICK)
def test_a_rule_is_told_first(rule: str) -> None:
    assert first_statement(rule, 0.1) in {rule, *OTHERS.get(rule, ())}


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_is_told_first_in_noise(rule: str, noise: float) -> None:
    assert first_statement(rule, noise) in {rule, *OTHERS.get(rule, ())}


@pytest.mark.slow
def test_a_hundred_lists_of_no_meaning_are_told_by_nothing() -> None:
    _, text = corpus()
    draw = np.random.default_rng(5)
    for _ in range(100):
        statements = describe(text, draw.choice(N, 250, replace=False), LISTS)
        assert all(one.told is None for one in statements)
