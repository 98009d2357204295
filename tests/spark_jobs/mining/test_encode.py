"""The dictionary's counts against brute force, and encoded sentences against their text."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.config import MiningConfig
from neuronsig.encoding.vocabulary import OTHER
from neuronsig.errors import InputError
from neuronsig.holdout import Holdout
from neuronsig.ragged import read_binary
from neuronsig.tables import SENTENCES
from spark_jobs.mining.encode import encode_sentences
from tests.spark_jobs.mining.small_run import random_sentences, sentence, write_run


def encode(spark, run, **changes):
    settings = {"min_count": 2, "metadata_skip": ["date"], "holdout": 0.0} | changes
    return encode_sentences(spark, run.sentences, run.work("encoded"), MiningConfig(**settings))


def decoded(run, *names):
    """sentence_id -> (words, items, tags), or other columns, as lists of codes."""
    table = pq.read_table(run.work("encoded", "sentences"), partitioning=None).combine_chunks()
    columns = []
    types = {"words": "<i4", "items": "<i4", "tags": "u1", "heads": "<i2"}
    for name, dtype in [(name, types[name]) for name in names or ("words", "items", "tags")]:
        flat, offsets = read_binary(table[name], dtype)
        columns.append([part.tolist() for part in np.split(flat, offsets[1:-1])])
    return dict(sorted(zip(table["sentence_id"].to_pylist(), zip(*columns, strict=True), strict=True)))


def test_dictionary_counts_equal_brute_force(spark, tmp_path):
    rows = random_sentences(80)
    dictionary = encode(spark, write_run(tmp_path, rows, {(1, 0): [0]}))
    words = Counter(word for row in rows for word in {token.lower() for token in row["tokens"]})
    tokens = Counter(tag for row in rows for tag in row["pos"])
    tags = Counter(tag for row in rows for tag in set(row["pos"]))
    authors = Counter(("author", value) for row in rows for value in row["metadata"][0][1])
    domains = Counter(("domain", row["domain"]) for row in rows)
    assert dict(zip(dictionary.words, dictionary.word_sentences.tolist(), strict=True)) == words
    assert dict(zip(dictionary.tags, dictionary.tag_tokens.tolist(), strict=True)) == tokens
    assert dict(zip(dictionary.tags, dictionary.tag_sentences.tolist(), strict=True)) == tags
    assert dict(zip(dictionary.metadata, dictionary.metadata_sentences.tolist(), strict=True)) == authors | domains
    assert (dictionary.n_sentences, dictionary.n_tokens) == (80, tokens.total())
    assert dictionary.word_sentences.tolist() == sorted(words.values(), reverse=True)


def test_encoded_sentences_hold_words_in_order_and_items_once(spark, tmp_path):
    rows = [
        sentence(0, "The cat sees the dog", author="w"),
        sentence(1, "a the Cat once", author="w,x"),
        sentence(2, "the dog", domain="news", author="x"),
        sentence(3, "the cat", domain="news"),
    ]
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    dictionary = encode(spark, run)
    word = {w: i for i, w in enumerate(dictionary.words)}
    value = {v: len(word) + i for i, v in enumerate(dictionary.metadata)}
    tag = {t: i for i, t in enumerate(dictionary.tags)}
    found = decoded(run)
    assert set(word) == {"the", "cat", "dog"}
    assert found[0][0] == [word["the"], word["cat"], -1, word["the"], word["dog"]]
    assert found[0][2] == [tag[t] for t in ("DT", "NN", "VBZ", "DT", "NN")]
    assert found[1][1] == sorted(
        [word["the"], word["cat"], value["author", "w"], value["author", "x"], value["domain", "book"]]
    )
    assert found[3][1] == sorted([word["the"], word["cat"], value["domain", "news"]])


def test_strata_are_counted_as_they_are_encoded(spark, tmp_path):
    rows = random_sentences(900)
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    dictionary = encode(spark, run, match="length_domain")
    assert dictionary.domains == ["book", "news"]
    assert dictionary.strata.domains == 2
    assert dictionary.strata.bins > 3
    table = pq.read_table(run.work("encoded", "sentences"), partitioning=None)
    code = dict(zip(table["sentence_id"].to_pylist(), table["stratum"].to_pylist(), strict=True))
    lengths = np.array([len(row["tokens"]) for row in rows])
    domains = np.array([["book", "news"].index(row["domain"]) for row in rows])
    expected = dictionary.strata.codes(lengths, domains).tolist()
    assert [code[i] for i in range(900)] == expected
    assert dictionary.stratum_sentences.tolist() == np.bincount(expected, minlength=dictionary.strata.size).tolist()
    assert dictionary.stratum_sentences.min() > 0


@pytest.mark.parametrize("by", ["document", "sentence"])
def test_held_out_sentences_are_in_no_row_and_no_count(spark, tmp_path, by):
    rows = random_sentences(200)
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    dictionary = encode(spark, run, holdout=0.3, holdout_by=by)
    out = Holdout(0.3, by).of(pa.Table.from_pylist(rows, schema=SENTENCES))
    kept = [row for row, left_out in zip(rows, out, strict=True) if not left_out]
    assert 30 < out.sum() < 90
    assert sorted(decoded(run)) == [row["sentence_id"] for row in kept]
    assert dictionary.n_sentences == len(kept) == dictionary.stratum_sentences.sum() == dictionary.n_trees
    words = Counter(word for row in kept for word in {token.lower() for token in row["tokens"]})
    assert dict(zip(dictionary.words, dictionary.word_sentences.tolist(), strict=True)) == words


@pytest.mark.parametrize("missing", ["", None])
def test_documents_without_ids_are_refused_before_any_sentence_is_read(spark, tmp_path, missing):
    rows = random_sentences(20)
    rows[7]["doc_id"] = missing
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    with pytest.raises(InputError, match=r"^sentences/ column 'doc_id' is empty in places.*=sentence$"):
        encode(spark, run, holdout=0.3)
    assert encode(spark, run, holdout=0.3, holdout_by="sentence").n_sentences < 20


def test_one_document_alone_is_mined_or_held_out_whole_which_is_refused(spark, tmp_path):
    rows = [row | {"doc_id": "a", "domain": "d"} for row in random_sentences(20)]
    with pytest.raises(InputError, match=r"holds no sentence that is not held out.*mining\.holdout_by=sentence$"):
        encode(spark, write_run(tmp_path / "all", rows, {(1, 0): [0]}), holdout=0.7)
    assert encode(spark, write_run(tmp_path / "none", rows, {(1, 0): [0]}), holdout=0.3).n_sentences == 20


def test_trees_are_kept_where_every_head_is_in_its_place(spark, tmp_path):
    rows = [sentence(i, "the red dog") for i in range(6)]
    for row, heads in zip(rows, ([2, 0, 2], None, [], [0, 1], [0, 1, 4], [0, 1, -1]), strict=True):
        row["heads"] = heads
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    dictionary = encode(spark, run)
    assert [heads for (heads,) in decoded(run, "heads").values()] == [[2, 0, 2], [], [], [], [], []]
    assert dictionary.n_trees == dictionary.stratum_trees.sum() == 1
    assert dictionary.stratum_sentences.sum() == 6


def test_rare_and_surplus_metadata_values_become_one_other(spark, tmp_path):
    authors = ["a"] * 6 + ["b"] * 4 + ["c"] * 3 + ["d"]
    rows = [sentence(i, "the dog runs", author=name, date=str(i)) for i, name in enumerate(authors)]
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    dictionary = encode(spark, run, metadata_max_values=2)
    counts = dict(zip(dictionary.metadata, dictionary.metadata_sentences.tolist(), strict=True))
    assert counts == {("author", "a"): 6, ("author", "b"): 4, ("author", OTHER): 4, ("domain", "book"): 14}
    other = len(dictionary.words) + dictionary.metadata.index(("author", OTHER))
    assert [other in items for _, items, _ in decoded(run).values()] == [name in "cd" for name in authors]


def test_a_dictionary_has_room_for_the_most_frequent_words_and_tells_what_it_leaves_out(spark, tmp_path, monkeypatch):
    monkeypatch.setattr("neuronsig.encoding.vocabulary.MAX_WORDS", 3)
    texts = ["red dog", "red cat", "red dog sees", "red sees not", "cat not"]
    run = write_run(tmp_path, [sentence(i, text) for i, text in enumerate(texts)], {(1, 0): [0]})
    # Four words are in two sentences: with room for two more, none of them is taken by chance.
    dictionary = encode(spark, run)
    assert dictionary.words == ["red"]
    assert dictionary.left_out == ["4 words, in fewer than 3 sentences"]
    assert decoded(run)[1][0] == [0, -1]
    monkeypatch.setattr("neuronsig.encoding.vocabulary.MAX_WORDS", 5)
    full = encode_sentences(spark, run.sentences, run.work("other"), MiningConfig(min_count=2, holdout=0.0))
    assert (len(full.words), full.left_out) == (5, [])


def test_what_is_there_is_not_made_again(spark, tmp_path):
    run = write_run(tmp_path, random_sentences(20), {(1, 0): [0]})
    first = encode(spark, run)
    marker = run.work("encoded", "sentences", "_SUCCESS")
    made = marker.stat().st_mtime_ns
    again = encode(spark, run)
    assert marker.stat().st_mtime_ns == made
    assert again.words == first.words
    marker.unlink()
    encode(spark, run)
    assert marker.exists()


def test_a_column_of_words_in_place_of_tags_is_refused(spark, tmp_path):
    rows = [sentence(i, "the dog", tags=f"TAG{i} NN") for i in range(300)]
    run = write_run(tmp_path, rows, {(1, 0): [0]})
    with pytest.raises(InputError, match="301 distinct tags, at most 256"):
        encode(spark, run)
