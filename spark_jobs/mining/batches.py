"""The neurons' lists of top sentences, read and checked, and mined in batches, each committed once.

A batch is a folder of Spark's, written with its `_SUCCESS`, and then a marker beside it that lists its neurons: what a
killed job had finished is not mined again. Which neurons make a batch may change from one command to the next (other
neurons are asked for): a neuron is mined when a marker lists it.

The lists of a batch are joined with the encoded corpus, and the sentences of a neuron meet in one partition, where
`neuronsig.miners` mines them whole. A task holds the sentences of its neurons (about PARTITION_ROWS of some 200 bytes);
nothing but a batch's lists ever passes the driver.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.constant_units import constant_neurons, without_constant
from neuronsig.encoding.sentences import ALL, ALL_NODES, read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.errors import InputError
from neuronsig.mining.pattern_rows import PATTERNS, by_neuron, mined_rows
from neuronsig.neuron import LAYER_BITS, SITES, UNIT_BITS, Neuron
from neuronsig.progress import task
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import list_files, read_bytes, remove
from neuronsig.storage.whole_files import atomic_write
from neuronsig.tables import SENTENCES, TOPK
from spark_jobs.connect import parallelism
from spark_jobs.shared import Shared
from spark_jobs.tables import open_table, read_files, spark_schema, uri

CODES = pa.schema([("neuron", pa.int64())])

PARTITION_ROWS = 200_000
"""Sentences, of all its neurons, that a task holds, about."""

BROADCAST_SENTENCES = 1_000_000
"""Corpora up to this many sentences have their ids sent to every executor instead of shuffled."""


def neuron_column() -> Column:
    """The code of `neuronsig.neuron.Neuron.code`, from the columns site, layer, unit, sign."""
    site = F.lit(None).cast("bigint")
    for number, name in enumerate(SITES):
        site = F.when(F.col("site") == name, F.lit(number).cast("bigint")).otherwise(site)
    unit = ((site * (1 << LAYER_BITS) + F.col("layer")) * (1 << UNIT_BITS)) + F.col("unit")
    return unit * 2 + F.when(F.col("sign") < 0, 1).otherwise(0)


def read_topk(session: SparkSession, topk: Path) -> DataFrame:
    """(neuron bigint, sentence_id bigint) of every row of the topk table, but those of constant neurons."""
    rows = open_table(session, topk, TOPK).select(neuron_column().alias("neuron"), "sentence_id")
    constant = [neuron.code for neuron in constant_neurons(topk)]
    return only_of(rows, constant, how="left_anti") if constant else rows


def count_neurons(topk: DataFrame, name: Path) -> dict[int, int]:
    """Neuron code -> its number of top sentences. Raises InputError when the table is empty."""
    rows = topk.groupBy("neuron").count().collect()
    if not rows:
        without_constant(constant_neurons(name), name)
        raise InputError(f"{name} is empty: no neuron has a top sentence; run neuronsig collect again")
    return {row["neuron"]: row["count"] for row in sorted(rows, key=lambda row: row["neuron"])}


def require_sentences(topk: DataFrame, sentences: Path, name: Path) -> None:
    """Raise InputError when a top-K list names a sentence that the sentences table does not hold."""
    ids = open_table(topk.sparkSession, sentences, SENTENCES).select("sentence_id")
    ids = F.broadcast(ids) if ids.count() <= BROADCAST_SENTENCES else ids
    lost = topk.join(ids, "sentence_id", how="left_anti").agg(F.count("*").alias("n"), F.min("sentence_id").alias("id"))
    row = lost.collect()[0]
    if row["n"]:
        raise InputError(
            f"{name} has {row['n']:,} rows whose sentence is not in {sentences} (first sentence_id={row['id']}); "
            "both must come from the same run: run neuronsig collect again"
        )


def lists_of(session: SparkSession, topk: Path, codes: Sequence[int]) -> DataFrame:
    """(neuron, sentence_id) of some neurons; what of the table cannot hold them is not read.

    The table is sorted by site, layer and unit, so that conditions on them skip most of its row groups.
    """
    ranges: dict[tuple[str, int], tuple[int, int]] = {}
    for neuron in map(Neuron.of_code, codes):
        low, high = ranges.get((neuron.site, neuron.layer), (neuron.unit, neuron.unit))
        ranges[neuron.site, neuron.layer] = min(low, neuron.unit), max(high, neuron.unit)
    near = F.lit(False)
    for (site, layer), (low, high) in ranges.items():
        near |= (F.col("site") == site) & (F.col("layer") == layer) & F.col("unit").between(low, high)
    rows = open_table(session, topk, TOPK).where(near)
    found = rows.select(neuron_column().alias("neuron"), "sentence_id")
    return found.where(F.col("neuron").isin(list(codes)))


def join_lists(lists: DataFrame, encoded: DataFrame, *columns: str) -> DataFrame:
    """(neuron, *columns) of every row of a batch of lists whose sentence is not held out.

    The lists are sent to every executor, 16 bytes a row there and here, and the corpus streams past them: what is
    held depends on the batch, not on the corpus.
    """
    wanted = encoded.select("sentence_id", *columns)
    return wanted.join(F.broadcast(lists), "sentence_id", how="inner").select("neuron", *columns)


def mine_batches(
    folder: Path, neurons: Sequence[int], size: int, mine: Callable[[list[int], Path], None]
) -> dict[str, int]:
    """Call `mine(codes, table folder)` for batches of the neurons that no marker in `folder` lists yet."""
    done = finished(folder)
    missing = [code for code in neurons if code not in done]
    with task("mining patterns", len(neurons), "neurons") as progress:
        progress.advance(len(neurons) - len(missing))
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            name = fingerprint_of(batch)
            remove(folder / name)
            mine(batch, folder / name)
            atomic_write(folder / f"{name}.json", json.dumps(batch).encode())
            progress.advance(len(batch), f"to {Neuron.of_code(batch[-1])}")
    return {"mined now": len(missing), "mined before": len(neurons) - len(missing)}


def finished(folder: Path) -> dict[int, Path]:
    """Neuron -> the table it is in."""
    found: dict[int, Path] = {}
    for marker in list_files(folder):
        if marker.suffix == ".json":
            found |= dict.fromkeys(json.loads(read_bytes(marker)), marker.with_suffix(""))
    return found


def read_patterns(session: SparkSession, folder: Path, neurons: Sequence[int]) -> DataFrame:
    """The rows of PATTERNS of these neurons, all of which are mined."""
    done = finished(folder)
    tables = {done[code] for code in neurons}
    rows = read_files(session, *[uri(table) for table in sorted(tables, key=str)], schema=spark_schema(PATTERNS))
    others = any(table in tables for code, table in done.items() if code not in set(neurons))
    return only_of(rows, neurons) if others else rows


def only_of(rows: DataFrame, neurons: Sequence[int], how: str = "left_semi") -> DataFrame:
    """The rows of these neurons (left_anti: of all others), which may be too many for a condition."""
    wanted = rows.sparkSession.createDataFrame([(code,) for code in neurons], spark_schema(CODES))
    return rows.join(F.broadcast(wanted), "neuron", how=how)


def mine_grouped(
    lists: DataFrame, encoded: DataFrame, dictionary: Shared[Dictionary], mining: MiningConfig, rows: int
) -> DataFrame:
    """The rows of PATTERNS of a batch of neurons, whose lists hold `rows` sentences together."""
    columns = ALL if dictionary.value.labels is None else ALL_NODES

    def mine(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for code, sentences in by_neuron(batches):
            yield from mined_rows(code, read_sentences(sentences, columns), dictionary.value, mining)

    partitions = max(parallelism(lists.sparkSession), -(-rows // PARTITION_ROWS))
    joined = join_lists(lists, encoded, *columns).repartition(partitions, "neuron")
    return joined.mapInArrow(mine, spark_schema(PATTERNS))
