"""Bins of lengths, crossed with domains."""

import numpy as np
import pytest

from neuronsig.encoding.vocabulary import Strata
from neuronsig.errors import ConfigError


def test_bins_follow_the_quantiles_and_hold_enough_sentences():
    lengths = np.zeros(101, int)
    lengths[1:101] = 400  # 40,000 sentences, uniform over 1 to 100 words: two lengths are 2 %
    strata = Strata.build("length", lengths)
    counted = np.bincount(strata.codes(np.repeat(np.arange(101), lengths)))
    assert counted.tolist()[:3] == [800, 2000, 2800]
    assert counted.tolist()[-4:] == [800, 1200, 400, 400]
    small = np.bincount(Strata.build("length", lengths // 40).codes(np.repeat(np.arange(101), lengths // 40)))
    assert small.min() >= 100
    assert len(small) < len(counted)
    assert Strata.build("length", np.array([0, 40, 40])).bins == 1
    assert Strata.build("length", np.zeros(0, int)).bins == 1


def test_codes_cross_domains_with_lengths_only_when_asked_to():
    lengths = np.array([0, 300, 300, 300])
    assert Strata.build("none", lengths, 2).codes(np.array([1, 3])).tolist() == [0, 0]
    assert Strata.build("length", lengths, 2).codes(np.array([1, 2, 9])).tolist() == [0, 1, 2]
    crossed = Strata.build("length_domain", lengths, 2)
    codes = crossed.codes(np.array([1, 2, 3, 1]), np.array([0, 0, 0, 1]))
    assert codes.dtype == np.int16
    assert (crossed.size, codes.tolist()) == (6, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="domain"):
        crossed.codes(np.array([1]))


def test_another_match_and_too_many_domains_are_one_clear_error():
    with pytest.raises(ConfigError, match=r"mining\.match=size: must be one of length"):
        Strata.build("size", np.array([0, 1]))
    with pytest.raises(ConfigError, match=r"5000 domains .* use mining\.match=length"):
        Strata.build("length_domain", np.bincount(np.repeat(np.arange(100), 900)), 5000)
