"""Classes of statements, against plain loops, and what a signature makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from neuronsig.statements.classes import MEMBERS, RARE, in_classes
from neuronsig.statements.selection import FALSE, discoveries
from neuronsig.statements.signature import HUNDRED, TOLD, describe
from neuronsig.statements.statement import Single, Statement
from neuronsig.statements.training import Training, TrainingText, reference_of
from neuronsig.statements.weights import regression
from neuronsig.statements.wording import said
from tests.neuronsig.statements.texts import low, make_rows, table_of

ROWS = make_rows(2500, seed=8)
TEXT = TrainingText.of(table_of(ROWS), reference_of(np.arange(len(ROWS)), 200))
WORDS = {"boat", "river", "old", "went", "up"}
LIST = np.array([row["sentence_id"] for row in ROWS if WORDS & set(low(row))][:200])


def words(*names: str) -> list[Single]:
    return [Single("word", (name,)) for name in names]


def test_the_strongest_of_a_kind_and_a_sign_are_a_class_and_frequent_ones_and_bounds_stay_alone() -> None:
    singles = [*words(*"abcdefghijk"), Single("lemma", ("a",)), Single("length", ("at most", "3"))]
    weights = np.array([1.0, 1, -1, 1, 1, 1, 1, 1, 1, 1, -1, 1, 1])
    share = np.full(len(singles), 0.01)
    share[1] = 2 * RARE
    found = [members.tolist() for members in in_classes(singles, weights, share)]
    assert found == [[0, 3, 4, 5, 6, 7, 8, 9], [1], [2, 10], [11], [12]]


def test_a_full_class_is_followed_by_another() -> None:
    n = 2 * MEMBERS + 1
    sizes = [len(members) for members in in_classes(words(*map(str, range(n))), np.ones(n), np.zeros(n))]
    assert sizes == [MEMBERS, MEMBERS, 1]
    assert in_classes([], np.zeros(0), np.zeros(0)) == []


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    draw = np.random.default_rng(0)
    p = np.concatenate((draw.random(400), draw.random(40) * 1e-4))
    found = discoveries(p, len(p))
    np.testing.assert_array_equal(found, stats.false_discovery_control(p) <= FALSE)
    assert found.any()
    assert not discoveries(p, 1e9).any()


def test_a_hundred_statements_hold_of_what_they_say_and_have_the_weights_of_a_regression() -> None:
    signature = describe(TEXT, LIST, 1)
    told = [one for one in signature if one.told is not None]
    hundred = [one for one in signature if one.hundred is not None]
    assert 0 < len(told) <= TOLD
    assert len(told) < len(hundred) <= HUNDRED
    assert signature[: len(hundred)] == hundred
    training = Training.of(TEXT, LIST)
    rows = TEXT.columns.matrix[training.rows].toarray().astype(bool)
    holds = np.stack(
        [one.statement.joined([rows[:, TEXT.columns.place[part]] for part in one.statement.parts]) for one in hundred],
        axis=1,
    )
    inside = int(training.listed.sum())
    assert holds[:inside].sum(axis=0).tolist() == [one.f1 for one in hundred]
    assert holds[inside:].sum(axis=0).tolist() == [one.f2 for one in hundred]
    weights = regression(holds.astype(float), training.listed, 0.001)
    np.testing.assert_allclose([one.hundred for one in hundred], weights, atol=0.02)
    classes = [one for one in hundred[len(told) :] if one.statement.operation]
    assert all(one.statement.operation == "or" and one.whole is None for one in classes)
    assert all(1 < len(one.statement.parts) <= MEMBERS for one in classes)


def test_of_several_words_one_class_is_told_first() -> None:
    first = describe(TEXT, LIST, 1)[0].statement
    assert first.operation == "or"
    assert {part.pattern[0] for part in first.parts} == WORDS


@pytest.mark.parametrize(
    ("parts", "holds", "text"),
    [
        (words("a", "b", "c"), True, "with “a”, “b” or “c”"),
        (words("a", "b"), False, "without “a” or “b”"),
        ([Single("word", ("a",)), Single("word", ("b", "×2"))], True, "with “a” or “b” (2 times or more)"),
        ([Single("word", ("a",)), Single("word", ("b", "×2"))], False, "without “a” or “b” (2 times or more)"),
        ([Single("tag", ("JJ",)), Single("tag", ("DT",))], False, "without an adjective and without a determiner"),
        ([Single("metadata", ("topic=a=b",)), Single("metadata", ("domain=news",))], True,
         "whose topic is a=b or whose domain is news"),
        ([Single("position", ("at most", "0"))], True, "that begin their documents"),
        ([Single("position", ("at least", "1"))], True, "after the first of their documents"),
        ([Single("position", ("at most", "2"))], False, "after the first 3 of their documents"),
        ([Single("word_then_tag", ("go", "IN")), Single("word_then_tag", ("see", "IN"))], True,
         "with a form of “go” and then a preposition or with a form of “see” and then a preposition"),
    ],
)  # fmt: skip
def test_classes_and_bounds_read_as_a_person_would_say_them(parts: list[Single], holds: bool, text: str) -> None:
    assert said(Statement("or" if len(parts) > 1 else "", tuple(parts)), holds) == text
