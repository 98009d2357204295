"""The statements that predict a neuron's list: what is told of it, and the whole signature, fitted on mined text alone.

The list is set against a sample of the text that is not in it. First come the statements that are told
(neuronsig.statements.selection), at most TOLD. Then a logistic regression with an L1 penalty, whose weights are exactly
zero where a statement adds too little, chooses all that predict, and the strongest words of naive Bayes vote beside it;
of all these the first HUNDRED have a model of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from neuronsig.statements.columns import counts
from neuronsig.statements.evidence import log_odds, log_odds_limit
from neuronsig.statements.families import FAMILIES
from neuronsig.statements.logistic import Floats, Model, fit, information
from neuronsig.statements.rows import Weighed
from neuronsig.statements.selection import ALPHA, Selected, Selection, halving
from neuronsig.statements.statement import Single, Statement
from neuronsig.statements.training import FITTED, REFERENCE, Ids, Training, TrainingText

TOLD = 10
"""Statements that are told, at most: more are not read."""
HUNDRED = 100
SCREENED = 1500
"""Statements that are looked at closely, those that tell most by themselves."""
WEIGHED = 4000
"""Statements that are weighed, those that tell most by themselves."""
PENALTY = 0.0006
"""Of the weights' absolute values, beside the mean loss of a sentence."""
VOTERS = 300
BLEND = 0.5
"""Words of naive Bayes that vote beside the regression, and their part. A regression takes one of several words that
come together, and naive Bayes all: on 48 neurons of the demo's run (median average precision on documents held out)
the regression alone reaches 0.156, naive Bayes 0.113, its 300 strongest words 0.136, both together 0.193."""
FEWEST = 10
"""Sentences of a list below which nothing is said of it."""

RULES = {
    "version": 1,
    "told": TOLD,
    "hundred": HUNDRED,
    "screened": SCREENED,
    "weighed": WEIGHED,
    "penalty": PENALTY,
    "voters": [VOTERS, BLEND],
    "fitted": FITTED,
    "reference": list(REFERENCE),
    "families": list(FAMILIES),
}
"""What determines the statements beside lists and text; `version` counts changes of the rules."""


def describe(text: TrainingText, sentence_ids: Ids, lists: int) -> list[Weighed]:
    """The statements of one list, those that are told first; empty where the list has fewer than FEWEST sentences.

    `lists` are all that are described: what is told of one must be credible among all.
    """
    training = Training.of(text, sentence_ids)
    inside = int(training.listed.sum())
    if inside < FEWEST or inside == len(training.rows):
        return []
    matrix = text.columns.matrix[training.rows]
    f1 = counts(matrix[:inside])
    f2 = counts(matrix[inside:])
    order = np.argsort(-information(f1, inside, f2, len(training.rows) - inside), kind="stable")
    share = text.reference_counts / len(text.reference)
    near = np.union1d(order[:SCREENED], halving(text.columns.singles, share))
    near = simplest(matrix[:, near].tocsc(), near)
    singles = [text.columns.singles[place] for place in near]
    choice = Selection(matrix[:, near].tocsc(), singles, training.listed, text.looked_at, lists)
    selected, told = choice.choose(TOLD)
    words, votes = word_votes(text.words, f1, f2)
    alone = {one.statement.parts[0] for one in selected if not one.statement.operation}
    weighed = np.union1d(np.union1d(order[:WEIGHED], near), words)
    weighed = simplest(matrix[:, weighed].tocsc(), weighed)
    weighed = weighed[[text.columns.singles[place] not in alone for place in weighed]]
    vote = np.zeros(matrix.shape[1])
    vote[words] = votes
    singles = [text.columns.singles[place] for place in weighed]
    return _signature(matrix[:, weighed], singles, training.listed, selected, told, vote[weighed])


def word_votes(words: Ids, f1: Floats, f2: Floats) -> tuple[Ids, Floats]:
    """The VOTERS words that tell naive Bayes most, and their votes: log of how much likelier each is in the list.

    `words` are places of words in f1 and f2, the sentences of list and rest with each (`bayes_weights`).
    """
    votes = bayes_weights(f1[words], f2[words])
    first = np.argsort(-np.abs(votes) * np.sqrt(f1[words] / f1.max() + f2[words] / f2.max()), kind="stable")[:VOTERS]
    return words[first], votes[first]


def simplest(columns: sparse.csc_matrix, places: Ids) -> Ids:
    """Of the columns that hold of the same sentences the first; `places` (columns,) ascend, simple kinds first."""
    drawn = np.random.default_rng(0).random(columns.shape[0])
    _, first = np.unique(np.round(columns.T @ drawn, 9), return_index=True)
    return places[np.sort(first)]


def bayes_weights(f1: Floats, f2: Floats) -> Floats:
    """(words,) log of how much likelier each word is in the list than in the rest, of sentences with it: naive Bayes'
    multinomial model, one added to each count."""
    listed, rest = f1 + 1, f2 + 1
    return np.asarray(np.log(listed / listed.sum()) - np.log(rest / rest.sum()))


def _signature(
    columns: sparse.csr_matrix,
    singles: Sequence[Single],
    listed: NDArray[np.bool_],
    selected: Sequence[Selected],
    told: Model,
    votes: Floats,
) -> list[Weighed]:
    """The told statements and all others that have a weight, strongest first; `votes` (singles,) of naive Bayes."""
    design, n = columns, len(selected)
    if selected:
        joined = np.stack([one.holds for one in selected], axis=1).astype(np.float32)
        design = sparse.hstack([sparse.csr_matrix(joined), columns], format="csr")
    weights = _blended(design, listed, np.concatenate((np.zeros(n), votes)))
    share = np.asarray(design.mean(axis=0)).ravel()
    strength = np.abs(weights) * np.sqrt(share * (1 - share))
    others = [place for place in n + np.argsort(-strength[n:], kind="stable") if weights[place]]
    order = [*range(n), *others]
    first = order[:HUNDRED]
    hundred = fit(design[:, first].toarray(), listed).weights if first else np.zeros(0)
    statements = [one.statement for one in selected] + [Statement("", (singles[place - n],)) for place in others]
    return _rows(statements, design[:, order], listed, selected, told, hundred, weights[order])


def _blended(design: Any, listed: NDArray[np.bool_], votes: Floats) -> Floats:
    """Weights of an L1 regression and of naive Bayes added up, the spread of scores of the one BLEND of the other's."""
    weights, rest = sparse_weights(design, listed), design[np.flatnonzero(~listed)]
    spread, of_votes = float(np.std(rest @ weights)), float(np.std(rest @ votes))
    if not spread or not of_votes:
        return weights + votes
    return np.asarray(weights + BLEND * spread / of_votes * votes)


def _rows(
    statements: Sequence[Statement],
    design: Any,
    listed: NDArray[np.bool_],
    selected: Sequence[Selected],
    told: Model,
    hundred: Floats,
    whole: Floats,
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
                float(whole[place]),
            )
        )  # fmt: skip
    return found


def sparse_weights(columns: Any, listed: NDArray[np.bool_], penalty: float = PENALTY) -> Floats:
    """The weights (columns,) of a logistic regression with an L1 penalty; list and rest count half each."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=1 / (penalty * len(listed)), l1_ratio=1, solver="liblinear", class_weight="balanced", tol=1e-2, random_state=0
    )
    return np.asarray(model.fit(columns, listed).coef_[0], np.float64)
