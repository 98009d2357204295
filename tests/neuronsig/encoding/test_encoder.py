"""Batches of sentences counted and encoded, and encoded rows read back."""

import numpy as np
import pyarrow as pa
import pytest

from neuronsig.encoding.counting import SOURCE, count_batch
from neuronsig.encoding.sentences import ALL_NODES, Encoder, encoded_rows, read_sentences
from neuronsig.errors import InputError
from neuronsig.tables import SENTENCES
from tests.neuronsig.miners.encoded import dictionary_of
from tests.spark_jobs.mining.small_run import sentence


def test_a_user_s_trees_are_encoded_by_their_labels_and_rare_ones_have_no_code():
    trees = [(["S", "NP", "cat"], [0, 1, 2]), ([], []), (["NP"], [2]), (["S", "X"], [0, 1]), (None, None)]
    rows = [sentence(i, "the dog runs") for i in range(len(trees))]
    table = pa.Table.from_pylist(rows, schema=SENTENCES).select(SOURCE).drop_columns(["heads"])
    nodes, heads = zip(*trees, strict=True)
    table = table.append_column("heads", pa.array(heads, pa.list_(pa.int32())))
    batch = table.append_column("nodes", pa.array(nodes, pa.list_(pa.string()))).to_batches()[0]
    counts = {(row["kind"], row["field"], row["item"]): row["sentences"] for row in count_batch(batch, []).to_pylist()}
    assert counts["tree", "brackets", ""] == 2  # a head outside of its tree makes none
    assert (counts["label", "", "S"], counts["label", "", "cat"]) == (2, 1)
    made = dictionary_of()
    made.labels, made.domains, made.metadata = ["S", "NP"], ["book"], [("domain", "book")]
    found = Encoder(made).encode(batch)
    assert np.diff(found.head_offsets).tolist() == [3, 0, 0, 2, 0]
    assert (found.heads.tolist(), found.nodes.tolist()) == ([0, 1, 2, 0, 1], [0, 1, -1, 0, -1])


def test_a_domain_may_hold_a_tab():
    table = pa.Table.from_pylist([sentence(0, "the dog runs", domain="a\tb")], schema=SENTENCES)
    counts = count_batch(table.select(SOURCE).to_batches()[0], []).to_pylist()
    assert [(row["field"], row["item"]) for row in counts if row["kind"] == "length"] == [("a\tb", "3")]


@pytest.mark.parametrize("nodes", [False, True])
def test_rows_of_bytes_are_read_back_as_they_were_from_any_slice(nodes):
    table = pa.Table.from_pylist(
        [sentence(i, "the dog sees w1 w1", "T0 T1 T2 T0 T0") for i in range(4)], schema=SENTENCES
    )
    if nodes:
        table = table.append_column("nodes", pa.array([["S", "NP", "X", "x", "y"]] * 4))
    made = dictionary_of()
    made.labels, made.domains, made.metadata = ["S", "NP"] if nodes else None, ["book"], [("domain", "book")]
    batch = table.select([*SOURCE, *["nodes"] * nodes]).to_batches()[0]
    found = Encoder(made, ["date", "author"]).encode(batch)
    rows = encoded_rows(batch.column("sentence_id"), found, nodes)
    assert rows.schema.names == ["sentence_id", "words", "items", "tags", "heads", "stratum", *["nodes"] * nodes]
    again = read_sentences(rows.slice(1, 2), ALL_NODES if nodes else ALL_NODES[:-1])
    assert again.words.tolist() == [-1, -1, -1, 1, 1] * 2 == found.words[5:15].tolist()
    assert again.items.tolist() == [1, 6] * 2
    assert again.offsets.tolist() == [0, 5, 10]
    for name in ("tags", "heads", "nodes"):
        half = getattr(found, name)
        assert getattr(again, name).tolist() == half[len(half) // 4 : 3 * len(half) // 4].tolist()


def test_a_sentence_without_a_tag_for_every_token_is_refused():
    row = sentence(7, "the dog") | {"pos": ["DT"]}
    batch = pa.Table.from_pylist([row], schema=SENTENCES).select(SOURCE).to_batches()[0]
    with pytest.raises(InputError, match="sentence_id 7 has 2 tokens and 1 pos; run neuronsig annotate again"):
        Encoder(dictionary_of()).encode(batch)
