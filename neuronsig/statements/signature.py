"""The statements that predict a neuron's list: what is told of it, and the whole signature, fitted on mined text alone.

The list is set against a sample of the text that is not in it. First come the statements that are told
(neuronsig.statements.selection), at most TOLD. Then a logistic regression with an L1 penalty, whose weights are exactly
zero where a statement adds too little, chooses all that predict, and the strongest words of naive Bayes vote beside it.
Of all these, gathered into classes (neuronsig.statements.classes), the HUNDRED strongest have a model of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from neuronsig.statements.classes import MEMBERS, RARE, in_classes
from neuronsig.statements.columns import counts
from neuronsig.statements.evidence import log_odds, log_odds_limit
from neuronsig.statements.families import FAMILIES
from neuronsig.statements.logistic import Model
from neuronsig.statements.rows import Weighed
from neuronsig.statements.screening import SCREENED, distinct, most_telling, screened
from neuronsig.statements.selection import ALPHA, Selected, Selection
from neuronsig.statements.statement import Single, Statement
from neuronsig.statements.training import FITTED, REFERENCE, Ids, Training, TrainingText
from neuronsig.statements.weights import BLEND, VOTERS, blended, regression, word_votes

TOLD = 10
"""Statements that are told, at most: more are not read."""
HUNDRED = 100
WEIGHED = 4000
"""Statements that are weighed, those that tell most by themselves."""
PENALTY, HUNDRED_PENALTY = 0.0006, 0.001
"""Of the weights' absolute values, and of half the hundred's squared ones, beside the mean loss of a sentence."""
ROWS = 4500
"""Sentences, of list and reference together, for which WEIGHED, PENALTY and VOTERS are: more bear as many more weights.
On 12 neurons of six corpora (K = 10,000, 12,000 sentences) the share of the ceiling is 77 % without that."""
FEWEST = 10
"""Sentences of a list below which nothing is said of it."""

RULES = {
    "version": 3,
    "told": TOLD,
    "hundred": HUNDRED,
    "screened": SCREENED,
    "weighed": WEIGHED,
    "penalty": [PENALTY, HUNDRED_PENALTY],
    "rows": ROWS,
    "voters": [VOTERS, BLEND],
    "classes": [MEMBERS, RARE],
    "fitted": FITTED,
    "reference": list(REFERENCE),
    "families": list(FAMILIES),
}
"""What determines the statements beside lists and text. Later changes than `version` counts neuronsig.run.stages."""


def describe(text: TrainingText, sentence_ids: Ids, lists: int) -> list[Weighed]:
    """The statements of one list, those that are told first; empty where the list has fewer than FEWEST sentences.

    `lists` are all that are described: what is told first of one must be credible among all.
    """
    training = Training.of(text, sentence_ids)
    inside = int(training.listed.sum())
    if inside < FEWEST or inside == len(training.rows):
        return []
    every = text.columns.singles
    matrix = text.columns.matrix[training.rows]
    f1, f2 = counts(matrix[:inside]), counts(matrix[inside:])
    order = most_telling(f1, inside, f2, len(training.rows) - inside)
    near = screened(matrix, order, every, text.reference_counts / len(text.reference))
    singles = [every[place] for place in near]
    choice = Selection(matrix[:, near].tocsc(), singles, training.listed, text.columns.of_each_kind, lists)
    selected, told = choice.choose(TOLD)
    times = max(1.0, len(training.rows) / ROWS)
    words, votes = word_votes(text.words, f1, f2, round(times * VOTERS))
    alone = {one.statement.parts[0] for one in selected if not one.statement.operation}
    weighed = distinct(matrix, np.union1d(np.union1d(order[: round(times * WEIGHED)], near), words))
    weighed = weighed[[every[place] not in alone for place in weighed]]
    vote = np.zeros(matrix.shape[1])
    vote[words] = votes
    singles = [every[place] for place in weighed]
    columns = matrix[:, weighed].tocsc()
    return _signature(columns, singles, training.listed, selected, told, vote[weighed], PENALTY / times)


def _signature(
    columns: sparse.csc_matrix,
    singles: Sequence[Single],
    listed: NDArray[np.bool_],
    selected: Sequence[Selected],
    told: Model,
    votes: NDArray[np.float64],
    penalty: float,
) -> list[Weighed]:
    """The told statements, the others of the hundred, and all further ones that have a weight, each strongest first.

    `votes` (singles,) are those of naive Bayes.
    """
    n = len(selected)
    of_told = [sparse.csc_matrix(one.holds[:, None].astype(np.float32)) for one in selected]
    weights = blended(sparse.hstack([*of_told, columns], format="csr"), listed, np.append(np.zeros(n), votes), penalty)
    whole: list[float | None] = [float(weight) for weight in weights[:n]]
    weights = weights[n:]
    order = _strongest(weights, columns)
    alike = _of_like_weight(order[: MEMBERS * HUNDRED], weights)
    gathered = in_classes([singles[place] for place in alike], weights[alike], _share(columns)[alike])
    classes = [alike[of] for of in gathered]
    any_of = _any_of(columns, classes)
    strongest = _strongest(np.array([np.abs(weights[of]).mean() for of in classes]), any_of)[: HUNDRED - n]
    hundred = sparse.hstack([*of_told, any_of[:, strongest]], format="csr")
    in_hundred = regression(hundred, listed, HUNDRED_PENALTY) if hundred.shape[1] else np.zeros(0)
    chosen = [classes[place] for place in strongest]
    alone = {int(of[0]) for of in chosen if len(of) == 1}
    others = [int(place) for place in order if place not in alone]
    statements = [one.statement for one in selected]
    statements += [Statement("or" if len(of) > 1 else "", tuple(singles[i] for i in of)) for of in chosen]
    statements += [Statement("", (singles[place],)) for place in others]
    whole += [float(weights[of[0]]) if len(of) == 1 else None for of in chosen]
    whole += [float(weights[place]) for place in others]
    design = sparse.hstack([hundred, columns[:, others]], format="csr")
    return _rows(statements, design, listed, selected, told, in_hundred, whole)


def _of_like_weight(places: Ids, weights: NDArray[np.float64]) -> Ids:
    """The places by their weights' size, so that a class, which has one weight, is of statements that differ little.

    In the order of their strength instead, a hundred statements reach 70 % of the ceiling where these reach 82 % (eight
    neurons of six corpora, K = 10,000).
    """
    return places[np.argsort(-np.abs(weights[places]), kind="stable")]


def _any_of(columns: sparse.csc_matrix, classes: Sequence[Ids]) -> sparse.csc_matrix:
    """(sentences, classes) 1 where a sentence has any of the columns of a class."""
    member = np.concatenate([np.zeros(0, np.int64), *classes])
    of = np.repeat(np.arange(len(classes)), [len(members) for members in classes])
    shape = (columns.shape[1], len(classes))
    found = columns @ sparse.csc_matrix((np.ones(len(member), np.float32), (member, of)), shape)
    found.data[:] = 1
    return found


def _share(columns: sparse.csc_matrix) -> NDArray[np.float64]:
    """(columns,) share of the sentences with each."""
    return counts(columns) / columns.shape[0]


def _strongest(weights: NDArray[np.float64], columns: sparse.csc_matrix) -> Ids:
    """Places of the columns that have a weight, those first by which scores differ most."""
    share = _share(columns)
    order = np.argsort(-np.abs(weights) * np.sqrt(share * (1 - share)), kind="stable")
    return order[weights[order] != 0]


def _rows(
    statements: Sequence[Statement],
    design: Any,
    listed: NDArray[np.bool_],
    selected: Sequence[Selected],
    told: Model,
    hundred: NDArray[np.float64],
    whole: Sequence[float | None],
) -> list[Weighed]:
    inside, n = int(listed.sum()), len(listed)
    design = design.tocsr()
    f1, f2 = counts(design[:inside]), counts(design[inside:])
    ratio = log_odds(f1, inside, f2, n - inside)
    limit = log_odds_limit(f1, inside, f2, n - inside, ALPHA)
    covered, found = np.zeros(inside, bool), []
    for place, statement in enumerate(statements):
        is_told = place < len(selected)
        if is_told:
            covered |= selected[place].holds[:inside] == (told.weights[place] > 0)
        found.append(
            Weighed(
                statement, int(f1[place]), inside, int(f2[place]), n - inside, float(ratio[place]), float(limit[place]),
                selected[place].bits if is_told else None,
                float(covered.mean()) if is_told else None,
                float(told.weights[place]) if is_told else None,
                float(hundred[place]) if place < len(hundred) else None,
                whole[place],
            )
        )  # fmt: skip
    return found
