import numpy as np
import pytest

from neuronsig.analysis.clusters import agreement, best_matching, best_matching_reference, contingency, ordered_by_layer


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (5, 3), (6, 6)])
@pytest.mark.parametrize("seed", range(5))
def test_the_matching_is_the_best_over_all_permutations(shape, seed):
    table = np.random.default_rng(seed).integers(0, 30, shape)
    rows, columns, total = best_matching(table)
    assert total == best_matching_reference(table)
    assert len(set(rows)) == len(set(columns)) == min(shape)


def test_the_best_matching_is_not_the_greedy_one():
    assert best_matching(np.array([[9, 8], [8, 0]]))[2] == 16


def test_the_table_counts_neurons_by_cluster_and_layer():
    table, rows, columns = contingency(np.array([0, 0, 2, 2]), np.array([1, 4, 4, 4]))
    assert table.tolist() == [[1, 1], [0, 2]]
    assert (rows, columns) == ([0, 2], [1, 4])


def test_clusters_that_are_the_layers_under_other_names_agree_fully_and_beyond_chance():
    layers = np.repeat([1, 2, 3], 40)
    found = agreement(np.repeat([2, 0, 1], 40), layers, seed=0, rounds=200)
    assert found.accuracy == 1.0
    assert found.matching == {2: 1, 0: 2, 1: 3}
    assert found.p_value == pytest.approx(1 / 201)


def test_chance_is_above_one_in_k_and_near_what_random_clusters_reach():
    rng = np.random.default_rng(1)
    layers = np.repeat(np.arange(6), 100)
    clusters = rng.integers(0, 6, 600)
    found = agreement(clusters, layers, seed=0, rounds=300)
    assert 1 / 6 < found.chance_mean < found.chance_high < 0.3
    assert abs(found.accuracy - found.chance_mean) < 0.05


def test_one_layer_and_one_cluster_agree_as_chance_does():
    found = agreement(np.zeros(4, dtype=int), np.ones(4, dtype=int), seed=0, rounds=10)
    assert (found.accuracy, found.chance_mean, found.p_value) == (1.0, 1.0, 1.0)


def test_clusters_are_numbered_from_shallow_to_deep():
    layers = np.array([5, 5, 1, 1, 3])
    assert ordered_by_layer(np.array([0, 0, 7, 7, 4]), layers).tolist() == [2, 2, 0, 0, 1]
