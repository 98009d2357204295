"""Profiles from counts: the merge law, P1's selectivity, and the choice of neurons."""

import numpy as np
import pytest

from neuronsig import profiles
from neuronsig.neuron import Neuron
from neuronsig.profiles import (
    OTHER,
    ProfileCounts,
    metadata_profile,
    most_selective,
    neuron_code,
    neuron_of,
    pos_shares,
    selectivity,
)


def test_neuron_codes_come_back_and_sort_as_neurons_do():
    neurons = [
        Neuron("hidden", 0, 5),
        Neuron("hidden", 1, 0),
        Neuron("hidden", 1, 0, -1),
        Neuron("hidden", 12, 767),
        Neuron("mlp", 1, 3071),
        Neuron("attention", 2, 7, -1),
    ]
    codes = [neuron_code(neuron) for neuron in neurons]
    assert [neuron_of(code) for code in codes] == neurons
    assert codes == sorted(codes)


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 9], range(1, 12)], ids=["whole", "two", "uneven", "rows"])
def test_counts_do_not_depend_on_how_the_rows_are_cut_and_mixed(monkeypatch, cuts):
    monkeypatch.setattr(profiles, "FLUSH", 7)
    rng = np.random.default_rng(4)
    codes = rng.choice([70, 3, 12], 12)
    items = [np.unique(rng.integers(0, 6, 4)) for _ in codes]
    tags = [rng.integers(0, 3, rng.integers(1, 5)).astype(np.uint8) for _ in codes]
    counts = ProfileCounts(6)
    for part in np.split(rng.permutation(12), list(cuts)):
        if len(part):
            counts.add(
                codes[part],
                np.concatenate([items[i] for i in part]),
                np.array([len(items[i]) for i in part]),
                np.concatenate([tags[i] for i in part]),
                np.array([len(tags[i]) for i in part]),
            )
    counts.flush()
    for code, row in counts.rows.items():
        mine = np.flatnonzero(codes == code)
        lengths = [len(tags[i]) for i in mine]
        assert counts.sentences[row] == len(mine)
        assert counts.tokens[row] == sum(lengths)
        assert counts.squares[row] == sum(n * n for n in lengths)
        assert counts.items[row].tolist() == [sum(item in items[i] for i in mine) for item in range(6)]
        assert counts.tags[row, :3].tolist() == [sum((tags[i] == t).sum() for i in mine) for t in range(3)]
    assert set(counts.rows) == set(codes.tolist())


def test_selectivity_is_the_greatest_pos_share_against_the_corpus():
    tags = ["NN", "NNP", "VBD", "JJ", "IN"]
    corpus = pos_shares(tags, np.array([20, 10, 20, 10, 40]))
    assert corpus == {"noun": 0.3, "verb": 0.2, "adj": 0.1}
    assert selectivity(pos_shares(tags, np.array([3, 1, 0, 4, 2])), corpus) == pytest.approx(4.0)
    assert selectivity({"noun": 0.5}, {"noun": 0.0}) == 0.0


def test_a_metadata_profile_lists_the_commonest_values_and_adds_up_the_rest():
    values = [("author", "a"), ("author", OTHER), ("author", "b"), ("domain", "book"), ("author", "c"), ("domain", "x")]
    profile = metadata_profile(np.array([3, 2, 5, 9, 1, 0]), values, kept=2)
    assert profile == {"domain": {"book": 9}, "author": {"b": 5, "a": 3, OTHER: 3}}


def test_a_second_neuron_with_the_same_leading_item_counts_half():
    neurons = [Neuron("hidden", 1, unit) for unit in range(5)]
    bits, leads = [3.0, 2.9, 2.0, 1.2, 0.0], ["word=lol", "word=lol", "pos=NN", "word=lol", ""]
    chosen = [neuron.unit for neuron in most_selective(neurons, bits, leads, 4)]
    assert chosen == [0, 2, 1, 3]
    assert len(most_selective(neurons, bits, leads, 99)) == 5
    assert most_selective(neurons, bits, leads, 0) == []
