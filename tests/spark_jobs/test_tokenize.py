"""Sentences to tokenized shards on a real Spark."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from neuronsig.checkpoint import TokenizerSpec, load_tokenizer
from neuronsig.collection.shards import ShardPlan, shard_of
from neuronsig.collection.tokenizing import ShardTask, tokenize_texts
from neuronsig.config import ModelConfig
from neuronsig.errors import InputError
from neuronsig.storage.parquet import check_table
from neuronsig.tables import SENTENCES, TOKENIZED
from spark_jobs.sentence_table import read_texts
from spark_jobs.tokenize import count_dense, write_shards
from tests.neuronsig_ray.models import VOCABULARY, WORDS, save_tokenizer

TEXTS = [" ".join(WORDS[(i + j) % 16] for j in range(1 + i % 9)) for i in range(100)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> TokenizerSpec:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder)
    (folder / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 9}')
    return load_tokenizer(ModelConfig(name="tiny", path=str(folder)))


def write_sentences(folder, texts, ids=None):
    folder.mkdir()
    rows = [
        {
            "sentence_id": i,
            "domain": "x",
            "doc_id": "d",
            "position": 0,
            "text": text,
            "tokens": [],
            "pos": [],
            "heads": [],
        }
        for i, text in zip(ids or range(len(texts)), texts, strict=True)
    ]
    half = len(rows) // 2
    for name, part in (("a", rows[half:]), ("b", rows[:half])):  # files in no order of ids
        pq.write_table(pa.Table.from_pylist(part, schema=SENTENCES), folder / f"{name}.parquet")
    return folder


def shard_task(folder, tokenizer, n, shard_sentences=15, fingerprint="plan-1") -> ShardTask:
    return ShardTask(str(folder), fingerprint, n, shard_sentences, 0, tokenizer)


@pytest.fixture(scope="module")
def made(spark, tokenizer, tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    texts = read_texts(spark, write_sentences(root / "sentences", TEXTS))
    plan = write_shards(spark, texts, shard_task(root / "tokenized", tokenizer, count_dense(texts)))
    return root, plan


def test_every_sentence_is_in_the_shard_that_the_permutation_names(made):
    root, plan = made
    owner = shard_of(np.arange(100), 100, 15, 0)
    for shard in plan.shards:
        ids = pq.read_table(root / "tokenized" / shard.file)["sentence_id"].to_pylist()
        assert sorted(ids) == np.flatnonzero(owner == shard.index).tolist()
    assert sum(shard.sentences for shard in plan.shards) == 100


def test_token_ids_are_the_tokenizers_own(made):
    root, plan = made
    for shard in plan.shards:
        for row in pq.read_table(root / "tokenized" / shard.file).to_pylist():
            words = [VOCABULARY[word] for word in TEXTS[row["sentence_id"]].split()]
            assert row["input_ids"] == [2, *words[:7], 3]


def test_a_shard_is_sorted_by_length_then_id(made):
    root, plan = made
    for shard in plan.shards:
        rows = pq.read_table(root / "tokenized" / shard.file).to_pylist()
        keys = [(len(row["input_ids"]), row["sentence_id"]) for row in rows]
        assert keys == sorted(keys)
        assert (shard.tokens, shard.longest) == (sum(n for n, _ in keys), keys[-1][0])


def test_the_plan_counts_and_names_the_files(made):
    root, plan = made
    assert ShardPlan.read(root / "tokenized") == plan
    assert plan.counts == {"truncated": sum(len(text.split()) > 7 for text in TEXTS), "dropped_empty": 0}
    for shard in plan.shards:
        assert hashlib.sha256((root / "tokenized" / shard.file).read_bytes()).hexdigest() == shard.sha256
    assert check_table(root / "tokenized", TOKENIZED) == 100


def test_only_missing_and_corrupt_shards_are_made_again_with_the_same_bytes(spark, made, tokenizer):
    root, plan = made
    files = [root / "tokenized" / shard.file for shard in plan.shards]
    before = [file.read_bytes() for file in files]
    stamps = [file.stat().st_mtime_ns for file in files]
    files[1].unlink()
    files[4].write_bytes(before[4][:-5])
    again = write_shards(spark, read_texts(spark, root / "sentences"), shard_task(root / "tokenized", tokenizer, 100))
    assert again == plan
    assert [file.read_bytes() for file in files] == before
    changed = [i for i, file in enumerate(files) if file.stat().st_mtime_ns != stamps[i]]
    assert changed == [1, 4]


def test_sentences_without_a_token_are_dropped_and_counted(spark, tokenizer, tmp_path):
    texts = read_texts(spark, write_sentences(tmp_path / "sentences", ["the cat", "", "   ", "a dog sat"]))
    plan = write_shards(spark, texts, shard_task(tmp_path / "tokenized", tokenizer, count_dense(texts)))
    assert (plan.sentences, plan.counts["dropped_empty"]) == (2, 2)


@pytest.mark.parametrize(
    ("ids", "said"), [([0, 1, 3], "3 rows but sentence_id runs from 0 to 3"), ([1, 2, 3], "runs from 1 to 3")]
)
def test_ids_that_are_not_dense_are_refused(spark, tmp_path, ids, said):
    with pytest.raises(InputError, match=said):
        count_dense(read_texts(spark, write_sentences(tmp_path / "sentences", ["a", "b", "c"], ids)))


def test_a_repeated_id_is_refused(spark, tokenizer, tmp_path):
    texts = read_texts(spark, write_sentences(tmp_path / "sentences", ["a cat"] * 4, [0, 1, 1, 3]))
    with pytest.raises(InputError, match="sentence_id 1 occurs more than once"):
        write_shards(spark, texts, shard_task(tmp_path / "tokenized", tokenizer, count_dense(texts)))


def test_an_empty_table_is_refused(spark, tmp_path):
    with pytest.raises(InputError, match="holds no sentence"):
        count_dense(read_texts(spark, write_sentences(tmp_path / "sentences", [])))


def test_an_input_of_exactly_the_limit_is_not_truncated(tokenizer):
    table, truncated = tokenize_texts(tokenizer, pa.array([1, 2]), pa.array([" ".join(WORDS[:7]), " ".join(WORDS[:8])]))
    assert [len(ids) for ids in table["input_ids"].to_pylist()] == [9, 9]
    assert truncated == 1
