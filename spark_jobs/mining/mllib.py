"""Frequent patterns of single neurons by Spark MLlib: PrefixSpan over words and POS tags, FPGrowth over itemsets.

Each neuron is one small MLlib run in one partition, several at once from a thread pool. Tagging items by neuron and
mining all neurons in one run would be quadratic: PrefixSpan's cost is sequences times frequent items. A neuron's
result is written once, with Spark's `_SUCCESS` as its marker, so that the same command again mines only the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark import inheritable_thread_target
from pyspark.ml.fpm import FPGrowth, PrefixSpan
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.patterns import subsequence_bound
from neuronsig.profiles import OTHER, Dictionary, neuron_of
from neuronsig.progress import task
from neuronsig.rundir import remove
from spark_jobs.mining.profiles import join_sentences
from spark_jobs.paths import uri

KINDS = ("word_sequence", "pos_sequence", "itemset")
PATTERNS_DDL = "neuron bigint, kind string, items array<int>, f1 bigint"
INPUT_DDL = "n bigint, words array<int>, tags array<int>, items array<int>, " + ", ".join(
    f"{kind}_min bigint, {kind}_raised boolean" for kind in KINDS
)
BATCH_NEURONS = 64
"""Neurons whose sentences are joined and written together before they are mined."""

SUPPORT_STEP = 1.2


@dataclass
class Prepared:
    """One kind's rows of a neuron, cut to the items that can be in a frequent pattern."""

    flat: NDArray[np.int64]
    row: NDArray[np.int64]
    min_count: int  # 0 when nothing can be frequent
    raised: bool


def mine_neurons(
    topk: DataFrame,
    encoded: DataFrame,
    dictionary: Dictionary,
    neurons: Mapping[int, int],
    mining: MiningConfig,
    folder: Path,
) -> dict[str, int]:
    """Mine the neurons (code -> sentences) whose result is not in `folder/patterns` yet; returns counts by reason."""
    session = topk.sparkSession
    missing = [code for code in neurons if not (pattern_folder(folder, code) / "_SUCCESS").exists()]
    threads = mining.concurrency or session.sparkContext.defaultParallelism
    with task("mining patterns", len(neurons), "neurons") as progress:
        progress.advance(len(neurons) - len(missing))
        for start in range(0, len(missing), BATCH_NEURONS):
            batch = missing[start : start + BATCH_NEURONS]
            inputs = folder / "inputs"
            wanted = topk.where(F.col("neuron").isin(batch))
            joined = join_sentences(wanted, encoded, dictionary.n_sentences, "words", "items", "tags")
            prepared = prepare(joined, dictionary, mining)
            partitions = min(len(batch), 4 * threads)
            prepared.repartition(partitions, "neuron").write.mode("overwrite").partitionBy("neuron").parquet(
                uri(inputs)
            )
            with ThreadPoolExecutor(threads) as pool:
                work = inheritable_thread_target(_mine_in_pool)
                futures = {pool.submit(work, session, folder, code, mining): code for code in batch}
                try:
                    for future in as_completed(futures):
                        future.result()
                        progress.advance(1, str(neuron_of(futures[future])))
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            remove(inputs)
    return {"mined now": len(missing), "mined before": len(neurons) - len(missing)}


def pattern_folder(folder: Path, code: int) -> Path:
    """Where the raw patterns of one neuron are written."""
    return folder / "patterns" / neuron_of(code).slug


def _mine_in_pool(session: SparkSession, folder: Path, code: int, mining: MiningConfig) -> None:
    session.sparkContext.setLocalProperty("spark.scheduler.pool", neuron_of(code).slug)
    rows = session.read.schema(INPUT_DDL).parquet(uri(folder / "inputs" / f"neuron={code}")).coalesce(1)
    first = rows.drop("words", "tags", "items").first()
    assert first is not None
    patterns = mine_rows(rows, first, mining).withColumn("neuron", F.lit(code).cast("bigint"))
    raised = [kind for kind in KINDS if first[f"{kind}_raised"]]
    patterns = patterns.withColumn("raised", F.array(*map(F.lit, raised)).cast("array<string>"))
    patterns.write.mode("overwrite").parquet(uri(pattern_folder(folder, code)))


def mine_rows(rows: DataFrame, first: Row, mining: MiningConfig) -> DataFrame:
    """(kind, items, f1) of the frequent patterns of two items or more in one neuron's prepared rows; lazy.

    Itemsets have their items ascending. Items are codes; single words and tags are in the profiles.
    """
    n = first["n"]
    found = rows.sparkSession.createDataFrame([], "kind string, items array<int>, f1 bigint").coalesce(1)
    for kind, column, longest in (
        ("word_sequence", "words", mining.word_max_length),
        ("pos_sequence", "tags", mining.pos_max_length),
    ):
        if first[f"{kind}_min"] and longest >= 2:
            # MLlib rounds minSupport * n up: half a sentence less makes the count exact.
            miner = PrefixSpan(minSupport=(first[f"{kind}_min"] - 0.5) / n, maxPatternLength=longest)
            sequences = rows.select(F.transform(column, lambda item: F.array(item)).alias("sequence"))
            patterns = miner.findFrequentSequentialPatterns(sequences).where(F.size("sequence") >= 2)
            found = found.unionByName(
                patterns.select(
                    F.lit(kind).alias("kind"), F.flatten("sequence").alias("items"), F.col("freq").alias("f1")
                )
            )
    if first["itemset_min"] and mining.itemset_max_size >= 2:
        model = FPGrowth(itemsCol="items", minSupport=(first["itemset_min"] - 0.5) / n, numPartitions=1).fit(rows)
        size = F.size("items")
        patterns = model.freqItemsets.where((size >= 2) & (size <= mining.itemset_max_size))
        found = found.unionByName(
            patterns.select(
                F.lit("itemset").alias("kind"), F.sort_array("items").alias("items"), F.col("freq").alias("f1")
            )
        )
    return found


