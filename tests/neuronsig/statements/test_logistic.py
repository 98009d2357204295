"""Weights against scikit-learn, gains against fitting each column anew, evidence against simulation."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from neuronsig.statements.evidence import log_odds, log_odds_limit
from neuronsig.statements.logistic import RIDGE, fit, gains, halves, information, told_bits

DRAW = np.random.default_rng(0)
LISTED = np.arange(600) < 150
COLUMNS = DRAW.random((600, 4)) < np.where(LISTED, 0.5, 0.3)[:, None] * np.array([1.0, 0.6, 0.9, 0.1])


def test_weights_are_those_of_scikit_learn() -> None:
    found = fit(COLUMNS, LISTED)
    theirs = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=1000).fit(COLUMNS, LISTED, halves(LISTED))
    np.testing.assert_allclose(found.weights, theirs.coef_[0], atol=1e-4)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_bits_are_what_is_saved_of_one_bit_a_sentence() -> None:
    assert told_bits(np.zeros(600), LISTED) == pytest.approx(0.0)
    assert told_bits(np.where(LISTED, 50.0, -50.0), LISTED) == pytest.approx(1.0)
    p = 0.8
    sure = np.where(LISTED, np.log(p / (1 - p)), -np.log(p / (1 - p)))
    assert told_bits(sure, LISTED) == pytest.approx(1 + np.log2(p))


def test_what_a_column_adds_is_what_a_model_with_it_tells_more() -> None:
    first = fit(COLUMNS[:, :1], LISTED)
    scores = first.scores(COLUMNS[:, :1])
    found = gains(scores, LISTED, COLUMNS[:, 1:])
    for column in (1, 3):
        offset = fit_with_offset(scores, COLUMNS[:, column])
        assert found.bits[column - 1] == pytest.approx(offset - first.bits, abs=5e-4)
    alone = gains(np.zeros(600), LISTED, sparse.csr_matrix(COLUMNS.astype(float)))
    inside, outside = COLUMNS[LISTED].sum(0), COLUMNS[~LISTED].sum(0)
    np.testing.assert_allclose(alone.bits, information(inside, 150, outside, 450), atol=2e-4)
    assert alone.bits.argmax() == alone.p_value.argmin()


def fit_with_offset(scores: np.ndarray, column: np.ndarray) -> float:
    """Bits with the best weight of one column and the best intercept, by trying many."""
    best = -np.inf
    for weight in np.linspace(-3, 3, 121):
        for shift in np.linspace(-1, 1, 81):
            best = max(best, told_bits(scores + shift + weight * column, LISTED))
    return best


def test_a_p_value_is_that_of_the_binomial_test() -> None:
    (found,) = gains(np.zeros(600), LISTED, COLUMNS[:, :1]).p_value
    inside, both = int(COLUMNS[LISTED, 0].sum()), int(COLUMNS[:, 0].sum())
    of_it = binomtest(inside, both, 0.25, alternative="greater").pvalue
    without = binomtest(150 - inside, 600 - both, 0.25, alternative="less").pvalue
    assert found == pytest.approx(min(1, 4 * min(of_it, without)))


def test_p_values_of_no_relation_are_no_smaller_than_they_say() -> None:
    small = []
    for seed in range(40):
        columns = np.random.default_rng(seed).random((600, 100)) < np.linspace(0.005, 0.9, 100)
        small.append((gains(np.zeros(600), LISTED, columns).p_value < 0.05).mean())
    assert np.mean(small) < 0.05


@pytest.mark.parametrize("frequency", [0.01, 0.5, 0.95])
def test_the_limit_of_the_odds_ratio_is_right_as_often_as_it_says(frequency: float) -> None:
    draw = np.random.default_rng(1)
    odds = 2.0 * frequency / (1 - frequency)
    f1 = draw.binomial(200, odds / (1 + odds), 2000)
    f2 = draw.binomial(4000, frequency, 2000)
    limit = log_odds_limit(f1, 200, f2, 4000, 0.05)
    assert ((limit <= 1.0) & (limit > -1e-9)).mean() > 0.975
    assert log_odds(f1, 200, f2, 4000).mean() == pytest.approx(1.0, abs=0.15)
    assert log_odds_limit(181, 181, 4100, 10_000, 0.01) > 4.5  # what half of the text has, and all of the list


def test_a_list_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 sentences listed and 600 not"):
        halves(np.zeros(600, bool))


# In a process of its own: in this one other tests may have compiled more.
COMPILED = """
import numpy as np
from scipy import sparse
from neuronsig.statements import newton
from neuronsig.statements.__main__ import main
from neuronsig.statements.selection import Selection
from neuronsig.statements.statement import Single

def compiled():
    return [len(one.nopython_signatures) for one in vars(newton).values() if hasattr(one, "nopython_signatures")]

main()
before = compiled()
draw = np.random.default_rng(0)
columns = sparse.csc_matrix((draw.random((400, 6)) < 0.4).astype(np.float32))
names = [Single("word", (name,)) for name in "abcdef"]
Selection(columns, names, np.asarray(columns.toarray()[:, 0] > 0) & (draw.random(400) < 0.8), {"word": 6}, 1).choose(3)
assert compiled() == before == [1, 1, 1], (before, compiled())
"""


def test_what_is_compiled_beforehand_is_all_that_choosing_statements_needs() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
