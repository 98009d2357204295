import numpy as np
import pytest

pytest.importorskip("faiss", reason="faiss is not installed")

from neuronsig.analysis.clusters import agreement, bounded_perplexity
from neuronsig.errors import ConfigError
from neuronsig_ray.cluster.kmeans import kmeans, tsne


def planted(k=4, each=50, dimension=20):
    rng = np.random.default_rng(0)
    layers = np.repeat(np.arange(1, k + 1), each)
    centres = rng.normal(size=(k, dimension)) * 5
    return (centres[layers - 1] + rng.normal(size=(k * each, dimension))).astype(np.float32), layers


def test_planted_clusters_are_recovered():
    vectors, layers = planted()
    found = agreement(kmeans(vectors, 4, restarts=5, seed=0), layers, seed=0, rounds=50)
    assert found.accuracy == 1.0
    assert found.chance_mean < 0.4


def test_the_same_seed_gives_the_same_clusters_and_places():
    vectors, _ = planted(3, 20)
    assert kmeans(vectors, 3, 3, 7).tolist() == kmeans(vectors, 3, 3, 7).tolist()
    assert tsne(vectors, 10, 7).tobytes() == tsne(vectors, 10, 7).tobytes()


def test_clusters_do_not_change_when_a_constant_is_added_to_all_vectors():
    vectors, _ = planted()
    assert kmeans(vectors, 4, 3, 0).tolist() == kmeans(vectors + np.float32(2), 4, 3, 0).tolist()


def test_t_sne_keeps_planted_groups_apart():
    vectors, layers = planted(3, 30)
    places = tsne(vectors, 10, 0)
    centres = np.stack([places[layers == layer].mean(axis=0) for layer in (1, 2, 3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1) + 1
    assert (nearest == layers).mean() == 1.0


def test_more_clusters_than_neurons_is_one_clear_error():
    with pytest.raises(ConfigError, match=r"analysis\.clusters=5: must be at most the 3 neurons of a site"):
        kmeans(np.eye(3, dtype=np.float32), 5, 1, 0)


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
