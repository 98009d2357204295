"""Patterns counted in the corpus and judged: in how many sentences every pattern of any neuron occurs, and what of it.

The distinct patterns of all neurons are written as files and taken in chunks of one kind, whose tries and counts have
CHUNK_CELLS cells at most; workers read a chunk's files themselves, so that nothing of its size is sent or collected.
Each chunk is one pass over the encoded columns that its kind needs, committed with Spark's `_SUCCESS`: a killed job
counts only the chunks that are missing. A task holds, of a chunk, its patterns and the counts of its trie's nodes: some
100 bytes a pattern and 4 a cell, so about 100 MB at 16 strata, whatever the corpus.

The counts of all neurons are then joined once and laid down with one row a neuron and kind. Two passes over these
judge them (neuronsig.mining.pattern_keyness): one counts the p-values of all tests on a grid, the other makes the rows
of SIGNATURES and looks each false-discovery rate up there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.encoding.counting import NODES
from neuronsig.encoding.sentences import read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.kinds import SUBTREE, kind_of, pattern_kinds
from neuronsig.miners.mined_patterns import Codes
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.kinds import KindCounter, shortest
from neuronsig.mining.pattern_rows import EVERY, GATHERED, count_p_values, gathered, judged
from neuronsig.progress import task
from neuronsig.ragged import binary_column, read_binary
from neuronsig.storage.files import concurrently, files_below
from neuronsig.storage.location import location
from neuronsig.storage.parquet import parquet_file, read_parquet
from neuronsig.tables import SIGNATURES
from spark_jobs.connect import parallelism
from spark_jobs.shared import Shared
from spark_jobs.tables import read_files, spark_schema, uri

CHUNK_CELLS = 1 << 23
"""Patterns x strata that are counted together, at most: 32 MiB."""

BLOCK_PATTERNS = 512
"""Patterns whose counts travel in one row."""

BLOCK_WORDS = 1 << 20
"""Words of the corpus that are taken through a trie at once, about."""

COUNTED = spark_schema([("kind", pa.string()), ("items", pa.binary()), ("corpus", pa.binary())])
"""`corpus`: int32 sentences of the corpus that hold the pattern, in each stratum."""


@dataclass(frozen=True)
class Chunk:
    """Patterns of one kind that are counted together: the rows of some files, in their order."""

    name: str
    kind: str
    files: tuple[str, ...]
    patterns: int

    def read(self) -> tuple[pa.Array, NDArray[np.int32], Codes]:
        """The patterns as bytes, and their items and offsets."""
        tables = [read_parquet(location(file), ["items"]) for file in self.files]
        column = pa.concat_arrays([part for table in tables for part in table["items"].chunks])
        return column, *read_binary(column, "<i4")


def count_reference(
    patterns: DataFrame, encoded: DataFrame, dictionary: Shared[Dictionary], mining: MiningConfig, folder: Path
) -> tuple[DataFrame | None, dict[str, int]]:
    """The rows of COUNTED of all distinct patterns, and the number of those that may make rows, by kind.

    None in place of the rows when there is no pattern.
    """
    session = patterns.sparkSession
    listed = folder / "candidates"
    most = max(CHUNK_CELLS // dictionary.value.strata.size, 1)
    if not (listed / "_SUCCESS").exists():
        distinct = patterns.where(f"kind != '{EVERY}'").select("kind", "items").distinct()
        ordered = distinct.repartition("kind", "items").sortWithinPartitions("kind", "items")
        writer = ordered.write.mode("overwrite").partitionBy("kind").option("maxRecordsPerFile", max(most // 4, 1))
        writer.parquet(uri(listed))
    chunks = list(chunks_of(listed, most))
    with task("counting patterns in the corpus", sum(chunk.patterns for chunk in chunks), "patterns") as progress:
        for chunk in chunks:
            if not (folder / "counted" / chunk.name / "_SUCCESS").exists():
                count_chunk(chunk, encoded, dictionary, mining, folder / "counted" / chunk.name)
            progress.advance(chunk.patterns, chunk.kind)
    if not chunks:
        return None, {}
    counted = read_files(session, *[uri(folder / "counted" / chunk.name) for chunk in chunks], schema=COUNTED)
    tested = counted.where(may_make_rows(dictionary.value)).groupBy("kind").count().collect()
    numbers = {row["kind"]: row["count"] for row in tested}
    return counted, {kind.name: numbers[kind.name] for kind in pattern_kinds() if kind.name in numbers}


def may_make_rows(dictionary: Dictionary) -> Column:
    """Whether a pattern has as many items as neuronsig.mining.kinds.shortest asks for."""
    least = F.lit(0)
    for kind in pattern_kinds():
        least = F.when(F.col("kind") == kind.name, shortest(kind, dictionary)).otherwise(least)
    return F.length("items") >= 4 * least


def chunks_of(listed: Path, most: int) -> Iterator[Chunk]:
    """The files of candidates in chunks of `most` patterns or fewer, in the order of their names."""
    for kind in [kind.name for kind in pattern_kinds()]:
        below = listed / f"kind={kind}"
        if not below.is_dir():
            continue
        held: list[str] = []
        rows, number = 0, 0
        files = sorted(path for path in files_below(below) if path.name.endswith(".parquet"))
        for file, size in zip(files, concurrently(_rows_in, files), strict=True):
            if held and rows + size > most:
                yield Chunk(f"{kind}-{number:04d}", kind, tuple(held), rows)
                held, rows, number = [], 0, number + 1
            held.append(str(file))
            rows += size
        if held:
            yield Chunk(f"{kind}-{number:04d}", kind, tuple(held), rows)


def _rows_in(file: Path) -> int:
    return int(parquet_file(file).metadata.num_rows)


def count_chunk(
    chunk: Chunk, encoded: DataFrame, dictionary: Shared[Dictionary], mining: MiningConfig, folder: Path
) -> None:
    """Write the rows of COUNTED of a chunk's patterns."""
    kind, strata, tasks = kind_of(chunk.kind), dictionary.value.strata.size, parallelism(encoded.sparkSession)
    columns = (NODES, "heads") if kind.shape == SUBTREE and dictionary.value.labels is not None else kind.columns

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _, items, offsets = chunk.read()
        counter = KindCounter(kind, items, offsets, dictionary.value, mining)
        total = np.zeros((chunk.patterns, strata), np.int32)
        for rows in blocks(batches):
            total += counter.count(read_sentences(rows, columns)).astype(np.int32)
        for block, start in enumerate(range(0, chunk.patterns, BLOCK_PATTERNS)):
            part = total[start : start + BLOCK_PATTERNS].tobytes()
            arrays = [pa.array([block], pa.int64()), pa.array([part], pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["block", "counts"])

    def add(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total: dict[int, NDArray[np.int32]] = {}
        for batch in batches:
            for block, counts in zip(batch.column("block").to_pylist(), batch.column("counts"), strict=True):
                found = np.frombuffer(counts.as_buffer(), np.int32)
                total[block] = total[block] + found if block in total else found
        if not total:
            return
        column, _, _ = chunk.read()
        for block, found in sorted(total.items()):
            names = column.slice(block * BLOCK_PATTERNS, BLOCK_PATTERNS)
            arrays = [
                pa.array([chunk.kind] * len(names), pa.string()),
                names.cast(pa.binary()),
                binary_column(found, np.full(len(names), strata)),
            ]
            yield pa.RecordBatch.from_arrays(arrays, ["kind", "items", "corpus"])

    needed = encoded.select(*columns, "stratum").coalesce(2 * tasks)
    partial = needed.mapInArrow(count, spark_schema([("block", pa.int64()), ("counts", pa.binary())]))
    summed = partial.repartition(tasks, "block").mapInArrow(add, COUNTED)
    summed.write.mode("overwrite").parquet(uri(folder))


def blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches joined to tables of about BLOCK_WORDS words: a small one costs as much as its trie is large."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= 4 * BLOCK_WORDS:
            yield pa.Table.from_batches(held).combine_chunks()
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


PARTITION_NEURONS = 64
"""Neurons whose patterns, some 1 MB each, a task gathers."""


def gather(patterns: DataFrame, counted: DataFrame, neurons: int) -> DataFrame:
    """The rows of GATHERED of rows of PATTERNS of so many neurons, and of COUNTED of all their patterns."""
    every = patterns.where(F.col("kind") == EVERY).withColumn("corpus", F.lit(None).cast("binary"))
    found = patterns.where(F.col("kind") != EVERY).join(counted, ["kind", "items"], how="inner")
    columns = ["neuron", "kind", "items", "strata", "corpus"]
    rows = every.select(*columns).unionByName(found.select(*columns))
    partitions = max(parallelism(patterns.sparkSession), -(-neurons // PARTITION_NEURONS))
    return rows.repartition(partitions, "neuron").mapInArrow(gathered, spark_schema(GATHERED))


def judge_patterns(
    patterns: DataFrame, dictionary: Shared[Dictionary], mining: MiningConfig, tests: Mapping[str, int]
) -> DataFrame:
    """Rows of SIGNATURES: each neuron's strongest patterns of each kind, and its most frequent (P1 Table 2).

    `tests` is the number of hypotheses of each kind: neurons x distinct patterns.
    """
    seen: dict[str, PValueCounts] = {}

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for kind, counts in count_p_values(batches, dictionary.value, mining).items():
            arrays = [pa.array([kind]), pa.array([counts.bins.astype(np.int64).tobytes()], pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["kind", "bins"])

    for row in patterns.mapInArrow(count, spark_schema([("kind", pa.string()), ("bins", pa.binary())])).collect():
        seen.setdefault(row["kind"], PValueCounts()).bins += np.frombuffer(row["bins"], np.int64)

    def make(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from judged(batch, tests, seen, dictionary.value, mining)

    return patterns.mapInArrow(make, spark_schema(SIGNATURES))
