"""Clusters and a map of neuron vectors (P1 4.3, Figure 2): faiss k-means and scikit-learn's t-SNE.

Vectors are used as they are, as in P1: k-means and t-SNE look at Euclidean distances only, which do not change when
the corpus's mean is taken off.
"""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from neuronsig.analysis.clusters import bounded_perplexity, check_clusters
from neuronsig.analysis.vectors import Floats

ITERATIONS = 100


def kmeans(vectors: Floats, k: int, restarts: int, seed: int) -> NDArray[np.int32]:
    """Cluster of each row (n,), 0 to k - 1: the best of `restarts` k-means runs of faiss.

    Raises ConfigError when there are fewer rows than clusters.
    """
    n, dimension = vectors.shape
    check_clusters(k, n)
    run = faiss.Kmeans(
        dimension,
        k,
        niter=ITERATIONS,
        nredo=restarts,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=n,
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
