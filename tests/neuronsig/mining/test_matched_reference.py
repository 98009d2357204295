"""Matched references against a slow one, and by simulation: length alone must not look like a word."""

from __future__ import annotations

import numpy as np
import pytest

from neuronsig.encoding.vocabulary import FEWEST, Strata
from neuronsig.mining.keyness import Keyness, log_ratio, match_reference, p_value, reference_weights


def slow_match(f1, corpus, n1, total, bins):
    """The definition, stratum by stratum and in words: (f2, n2, share, Kish's size, own size) of one pattern."""
    n2 = [whole - own for whole, own in zip(total, n1, strict=True)]
    f2 = [whole - own for whole, own in zip(corpus, f1, strict=True)]
    bound = min(FEWEST, max(n2))
    weight = dict.fromkeys(range(len(n1)), 0.0)
    for s, own in enumerate(n1):
        if own == 0:
            continue
        target = s
        if n2[s] < bound:
            rich = [t for t in range(len(n1)) if n2[t] >= bound]
            here = [t for t in rich if t // bins == s // bins]
            distance = lambda t, s=s: abs(t % bins - s % bins)  # noqa: E731
            target = min(here, key=lambda t: (distance(t), t)) if here else min(
                rich, key=lambda t: (distance(t), -n2[t], t)
            )  # fmt: skip
        weight[target] += own / sum(n1)
    share = sum(w * f2[s] / n2[s] for s, w in weight.items() if w)
    size = 1 / sum(w * w / n2[s] for s, w in weight.items() if w)
    heaviest = max(w / n2[s] for s, w in weight.items() if w)
    variance = sum((w / n2[s]) ** 2 * f2[s] for s, w in weight.items() if w)
    return sum(f2), sum(n2), share, size, (share + heaviest) / (variance + heaviest**2)


@pytest.mark.parametrize("domains", [1, 3])
def test_matching_equals_its_definition_on_random_counts_with_empty_strata(domains):
    rng = np.random.default_rng(domains)
    for _ in range(200):
        bins = int(rng.integers(1, 6))
        total = rng.integers(0, rng.choice([15, 60, 400]), bins * domains) + 1
        n1 = rng.binomial(total, rng.choice([0.0, 0.1, 0.6, 1.0], len(total)))
        if n1.sum() == 0 or n1.sum() == total.sum():
            continue
        corpus = rng.binomial(total, rng.random((4, 1)))
        f1 = np.minimum(rng.binomial(n1, rng.random((4, 1))), corpus)
        f1 = np.maximum(f1, corpus - (total - n1))
        found = match_reference(f1, corpus, n1, total, bins)
        for i in range(4):
            counts = (part.tolist() for part in (f1[i], corpus[i], n1, total))
            f2, n2, share, size, own = slow_match(*counts, bins)
            assert (found.f2[i], found.n2) == (f2, n2)
            assert found.share[i] == pytest.approx(share, abs=1e-12)
            assert found.size == pytest.approx(size)
            assert found.sizes[i] == pytest.approx(own)


def test_without_strata_the_matched_share_is_the_plain_one():
    found = match_reference([[3], [0]], [[13], [5]], [10], [110], bins=1)
    assert found.share.tolist() == [0.1, 0.05]
    assert (found.size, found.n2, found.f2.tolist()) == (pytest.approx(100), 100, [10, 5])
    assert found.equivalent == pytest.approx([10, 5])
    assert np.array(found.evidence) == pytest.approx(np.array([[10, 5], [100, 100]]))


def test_patterns_of_long_sentences_are_no_evidence_where_the_neuron_lists_most_of_the_longest():
    # as often in the neuron's sentences of a length as in the corpus's; the reference has 150 of the longest left
    n1, n2, chance = np.array([2000, 4000, 1000]), np.array([300_000, 60_000, 150]), np.array([0.001, 0.02, 0.12])
    rng = np.random.default_rng(0)
    f1, f2 = (rng.binomial(n, chance, (20_000, 3)) for n in (n1, n2))
    found = match_reference(f1, f1 + f2, n1, n1 + n2, bins=3)
    by_chance = p_value(f1.sum(axis=1), 7000, *found.evidence)
    assert (by_chance < 0.001).mean() <= 0.002
    assert (p_value(f1.sum(axis=1), 7000, found.equivalent, found.size) < 0.001).mean() > 0.005


def test_the_weight_of_an_exhausted_stratum_goes_to_the_nearest_length_of_the_same_domain():
    # two domains of three bins; domain 0 has nothing left in bin 2, domain 1 nothing at all
    n1 = np.array([0, 5, 5, 10, 0, 0])
    n2 = np.array([100, 100, 0, 3, 2, 1])
    assert reference_weights(n1, n2, bins=3).tolist() == [0.5, 0.5, 0, 0, 0, 0]


def test_counts_of_different_sets_of_sentences_are_refused():
    with pytest.raises(ValueError, match="part of the corpus"):
        match_reference([[5]], [[3]], [10], [100], bins=1)


def test_a_neuron_that_prefers_long_sentences_responds_to_no_word_of_them():
    rng = np.random.default_rng(0)
    n = 60_000
    lengths = np.minimum(1 + rng.geometric(1 / 15, n), 120)
    has_word = rng.random(n) < 1 - 0.99**lengths  # every token is the word with probability 1 %
    top = np.zeros(n, bool)
    top[np.argsort(-(lengths + rng.normal(0, 25, n)))[:2000]] = True
    ratios = {}
    for match in ("length", "none"):
        strata = Strata.build(match, np.bincount(lengths))
        codes = strata.codes(lengths)
        count = lambda rows, codes=codes, strata=strata: np.bincount(codes[rows], minlength=strata.size)  # noqa: E731
        found = match_reference(count(has_word & top), count(has_word), count(top), count(lengths > 0), strata.bins)
        ratios[match] = log_ratio(int((has_word & top).sum()), 2000, found.equivalent, found.size)[0]
    assert ratios["none"] > 0.8
    assert abs(ratios["length"]) < 0.1


def test_what_every_sentence_has_has_a_share_of_one_and_no_evidence():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n1 = rng.integers(0, 40, 16)
        total = n1 + rng.integers(1, 900, 16)
        found = match_reference([n1], [total], n1, total, bins=8)
        assert found.share[0] == pytest.approx(1.0)
        assert found.share[0] <= 1.0
        keyness = Keyness.of(n1.sum(), n1.sum(), found.share, found.size, found.sizes, 1, 0.05)
        assert keyness.g2[0] == pytest.approx(0.0, abs=1e-9)
        assert keyness.lrc[0] == 0.0
