"""What dominates a list: documents, near-duplicates, rare words and strongest tokens of tiny lists."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.annotation.near_duplicates import signatures
from neuronsig.collection.dominance import (
    OUTLIERS,
    ListedSentences,
    Strongest,
    dominance,
    near_duplicate_share,
    rare_word,
    read_listed,
)
from neuronsig.neuron import Neuron
from neuronsig.readers import read_top_lists
from tests.run_factory import MODEL, make_run

TEXTS = [
    "the old harbour lies under a quiet lantern in winter",
    "the old harbour lies under a quiet lantern in summer",
    "a violin was found in the narrow garden of the market",
    "they remembered the broken engine and opened a window",
]


def listed(documents: list[int], repeat: int = 1) -> ListedSentences:
    n = len(TEXTS) * repeat
    texts = TEXTS + [f"filler{i} sentence{i} number{i}" for i in range(n - len(TEXTS))]
    codes = np.array(documents + [0] * (n - len(documents)))
    words = [frozenset(text.split()) for text in texts]
    return ListedSentences(np.arange(n) + 100, codes, ["d 0", "d 1"], signatures(texts), words)


def row_of(found: ListedSentences, ids: list[int], strongest: list[Strongest], share: float = 0.5) -> dict:
    return dominance(Neuron("hidden", 1, 2), np.array(ids), found, strongest, share)


def test_a_list_is_described_by_what_most_of_it_has_in_common():
    found = listed([1, 1, 1, 0], repeat=50)
    strongest = [Strongest(0.9, "[CLS]", "first"), Strongest(0.7, "[CLS]", "first"), Strongest(0.5, ".", "inside")]
    row = row_of(found, [100, 101, 102, 103], strongest)
    assert (row["document"], row["document_share"]) == ("d 1", 0.75)
    assert row["near_duplicate_share"] == 0.25
    assert (row["word"], row["word_share"], row["word_elsewhere"]) == ("under", 0.5, 2 / 200)
    assert (row["token"], row["token_place"]) == ("[CLS]", "first")
    assert row["concentration"] == pytest.approx(0.7)
    assert row["token_sentences"] == 3
    assert row["flags"] == "document word token"
    assert pa.Table.from_pylist([row], schema=OUTLIERS).num_rows == 1
    assert row["document_elsewhere"] == 3 / 200


def test_a_document_that_is_large_everywhere_dominates_no_list():
    ids = [100, 101, 102, 103]
    assert row_of(listed([1, 1, 1, 0] * 25, repeat=50), ids, [])["flags"] == "document word"
    row = row_of(listed([1, 1, 1, 0] * 26, repeat=50), ids, [])
    assert (row["document_share"], row["document_elsewhere"], row["flags"]) == (0.75, 78 / 200, "word")


def test_a_higher_bar_flags_less_and_without_tokens_none_is_told_of():
    row = row_of(listed([1, 1, 1, 0], repeat=50), [100, 101, 102, 103], [], share=0.8)
    assert (row["flags"], row["token"], row["concentration"], row["token_sentences"]) == ("", None, None, 0)


def test_a_sentence_with_nothing_above_the_baseline_has_no_share():
    strongest = [Strongest(float("nan"), ".", "inside"), Strongest(0.6, ".", "inside")]
    row = row_of(listed([1, 1, 1, 0], repeat=50), [100, 101, 102, 103], strongest)
    assert row["concentration"] == pytest.approx(0.6)
    assert row_of(listed([1, 1, 1, 0], repeat=50), [100, 101], strongest[:1])["concentration"] is None


def test_a_word_that_many_listed_sentences_hold_is_no_rare_one():
    words = [frozenset({"the", "zap"}), frozenset({"the", "zap"}), frozenset({"the"})]
    counts = Counter({"the": 60, "zap": 2})
    assert rare_word(words, counts, 200) == ("zap", pytest.approx(2 / 3))
    assert rare_word(words, counts, 100) == ("", 0.0)


def test_each_sentence_is_compared_with_those_of_a_better_rank():
    made = signatures([TEXTS[0], TEXTS[0], TEXTS[2], TEXTS[1]])
    assert near_duplicate_share(made, 0.6) == 0.5
    assert near_duplicate_share(made, 0.99) == 0.25
    assert near_duplicate_share(made[:1], 0.5) == 0.0


def test_lists_and_sentences_are_read_from_the_tables(tmp_path):
    made = make_run(tmp_path / "run", sentences=300, k=30)
    lists = read_top_lists(made.run.topk(MODEL), first=12).by_neuron()
    assert {(n.layer, n.unit): ids.tolist() for n, ids in lists.items()} == {
        key: [sentence for _, sentence in ranked[:12]] for key, ranked in made.top.items()
    }
    ids = np.unique(np.concatenate(list(lists.values())))
    found = read_listed(made.run.sentences, ids)
    for place in (0, len(ids) // 2, len(ids) - 1):
        row = made.rows[ids[place]]
        assert found.names[found.documents[place]] == f"{row['domain']} {row['doc_id']}"
        assert found.words[place] == {token.lower() for token in row["tokens"]}
        assert (found.signatures[place] == signatures([row["text"]])[0][: found.signatures.shape[1]]).all()
