"""Which documents are examples, which of them test, and which are alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from neuronsig.checkpoint import TokenizerSpec
from neuronsig.corpora.document import Document
from neuronsig.errors import InputError
from neuronsig.evaluation.intervals import share_limits
from neuronsig.finetuning.examples import EXAMPLES, examples_of, sentence_grams, split, with_sentences


def examples(labels: list[str], same: dict[int, int] | None = None) -> pa.Table:
    """Examples of these labels; `same` says which is the same document as which other."""
    wholes = [1000 + (same or {}).get(i, i) for i in range(len(labels))]
    rows = [
        {"document": 7919 * i, "label": label, "input_ids": [i], "whole": wholes[i], "grams": [wholes[i]]}
        for i, label in enumerate(labels)
    ]
    return pa.Table.from_pylist(rows, EXAMPLES)


TOKENIZER = TokenizerSpec("x", Tokenizer(WordLevel({"x": 0}, "x")).to_str(), "", 0, 0, 0)


@pytest.mark.parametrize(
    ("document", "sentence", "there"),
    [
        ("It is 5 o'clock in the morning! Wake up now.", "it is o clock, in the MORNING 7", True),
        (
            "Before it. In the U.S. he was *never* seen again (so they say); and after.",
            "he was never seen again (so they say)",
            True,
        ),
        ("One two three four five six seven.", "two three four five six", True),
        ("One two three four five six seven.", "two three four five seven", False),
        ("One two three four five. Six seven eight nine ten.", "one two three four five six ten", False),
        ("Thank you!", "thank you", True),
        ("Thank you! It was a pleasure.", "thank you", False),
        ("12 34!", "56 ?", False),
    ],
)
def test_a_sentence_of_the_run_is_found_wherever_it_is_in_a_document(document: str, sentence: str, there: bool) -> None:
    other = Document("b", "Nothing of that kind at all is said.", {"kind": ["x"]})
    table, _, _ = examples_of([Document("a", document, {"kind": ["x"]}), other], "s", "kind", TOKENIZER)
    run = sentence_grams([sentence, "Some other words that nobody wrote."])
    assert with_sentences(table, run).tolist() == [there, False]


def test_others_are_counted_by_reason() -> None:
    documents = [
        Document(str(i), "some text", {"kind": kinds} if kinds else {})
        for i, kinds in enumerate([["a"], [], ["a", "b"]])
    ]
    table, others, fields = examples_of(documents, "s", "kind", TOKENIZER)
    assert (table.num_rows, others, fields) == (1, {"no label": 1, "several labels": 1}, {"kind": 2})


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


def test_a_document_that_is_the_same_as_one_that_trains_tests_nothing() -> None:
    labels = ["a", "b"] * 500
    free = split(examples(labels), 0.2, 10, 0, 0, "")
    first, trained = (table["input_ids"][0].as_py()[0] for table in (free.test, free.train))
    found = split(examples(labels, {first: trained}), 0.2, 10, 0, 0, "")
    assert found.counts["test documents that are the same as one that trains"] == 1
    assert found.test.num_rows == free.test.num_rows - 1
    assert [first] not in found.test["input_ids"].to_pylist()


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
