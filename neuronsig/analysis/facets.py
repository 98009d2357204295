"""Facets of a neuron: what its sentences fall into when they are clustered by their vectors (P1 4.1), with no engine.

Vectors are compared by their direction after the corpus's mean is taken off (Arora et al. 2017): what all sentences
share tells none from another. Spherical k-means is tried with two clusters and more; the number with the highest mean
silhouette (Rousseeuw 1987) is taken, and one facet where none reaches the floor, which is what random sentences of
the corpus reach, and a margin. So a neuron has facets where its sentences fall apart more clearly than any sentences
do, and one that answers to two unrelated things says so.

Everything is a function of the neuron's own sentences and a seed: the same for any cut into blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from neuronsig.analysis.vectors import Doubles, Floats, Ints, cosines, unit_vectors
from neuronsig.mining.keyness import information, lrc
from neuronsig.ragged import coded, flat_words, rows_of

FEWEST = 50
"""Sentences with a vector below which nothing is split."""
LEAST_SHARE = 0.05
"""A split with a smaller facet is no split: a handful of odd sentences is not a thing that the neuron answers to."""
RESTARTS, ITERATIONS = 3, 25
SILHOUETTE_SENTENCES = 500
WORDS, WORD_COUNT, WORD_SHARE = 8, 5, 0.02


@dataclass(frozen=True)
class Facet:
    """`rows` of the sentences given, largest facet first; `typical` is the row nearest to the facet's mean."""

    rows: Ints
    typical: int


@dataclass(frozen=True)
class Facets:
    """A neuron's facets, and the mean silhouette of its best split (NaN: too few sentences to split)."""

    facets: tuple[Facet, ...]
    silhouette: float


@dataclass(frozen=True)
class CorpusWords:
    """Words of a sample of the corpus and in how many of its sentences each occurs."""

    words: pa.Array  # distinct strings
    sentences: Ints  # (words,)
    n: int


def find_facets(vectors: Floats, mean: Doubles, most: int, floor: float, seed: Sequence[int]) -> Facets:
    """Facets of one neuron's sentences, whose vectors (n, d) are in an order of no meaning.

    `mean` (d,) is the corpus's; rows that are equal to it count as without a vector only where they are zero.
    """
    centred = vectors.astype(np.float64) - mean
    unit = unit_vectors(centred)  # (n, d)
    known = np.flatnonzero(np.any(vectors != 0, axis=1))
    if not len(known):
        return Facets((), float("nan"))
    labels, silhouette = _split(unit[known].astype(np.float32), most, floor, seed)
    groups = [known[labels == label] for label in range(int(labels.max()) + 1)]
    found = [Facet(rows, _typical(unit, rows)) for rows in groups]
    return Facets(tuple(sorted(found, key=lambda facet: (-len(facet.rows), facet.typical))), silhouette)


def _split(unit: Floats, most: int, floor: float, seed: Sequence[int]) -> tuple[Ints, float]:
    """Labels (n,) from 0, and the mean silhouette of the best split into two or more."""
    one = np.zeros(len(unit), np.int64)
    if len(unit) < FEWEST or most < 2:
        return one, float("nan")
    best, labels = -1.0, one
    for k in range(2, most + 1):
        tried = spherical_kmeans(unit, k, np.random.default_rng([*seed, k]))
        if np.bincount(tried, minlength=k).min() < LEAST_SHARE * len(unit):
            continue
        found = silhouette(unit, tried)
        if found > best:
            best, labels = found, tried
    return (labels, best) if best >= floor else (one, best)


def spherical_kmeans(unit: Floats, k: int, draw: np.random.Generator) -> Ints:
    """Labels (n,) of unit vectors (n, d): the best of RESTARTS runs by the sum of cosines (Dhillon and Modha 2001)."""
    best, labels = -np.inf, np.zeros(len(unit), np.int64)
    for _ in range(RESTARTS):
        centres = _first_centres(unit, k, draw)
        nearest = np.full(len(unit), -1)
        for _ in range(ITERATIONS):
            cosine = unit @ centres.T  # (n, k)
            before, nearest = nearest, cosine.argmax(axis=1)
            if np.array_equal(before, nearest):
                break
            member = (nearest[:, None] == np.arange(k)).astype(np.float32)  # (n, k)
            sums = (member.T @ unit).astype(np.float64)
            # A cluster that lost all its sentences keeps its centre.
            centres = np.where(member.any(axis=0)[:, None], unit_vectors(sums), centres).astype(np.float32)
        total = float(cosine.max(axis=1).sum())
        if total > best:
            best, labels = total, nearest.astype(np.int64)
    return labels


