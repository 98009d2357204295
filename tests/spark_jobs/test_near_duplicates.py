"""Near-duplicates dropped by Spark: those that comparing all pairs drops, whatever the partitions."""

from __future__ import annotations

import pytest

from neuronsig.annotation.near_duplicates import reference
from spark_jobs.annotate import without_near_duplicates

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def sentences() -> list[str]:
    """Forty sentences of their own words; after every fourth, one with another last word; after every eighth, a cut."""
    made = []
    for i in range(40):
        words = [f"{word}{i}" for word in WORDS]
        made.append(" ".join(words))
        if i % 4 == 0:
            made.append(" ".join([*words[:-1], "changed"]))
        if i % 8 == 0:
            made.append(" ".join(words[:7]))
    return made


@pytest.mark.parametrize("partitions", [1, 5])
@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_they_are_those_of_a_comparison_of_all_pairs(spark, partitions, threshold):
    texts = sentences()
    rows = [(0, f"d{i // 10:02d}", i % 10, text, "domain") for i, text in enumerate(texts)]
    frame = spark.createDataFrame(rows, "corpus_order int, doc_id string, position int, text string, domain string")
    # Handed over in another order than the corpus's.
    found = without_near_duplicates(frame.orderBy("text").repartition(partitions), threshold)
    assert set(found.columns) == {"corpus_order", "doc_id", "position", "text", "domain"}
    dropped = set(reference(texts, threshold))
    assert 10 <= len(dropped) < 20
    assert sorted(row["text"] for row in found.collect()) == sorted(
        text for i, text in enumerate(texts) if i not in dropped
    )


def test_the_first_in_corpus_order_stays(spark):
    rows = [
        (1, "a", 0, "alpha beta gamma delta epsilon zeta"),
        (0, "b", 4, "alpha beta gamma delta epsilon eta"),
        (0, "b", 3, "alpha beta gamma delta epsilon theta"),
    ]
    frame = spark.createDataFrame(rows, "corpus_order int, doc_id string, position int, text string")
    (kept,) = without_near_duplicates(frame, 0.5).collect()
    assert kept["text"].endswith("theta")
