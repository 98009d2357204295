"""Profiles of all neurons in one Spark pass: top-K rows joined with encoded sentences, counted neuron by neuron."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from neuronsig.profiles import Dictionary, ProfileCounts, ProfileRules, finish_profile, neuron_of
from neuronsig.tables import NEURON_KEY, PROFILES, SIGNATURES
from spark_jobs.mining.encode import read_binary
from spark_jobs.mining.lists import BROADCAST_SENTENCES

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
    "matched: double, log_ratio: double, lrc: double, g2: double, q: double, rank: int, explained_by: array<string>"
)
FINISHED_DDL = (
    f"{NEURON_DDL}, n_sentences bigint, n_tokens bigint, length_mean double, length_sd double, noun_share double, "
    "verb_share double, adj_share double, selectivity double, lead_item string, lead_bits double, "
    f"metadata_profile map<string, map<string, bigint>>, signatures array<struct<{SIGNATURE_DDL}>>"
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
