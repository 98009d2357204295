"""Near-duplicates by MinHash against the share of word pairs itself."""

from __future__ import annotations

import numpy as np
import pytest

from neuronsig.annotation.near_duplicates import banding, buckets, jaccard, reference, shingles, signatures
from neuronsig.config import AnnotatorConfig
from neuronsig.errors import ConfigError


def random_pairs(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """Texts of 20 words and copies of them in which some words are others."""
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(n):
        words = [f"w{i}" for i in random.integers(0, 5000, 20)]
        other = list(words)
        for place in random.choice(20, int(random.integers(0, 6)), replace=False):
            other[place] = "new"
        pairs.append((" ".join(words), " ".join(other)))
    return pairs


def test_case_and_marks_make_no_difference():
    assert jaccard("The cat sat.", "the CAT, sat") == 1
    assert jaccard("The cat sat.", "the cat ran") == pytest.approx(1 / 3)


def test_a_text_of_one_word_or_none_is_its_own_shingle():
    assert shingles("Yes!") == {"yes!"}
    assert shingles("...") == {"..."}
    assert jaccard("...", "!!!") == 0


def test_signatures_estimate_the_share_of_word_pairs():
    pairs = random_pairs(150)
    left, right = signatures([a for a, _ in pairs]), signatures([b for _, b in pairs])
    estimated = (left == right).mean(axis=1)
    true = np.array([jaccard(a, b) for a, b in pairs])
    assert np.abs(estimated - true).mean() < 0.04


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_alike_texts_share_a_bucket_and_others_hardly_ever(threshold):
    pairs = random_pairs(300, seed=3)
    left = buckets(signatures([a for a, _ in pairs]), threshold)
    right = buckets(signatures([b for _, b in pairs]), threshold)
    shared = (left == right).any(axis=1)
    true = np.array([jaccard(a, b) for a, b in pairs])
    assert left.shape[1] == banding(threshold)[0]
    assert shared[true >= threshold].mean() > 0.95
    assert not (left == right[np.roll(np.arange(300), 1)]).any()


def test_the_reference_drops_what_is_like_any_earlier_text():
    texts = ["a b c d e", "x y z", "a b c d f", "a b c g f", "x y z"]
    assert reference(texts, 0.5) == [2, 4]
    assert reference(texts, 0.3) == [2, 3, 4]


@pytest.mark.parametrize("value", [-0.1, 0.2, 1.5, float("nan")])
def test_a_threshold_that_means_nothing_is_refused(value):
    with pytest.raises(ConfigError, match=r"annotator\.near_duplicates=.*must be 0 \(off\), or from 0\.3 to 1"):
        AnnotatorConfig(near_duplicates=value).check("annotator")


def test_vowel_signs_and_accents_part_no_words():
    assert shingles("हिन्दी की किताब") == {"हिन्दी की", "की किताब"}
    assert shingles("un cafe\u0301 noir") == shingles("un caf\u00e9 noir") == {"un caf\u00e9", "caf\u00e9 noir"}
    assert shingles("snake_case, naïve") == {"snake_case naïve"}
