"""What MLlib found, judged: closed patterns, their exact counts in the corpus in one pass, and keyness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.patterns import Pattern, PatternTrie, closed, count_patterns
from neuronsig.profiles import Dictionary, neuron_of
from neuronsig.statistics import g2, keyness_order, log_ratio, lrc, p_value
from neuronsig.storage import read_parquet, written
from neuronsig.tables import SIGNATURES
from spark_jobs.mining.encode import read_binary
from spark_jobs.mining.mllib import KINDS, PATTERNS_DDL
from spark_jobs.mining.profiles import NEURON_DDL, SIGNATURE_DDL
from spark_jobs.paths import uri

SIGNATURES_DDL = f"{NEURON_DDL}, {SIGNATURE_DDL.replace(':', '')}"

SAME = 0.02
"""Two patterns with a common item whose counts differ by no more than this share are shown once."""


def closed_patterns(raw: DataFrame) -> DataFrame:
    """The patterns of PATTERNS_DDL that no longer pattern of the same neuron, kind and support contains."""

    def keep(rows: pd.DataFrame) -> pd.DataFrame:
        patterns = [tuple(items) for items in rows["items"]]
        return rows[closed(patterns, rows["f1"].tolist())]

    return raw.groupBy("neuron", "kind").applyInPandas(keep, PATTERNS_DDL)


@dataclass
class ReferenceCounter:
    """Counts the patterns of all neurons together in encoded sentences; picklable, made once on the driver."""

    tries: dict[str, PatternTrie]
    numbers: dict[str, NDArray[np.int64]]  # kind -> row of the candidate table of each pattern of its trie
    item_rank: NDArray[np.int64]  # item code -> place from the rarest item on; -1 for items in no itemset
    n_items: int

    @property
    def size(self) -> int:
        """Number of candidates of all kinds."""
        return sum(len(numbers) for numbers in self.numbers.values())

    @classmethod
    def build(cls, kinds: Sequence[str], patterns: Sequence[Pattern], dictionary: Dictionary) -> ReferenceCounter:
        """Itemsets are looked for from their rarest item on: fewer sentences get past the first level."""
        corpus = dictionary.item_sentences()
        rank = np.full(len(corpus), -1, np.int64)
        used = np.unique([item for k, p in zip(kinds, patterns, strict=True) if k == "itemset" for item in p]).astype(
            int
        )
        rank[used[np.argsort(corpus[used], kind="stable")]] = np.arange(len(used))
        counter = cls({}, {}, rank, dictionary.n_items)
        for kind in KINDS:
            rows = [i for i, k in enumerate(kinds) if k == kind]
            mine = [patterns[i] for i in rows]
            if kind == "itemset":
                mine = [tuple(sorted(int(rank[item]) for item in pattern)) for pattern in mine]
            counter.tries[kind] = PatternTrie.build(mine)
            counter.numbers[kind] = np.array(rows, np.int64)
        return counter

    def count(self, words: pa.Array, items: pa.Array, tags: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(row of the candidate table, sentences of this batch with it), for the patterns that occur."""
        word_flat, word_lengths = read_binary(words, "<i4")
        item_flat, item_lengths = read_binary(items, "<i4")
        tag_flat, tag_lengths = read_binary(tags, "u1")
        rows = np.arange(len(words))
        codes = np.concatenate((item_flat.astype(np.int64), tag_flat.astype(np.int64) + self.n_items))
        row = np.concatenate((np.repeat(rows, item_lengths), np.repeat(rows, tag_lengths)))
        rank = self.item_rank[codes]
        width = len(self.item_rank) + 1
        keys = np.unique(row[rank >= 0] * width + rank[rank >= 0])
        sources = {
            "word_sequence": (word_flat, _offsets(word_lengths)),
            "pos_sequence": (tag_flat, _offsets(tag_lengths)),
            "itemset": (keys % width, np.searchsorted(keys, np.arange(len(words) + 1) * width)),
        }
        found = {kind: count_patterns(trie, *sources[kind]) for kind, trie in self.tries.items()}
        number = np.concatenate([self.numbers[kind][n > 0] for kind, n in found.items()])
        return number, np.concatenate([n[n > 0] for n in found.values()])


def count_reference(closed_rows: DataFrame, encoded: DataFrame, dictionary: Dictionary, folder: Path) -> DataFrame:
    """(kind, items, corpus bigint): in how many sentences of the whole corpus each distinct pattern occurs."""
    session = closed_rows.sparkSession
    listed, counted = folder / "candidates", folder / "counted.parquet"
    closed_rows.select("kind", "items").distinct().write.mode("overwrite").parquet(uri(listed))
    # Spark's own description of the columns would hide the one that is added here.
    candidates = read_parquet(listed).replace_schema_metadata(None)
    kinds = candidates["kind"].to_pylist()
    patterns = [tuple(items) for items in candidates["items"].to_pylist()]
    shared = session.sparkContext.broadcast(ReferenceCounter.build(kinds, patterns, dictionary))

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = np.zeros(shared.value.size, np.int64)
        for batch in batches:
            number, sentences = shared.value.count(batch.column("words"), batch.column("items"), batch.column("tags"))
            total[number] += sentences
        number = np.flatnonzero(total)
        yield pa.RecordBatch.from_arrays([pa.array(number), pa.array(total[number])], ["number", "sentences"])

    partial = encoded.select("words", "items", "tags").mapInArrow(count, "number bigint, sentences bigint")
    rows = partial.groupBy("number").agg(F.sum("sentences").alias("sentences"))
    rows.write.mode("overwrite").parquet(uri(folder / "counts"))
    counts = read_parquet(folder / "counts")
    corpus = np.zeros(len(kinds), np.int64)
    corpus[counts["number"].to_numpy()] = counts["sentences"].to_numpy()
    with written(counted) as file:
        pq.write_table(candidates.append_column("corpus", pa.array(corpus)), file, compression="zstd")
    shared.unpersist()
    return session.read.parquet(uri(counted))


