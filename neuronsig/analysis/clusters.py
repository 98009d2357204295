"""Clusters and a map of neuron vectors, and how well clusters agree with layers (P1 4.3, Figure 2).

Clusters are faiss's k-means, the map scikit-learn's t-SNE, the agreement one-to-one accuracy by the Hungarian
algorithm. Vectors are used as they are, as in P1: k-means and t-SNE look at Euclidean distances only, which do not
change when the corpus's mean is taken off.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from neuronsig.analysis.vectors import Floats
from neuronsig.errors import ConfigError

ITERATIONS, RESTARTS = 100, 10
"""Of k-means; of all starts the best is kept."""


def check_clusters(k: int, neurons: int) -> None:
    """Raises ConfigError when there are fewer neurons than clusters."""
    if k > neurons:
        raise ConfigError(f"analysis.clusters={k}: must be at most the {neurons} neurons of a site; lower it")


def bounded_perplexity(perplexity: float, n: int) -> float:
    """The perplexity that `n` rows allow: at most a third of the others, at least 1."""
    return max(1.0, min(perplexity, (n - 1) / 3))


def kmeans(vectors: Floats, k: int, seed: int) -> NDArray[np.int32]:
    """Cluster of each row (n,), 0 to k - 1: the best of RESTARTS k-means runs of faiss. ConfigError for fewer rows."""
    import faiss

    n, dimension = vectors.shape
    check_clusters(k, n)
    run = faiss.Kmeans(
        dimension, k, niter=ITERATIONS, nredo=RESTARTS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=n
    )
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    run.train(rows)
    return run.index.search(rows, 1)[1][:, 0].astype(np.int32)


def tsne(vectors: Floats, perplexity: float, seed: int) -> Floats:
    """A position (n, 2) for each row. Perplexity is cut to a third of the other rows; under 4 rows all are at 0.

    One thread, so that a seed gives the same picture on the same kind of machine.
    """
    n = len(vectors)
    if n < 4 or not np.ptp(vectors, axis=0).any():
        return np.zeros((n, 2), dtype=np.float32)
    model = TSNE(perplexity=bounded_perplexity(perplexity, n), init="pca", random_state=seed)
    with threadpool_limits(1):
        return model.fit_transform(np.asarray(vectors, dtype=np.float32)).astype(np.float32)


@dataclass(frozen=True)
class Agreement:
    """Accuracy of clusters against layers, and what it would be by chance."""

    accuracy: float
    matching: dict[int, int]  # cluster -> layer
    chance_mean: float
    chance_high: float  # 95th percentile over the permutations
    p_value: float


def contingency(clusters: NDArray[Any], layers: NDArray[Any]) -> tuple[NDArray[np.int64], list[int], list[int]]:
    """Neurons in each cluster (rows) and layer (columns), with both lists of labels, ascending."""
    rows, row_of = np.unique(clusters, return_inverse=True)
    columns, column_of = np.unique(layers, return_inverse=True)
    table = np.zeros((len(rows), len(columns)), dtype=np.int64)
    np.add.at(table, (row_of, column_of), 1)
    return table, [int(x) for x in rows], [int(x) for x in columns]


def best_matching(table: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Rows, columns and total of the one-to-one matching with the most neurons (Kuhn 1955)."""
    rows, columns = linear_sum_assignment(table, maximize=True)
    return rows, columns, int(table[rows, columns].sum())


def agreement(clusters: NDArray[Any], layers: NDArray[Any], seed: int, rounds: int = 1000) -> Agreement:
    """Hungarian accuracy, and its distribution when the layers are permuted over the neurons.

    P1 reports 15.9 % for BERT-base and 9.6 % for the same model with random weights; permuting the labels says
    what the sizes of clusters and layers alone give (never 1/k: the best matching is chosen afterwards).
    """
    table, cluster_labels, layer_labels = contingency(clusters, layers)
    rows, columns, hits = best_matching(table)
    rng = np.random.default_rng(seed)
    shuffled = np.array([best_matching(contingency(clusters, rng.permutation(layers))[0])[2] for _ in range(rounds)])
    n = len(layers)
    return Agreement(
        accuracy=hits / n,
        matching={cluster_labels[r]: layer_labels[c] for r, c in zip(rows, columns, strict=True)},
        chance_mean=float(shuffled.mean()) / n,
        chance_high=float(np.percentile(shuffled, 95)) / n,
        p_value=(1 + int((shuffled >= hits).sum())) / (1 + rounds),
    )


def ordered_by_layer(clusters: NDArray[Any], layers: NDArray[Any]) -> NDArray[np.int32]:
    """The same clusters, numbered from 0 by the mean layer of their neurons, shallow first."""
    found = np.unique(clusters)
    means = [float(layers[clusters == c].mean()) for c in found]
    rank = {int(found[place]): new for new, place in enumerate(np.argsort(means, kind="stable"))}
    return np.array([rank[int(c)] for c in clusters], dtype=np.int32)


def layers_by_cluster(
    neurons: pa.Table, found: Mapping[str, Agreement]
) -> tuple[dict[str, Any], list[str], list[list[object]]]:
    """How many neurons of each layer a table of NEURONS has in each cluster, by the sites of `found`.

    As a record by site (its agreement, and the table of counts), and as a header with a row for each cluster.
    """
    sites = np.array(neurons["site"].to_pylist())
    layers, clusters = neurons["layer"].to_numpy(), neurons["cluster"].to_numpy()
    every = [int(layer) for layer in np.unique(layers)]
    record: dict[str, Any] = {}
    rows: list[list[object]] = []
    for site, agreed in found.items():
        own = sites == site
        table, names, columns = contingency(clusters[own], layers[own])
        sizes = {"neurons": int(own.sum()), "clusters": names, "layers": columns, "table": table.tolist()}
        record[site] = {**asdict(agreed), **sizes}
        for cluster, row in zip(names, table, strict=True):
            counted = dict(zip(columns, row, strict=True))
            matched = f"L{agreed.matching[cluster]}" if cluster in agreed.matching else ""
            rows.append([str(cluster), site, *(int(counted.get(x, 0)) for x in every), int(row.sum()), matched])
    return record, ["cluster", "site", *(f"L{layer}" for layer in every), "neurons", "matched_layer"], rows
