from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.analysis.vectors import (
    Membership,
    NeuronSums,
    TypicalSentences,
    cosines,
    sentence_block,
    sentence_vectors,
    unit_vectors,
)

D = 5


class Words:
    """Word vectors in a dictionary."""

    dimension = D

    def __init__(self, table):
        self.table = table
        self.largest = max(float(np.abs(v).max()) for v in table.values())

    def lookup(self, words):
        found = np.zeros((len(words), D), dtype=np.float32)
        for row, word in enumerate(words):
            found[row] = self.table.get(word, 0)
        return found, found.any(axis=1)


def random_corpus(seed, sentences=60, neurons=7, k=12):
    rng = np.random.default_rng(seed)
    words = Words({f"w{i}": rng.normal(size=D).astype(np.float32) for i in range(30)})
    tokens = [[f"w{i}" for i in rng.integers(0, 40, rng.integers(1, 9))] for _ in range(sentences)]  # 10 words unknown
    ids = rng.permutation(sentences).astype(np.int64) * 3
    lists = [rng.choice(ids, k, replace=False) for _ in range(neurons)]
    pairs = np.concatenate(lists), np.repeat(np.arange(neurons, dtype=np.int32), k)
    return words, ids, tokens, lists, Membership.of(*pairs, neurons)


def run_blocks(words, ids, tokens, membership, cuts, k=12, order=None):
    """Both passes over the corpus cut at `cuts`, each block merged from its own state."""
    edges = [0, *cuts, len(ids)]
    blocks = [slice(a, b) for a, b in pairwise(edges)]
    blocks = [blocks[i] for i in order] if order is not None else blocks
    made = [sentence_block(ids[s], pa.array(tokens[s], pa.list_(pa.string())), membership, words) for s in blocks]
    total = NeuronSums(membership.n_neurons, D, k, words.largest)
    for block in made:
        part = NeuronSums(membership.n_neurons, D, k, words.largest)
        part.add(block, membership)
        total.merge(part)
    nearest = TypicalSentences(membership.n_neurons)
    for block in made:
        part = TypicalSentences(membership.n_neurons)
        part.add(block, membership, unit_vectors(total.means()))
        nearest.merge(part)
    return total, nearest


def brute_sentence(words, sentence):
    known = [words.table[t].astype(np.float64) for t in sentence if t in words.table]
    return np.mean(known, axis=0) if known else None


def test_a_sentence_is_the_mean_of_its_tokens_vectors_and_unknown_words_do_not_count():
    words = Words({"a": np.array([1, 0, 0, 0, 0.0]), "b": np.array([0, 1, 0, 0, 0.0])})
    vectors, known = sentence_vectors(pa.array([["a", "b", "a", "zzz"], ["zzz"], []]), words)
    assert vectors[0] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0])
    assert known.tolist() == [True, False, False]
    assert not vectors[1:].any()


def test_a_slice_of_a_token_column_gives_the_slices_vectors():
    words, _, tokens, _, _ = random_corpus(1)
    column = pa.array(tokens)
    whole, _ = sentence_vectors(column, words)
    part, _ = sentence_vectors(column.slice(17, 20), words)
    assert part.tobytes() == whole[17:37].tobytes()


def test_a_sentence_vector_does_not_depend_on_the_other_sentences_of_its_block():
    words, _, tokens, _, _ = random_corpus(2)
    together, _ = sentence_vectors(pa.array(tokens), words)
    alone = np.vstack([sentence_vectors(pa.array([t]), words)[0] for t in tokens])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_neuron_vectors_equal_a_brute_force_mean(seed):
    words, ids, tokens, lists, membership = random_corpus(seed)
    of = dict(zip(ids.tolist(), tokens, strict=True))
    sums, _ = run_blocks(words, ids, tokens, membership, [20, 40])
    for neuron, listed in enumerate(lists):
        vectors = [v for i in listed.tolist() if (v := brute_sentence(words, of[i])) is not None]
        assert sums.means()[neuron] == pytest.approx(np.mean(vectors, axis=0), abs=1e-6)
        assert sums.counts[neuron] == len(vectors)
    assert sums.seen.tolist() == [12] * 7
    assert sums.sentences == len(np.unique(np.concatenate(lists)))


