import numpy as np
import pytest

from neuronsig.evaluation.judging import weighed
from neuronsig.evaluation.ranking import judge

N = 400


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positives, and bits that tell them apart a little."""
    random = np.random.default_rng(seed)
    positive = random.random(N) < 0.1
    return positive, random.normal(size=N) + 1.5 * positive


def test_a_kind_that_says_nothing_does_not_drown_the_one_that_does() -> None:
    positive, bits = drawn(0)
    noise = 5 * np.random.default_rng(1).normal(size=N)
    found = judge(weighed({"words": bits, "itemset": noise}, positive), positive).ap.value
    assert found > 0.9 * judge(bits, positive).ap.value
    assert found > 1.5 * judge(bits + noise, positive).ap.value


def test_the_same_evidence_twice_counts_once() -> None:
    positive, bits = drawn(2)
    other = np.random.default_rng(3).normal(size=N) + 1.5 * positive
    twice = {"words": bits, "word_sequence": bits, "itemset": bits, "pos": other}
    once = judge(weighed({"words": bits, "pos": other}, positive), positive).ap.value
    assert judge(weighed(twice, positive), positive).ap.value == pytest.approx(once, abs=0.02)


def test_no_sentence_is_ranked_by_weights_that_have_seen_it() -> None:
    """Many kinds of noise, few sentences: weights that had seen the sentences would tell them apart."""
    found = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        positive = np.arange(40) < 10
        kinds = {str(kind): random.normal(size=40) for kind in range(15)}
        found.append(judge(weighed(kinds, positive), positive).auroc.value)
    assert 0.4 < np.mean(found) < 0.55


def test_halves_are_alike_so_that_their_scores_make_one_ranking() -> None:
    positive = np.arange(N) < 40  # sorted: halves by place would hold no positive
    bits = np.where(positive, 3.0, 0.0)
    score = weighed({"words": bits}, positive)
    assert score[positive].min() > score[~positive].max()


@pytest.mark.parametrize("positives", [1, 5])
def test_with_one_sentence_of_a_class_bits_are_added_up(positives: int) -> None:
    positive = np.arange(6) < positives
    bits = {"words": np.arange(6.0), "length": np.ones(6)}
    assert weighed(bits, positive).tolist() == [1, 2, 3, 4, 5, 6]
