"""What a signature is compared with: classifiers that are fitted on the same mined list and reference.

length      regularised logistic regression on the length alone
words       the same on words and the length
bayes       naive Bayes over all words (multinomial, one added to each count)
ceiling     the same regression on words, pairs of words, tags, shapes and the length: what the text has to give
"""

from __future__ import annotations

from neuronsig.statements.columns import counts
from neuronsig.statements.logistic import Floats
from neuronsig.statements.training import Ids, Training, TrainingText
from neuronsig.statements.weights import bayes_weights, regression

LENGTH = ("length",)
WORDS = ("word",)
CEILING = ("word", "words_in_a_row", "tag", "shape", "length")
PENALTY = 0.0003
"""Of half the squared weights, beside the mean loss of a sentence. Of 0.02, 0.007, 0.002, 0.0007, 0.0002 and 0.00002 on
48 neurons of the demo's run 0.0002 ranks unseen sentences best (0.199), and a hundred times more is half as good."""


class Baselines:
    """Classifiers of the sentences at some places of a text, fitted on one list after the other."""

    def __init__(self, text: TrainingText, judged: Ids) -> None:
        self._matrix, judged_rows = text.columns.matrix, text.columns.matrix[judged]
        kinds = {"length": LENGTH, "words": (*WORDS, *LENGTH), "ceiling": CEILING}
        places = {name: text.columns.of_kinds(of) for name, of in kinds.items()} | {"bayes": text.words}
        self._parts = {name: (of, judged_rows[:, of]) for name, of in places.items()}

    def scores(self, training: Training) -> dict[str, Floats]:
        """Log odds (judged,) by each baseline, fitted on the rows of `training`."""
        rows, inside = self._matrix[training.rows], int(training.listed.sum())
        found = {}
        for name, (places, judged) in self._parts.items():
            columns = rows[:, places]
            if name == "bayes":
                weights = bayes_weights(counts(columns[:inside]), counts(columns[inside:]))
            else:
                weights = regression(columns, training.listed, PENALTY)
            found[name] = judged @ weights
        return found
