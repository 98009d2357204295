"""A neuron that answers to two things has two facets, each with its words; one that answers to one thing has one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.analysis.facets import CorpusWords, Facets, find_facets, key_words, silhouette, spherical_kmeans

DIMENSIONS = 40


def sentences(sizes: list[int], spread: float = 0.8, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of topics of these sizes around a mean that all share, shuffled; their topics, and that mean."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=DIMENSIONS) * 3
    topics = rng.normal(size=(len(sizes), DIMENSIONS))
    of = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = mean + topics[of] + rng.normal(size=(len(of), DIMENSIONS)) * spread
    return vectors.astype(np.float32), of, mean


def test_two_planted_topics_are_two_facets() -> None:
    vectors, of, mean = sentences([300, 200])
    found = find_facets(vectors, mean, 4, 0.1, [1])
    assert [len(facet.rows) for facet in found.facets] == [300, 200]
    assert [set(of[facet.rows]) for facet in found.facets] == [{0}, {1}]
    assert found.silhouette > 0.3


def test_three_planted_topics_are_three_facets() -> None:
    vectors, of, mean = sentences([300, 200, 100])
    found = find_facets(vectors, mean, 4, 0.1, [1])
    assert [set(of[facet.rows]) for facet in found.facets] == [{0}, {1}, {2}]


@pytest.mark.parametrize("seed", range(5))
def test_one_planted_topic_is_one_facet(seed: int) -> None:
    vectors, _, mean = sentences([500], seed=seed)
    found = find_facets(vectors, mean, 4, 0.1, [seed])
    assert [len(facet.rows) for facet in found.facets] == [500]
    assert found.silhouette < 0.1


def test_a_handful_of_odd_sentences_is_no_facet() -> None:
    vectors, _, mean = sentences([480, 20])
    assert len(find_facets(vectors, mean, 4, 0.1, [1]).facets) == 1


def test_few_sentences_are_not_split_and_none_have_no_facet() -> None:
    vectors, _, mean = sentences([30, 19])
    few = find_facets(vectors, mean, 4, 0.1, [1])
    assert len(few.facets) == 1
    assert np.isnan(few.silhouette)
    assert find_facets(np.zeros((3, DIMENSIONS), np.float32), mean, 4, 0.1, [1]).facets == ()


def test_sentences_without_a_vector_are_in_no_facet() -> None:
    vectors, _, mean = sentences([100])
    vectors[7] = 0
    assert 7 not in find_facets(vectors, mean, 4, 0.1, [1]).facets[0].rows


def test_a_facets_typical_sentence_is_nearest_to_its_mean() -> None:
    vectors, _, mean = sentences([300, 200])
    for facet in find_facets(vectors, mean, 4, 0.1, [1]).facets:
        unit = vectors[facet.rows] - mean
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        direction = unit.sum(axis=0)
        assert facet.typical == facet.rows[int((unit @ direction).argmax())]


def test_the_same_sentences_and_seed_give_the_same_facets() -> None:
    vectors, _, mean = sentences([300, 200, 90], spread=1.3)
    one, two = (find_facets(vectors, mean, 4, 0.01, [3, 1]) for _ in range(2))
    assert [facet.rows.tolist() for facet in one.facets] == [facet.rows.tolist() for facet in two.facets]
    assert one.silhouette == two.silhouette


def test_silhouette_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(30, 5)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    labels = rng.integers(0, 3, 30)
    distance = 1 - unit @ unit.T
    values = []
    for i in range(30):
        own = [distance[i, j] for j in range(30) if labels[j] == labels[i] and j != i]
        others = [np.mean([distance[i, j] for j in range(30) if labels[j] == c]) for c in range(3) if c != labels[i]]
        a, b = np.mean(own), min(others)
        values.append((b - a) / max(a, b))
    assert silhouette(unit, labels) == pytest.approx(np.mean(values), abs=1e-5)


def test_kmeans_of_equal_vectors_ends() -> None:
    unit = np.tile(np.eye(1, 4, dtype=np.float32), (60, 1))
    assert set(spherical_kmeans(unit, 3, np.random.default_rng(0))) == {0}


def test_key_words_tell_a_facet_from_the_neurons_others_and_from_the_corpus() -> None:
    vectors, of, mean = sentences([120, 80])
    found = find_facets(vectors, mean, 4, 0.1, [1])
    # 'the' is everywhere, 'neuron' in all of the neuron's sentences, one word in each facet.
    tokens = pa.array([["the", "neuron", ["ship", "bread"][topic], "."] for topic in of])
    corpus = CorpusWords(pa.array(["the", "neuron", "ship", "bread", "."]), np.array([9000, 50, 60, 70, 9900]), 10_000)
    words = key_words(tokens, found, corpus)
    assert [[row["word"] for row in rows] for rows in words] == [["ship"], ["bread"]]
    assert words[0][0]["share"] == 1
    assert words[0][0]["others"] == 0
    assert words[0][0]["corpus"] == 0.006
    assert words[0][0]["lrc"] > 1


def test_the_words_of_an_only_facet_stand_against_the_corpus_alone() -> None:
    vectors, _, mean = sentences([120])
    found = find_facets(vectors, mean, 4, 0.1, [1])
    corpus = CorpusWords(pa.array(["the", "neuron"]), np.array([9000, 50]), 10_000)
    rows = key_words(pa.array([["the", "neuron"]] * 120), found, corpus)[0]
    assert [(row["word"], row["others"]) for row in rows] == [("neuron", None)]


def test_a_word_that_the_corpus_sample_lacks_counts_as_never_there() -> None:
    vectors, _, mean = sentences([120])
    found = find_facets(vectors, mean, 4, 0.1, [1])
    corpus = CorpusWords(pa.array(["the"]), np.array([9000]), 10_000)
    assert key_words(pa.array([["the", "zeugma"]] * 120), found, corpus)[0][0]["word"] == "zeugma"


def test_no_facet_has_no_words() -> None:
    assert key_words(pa.array([["a"]]), Facets((), float("nan")), CorpusWords(pa.array(["a"]), np.array([1]), 1)) == []
