"""Counts in the corpus against brute force, and which patterns are kept."""

import numpy as np
import pandas as pd
import pyarrow as pa

from neuronsig.config import MiningConfig
from neuronsig.neuron import Neuron
from neuronsig.patterns import count_patterns_slowly
from neuronsig.profiles import Dictionary, neuron_code
from spark_jobs.mining.encode import binary_column
from spark_jobs.mining.reference import ReferenceCounter, distinct_patterns, judge_rows


def small_dictionary():
    return Dictionary(
        ["the", "dog", "cat", "red"], np.array([90, 40, 30, 5]), [("domain", "book"), ("domain", "news")],
        np.array([60, 40]), ["DT", "NN"], np.array([90, 80]), np.array([70, 95]), 100, 500,
    )  # fmt: skip


def column(rows, dtype):
    flat = np.array([value for row in rows for value in row], dtype)
    return binary_column(flat, np.array([len(row) for row in rows]))


def test_all_kinds_are_counted_exactly_in_one_pass():
    rng = np.random.default_rng(2)
    words = [rng.integers(-1, 4, rng.integers(0, 8)).tolist() for _ in range(100)]
    tags = [rng.integers(0, 2, len(w)).tolist() for w in words]
    items = [sorted({w for w in row if w >= 0} | {4 + int(rng.integers(0, 2))}) for row in words]
    kinds = ["word_sequence", "itemset", "word_sequence", "pos_sequence", "itemset", "itemset", "pos_sequence"]
    patterns = [(0, 1), (1, 4, 6), (2, 2, 0), (0, 0, 1), (3, 5), (0, 1, 7), (1, 1)]
    counter = ReferenceCounter.build(kinds, patterns, small_dictionary())
    number, sentences = counter.count(column(words, "<i4"), column(items, "<i4"), column(tags, "u1"))
    found = np.zeros(len(patterns), np.int64)
    found[number] = sentences
    baskets = [sorted({*i, *(6 + tag for tag in t)}) for i, t in zip(items, tags, strict=True)]
    source = {"word_sequence": words, "pos_sequence": tags, "itemset": baskets}
    expected = [count_patterns_slowly([p], source[kind])[0] for kind, p in zip(kinds, patterns, strict=True)]
    assert found.tolist() == expected
    assert min(expected) > 0


def test_the_strongest_are_kept_by_lrc_and_the_most_frequent_besides_under_their_rank():
    rows = pd.DataFrame(
        {
            "items": [[0, 1], [0, 2], [1, 2], [2, 3]],
            "f1": [30, 12, 20, 9],
            "corpus": [70, 14, 24, 9],
        }
    )
    mining = MiningConfig(patterns_kept=2, frequent_kept=1)
    code = neuron_code(Neuron("hidden", 3, 7, -1))
    found = judge_rows(code, "word_sequence", rows, 40, small_dictionary(), tests=4, mining=mining)
    assert found["pattern"].tolist() == [["dog", "cat"], ["cat", "red"], ["the", "dog"]]
    assert found["rank"].tolist() == [0, 1, 3]
    assert found["lrc"].is_monotonic_decreasing
    often = found.iloc[-1]
    assert (often["pattern"], often["f1"], often["n1"], often["f2"], often["n2"]) == (["the", "dog"], 30, 40, 40, 60)
    assert (often["layer"], often["unit"], often["sign"]) == (3, 7, -1)
    unordered = judge_rows(code, "word_sequence", rows.iloc[::-1], 40, small_dictionary(), tests=4, mining=mining)
    assert unordered["pattern"].tolist() == found["pattern"].tolist()


def test_itemsets_read_as_words_values_and_tags():
    rows = pd.DataFrame({"items": [[0, 5, 7]], "f1": [5], "corpus": [9]})
    found = judge_rows(neuron_code(Neuron("hidden", 1, 0)), "itemset", rows, 10, small_dictionary(), 1, MiningConfig())
    assert found["pattern"].tolist() == [["word=the", "domain=news", "pos=NN"]]
    assert isinstance(pa.Table.from_pandas(found), pa.Table)


def test_pieces_of_one_phrase_are_shown_once():
    items = [{1, 2, 3}, {1, 2, 4}, {5, 6}, {1, 7}, {3, 9}]
    f1, f2 = np.array([100, 99, 100, 60, 100]), np.array([50, 50, 50, 50, 80])
    order = np.array([0, 1, 2, 3, 4])
    assert distinct_patterns(order, items, f1, f2, 9).tolist() == [0, 2, 3, 4]
    assert distinct_patterns(order, items, f1, f2, 2).tolist() == [0, 2]
    assert distinct_patterns(order[::-1], items, f1, f2, 3).tolist() == [4, 3, 2]
