"""Frequent patterns of single neurons by Spark MLlib: PrefixSpan over words and POS tags, FPGrowth over itemsets.

Each neuron is one small MLlib run in one partition, several at once from a thread pool. Tagging items by neuron and
mining all neurons in one run would be quadratic: PrefixSpan's cost is sequences times frequent items.

What MLlib finds is folded and counted by stratum as the grouped engine does it, so that both write the same tables.
MLlib has no bound of its output, so `pattern_limit` is applied to what it found. Of itemsets it has no limit of size
either: where a neuron's sentences could hold more than ITEMSET_BOUND of them the support is raised before, and the
patterns are fewer than the grouped engine's, which the counts of the job tell.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import inheritable_thread_target
from pyspark.ml.fpm import FPGrowth, PrefixSpan
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.encoding.sentences import ALL, Sentences, read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.kinds import SET, Kind, pattern_kinds
from neuronsig.miners.mined_patterns import (
    MinedPatterns,
    PrefixTree,
    one_item_less,
    select,
    sentence_support,
    subsequence_bound,
)
from neuronsig.miners.output import NO_TASKS, raise_support
from neuronsig.mining.kinds import items_of, least_support, limits_of
from neuronsig.mining.pattern_rows import EVERY, PATTERNS, counted_rows, pattern_rows
from neuronsig.neuron import Neuron
from neuronsig.ragged import rows_of
from neuronsig.storage.files import remove
from spark_jobs.connect import parallelism
from spark_jobs.mining.batches import join_lists
from spark_jobs.shared import Shared
from spark_jobs.tables import read_files, spark_schema, uri

KINDS = [kind for kind in pattern_kinds() if kind.in_mllib]
_CODES = pa.list_(pa.int32())
FOUND = pa.schema(
    [("neuron", pa.int64()), ("kind", pa.string()), ("items", _CODES), ("f1", pa.int64()), ("least", pa.int64())]
)
"""What MLlib found, of all lengths; `least` is the support it was asked for."""

INPUT = pa.schema(
    [
        ("n", pa.int64()),
        *((kind.name, _CODES) for kind in KINDS),
        *((f"{kind.name}_least", pa.int64()) for kind in KINDS),
    ]
)

ITEMSET_BOUND = 100_000_000
SUPPORT_STEP = 1.2


def mine_mllib(
    lists: DataFrame,
    encoded: DataFrame,
    dictionary: Shared[Dictionary],
    mining: MiningConfig,
    codes: Sequence[int],
    folder: Path,
) -> None:
    """Write the rows of PATTERNS of a batch of neurons; what lies beside `folder` in between is removed."""
    session = lists.sparkSession
    work = folder.with_name(f".{folder.name}")
    threads = mining.concurrency or parallelism(session)
    joined = join_lists(lists, encoded, *ALL)

    def prepare(key: tuple[Any, ...], rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"neuron": key[0]} | prepare_columns(_sentences(rows), dictionary.value, mining))

    prepared = joined.groupBy("neuron").applyInPandas(prepare, spark_schema([("neuron", pa.int64()), *INPUT]))
    prepared.repartition(min(len(codes), 4 * threads), "neuron").write.mode("overwrite").partitionBy("neuron").parquet(
        uri(work / "inputs")
    )
    with ThreadPoolExecutor(threads) as pool:
        task = inheritable_thread_target(_mine_in_pool)
        futures = [pool.submit(task, session, work, code, mining) for code in codes]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

    def finish(key: tuple[Any, ...], found: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        sentences = _sentences(rows)
        n_strata = dictionary.value.strata.size
        empty = np.zeros(0, np.int32), np.array([0, 0])
        batches = [pattern_rows(key[0], EVERY, *empty, sentences.by_stratum(n_strata)[None, :], raised=False)]
        for kind in mining.patterns:
            patterns = select_found(kind, found[found["kind"] == kind.name], len(sentences), mining)
            batches.append(counted_rows(key[0], kind, patterns, sentences, dictionary.value, mining))
        # pandas' own strings may be Arrow's in chunks, which Spark does not take.
        return pa.Table.from_batches(batches).to_pandas().astype({"kind": object})

    found = read_files(session, *[uri(found_folder(work, code)) for code in codes], schema=spark_schema(FOUND))
    both = found.groupBy("neuron").cogroup(joined.groupBy("neuron"))
    both.applyInPandas(finish, spark_schema(PATTERNS)).write.mode("overwrite").parquet(uri(folder))
    remove(work)


def found_folder(work: Path, code: int) -> Path:
    """Where one neuron's patterns are written."""
    return work / "found" / Neuron.of_code(code).slug


def _sentences(rows: pd.DataFrame) -> Sentences:
    return read_sentences(pa.Table.from_pandas(rows[list(ALL)], preserve_index=False).combine_chunks())