@pytest.mark.parametrize("seed", range(4))
def test_the_typical_sentence_equals_a_brute_force_search(seed):
    words, ids, tokens, lists, membership = random_corpus(seed)
    of = dict(zip(ids.tolist(), tokens, strict=True))
    sums, nearest = run_blocks(words, ids, tokens, membership, [9, 33])
    for neuron, listed in enumerate(lists):
        mean = sums.means()[neuron]
        scored = []
        for i in listed.tolist():
            if (v := brute_sentence(words, of[i])) is not None:
                scored.append((-round(float(v @ mean / np.linalg.norm(v) / np.linalg.norm(mean)), 9), i))
        assert nearest.sentence_ids()[neuron] == min(scored)[1]


@pytest.mark.parametrize(
    ("cuts", "order"),
    [([30], None), ([1, 2, 59], None), (list(range(1, 60)), None), ([10, 20, 50], [3, 0, 2, 1])],
    ids=["halves", "uneven", "one sentence a block", "another order"],
)
def test_block_size_and_order_change_no_bit(cuts, order):
    words, ids, tokens, _, membership = random_corpus(5)
    one, nearest_one = run_blocks(words, ids, tokens, membership, [])
    many, nearest_many = run_blocks(words, ids, tokens, membership, cuts, order=order)
    assert many.means().tobytes() == one.means().tobytes()
    assert nearest_many.ids.tolist() == nearest_one.ids.tolist()
    assert nearest_many.cosine.tobytes() == nearest_one.cosine.tobytes()
    assert many.without_vector == one.without_vector


def test_ties_go_to_the_lower_sentence_id_in_any_order_of_blocks():
    words = Words({"a": np.array([1, 0, 0, 0, 0.0]), "b": np.array([0, 1, 0, 0, 0.0])})
    ids = np.array([8, 3, 5], dtype=np.int64)
    tokens = [["a"], ["a", "a"], ["b"]]
    membership = Membership.of(ids, np.zeros(3, dtype=np.int32), 1)
    for cuts, order in ([], None), ([1, 2], None), ([1, 2], [2, 1, 0]):
        _, nearest = run_blocks(words, ids, tokens, membership, cuts, k=3, order=order)
        assert nearest.sentence_ids() == [3]


def test_sentences_without_a_vector_are_counted_and_never_typical():
    words = Words({"a": np.array([1, 0, 0, 0, 0.0])})
    ids = np.arange(3, dtype=np.int64)
    membership = Membership.of(np.array([0, 1, 2], dtype=np.int64), np.array([0, 0, 1], dtype=np.int32), 2)
    sums, nearest = run_blocks(words, ids, [["zzz"], ["a"], ["yyy"]], membership, [], k=2)
    assert sums.without_vector == 2
    assert sums.counts.tolist() == [1, 0]
    assert sums.means()[0] == pytest.approx([1, 0, 0, 0, 0])
    assert nearest.sentence_ids() == [1, None]


def test_sentences_in_no_list_are_left_out():
    words, ids, tokens, lists, membership = random_corpus(6)
    block = sentence_block(ids, pa.array(tokens), membership, words)
    assert sorted(block.ids.tolist()) == sorted(set(np.concatenate(lists).tolist()))


def test_sums_of_the_longest_list_of_the_largest_components_do_not_overflow():
    k, largest = 10_000, 37.5
    words = Words({"a": np.full(D, largest, dtype=np.float32)})
    sums = NeuronSums(1, D, k, largest)
    ids = np.arange(k, dtype=np.int64)
    membership = Membership.of(ids, np.zeros(k, dtype=np.int32), 1)
    sums.add(sentence_block(ids, pa.array([["a"]] * k), membership, words), membership)
    assert sums.means()[0] == pytest.approx([largest] * D, abs=1e-12)


def test_a_cosine_does_not_depend_on_the_rows_beside_it():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 300)).astype(np.float32)
    direction = unit_vectors(rng.normal(size=(1, 300)))[0]
    alone = np.concatenate([cosines(rows[i : i + 1], direction) for i in range(50)])
    assert cosines(rows, direction).tobytes() == alone.tobytes()
