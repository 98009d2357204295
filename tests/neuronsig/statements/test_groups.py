"""Groups of sentences made by rules are told by these rules, and groups drawn at random by nothing."""

from __future__ import annotations

import numpy as np

from neuronsig.statements.groups import TOLD, OfGroup, told_of_groups
from tests.neuronsig.statements.texts import make_rows, table_of

ROWS = make_rows(1200)
GROUPS = 9216
"""Four of each of 2,304 neurons."""


def test_each_group_is_told_by_its_rule_with_the_shares_of_its_sentences_and_of_the_others() -> None:
    asks = np.array([row["tokens"][-1] == "?" for row in ROWS])
    music = np.array(["music" in row["tokens"] for row in ROWS])
    groups = [np.flatnonzero(~asks & ~music)[:400], np.flatnonzero(asks & ~music), np.flatnonzero(music & ~asks)]
    of_rest, of_asks, of_music = told_of_groups(table_of(ROWS), groups, GROUPS)
    assert of_asks == [OfGroup("ending in “?”", 1, 0)]
    assert of_music == [OfGroup("with “music”", 1, 0)]
    assert (of_rest[0].statement, of_rest[0].others) == ("ending in “.”, but without “music”", 0)
    assert of_rest[0].share == np.mean([ROWS[i]["tokens"][-1] == "." for i in groups[0]])
    assert len(of_rest) <= TOLD


def test_of_groups_drawn_at_random_nothing_is_told() -> None:
    draw = np.random.default_rng(0)
    table = table_of(ROWS)
    for _ in range(5):
        order = draw.permutation(len(ROWS))
        assert told_of_groups(table, [order[:300], order[300:500], order[500:]], GROUPS) == [[], [], []]
