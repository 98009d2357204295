"""Real MLlib on tiny data against brute force, and the preparation that keeps it from exploding."""

import itertools
from collections import Counter

import numpy as np
import pytest

from neuronsig.config import MiningConfig
from neuronsig.patterns import count_patterns_slowly
from neuronsig.profiles import OTHER, Dictionary
from spark_jobs.mining.mllib import INPUT_DDL, mine_rows, prepare_columns


def dictionary_of(sentences, words=6, values=2, tags=3, n=1000):
    """A dictionary whose corpus holds every item in a hundredth of its sentences, so that all are over-represented."""
    few = lambda size: np.full(size, n // 100, np.int64)  # noqa: E731
    return Dictionary(
        [f"w{i}" for i in range(words)], few(words), [("m", str(i)) for i in range(values)], few(values),
        [f"T{i}" for i in range(tags)], few(tags), few(tags), n, 10 * n,
    )  # fmt: skip


def random_rows(seed, n=40):
    rng = np.random.default_rng(seed)
    words = [rng.integers(-1, 6, rng.integers(1, 7)) for _ in range(n)]
    tags = [rng.integers(0, 3, len(w)) for w in words]
    items = [np.unique(np.append(w[w >= 0], 6 + rng.integers(0, 2))) for w in words]
    return words, items, tags


def packed(words, items, tags):
    cells = ((words, "<i4"), (items, "<i4"), (tags, "u1"))
    return [[row.astype(dtype).tobytes() for row in rows] for rows, dtype in cells]


def mined(spark, rows, dictionary, mining):
    columns = prepare_columns(*packed(*rows), dictionary, mining)
    scalars = {name: value for name, value in columns.items() if name not in ("words", "tags", "items")}
    names = [part.split()[0] for part in INPUT_DDL.split(", ")]
    lists = zip(columns["words"], columns["tags"], columns["items"], strict=True)
    data = [{**scalars, "words": w.tolist(), "tags": t.tolist(), "items": i.tolist()} for w, t, i in lists]
    frame = spark.createDataFrame([tuple(row[name] for name in names) for row in data], INPUT_DDL).coalesce(1)
    found = mine_rows(frame, frame.first(), mining).collect()
    assert len({(row["kind"], tuple(row["items"])) for row in found}) == len(found)
    return {(row["kind"], tuple(row["items"])): row["f1"] for row in found}, columns


@pytest.mark.parametrize("seed", [0, 1])
def test_patterns_and_supports_equal_brute_force(spark, seed):
    words, items, tags = rows = random_rows(seed)
    mining = MiningConfig(
        min_count=2, pattern_min_count=2, word_min_support=0.1, word_max_length=3,
        pos_min_support=0.25, pos_max_length=3, itemset_min_support=0.15, itemset_max_size=3,
    )  # fmt: skip
    found, _ = mined(spark, rows, dictionary_of(words), mining)
    baskets = [sorted({*i.tolist(), *(8 + t).tolist()}) for i, t in zip(items, tags, strict=True)]
    expected = {}
    for kind, sequences, alphabet, least in (
        ("word_sequence", words, range(6), 4),
        ("pos_sequence", tags, range(3), 10),
    ):
        every = [p for n in (2, 3) for p in itertools.product(alphabet, repeat=n)]
        support = count_patterns_slowly(every, [s.tolist() for s in sequences])
        expected |= {(kind, p): f for p, f in zip(every, support, strict=True) if f >= least}
    sets = Counter(p for basket in baskets for n in (2, 3) for p in itertools.combinations(basket, n))
    expected |= {("itemset", p): f for p, f in sets.items() if f >= 6}
    assert found == expected
    assert {kind for kind, _ in found} == {"word_sequence", "pos_sequence", "itemset"}


def test_a_support_of_exactly_the_threshold_is_frequent(spark):
    words = [np.array([0, 1])] * 3 + [np.array([2])] * 7
    rows = words, [np.unique(w) for w in words], [np.zeros(len(w), int) for w in words]
    mining = MiningConfig(
        min_count=1, pattern_min_count=1, word_min_support=0.3, itemset_min_support=0.3, pos_min_support=0.3
    )
    found, _ = mined(spark, rows, dictionary_of(words), mining)
    assert found["word_sequence", (0, 1)] == 3
    assert found["itemset", (0, 1)] == 3


def test_a_neuron_without_frequent_items_has_no_patterns(spark):
    words = [np.array([i % 6]) for i in range(12)]
    rows = words, [np.unique(w) for w in words], [np.array([0]) for _ in words]
    mining = MiningConfig(min_count=5, pattern_min_count=5, word_min_support=0.5, itemset_min_support=0.5)
    dictionary = dictionary_of(words)
    dictionary.tag_sentences[:] = dictionary.n_sentences  # in nearly all sentences: no item
    found, columns = mined(spark, rows, dictionary, mining)
    assert found == {}
    assert columns["itemset_min"] == columns["word_sequence_min"] == 0


def test_the_support_is_raised_until_the_patterns_bound_holds_and_says_so():
    words = [np.arange(6)] * 40
    rows = words, [np.arange(6)] * 40, [np.array([0])] * 40
    dictionary = dictionary_of(words)
    mining = MiningConfig(min_count=2, pattern_min_count=2, word_min_support=0.05, pattern_limit=20, word_max_length=3)
    columns = prepare_columns(*packed(*rows), dictionary, mining)
    held = 6 + 15 + 20
    assert columns["word_sequence_raised"]
    assert columns["word_sequence_min"] == 0 or held * 40 / columns["word_sequence_min"] <= 20
    assert not columns["pos_sequence_raised"]
    free = prepare_columns(
        *packed(*rows), dictionary, MiningConfig(min_count=2, pattern_min_count=2, word_min_support=0.05)
    )
    assert not free["word_sequence_raised"]
    assert free["word_sequence_min"] == 2


def test_items_that_a_neuron_does_not_prefer_form_no_itemsets():
    words = [np.array([0, 1, 2])] * 10
    items = [np.array([0, 1, 2, 6, 7])] * 5 + [np.array([0, 2, 6, 7])] * 5
    dictionary = dictionary_of(words)
    dictionary.word_sentences[1] = 800  # less frequent than in the corpus
    dictionary.word_sentences[2] = 950  # more frequent, but in nearly all sentences of the corpus
    dictionary.metadata[1] = ("m", OTHER)
    mining = MiningConfig(min_count=2, pattern_min_count=2, itemset_max_share=0.9)
    columns = prepare_columns(*packed(words, items, [np.array([0])] * 10), dictionary, mining)
    assert columns["items"][0].tolist() == [0, 6, 8]