def _first_centres(unit: Floats, k: int, draw: np.random.Generator) -> Floats:
    """k of the vectors, each drawn by its distance from those before it (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(draw.integers(len(unit)))]
    distance = np.full(len(unit), np.inf)
    while len(chosen) < k:
        distance = np.minimum(distance, np.maximum(1.0 - unit @ unit[chosen[-1]], 0.0))
        if not distance.any():
            chosen.append(chosen[-1])
            continue
        chosen.append(int(draw.choice(len(unit), p=distance / distance.sum())))
    return unit[chosen]


def silhouette(unit: Floats, labels: Ints) -> float:
    """Mean silhouette by cosine distance, over SILHOUETTE_SENTENCES of the sentences, spread evenly."""
    taken = np.unique(np.linspace(0, len(unit) - 1, min(len(unit), SILHOUETTE_SENTENCES)).astype(np.int64))
    sample, of = unit[taken], labels[taken]
    names, of = np.unique(of, return_inverse=True)
    if len(names) < 2:
        return -1.0
    member = (of[:, None] == np.arange(len(names))).astype(np.float64)  # (m, k)
    sizes = member.sum(axis=0)
    distance = 1.0 - (sample @ sample.T).astype(np.float64)  # (m, m)
    np.fill_diagonal(distance, 0.0)
    sums = distance @ member  # (m, k)
    rows = np.arange(len(of))
    own = sums[rows, of] / np.maximum(sizes[of] - 1, 1)
    others = sums / sizes
    others[rows, of] = np.inf
    nearest = others.min(axis=1)
    value = (nearest - own) / np.maximum(np.maximum(nearest, own), 1e-12)
    return float(np.where(sizes[of] > 1, value, 0.0).mean())


def _typical(unit: Doubles, rows: Ints) -> int:
    """The row whose vector is nearest to the mean of the rows'; the first of equals."""
    direction = unit_vectors(unit[rows].sum(axis=0, keepdims=True))[0]
    with np.errstate(invalid="ignore"):
        cosine = np.nan_to_num(cosines(unit[rows], direction), nan=-2.0)
    return int(rows[cosine.argmax()])


def key_words(tokens: pa.Array, facets: Facets, corpus: CorpusWords) -> list[list[dict[str, object]]]:
    """For each facet its words as FACETS has them: beyond chance against the neuron's other sentences *and* the corpus.

    `tokens` are the lower-cased token lists of the sentences that `find_facets` saw. Words are ordered by the bits they
    tell of a sentence (`keyness.information`) at the lower of both limits.
    """
    words, offsets = flat_words(tokens)
    distinct, codes = coded(words)
    width = max(len(distinct), 1)
    row, word = np.divmod(np.unique(rows_of(offsets) * width + codes), width)
    facet_of = np.full(len(tokens), -1)
    for number, facet in enumerate(facets.facets):
        facet_of[facet.rows] = number
    k, sizes = len(facets.facets), np.array([len(facet.rows) for facet in facets.facets])
    inside = facet_of[row] >= 0
    counts = np.bincount(facet_of[row[inside]] * width + word[inside], minlength=k * width).reshape(k, width)
    place = pc.index_in(distinct, corpus.words).to_numpy(zero_copy_only=False)
    there = ~np.isnan(place.astype(np.float64))
    f_corpus = np.zeros(width, np.int64)
    f_corpus[: len(place)][there] = corpus.sentences[place[there].astype(np.int64)]
    names = distinct.to_pylist()
    total, n_all = counts.sum(axis=0), int(sizes.sum())
    found = []
    for number in range(k):
        f1, n1 = counts[number], int(sizes[number])
        f2, n2 = total - f1, n_all - n1
        tests = width * k * 2
        limit = lrc(f1, n1, f_corpus, corpus.n, tests=tests)
        if n2:
            limit = np.minimum(limit, lrc(f1, n1, f2, n2, tests=tests))
        bits = information(f1, n1, limit)
        enough = (limit > 0) & (f1 >= max(WORD_COUNT, WORD_SHARE * n1))
        order = [w for w in np.lexsort((np.array(names), -bits)) if enough[w] and any(map(str.isalnum, names[w]))]
        found.append(
            [
                {
                    "word": names[w],
                    "share": float(f1[w] / n1),
                    "others": float(f2[w] / n2) if n2 else None,
                    "corpus": float(f_corpus[w] / corpus.n),
                    "lrc": float(limit[w]),
                }
                for w in order[:WORDS]
            ]
        )
    return found
