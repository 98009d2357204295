"""What a signature is compared with: classifiers that are fitted on the same mined list and reference.

length      regularised logistic regression on the length alone
words       the same on words and the length
bayes       naive Bayes over all words (multinomial, one added to each count)
ceiling     the same regression on words, pairs of words, tags, shapes and the length: what the text has to give
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronsig.statements.columns import Columns, counts
from neuronsig.statements.logistic import Floats
from neuronsig.statements.training import Training

LENGTH = ("length",)
WORDS = ("word",)
CEILING = ("word", "words_in_a_row", "tag", "shape", "length")
PENALTY = 0.0003
"""Of half the squared weights, beside the mean loss of a sentence. Of 0.02, 0.007, 0.002, 0.0007, 0.0002 and 0.00002 on
48 neurons of the demo's run 0.0002 ranks unseen sentences best (0.199), and a hundred times more is half as good."""

Places = NDArray[np.int64]


class Baselines:
    """Weights of the columns, fitted on one list after the other."""

    def __init__(self, columns: Columns) -> None:
        self._matrix = columns.matrix
        once = [place for place in columns.of_kinds(WORDS) if len(columns.singles[place].pattern) == 1]
        self._words = np.array(once, np.int64)
        self._regressions = {
            "length": columns.of_kinds(LENGTH),
            "words": columns.of_kinds((*WORDS, *LENGTH)),
            "ceiling": columns.of_kinds(CEILING),
        }

    def scores(self, training: Training, judged: Places) -> dict[str, Floats]:
        """Log odds (judged,) of these rows by each baseline, fitted on the rows of `training`."""
        rows = self._matrix[training.rows]
        inside = int(training.listed.sum())
        found = {}
        for name, places in self._regressions.items():
            weights = ridge_weights(rows[:, places], training.listed)
            found[name] = self._matrix[judged][:, places] @ weights
        words = rows[:, self._words]
        found["bayes"] = self._matrix[judged][:, self._words] @ bayes_weights(words[:inside], words[inside:])
        return found


def ridge_weights(columns: Any, listed: NDArray[np.bool_]) -> Floats:
    """The weights (columns,) of a logistic regression with an L2 penalty; list and rest count half each."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=1 / (PENALTY * len(listed)), solver="liblinear", class_weight="balanced", tol=1e-3, random_state=0
    )
    return np.asarray(model.fit(columns, listed).coef_[0], np.float64)


def bayes_weights(inside: Any, outside: Any) -> Floats:
    """(words,) log of how much likelier each word is in the list than in the rest, of sentences' words."""
    listed, rest = counts(inside) + 1, counts(outside) + 1
    return np.asarray(np.log(listed / listed.sum()) - np.log(rest / rest.sum()))
