"""Profiles of all neurons, and what they are compared with: the corpus, counted once.

Items, tags and shares are counted by stratum, and places; then top-K rows are joined with the encoded sentences, a
group a neuron. A task holds one counter for each item and stratum (8 bytes), whatever the corpus; what the driver reads
and sends to every executor is as large.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from neuronsig.encoding.sentences import read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.holdout import Holdout
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.moments import PROFILED, RELATIVE, CorpusCells, CorpusCounts, Places
from neuronsig.mining.pattern_rows import by_neuron
from neuronsig.mining.profiling import ProfileRules, profile_neuron
from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.storage.parquet import read_parquet
from neuronsig.tables import PROFILES, SENTENCES, SIGNATURES
from spark_jobs.connect import parallelism
from spark_jobs.mining.batches import BROADCAST_SENTENCES, PARTITION_ROWS
from spark_jobs.shared import Shared
from spark_jobs.tables import open_table, spark_schema, write_once

_PROFILE = [field for field in PROFILES if field.name != "mined"]
_SIGNATURE = [field for field in SIGNATURES if field.name not in NEURON_COLUMNS]
_TESTED = pa.list_(pa.struct([("kind", pa.string()), ("bin", pa.int32()), ("n", pa.int64())]))
FINISHED = pa.schema([*_PROFILE, ("signatures", pa.list_(pa.struct(_SIGNATURE))), ("tested", _TESTED)])

PLACES = spark_schema([("sentence_id", pa.int64()), ("position", pa.int64()), ("relative", pa.int64())])


def count_corpus(encoded: DataFrame, places: DataFrame, dictionary: Shared[Dictionary], folder: Path) -> CorpusCounts:
    """Counts of the encoded sentences, written to `folder` unless they are there."""
    write_once(folder, lambda: count_cells(encoded, dictionary))
    table = read_parquet(folder)
    cells = CorpusCells(dictionary.value)
    total = np.zeros(cells.size, np.int64)
    total[table["cell"].to_numpy()] = table["n"].to_numpy()
    row = places.agg(*_sums()).collect()[0]
    return cells.corpus(total, Places(*(int(value or 0) for value in row)))


def count_cells(encoded: DataFrame, dictionary: Shared[Dictionary]) -> DataFrame:
    """(cell, n) of what CorpusCells counts that is not 0."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        cells = CorpusCells(dictionary.value)
        for batch in batches:
            cells.add(batch)
        total = cells.total()
        cell = np.flatnonzero(total)
        yield pa.RecordBatch.from_arrays([pa.array(cell), pa.array(total[cell])], ["cell", "n"])

    partial = encoded.select(*PROFILED).mapInArrow(count, spark_schema([("cell", pa.int64()), ("n", pa.int64())]))
    return partial.groupBy("cell").agg(F.sum("n").alias("n"))


def read_places(session: SparkSession, sentences: Path, holdout: Holdout) -> DataFrame:
    """Rows of PLACES of the sentences that are not held out: in its document, from 0, and from 0 to RELATIVE.

    `relative` is null for the only sentence of a document, whose length is that of its last sentence's position.
    """
    source = open_table(session, sentences, SENTENCES).select("sentence_id", "domain", "doc_id", "position")
    last = F.max("position").over(Window.partitionBy("domain", "doc_id"))
    relative = F.when(last > 0, F.floor(F.col("position") * F.lit(RELATIVE) / last))
    placed = source.select(
        "sentence_id",
        F.col("position").cast("bigint").alias("position"),
        relative.cast("bigint").alias("relative"),
        "domain",
        "doc_id",
    )

    def used(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield holdout.without(batch).select(["sentence_id", "position", "relative"])

    return placed.mapInArrow(used, PLACES)


def places_of(lists: DataFrame, places: DataFrame, n_sentences: int) -> dict[int, Places]:
    """Neuron -> where its sentences stand; `lists` has the columns neuron and sentence_id."""
    places = F.broadcast(places) if n_sentences <= BROADCAST_SENTENCES else places
    rows = lists.join(places, "sentence_id", how="inner").groupBy("neuron").agg(*_sums()).toLocalIterator()
    return {row[0]: Places(*(int(value or 0) for value in row[1:])) for row in rows}


def _sums() -> list[Column]:
    columns = [(name, F.col(name)) for name in ("position", "relative")]
    return [part for name, column in columns for part in (F.count(name), F.sum(column), F.sum(column * column))]


def profile_neurons(
    topk: DataFrame,
    encoded: DataFrame,
    compared: Shared[tuple[CorpusCounts, dict[int, Places]]],
    neurons: Mapping[int, int],
    rules: ProfileRules,
) -> DataFrame:
    """One row a neuron: PROFILES without `mined`, nested under `signatures` its word, POS and metadata rows of
    SIGNATURES, whose `q` is p, and under `tested` its p-values of each kind by bin of PValueCounts.

    `compared` holds the corpus's counts, and where each neuron's sentences stand.
    """
    partitions = max(parallelism(topk.sparkSession), -(-sum(neurons.values()) // PARTITION_ROWS))

    def profile(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        corpus, places = compared.value
        for code, rows in by_neuron(batches):
            found = profile_neuron(Neuron.of_code(code), read_sentences(rows, PROFILED), places[code], corpus, rules)
            fields = [(name, list(values.items())) for name, values in found.row["metadata_profile"].items()]
            tested = []
            for kind, p in found.p_values.items():
                counts = PValueCounts()
                counts.add(p)
                tested += [{"kind": kind, "bin": i, "n": counts.bins[i]} for i in np.flatnonzero(counts.bins)]
            row = {**found.row, "metadata_profile": fields, "signatures": found.signatures, "tested": tested}
            yield pa.RecordBatch.from_pylist([row], schema=FINISHED)

    wanted = encoded.select("sentence_id", *PROFILED)
    wanted = F.broadcast(wanted) if compared.value[0].dictionary.n_sentences <= BROADCAST_SENTENCES else wanted
    joined = topk.join(wanted, "sentence_id", how="inner").select("neuron", *PROFILED)
    return joined.repartition(min(partitions, max(len(neurons), 1)), "neuron").mapInArrow(
        profile, spark_schema(FINISHED)
    )


def profile_signatures(profiles: DataFrame, dictionary: Dictionary, rules: ProfileRules) -> DataFrame:
    """The rows of SIGNATURES that `profile_neurons` made, with the false-discovery rate over all neurons for `q`."""
    seen: dict[str, PValueCounts] = {}
    tested = profiles.select(F.explode("tested").alias("row")).select("row.*")
    for row in tested.groupBy("kind", "bin").agg(F.sum("n").alias("n")).collect():
        seen.setdefault(row["kind"], PValueCounts()).bins[row["bin"]] = row["n"]
    tests = {kind: rules.tests(kind, dictionary) for kind in seen}

    def look_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            q = table["q"].to_numpy().copy()
            for kind, counts in seen.items():
                mine = pc.equal(table["kind"], kind).to_numpy()
                q[mine] = counts.q(q[mine], tests[kind])
            table = table.set_column(table.schema.get_field_index("q"), "q", pa.array(q))
            yield from table.to_batches()

    rows = profiles.select(*NEURON_COLUMNS, F.explode("signatures").alias("row")).select(*NEURON_COLUMNS, "row.*")
    return rows.select(*SIGNATURES.names).mapInArrow(look_up, spark_schema(SIGNATURES))
