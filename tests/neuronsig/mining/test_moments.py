"""Means, places and shares with their intervals, against numpy on the sentences themselves and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuronsig.mining.moments import RELATIVE, Places, TokenMoments, Z, mean_effect, place_effects, share_effects

NAMES = ["NN", "VBD", "JJ", "IN"]


def moments_of(sentences, strata, n_strata=2):
    """sentences: lists of tag codes."""
    offsets = np.cumsum([0, *map(len, sentences)])
    tags = np.array([tag for sentence in sentences for tag in sentence], np.uint8)
    return TokenMoments.of(offsets, tags, np.array(strata), NAMES, n_strata)


def test_a_mean_comes_with_its_interval_and_hedges_g():
    rng = np.random.default_rng(1)
    a, b = rng.normal(12, 4, 50), rng.normal(10, 4, 400)
    found = mean_effect(50, a.sum(), (a * a).sum(), 400, b.sum(), (b * b).sum())
    error = Z * a.std(ddof=1) / math.sqrt(50)
    pooled = math.sqrt((49 * a.var(ddof=1) + 399 * b.var(ddof=1)) / 448)
    assert found["mean"] == pytest.approx(a.mean())
    assert (found["low"], found["high"]) == (pytest.approx(a.mean() - error), pytest.approx(a.mean() + error))
    assert found["reference"] == pytest.approx(b.mean())
    assert found["effect"] == pytest.approx((a.mean() - b.mean()) / pooled * (1 - 3 / (4 * 448 - 1)))


def test_too_few_sentences_have_no_interval_and_equal_ones_no_effect():
    assert mean_effect(1, 5, 25, 9, 45, 300) == {"mean": 5, "low": None, "high": None, "reference": 5, "effect": None}
    assert mean_effect(0, 0, 0, 9, 45, 300)["mean"] is None
    assert mean_effect(2, 10, 50, 3, 15, 75)["effect"] == 0


def test_places_are_compared_with_the_rest_and_single_sentences_have_no_relative_one():
    own = Places(3, 6, 14, 2, RELATIVE, RELATIVE**2)  # positions 1, 2, 3; two in longer documents, first and last
    corpus = Places(5, 6, 14, 4, 2 * RELATIVE, 2 * RELATIVE**2)
    found = place_effects(own, corpus.less(own))
    assert (found["position_mean"], found["position_reference"]) == (2, 0)
    assert (found["relative_position_mean"], found["relative_position_reference"]) == (0.5, 0.5)
    assert found["relative_position_effect"] == 0


def test_moments_of_parts_add_up_to_those_of_the_whole():
    rng = np.random.default_rng(2)
    sentences = [rng.integers(0, 4, rng.integers(1, 9)).tolist() for _ in range(40)]
    strata = rng.integers(0, 2, 40)
    whole, part = moments_of(sentences, strata), moments_of(sentences[:15], strata[:15])
    rest, expected = whole.less(part), moments_of(sentences[15:], strata[15:])
    for name in ("sentences", "y", "yy", "x", "xx", "xy"):
        assert (getattr(rest, name) == getattr(expected, name)).all()
    second = [s for s, stratum in zip(sentences, strata, strict=True) if stratum == 1]
    assert whole.x[0, 1] == sum(s.count(0) for s in second)
    assert whole.xx[1, 1] == sum(s.count(1) ** 2 for s in second)
    assert whole.xy[2, 1] == sum(s.count(2) * len(s) for s in second)


def test_shares_are_matched_by_stratum():
    # long sentences (stratum 1) are half nouns everywhere, short ones a quarter: the neuron likes them long
    short, long = [0, 1, 2, 3], [0, 0, 0, 0, 1, 2, 3, 3]
    own = moments_of([short] + [long] * 9, [0] + [1] * 9)
    rest = moments_of([short] * 900 + [long] * 100, [0] * 900 + [1] * 100)
    found = share_effects(own, rest, bins=2)
    assert found["noun_share"] == pytest.approx(37 / 76)
    assert found["noun_reference"] == pytest.approx(37 / 76)
    assert found["noun_log_ratio"] == pytest.approx(0)
    assert found["noun_low"] <= 0 <= found["noun_high"]


def test_the_interval_of_a_share_holds_the_truth_as_often_as_it_says_though_tokens_cluster():
    rng = np.random.default_rng(3)
    hits = plain = 0
    for _ in range(300):
        # a sentence is all nouns or none: its 10 tokens are one observation
        own = [[0 if noun else 3] * 10 for noun in rng.random(120) < 0.3]
        rest = [[0 if noun else 3] * 10 for noun in rng.random(400) < 0.3]
        found = share_effects(moments_of(own, [0] * 120, 1), moments_of(rest, [0] * 400, 1), bins=1)
        hits += found["noun_low"] <= 0 <= found["noun_high"]
        error = Z / math.log(2) * math.sqrt(0.7 / 0.3 * (1 / 1200 + 1 / 4000))
        plain += abs(found["noun_log_ratio"]) <= error
    assert 0.91 <= hits / 300 <= 0.98
    assert plain / 300 < 0.6


def test_a_class_that_never_occurs_is_rare_beyond_doubt_only_in_much_text():
    rest = moments_of([[0, 1, 2, 3]] * 500, [0] * 500, 1)
    few = share_effects(moments_of([[3, 3]], [0], 1), rest, bins=1)
    many = share_effects(moments_of([[3, 3]] * 400, [0] * 400, 1), rest, bins=1)
    assert few["noun_share"] == many["noun_share"] == 0
    assert few["noun_high"] > 0 > many["noun_high"]
    assert math.isfinite(many["noun_log_ratio"])


def test_without_a_reference_a_share_stands_alone():
    own = moments_of([[0, 1]], [0], 1)
    found = share_effects(own, own.less(own), bins=1)
    assert (found["noun_share"], found["noun_reference"], found["noun_log_ratio"]) == (0.5, None, None)
