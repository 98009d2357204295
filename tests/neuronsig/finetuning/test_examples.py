"""Which documents are examples, which of them test, and which are alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from neuronsig.errors import InputError
from neuronsig.evaluation.intervals import share_limits
from neuronsig.finetuning.examples import EXAMPLES, has_any, sentence_keys, split


def examples(labels: list[str], sentences: list[list[int]] | None = None) -> pa.Table:
    rows = [
        {"document": 7919 * i, "label": label, "input_ids": [i], "sentences": sentences[i] if sentences else [1000 + i]}
        for i, label in enumerate(labels)
    ]
    return pa.Table.from_pylist(rows, EXAMPLES)


def test_sentences_are_alike_by_their_letters_and_short_ones_by_nothing() -> None:
    one, other = sentence_keys(["It is 5 o'clock in the morning!", "it is o clock, in the MORNING 7"])
    assert one == other
    assert len(sentence_keys(["Thank you very much.", "1 2 3 4 5 6", ""])) == 0
    assert sentence_keys(["It is five o'clock in the evening."])[0] != one


def test_about_a_share_of_the_examples_tests_the_same_ones_whatever_their_order() -> None:
    table = examples(["a", "b"] * 500)
    found = split(table, 0.2, 10, 0, 0, "finetune.field=x")
    assert 160 < found.test.num_rows < 240
    assert found.train.num_rows + found.test.num_rows == 1000
    assert not set(found.train["document"].to_pylist()) & set(found.test["document"].to_pylist())
    mixed = table.take(pa.array(np.random.default_rng(0).permutation(1000)))
    assert split(mixed, 0.2, 10, 0, 0, "").test.equals(found.test)
    assert split(mixed, 0.2, 10, 0, 5, "").test.equals(found.test)  # the seed draws no other test


def test_examples_are_drawn_where_fewer_are_asked_for() -> None:
    table = examples(["a", "b"] * 500)
    drawn = [split(table, 0.2, 10, 300, seed, "") for seed in (0, 0, 1)]
    documents = [{*one.train["document"].to_pylist(), *one.test["document"].to_pylist()} for one in drawn]
    assert [len(one) for one in documents] == [300] * 3
    assert documents[0] == documents[1] != documents[2]


def test_what_has_a_sentence_that_trains_tests_nothing() -> None:
    labels = ["a", "b"] * 500
    free = split(examples(labels), 0.2, 10, 0, 0, "")
    first = free.test["input_ids"][0].as_py()[0]
    trained = free.train["input_ids"][0].as_py()[0]
    sentences = [[1000 + i] for i in range(1000)]
    sentences[first] = [5, 1000 + trained]
    found = split(examples(labels, sentences), 0.2, 10, 0, 0, "")
    assert found.counts["test documents with a sentence that trains"] == 1
    assert found.test.num_rows == free.test.num_rows - 1
    assert [first] not in found.test["input_ids"].to_pylist()
    assert has_any(found.train, np.array([1000 + trained])).sum() == 1


def test_labels_of_few_documents_are_counted_and_left_out() -> None:
    found = split(examples(["a", "b"] * 100 + ["c"] * 5), 0.2, 10, 0, 0, "")
    assert found.labels == ["a", "b"]
    assert found.counts["documents of rare labels"] == 5
    assert "c" not in {*found.train["label"].to_pylist(), *found.test["label"].to_pylist()}
    with pytest.raises(InputError, match=r"key: needs two labels with 10 documents .* are 1 \(found: a \d+, c \d\)"):
        split(examples(["a"] * 100 + ["c"] * 5), 0.2, 10, 0, 0, "key")


@pytest.mark.parametrize(("hits", "tries"), [(0, 20), (20, 20), (7, 20), (990, 1000)])
def test_limits_of_an_accuracy_are_clopper_and_pearson_s(hits: int, tries: int) -> None:
    wanted = binomtest(hits, tries).proportion_ci(0.95, method="exact")
    assert share_limits(hits, tries) == pytest.approx((wanted.low, wanted.high))
