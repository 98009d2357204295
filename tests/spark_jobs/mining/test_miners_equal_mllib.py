"""With all limits off our miners find what Spark MLlib's PrefixSpan and FPGrowth find: patterns and supports."""

import numpy as np
import pytest
from pyspark.ml.fpm import FPGrowth, PrefixSpan

from neuronsig.annotation.treebank import read_conllu
from neuronsig.miners.frequent import frequent_itemsets, frequent_sequences
from neuronsig.miners.mined_patterns import Limits

NO_LIMIT = Limits(max_patterns=None)


def encode(rows):
    return np.array([item for row in rows for item in row], np.int64), np.cumsum([0] + [len(row) for row in rows])


def prefix_span(spark, sentences, min_count, longest=10):
    """MLlib rounds minSupport * sentences up: half a sentence less makes the count exact."""
    frame = spark.createDataFrame([([[int(item)] for item in row],) for row in sentences], "sequence array<array<int>>")
    miner = PrefixSpan(minSupport=(min_count - 0.5) / len(sentences), maxPatternLength=longest)
    found = miner.findFrequentSequentialPatterns(frame.coalesce(1)).collect()
    return {tuple(item for (item,) in row["sequence"]): row["freq"] for row in found}


def fp_growth(spark, transactions, min_count):
    frame = spark.createDataFrame([(sorted({int(i) for i in row}),) for row in transactions], "items array<int>")
    miner = FPGrowth(minSupport=(min_count - 0.5) / len(transactions), numPartitions=1)
    return {tuple(sorted(row["items"])): row["freq"] for row in miner.fit(frame.coalesce(1)).freqItemsets.collect()}


@pytest.mark.parametrize(("seed", "items"), [(0, 4), (1, 9), (2, 30)])
def test_sequences_of_random_sentences(spark, seed, items):
    rng = np.random.default_rng(seed)
    sentences = [rng.integers(0, items, rng.integers(1, 9)) for _ in range(60)]
    found = frequent_sequences(*encode(sentences), 4, NO_LIMIT)
    assert found.counts() == prefix_span(spark, sentences, 4)
    assert max(map(len, found)) >= 2


@pytest.mark.parametrize(("seed", "items"), [(0, 4), (1, 9), (2, 30)])
def test_itemsets_of_random_transactions(spark, seed, items):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, items, rng.integers(1, 9)) for _ in range(100)]
    found = frequent_itemsets(*encode(rows), 4, NO_LIMIT)
    assert found.counts() == fp_growth(spark, rows, 4)
    assert max(map(len, found)) >= 2


@pytest.fixture(scope="module")
def treebank(data_folder):
    path = data_folder / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    if not path.exists():
        pytest.skip(f"no treebank at {path}")
    sentences = [words for words in read_conllu(path) if len(words) >= 3][:10_000]
    code: dict[str, int] = {}
    words = [[code.setdefault(word.form.lower(), len(code)) for word in row] for row in sentences]
    tags = [[code.setdefault(f"/{word.tag}", len(code)) for word in row] for row in sentences]
    return words, tags


@pytest.mark.slow  # as the sequences of random sentences
@pytest.mark.realdata
def test_word_sequences_of_a_treebank(spark, treebank):
    words, _ = treebank
    found = frequent_sequences(*encode(words), 100, NO_LIMIT)
    assert len(found) > 2000
    assert found.counts() == prefix_span(spark, words, 100)


@pytest.mark.slow
@pytest.mark.realdata
def test_tag_sequences_of_a_treebank(spark, treebank):
    _, tags = treebank
    found = frequent_sequences(*encode(tags), 500, Limits(max_length=3, max_patterns=None))
    assert len(found) > 2000
    assert found.counts() == prefix_span(spark, tags, 500, longest=3)


@pytest.mark.slow
@pytest.mark.realdata
def test_itemsets_of_words_and_tags_of_a_treebank(spark, treebank):
    rows = [words + tags for words, tags in zip(*treebank, strict=True)]
    found = frequent_itemsets(*encode(rows), 1000, NO_LIMIT)
    assert len(found) > 2000
    assert found.counts() == fp_growth(spark, rows, 1000)
