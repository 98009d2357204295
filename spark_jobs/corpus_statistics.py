"""Statistics of a `sentences/` table (P1 Table 1)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Penn tags that begin with the letter, as P1 defines noun, verb and adjective.
TAG_INITIALS = {"noun_share": "N", "verb_share": "V", "adj_share": "J"}


def corpus_statistics(sentences: DataFrame) -> DataFrame:
    """One row a domain, in the order in which the domains first occur, then the row `total`.

    Columns: `domain`, `sentences`, `words` int64, `length_mean` words a sentence, `noun_share`, `verb_share`,
    `adj_share` of the words, `metadata` the sorted keys that occur.
    """

    def tags(initial: str) -> Column:
        return F.sum(F.size(F.filter("pos", lambda tag: tag.startswith(initial))))

    words = F.sum(F.size("tokens"))
    grouped = sentences.rollup("domain").agg(
        F.count("*").alias("sentences"),
        words.cast("long").alias("words"),
        (words / F.count("*")).alias("length_mean"),
        *[(tags(initial) / words).alias(name) for name, initial in TAG_INITIALS.items()],
        F.array_sort(F.array_distinct(F.flatten(F.collect_set(F.map_keys("metadata"))))).alias("metadata"),
        F.min("sentence_id").alias("_first"),
        F.grouping("domain").alias("_total"),
    )
    named = grouped.withColumn("domain", F.when(F.col("_total") == 1, F.lit("total")).otherwise(F.col("domain")))
    return named.orderBy("_total", "_first").drop("_first", "_total")