def prepare(joined: DataFrame, dictionary: Dictionary, mining: MiningConfig) -> DataFrame:
    """One row a sentence with what MLlib gets of it, and its neuron's absolute supports: `neuron` and INPUT_DDL."""
    shared = joined.sparkSession.sparkContext.broadcast(dictionary)

    def prepare_neuron(key: tuple[Any, ...], rows: pd.DataFrame) -> pd.DataFrame:
        words, items, tags = (rows[name].tolist() for name in ("words", "items", "tags"))
        return pd.DataFrame({"neuron": key[0]} | prepare_columns(words, items, tags, shared.value, mining))

    return joined.groupBy("neuron").applyInPandas(prepare_neuron, f"neuron bigint, {INPUT_DDL}")


def prepare_columns(
    words: Sequence[bytes], items: Sequence[bytes], tags: Sequence[bytes], dictionary: Dictionary, mining: MiningConfig
) -> dict[str, Any]:
    """The columns of INPUT_DDL for one neuron's encoded sentences.

    Items of itemsets are words, metadata values and tags, each once for a sentence, without those in nearly all
    sentences of the corpus (`itemset_max_share`), the value OTHER, and those no more frequent among the neuron's
    sentences than in the corpus: what a neuron does not prefer multiplies its itemsets and describes none.
    """
    n = len(words)
    word_flat, word_row = _unpack(words, "<i4")
    tag_flat, tag_row = _unpack(tags, "u1")
    item_flat, item_row = _unpack(items, "<i4")
    width = dictionary.n_items + len(dictionary.tags)
    keys = np.unique(tag_row * width + tag_flat + dictionary.n_items)
    everything = np.concatenate((item_row * width + item_flat, keys))
    everything.sort()
    allowed = _itemset_items(np.bincount(everything % width, minlength=width), n, dictionary, mining)
    everything = everything[allowed[everything % width]]
    found = {
        "word_sequence": _cut(word_flat, word_row, n, mining.word_min_support, mining.word_max_length, mining),
        "pos_sequence": _cut(tag_flat, tag_row, n, mining.pos_min_support, mining.pos_max_length, mining),
        "itemset": _cut(everything % width, everything // width, n, mining.itemset_min_support, None, mining),
    }
    columns: dict[str, Any] = {"n": n}
    for column, kind in zip(("words", "tags", "items"), KINDS, strict=True):
        part = found[kind]
        lengths = np.bincount(part.row, minlength=n)
        columns[column] = np.split(part.flat.astype(np.int32), np.cumsum(lengths)[:-1])
        columns |= {f"{kind}_min": part.min_count, f"{kind}_raised": part.raised}
    return columns


def _itemset_items(f1: NDArray[np.int64], n1: int, dictionary: Dictionary, mining: MiningConfig) -> NDArray[np.bool_]:
    corpus = dictionary.item_sentences()
    n = dictionary.n_sentences
    allowed = corpus <= mining.itemset_max_share * n
    if n > n1:
        allowed &= f1 * (n - n1) > (corpus - f1) * n1
    other = [value == OTHER for _, value in dictionary.metadata]
    allowed[len(dictionary.words) : dictionary.n_items] &= ~np.array(other, bool)
    return allowed


def _cut(
    flat: NDArray[np.int64],
    row: NDArray[np.int64],
    n: int,
    share: float,
    longest: int | None,
    mining: MiningConfig,
) -> Prepared:
    """Drop the items below the support, and raise the support until the patterns' bound is within `pattern_limit`."""
    keep = flat >= 0
    flat, row = flat[keep].astype(np.int64), row[keep]
    size = int(flat.max(initial=-1)) + 1
    distinct = np.unique(row * max(size, 1) + flat) % max(size, 1)
    support = np.bincount(distinct, minlength=size)
    # The share is a decimal fraction: 0.07 * 100 sentences are 7, not the 8 that its binary image rounds up to.
    first = min_count = max(math.ceil(share * n - 1e-9), mining.pattern_min_count, mining.min_count)
    while True:
        frequent = support[flat] >= min_count
        lengths = np.bincount(row[frequent], minlength=n)
        bound = subsequence_bound(lengths, longest or int(lengths.max(initial=0)), min_count)
        if bound <= mining.pattern_limit:
            break
        min_count = math.ceil(min_count * SUPPORT_STEP)
    enough = bool(frequent.any())
    return Prepared(flat[frequent], row[frequent], min_count if enough else 0, min_count > first)


def _unpack(cells: Sequence[bytes], dtype: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    size = np.dtype(dtype).itemsize
    lengths = np.fromiter((len(cell) // size for cell in cells), np.int64, len(cells))
    flat = np.frombuffer(b"".join(cells), dtype).astype(np.int64)
    return flat, np.repeat(np.arange(len(cells)), lengths)