def judge_patterns(
    closed_rows: DataFrame,
    counted: DataFrame,
    dictionary: Dictionary,
    neurons: Mapping[int, int],
    tests: Mapping[str, int],
    mining: MiningConfig,
) -> DataFrame:
    """Rows of SIGNATURES: each neuron's strongest distinct patterns of each kind, and its most frequent (P1 Table 2).

    `rank` is the place by LRC among all patterns of the neuron and kind, so the most frequent ones that are not
    among the strongest keep their own, higher rank. `tests` says how many patterns of a kind were tested over all
    neurons: LRC is corrected for them.
    """
    session: SparkSession = closed_rows.sparkSession
    shared = session.sparkContext.broadcast((dictionary, dict(neurons)))
    tests = dict(tests)

    def judge(key: tuple[Any, ...], rows: pd.DataFrame) -> pd.DataFrame:
        dictionary, sentences = shared.value
        code, kind = key
        n1 = sentences[code]
        return judge_rows(code, kind, rows, n1, dictionary, tests[kind], mining)

    joined = closed_rows.join(counted, ["kind", "items"])
    return joined.groupBy("neuron", "kind").applyInPandas(judge, SIGNATURES_DDL)


def judge_rows(
    code: int, kind: str, rows: pd.DataFrame, n1: int, dictionary: Dictionary, tests: int, mining: MiningConfig
) -> pd.DataFrame:
    """The signature rows of one neuron and kind, from its patterns with f1 and their count in the whole corpus."""
    # Joins come in any order; ties are broken by the pattern's codes: frequent words before rare ones.
    rows = rows.iloc[sorted(range(len(rows)), key=lambda i: tuple(rows["items"].iloc[i]))]
    f1, n2 = rows["f1"].to_numpy(np.int64), dictionary.n_sentences - n1
    f2 = rows["corpus"].to_numpy(np.int64) - f1
    ratio, evidence = log_ratio(f1, n1, f2, n2), g2(f1, n1, f2, n2)
    limit = lrc(f1, n1, f2, n2, tests=tests, alpha=mining.alpha)
    order = keyness_order(f1, ratio, limit, evidence)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    often = np.lexsort((place, -f1))[: mining.frequent_kept]
    strongest = distinct_patterns(order, [set(items) for items in rows["items"]], f1, f2, mining.patterns_kept)
    kept = np.union1d(strongest, often)
    kept = kept[np.argsort(place[kept])]
    neuron = neuron_of(code)
    columns = {
        "site": neuron.site,
        "layer": neuron.layer,
        "unit": neuron.unit,
        "sign": neuron.sign,
        "kind": kind,
        "pattern": [pattern_names(kind, rows["items"].iloc[i], dictionary) for i in kept],
        "f1": f1[kept],
        "n1": n1,
        "f2": f2[kept],
        "n2": n2,
        "matched": f2[kept] / max(n2, 1),
        "log_ratio": ratio[kept],
        "lrc": limit[kept],
        "g2": evidence[kept],
        "q": np.minimum(p_value(f1, n1, f2, n2) * tests, 1.0)[kept],
        "rank": place[kept],
        "explained_by": None,
    }
    return pd.DataFrame(columns)[SIGNATURES.names]


def distinct_patterns(
    order: NDArray[np.int64], items: Sequence[set[int]], f1: NDArray[np.int64], f2: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """The first `n` of `order`, without those that say again what an earlier one says.

    A pattern is passed over when an earlier one shares an item with it and its counts, f1 and f2, are within
    SAME of each other: both are pieces of one phrase or template. The gaps in `rank` show how many were.
    """
    kept: list[int] = []
    for i in order:
        if len(kept) == n:
            break
        same = (
            abs(f1[i] - f1[j]) <= SAME * f1[j]
            and abs(f2[i] - f2[j]) <= SAME * f2[j]
            and not items[i].isdisjoint(items[j])
            for j in kept
        )
        if not any(same):
            kept.append(int(i))
    return np.array(kept, np.int64)


def pattern_names(kind: str, items: Sequence[int], dictionary: Dictionary) -> list[str]:
    """A pattern as readers see it: words, tags, or an itemset's `word=...`, `field=...`, `pos=...`."""
    if kind == "word_sequence":
        return [dictionary.words[item] for item in items]
    if kind == "pos_sequence":
        return [dictionary.tags[item] for item in items]
    return [dictionary.item_name(item) for item in items]


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(lengths)))
