from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.errors import InputError
from neuronsig.holdout import Holdout, is_held_out


def test_about_the_share_is_held_out_of_any_run_of_ids() -> None:
    for first in (0, 1_000_000, 2**40):
        held = is_held_out(np.arange(first, first + 100_000), 0.05)
        assert 4_700 < held.sum() < 5_300


def test_a_sentence_keeps_its_side_whatever_stands_beside_it() -> None:
    ids = np.arange(10_000)
    some = np.random.default_rng(0).permutation(ids)[:500]
    assert (is_held_out(ids, 0.2)[some] == is_held_out(some, 0.2)).all()


def test_a_larger_share_holds_the_smaller_one_and_none_is_held_out_at_0() -> None:
    ids = np.arange(10_000)
    assert not is_held_out(ids, 0.0).any()
    assert is_held_out(ids, 0.3)[is_held_out(ids, 0.1)].all()


def sentences(documents: list[str], domain: str = "d") -> pa.RecordBatch:
    ids = np.arange(len(documents))
    return pa.RecordBatch.from_pydict({"sentence_id": ids, "domain": [domain] * len(ids), "doc_id": documents})


def test_a_document_is_held_out_whole_and_about_the_share_of_all() -> None:
    documents = [f"document {i % 4000}" for i in range(12_000)]
    held = Holdout(0.1).of(sentences(documents))
    assert (held[:4000] == held[4000:8000]).all()
    assert 320 < held[:4000].sum() < 480
    assert (Holdout(0.1).of(sentences(documents[:3])) == held[:3]).all()
    assert (Holdout(0.1).of(sentences(documents, "other")) != held).any()  # another domain's document of that name
    assert Holdout(0.3).of(sentences(documents))[held].all()


def test_the_rows_that_are_not_held_out_are_left() -> None:
    batch = sentences([f"document {i}" for i in range(500)])
    holdout = Holdout(0.2)
    left = holdout.without(batch)
    assert left.column("sentence_id").to_pylist() == np.flatnonzero(~holdout.of(batch)).tolist()
    assert Holdout(0.0).without(batch) is batch
    alone = Holdout(0.2, "sentence")
    assert (alone.of(batch) == is_held_out(np.arange(500), 0.2)).all()
    assert (holdout.columns, alone.columns) == (("domain", "doc_id"), ("sentence_id",))


def test_documents_without_ids_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"'doc_id' is empty in places.*mining\.holdout_by=sentence"):
        Holdout(0.1).of(sentences(["a", ""]))
