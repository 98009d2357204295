from itertools import permutations

import numpy as np
import pytest

pytest.importorskip("faiss", reason="faiss is not installed")

from neuronsig.analysis.clusters import (
    agreement,
    best_matching,
    bounded_perplexity,
    contingency,
    kmeans,
    ordered_by_layer,
    tsne,
)
from neuronsig.errors import ConfigError


def best_matching_reference(table: np.ndarray) -> int:
    """`best_matching`'s total, by trying every permutation."""
    if table.shape[0] > table.shape[1]:
        table = table.T
    n, m = table.shape
    return max(int(table[np.arange(n), list(chosen)].sum()) for chosen in permutations(range(m), n))


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


def planted(k=4, each=50, dimension=20):
    rng = np.random.default_rng(0)
    layers = np.repeat(np.arange(1, k + 1), each)
    centres = rng.normal(size=(k, dimension)) * 5
    return (centres[layers - 1] + rng.normal(size=(k * each, dimension))).astype(np.float32), layers


def test_planted_clusters_are_recovered():
    vectors, layers = planted()
    found = agreement(kmeans(vectors, 4, seed=0), layers, seed=0, rounds=50)
    assert found.accuracy == 1.0
    assert found.chance_mean < 0.4


def test_the_same_seed_gives_the_same_clusters_and_places():
    vectors, _ = planted(3, 20)
    assert kmeans(vectors, 3, 7).tolist() == kmeans(vectors, 3, 7).tolist()
    assert tsne(vectors, 10, 7).tobytes() == tsne(vectors, 10, 7).tobytes()


def test_clusters_do_not_change_when_a_constant_is_added_to_all_vectors():
    vectors, _ = planted()
    assert kmeans(vectors, 4, 0).tolist() == kmeans(vectors + np.float32(2), 4, 0).tolist()


def test_t_sne_keeps_planted_groups_apart():
    vectors, layers = planted(3, 30)
    places = tsne(vectors, 10, 0)
    centres = np.stack([places[layers == layer].mean(axis=0) for layer in (1, 2, 3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1) + 1
    assert (nearest == layers).mean() == 1.0


def test_more_clusters_than_neurons_is_one_clear_error():
    with pytest.raises(ConfigError, match=r"analysis\.clusters=5: must be at most the 3 neurons of a site"):
        kmeans(np.eye(3, dtype=np.float32), 5, 0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10])
def test_few_neurons_have_a_place_each(n):
    places = tsne(np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32), 30, 0)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_neurons_that_are_all_the_same_have_places():
    assert np.isfinite(tsne(np.ones((9, 4), dtype=np.float32), 30, 0)).all()


def test_perplexity_stays_below_a_third_of_the_other_neurons():
    assert bounded_perplexity(30, 2304) == 30
    assert bounded_perplexity(30, 31) == 10
    assert bounded_perplexity(30, 2) == 1
