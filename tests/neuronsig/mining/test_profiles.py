"""Profiles from counts: the merge law, P1's selectivity, and the choice of neurons."""

import numpy as np
import pytest

from neuronsig.encoding.vocabulary import OTHER
from neuronsig.mining.chosen import most_selective
from neuronsig.mining.moments import TokenMoments, selectivity
from neuronsig.mining.profiling import metadata_profile
from neuronsig.neuron import Neuron


def test_neuron_codes_come_back_and_sort_as_neurons_do():
    neurons = [
        Neuron("hidden", 0, 5),
        Neuron("hidden", 1, 0),
        Neuron("hidden", 1, 0, -1),
        Neuron("hidden", 12, 767),
        Neuron("mlp", 1, 3071),
        Neuron("attention", 2, 7, -1),
    ]
    codes = [neuron.code for neuron in neurons]
    assert [Neuron.of_code(code) for code in codes] == neurons
    assert codes == sorted(codes)


def test_selectivity_is_the_greatest_pos_share_against_the_corpus():
    tags = ["NN", "NNP", "VBD", "JJ", "IN"]

    def moments(tokens):
        codes = np.repeat(np.arange(5), tokens)
        return TokenMoments.of(np.array([0, len(codes)]), codes, np.zeros(1, int), tags, 1)

    assert selectivity(moments([3, 1, 0, 4, 2]), moments([20, 10, 20, 10, 40])) == pytest.approx(4.0)
    assert selectivity(moments([1, 0, 0, 0, 1]), moments([0, 0, 0, 0, 9])) == 0.0
    assert selectivity(moments([0, 0, 0, 0, 0]), moments([1, 1, 1, 1, 1])) == 0.0


def test_a_metadata_profile_lists_the_commonest_values_and_adds_up_the_rest():
    values = [("author", "a"), ("author", OTHER), ("author", "b"), ("domain", "book"), ("author", "c"), ("domain", "x")]
    profile = metadata_profile(np.array([3, 2, 5, 9, 1, 0]), values, kept=2)
    assert profile == {"domain": {"book": 9}, "author": {"b": 5, "a": 3, OTHER: 3}}


def test_a_second_neuron_with_the_same_leading_item_counts_half():
    neurons = [Neuron("hidden", 1, unit) for unit in range(5)]
    bits, leads = [3.0, 2.9, 2.0, 1.2, 0.0], ["word=lol", "word=lol", "pos=NN", "word=lol", ""]
    rows = {n: {"lead_bits": b, "lead_item": lead} for n, b, lead in zip(neurons, bits, leads, strict=True)}
    chosen = [neuron.unit for neuron in most_selective(rows, 4)]
    assert chosen == [0, 2, 1, 3]
    assert len(most_selective(rows, 99)) == 5
    assert most_selective(rows, 0) == []
