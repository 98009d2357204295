"""Profiles of all neurons in one Spark pass: top-K rows joined with encoded sentences, a group a neuron."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from neuronsig.encoding.sentences import read_sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.corpus_counts import PROFILED, CorpusCounts
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.moments import Places
from neuronsig.mining.pattern_rows import by_neuron
from neuronsig.mining.profiling import ProfileRules, profile_neuron
from neuronsig.neuron import NEURON_COLUMNS, Neuron
from neuronsig.tables import PROFILES, SIGNATURES
from spark_jobs.mining.grouped import PARTITION_ROWS
from spark_jobs.mining.lists import BROADCAST_SENTENCES
from spark_jobs.schemas import spark_schema

_PROFILE = [field for field in PROFILES if field.name != "mined"]
_SIGNATURE = [field for field in SIGNATURES if field.name not in NEURON_COLUMNS]
_TESTED = pa.list_(pa.struct([("kind", pa.string()), ("bin", pa.int32()), ("n", pa.int64())]))
FINISHED = pa.schema([*_PROFILE, ("signatures", pa.list_(pa.struct(_SIGNATURE))), ("tested", _TESTED)])


def join_sentences(topk: DataFrame, encoded: DataFrame, n_sentences: int, *columns: str) -> DataFrame:
    """(neuron, *columns) of every top-K row."""
    wanted = encoded.select("sentence_id", *columns)
    wanted = F.broadcast(wanted) if n_sentences <= BROADCAST_SENTENCES else wanted
    return topk.join(wanted, "sentence_id", how="inner").select("neuron", *columns)


def profile_neurons(
    topk: DataFrame,
    encoded: DataFrame,
    corpus: CorpusCounts,
    neurons: Mapping[int, int],
    places: Mapping[int, Places],
    rules: ProfileRules,
) -> DataFrame:
    """One row a neuron: PROFILES without `mined`, nested under `signatures` its word, POS and metadata rows of
    SIGNATURES, whose `q` is p, and under `tested` its p-values of each kind by bin of PValueCounts."""
    context = topk.sparkSession.sparkContext
    shared = context.broadcast((corpus, dict(places)))
    partitions = max(context.defaultParallelism, -(-sum(neurons.values()) // PARTITION_ROWS))

    def profile(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        corpus, places = shared.value
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

    joined = join_sentences(topk, encoded, corpus.dictionary.n_sentences, *PROFILED)
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
