"""Profiles of all neurons in one Spark pass: top-K rows joined with encoded sentences, counted neuron by neuron."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.errors import InputError
from neuronsig.neuron import SITES
from neuronsig.profiles import (
    LAYER_BITS,
    UNIT_BITS,
    Dictionary,
    ProfileCounts,
    ProfileRules,
    finish_profile,
    neuron_of,
)
from neuronsig.tables import NEURON_KEY, PROFILES, SIGNATURES
from spark_jobs.mining.encode import read_binary
from spark_jobs.paths import uri

BROADCAST_SENTENCES = 1_000_000
"""Encoded corpora up to this many sentences (about 250 bytes each) are sent to every executor instead of shuffled."""

COUNTER_CELLS = 1 << 22
"""Counters that the neurons of one partition may need (8 bytes each): it decides the number of partitions."""

PARTITION_ROWS = 400_000
"""Top-K rows of one partition, at most about: it decides the number of partitions."""

_KEY = {name for name, _ in NEURON_KEY}
_PROFILE = [field for field in PROFILES if field.name != "mined"]
_SIGNATURE = [field for field in SIGNATURES if field.name not in _KEY]
FINISHED = pa.schema([*_PROFILE, ("signatures", pa.list_(pa.struct(_SIGNATURE)))])

NEURON_DDL = "site string, layer smallint, unit int, sign tinyint"
SIGNATURE_DDL = (
    "kind: string, pattern: array<string>, f1: bigint, n1: bigint, f2: bigint, n2: bigint, "
    "log_ratio: double, lrc: double, g2: double, rank: int"
)
FINISHED_DDL = (
    f"{NEURON_DDL}, n_sentences bigint, n_tokens bigint, length_mean double, length_sd double, noun_share double, "
    "verb_share double, adj_share double, selectivity double, lead_item string, lead_bits double, "
    f"metadata_profile map<string, map<string, bigint>>, signatures array<struct<{SIGNATURE_DDL}>>"
)


def neuron_column() -> Column:
    """The code of `neuronsig.profiles.neuron_code`, from the columns site, layer, unit, sign."""
    site = F.lit(None).cast("bigint")
    for number, name in enumerate(SITES):
        site = F.when(F.col("site") == name, F.lit(number).cast("bigint")).otherwise(site)
    unit = ((site * (1 << LAYER_BITS) + F.col("layer")) * (1 << UNIT_BITS)) + F.col("unit")
    return unit * 2 + F.when(F.col("sign") < 0, 1).otherwise(0)


def read_topk(session: SparkSession, topk: Path) -> DataFrame:
    """(neuron bigint, sentence_id bigint) of every row of the topk table."""
    return session.read.parquet(uri(topk)).select(neuron_column().alias("neuron"), "sentence_id")


def count_neurons(topk: DataFrame, name: Path) -> dict[int, int]:
    """Neuron code -> its number of top sentences. Raises InputError when the table is empty."""
    rows = topk.groupBy("neuron").count().collect()
    if not rows:
        raise InputError(f"{name} is empty: no neuron has a top sentence; run python -m jobs.collect again")
    return {row["neuron"]: row["count"] for row in sorted(rows, key=lambda row: row["neuron"])}


def require_sentences(topk: DataFrame, encoded: DataFrame, n_sentences: int, name: Path, sentences: Path) -> None:
    """Raise InputError when a top-K list names a sentence that the sentences table does not hold."""
    ids = encoded.select("sentence_id")
    ids = F.broadcast(ids) if n_sentences <= BROADCAST_SENTENCES else ids
    lost = topk.join(ids, "sentence_id", "left_anti").agg(F.count("*").alias("n"), F.min("sentence_id").alias("id"))
    row = lost.collect()[0]
    if row["n"]:
        raise InputError(
            f"{name} has {row['n']:,} rows whose sentence is not in {sentences} (first sentence_id={row['id']}); "
            "both must come from the same run: run python -m jobs.collect again"
        )


def join_sentences(topk: DataFrame, encoded: DataFrame, n_sentences: int, *columns: str) -> DataFrame:
    """(neuron, *columns) of every top-K row."""
    wanted = encoded.select("sentence_id", *columns)
    wanted = F.broadcast(wanted) if n_sentences <= BROADCAST_SENTENCES else wanted
    return topk.join(wanted, "sentence_id").select("neuron", *columns)


def profile_neurons(
    topk: DataFrame, encoded: DataFrame, dictionary: Dictionary, neurons: dict[int, int], rules: ProfileRules
) -> DataFrame:
    """One row a neuron: PROFILES without `mined`, and the word, POS and metadata rows of SIGNATURES, nested."""
    session = topk.sparkSession
    partitions = max(
        int(session.conf.get("spark.sql.shuffle.partitions", "8") or 8),
        -(-len(neurons) * dictionary.n_items // COUNTER_CELLS),
        -(-sum(neurons.values()) // PARTITION_ROWS),
    )
    shared = session.sparkContext.broadcast(dictionary)

    def profile(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = ProfileCounts(shared.value.n_items)
        for batch in batches:
            items, item_lengths = read_binary(batch.column("items"), "<i4")
            tags, lengths = read_binary(batch.column("tags"), "u1")
            counts.add(batch.column("neuron").to_numpy(), items, item_lengths, tags, lengths)
        counts.flush()
        for code, row in sorted(counts.rows.items()):
            finished = finish_profile(neuron_of(code), row, counts, shared.value, rules)
            finished["metadata_profile"] = [(k, list(v.items())) for k, v in finished["metadata_profile"].items()]
            yield pa.RecordBatch.from_pylist([finished], schema=FINISHED)

    joined = join_sentences(topk, encoded, dictionary.n_sentences, "items", "tags")
    return joined.repartition(min(partitions, max(len(neurons), 1)), "neuron").mapInArrow(profile, FINISHED_DDL)
