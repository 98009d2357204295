from __future__ import annotations

import numpy as np

from neuronsig.mining.holdout import is_held_out


def test_about_the_share_is_held_out_of_any_run_of_ids() -> None:
    for first in (0, 1_000_000, 2**40):
        held = is_held_out(np.arange(first, first + 100_000), 0.05)
        assert 4_700 < held.sum() < 5_300


def test_a_sentence_keeps_its_side_whatever_stands_beside_it() -> None:
    ids = np.arange(10_000)
    some = np.random.default_rng(0).permutation(ids)[:500]
    assert (is_held_out(ids, 0.2)[some] == is_held_out(some, 0.2)).all()


def test_a_larger_share_holds_the_smaller_one_and_none_is_held_out_at_0() -> None:
    ids = np.arange(10_000)
    assert not is_held_out(ids, 0.0).any()
    assert is_held_out(ids, 0.3)[is_held_out(ids, 0.1)].all()