def _mine_in_pool(session: SparkSession, work: Path, code: int, mining: MiningConfig) -> None:
    session.sparkContext.setLocalProperty("spark.scheduler.pool", Neuron.of_code(code).slug)
    rows = read_files(session, uri(work / "inputs" / f"neuron={code}"), schema=spark_schema(INPUT)).coalesce(1)
    first = rows.drop(*(kind.name for kind in KINDS)).first()
    assert first is not None
    patterns = mine_rows(rows, first, mining).withColumn("neuron", F.lit(code).cast("bigint"))
    patterns.write.mode("overwrite").parquet(uri(found_folder(work, code)))


def mine_rows(rows: DataFrame, first: Row, mining: MiningConfig) -> DataFrame:
    """(kind, items, f1, least) of the frequent patterns in one neuron's prepared rows; lazy. Itemsets ascend."""
    n = first["n"]
    found = rows.sparkSession.createDataFrame([], spark_schema(list(FOUND)[1:])).coalesce(1)
    for kind in mining.patterns:
        least = first[f"{kind.name}_least"]
        if not least:
            continue
        # MLlib rounds minSupport * n up: half a sentence less makes the count exact.
        share = (least - 0.5) / n
        longest = limits_of(kind, mining).max_length or 0
        if kind.shape == SET:
            sets = FPGrowth(itemsCol=kind.name, minSupport=share, numPartitions=1).fit(rows).freqItemsets
            patterns = sets.where(F.size("items") <= longest).select(F.sort_array("items").alias("items"), "freq")
        else:
            sequences = rows.select(F.transform(kind.name, lambda item: F.array(item)).alias("sequence"))
            miner = PrefixSpan(minSupport=share, maxPatternLength=longest)
            patterns = miner.findFrequentSequentialPatterns(sequences)
            patterns = patterns.select(F.flatten("sequence").alias("items"), "freq")
        named = F.lit(kind.name).alias("kind"), "items", F.col("freq").alias("f1"), F.lit(least).alias("least")
        found = found.unionByName(patterns.select(*named))
    return found


def select_found(kind: Kind, found: pd.DataFrame, sentences: int, mining: MiningConfig) -> MinedPatterns:
    """What the limits ask for of what MLlib found, as the miners do it."""
    asked = least_support(kind, sentences, mining)
    limits = limits_of(kind, mining)
    rows = sorted(zip(map(tuple, found["items"]), found["f1"], strict=True))
    number = {pattern: i for i, (pattern, _) in enumerate(rows)}
    tree = np.array([(number.get(pattern[:-1], -1), pattern[-1], f1) for pattern, f1 in rows], np.int32).reshape(-1, 3)
    applied = int(found["least"].max()) if len(found) else asked
    if limits.max_patterns and len(rows) > limits.max_patterns:
        n, applied = raise_support(tree, len(rows), limits.max_patterns, applied, *NO_TASKS)
        tree = tree[:n]
    return select(PrefixTree(*tree.T.copy()), one_item_less, limits, asked, applied)


def prepare_columns(sentences: Sentences, dictionary: Dictionary, mining: MiningConfig) -> dict[str, Any]:
    """The columns of INPUT for one neuron's sentences, cut down to the items that can be in a frequent pattern.

    `<kind>_least` is the support to mine with, 0 where nothing can be frequent.
    """
    n = len(sentences)
    columns: dict[str, Any] = {"n": n}
    for kind in KINDS:
        wanted = kind.name in mining.kinds
        least = least_support(kind, n, mining) if wanted else n + 1
        items, offsets, _ = items_of(kind, sentences, dictionary)
        flat, lengths, least = _cut(items, offsets, least, ITEMSET_BOUND if kind.shape == SET and wanted else None)
        columns[kind.name] = np.split(flat.astype(np.int32), np.cumsum(lengths)[:-1])
        columns[f"{kind.name}_least"] = least if len(flat) else 0
    return columns


def _cut(
    flat: NDArray[np.integer], offsets: NDArray[np.int64], least: int, bound: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The items of that support, their number in each sentence, and the support, raised until the bound holds."""
    flat = np.array(flat, np.int64)
    support = sentence_support(flat, offsets, int(flat.max(initial=-1)) + 1)
    row = rows_of(offsets)
    while True:
        kept = (flat >= 0) & (support[flat] >= least) if len(support) else np.zeros(len(flat), bool)
        lengths = np.bincount(row[kept], minlength=len(offsets) - 1)
        if bound is None or subsequence_bound(lengths, int(lengths.max(initial=0)), least) <= bound:
            return flat[kept], lengths, least
        least = math.ceil(least * SUPPORT_STEP)
