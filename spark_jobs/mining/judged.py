"""Patterns with their counts in the corpus, judged neuron by neuron (mining.pattern_keyness) to rows of SIGNATURES.

The counts of all neurons are joined once and laid down with one row a neuron and kind. Two passes over these follow:
one counts the p-values of all tests on a grid, the other makes the rows and looks each false-discovery rate up there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.config.mining import KINDS
from neuronsig.encoding.dictionary import Dictionary
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.kinds import pattern_names, shortest
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values
from neuronsig.mining.profiles import neuron_of
from neuronsig.ragged import offsets_of, read_binary, rows_of
from neuronsig.tables import SIGNATURES
from spark_jobs.mining.batches import EVERY
from spark_jobs.mining.lists import whole
from spark_jobs.mining.profiles import NEURON_DDL, SIGNATURE_DDL
from spark_jobs.paths import uri

SIGNATURES_DDL = f"{NEURON_DDL}, {SIGNATURE_DDL.replace(':', '')}"

GATHERED = "neuron bigint, kind string, items binary, lengths binary, f1 binary, corpus binary, n1 binary"
"""All patterns of a neuron and kind in lexicographic order: int32 items and lengths, int32 (patterns, strata) counts
among the neuron's sentences and in the corpus, int32 (strata,) sentences of the neuron (of subtrees: with a tree)."""

PARTITION_NEURONS = 64
"""Neurons whose patterns, some 1 MB each, a task gathers."""


def gather(patterns: DataFrame, counted: DataFrame, neurons: int, folder: Path) -> DataFrame:
    """Write the rows of GATHERED to `folder` unless they are there, and return them."""
    session = patterns.sparkSession
    if not (folder / "_SUCCESS").exists():
        every = patterns.where(F.col("kind") == EVERY).withColumn("corpus", F.lit(None).cast("binary"))
        found = patterns.where(F.col("kind") != EVERY).join(counted, ["kind", "items"])
        columns = ["neuron", "kind", "items", "strata", "corpus"]
        rows = every.select(*columns).unionByName(found.select(*columns))
        partitions = max(session.sparkContext.defaultParallelism, -(-neurons // PARTITION_NEURONS))
        gathered = rows.repartition(partitions, "neuron").mapInArrow(_gather, GATHERED)
        gathered.write.mode("overwrite").parquet(uri(folder))
    return session.read.schema(GATHERED).parquet(uri(folder))


def _gather(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    table = whole(batches)
    if table is None:
        return
    codes = table["neuron"].to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order], prepend=codes[order[0]] - 1, append=codes[order[-1]] + 1))
    for start, stop in itertools.pairwise(bounds):
        rows = table.take(pa.array(order[start:stop])).combine_chunks()
        code, kinds = int(codes[order[start]]), rows["kind"].to_numpy(zero_copy_only=False)
        every = rows.filter(pa.array(kinds == EVERY)).to_pylist()
        n1 = {bool(row["items"]): row["strata"] for row in every}  # True: of those with a tree
        for kind in KINDS:
            part = rows.filter(pa.array(kinds == kind)).combine_chunks()
            if part.num_rows:
                cells = {"neuron": code, "kind": kind, **_in_order(part), "n1": n1[kind == "subtree"]}
                yield pa.RecordBatch.from_pylist([cells], schema=_GATHERED)


_CELLS = ("items", "lengths", "f1", "corpus", "n1")
_GATHERED = pa.schema([("neuron", pa.int64()), ("kind", pa.string()), *((name, pa.binary()) for name in _CELLS)])


def _in_order(rows: pa.Table) -> dict[str, bytes]:
    """The binary columns of GATHERED, patterns in lexicographic order."""
    items, offsets = read_binary(rows["items"], "<i4")
    lengths, row = np.diff(offsets), rows_of(offsets)
    f1, corpus = (read_binary(rows[name], "<i4")[0].reshape(len(lengths), -1) for name in ("strata", "corpus"))
    padded = np.full((len(lengths), int(lengths.max())), -1, np.int32)
    padded[row, np.arange(len(row)) - offsets[row]] = items
    order = np.lexsort(padded.T[::-1])
    ordered = padded[order]
    return {
        "items": ordered[ordered >= 0].tobytes(),
        "lengths": lengths[order].astype(np.int32).tobytes(),
        "f1": f1[order].tobytes(),
        "corpus": corpus[order].tobytes(),
    }


def judge_patterns(
    gathered: DataFrame, dictionary: Dictionary, mining: MiningConfig, tests: Mapping[str, int]
) -> DataFrame:
    """Rows of SIGNATURES: each neuron's strongest patterns of each kind, and its most frequent (P1 Table 2).

    `tests` is the number of hypotheses of each kind: neurons x distinct patterns.
    """
    context = gathered.sparkSession.sparkContext
    shared = context.broadcast((dictionary, mining))
    seen: dict[str, PValueCounts] = {}

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found: dict[str, PValueCounts] = {}
        for batch in batches:
            for _, kind, patterns in _unpack(batch, *shared.value):
                found.setdefault(kind, PValueCounts()).add(p_values(patterns, shortest(kind, shared.value[0])))
        for kind, counts in found.items():
            arrays = [pa.array([kind]), pa.array([counts.bins.astype(np.int64).tobytes()], pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["kind", "bins"])

    for row in gathered.mapInArrow(count, "kind string, bins binary").collect():
        counts = PValueCounts()
        counts.bins += np.frombuffer(row["bins"], np.int64)
        seen.setdefault(row["kind"], PValueCounts()).merge(counts)
    rules = {
        kind: JudgeRules(
            *(number, mining.alpha, mining.patterns_kept, mining.frequent_kept, shortest(kind, dictionary)),
            frequent_shortest=2,
        )
        for kind, number in tests.items()
    }

    def make(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        dictionary, mining = shared.value
        for batch in batches:
            for code, kind, patterns in _unpack(batch, dictionary, mining):
                rows = judge(patterns, rules[kind], seen[kind])
                yield signature_rows(code, kind, patterns, rows, dictionary, mining)

    return gathered.mapInArrow(make, SIGNATURES_DDL)


def signature_rows(
    code: int,
    kind: str,
    patterns: NeuronPatterns,
    rows: Mapping[str, NDArray[Any]],
    dictionary: Dictionary,
    mining: MiningConfig,
) -> pa.RecordBatch:
    """The columns that `judge` made as rows of SIGNATURES, patterns in words."""

    def names(number: int) -> list[str]:
        items = patterns.items[patterns.offsets[number] : patterns.offsets[number + 1]]
        return pattern_names(kind, items.tolist(), dictionary, mining.subtree_labels)

    neuron, n = neuron_of(code), len(rows["pattern"])
    columns: dict[str, Any] = {
        "site": [neuron.site] * n,
        "layer": [neuron.layer] * n,
        "unit": [neuron.unit] * n,
        "sign": [neuron.sign] * n,
        "kind": [kind] * n,
        **rows,
        "pattern": [names(number) for number in rows["pattern"]],
        "explained_by": [names(number) if number >= 0 else None for number in rows["explained_by"]],
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in SIGNATURES], SIGNATURES.names)


def _unpack(
    batch: pa.RecordBatch, dictionary: Dictionary, mining: MiningConfig
) -> Iterator[tuple[int, str, NeuronPatterns]]:
    strata = dictionary.strata.size
    for row in batch.to_pylist():
        cells = {name: np.frombuffer(row[name], np.int32) for name in _CELLS}
        yield (
            row["neuron"],
            row["kind"],
            NeuronPatterns(
                items=cells["items"],
                offsets=offsets_of(cells["lengths"]),
                f1=cells["f1"].reshape(-1, strata),
                corpus=cells["corpus"].reshape(-1, strata),
                n1=cells["n1"],
                total=dictionary.stratum_trees if row["kind"] == "subtree" else dictionary.stratum_sentences,
                bins=dictionary.strata.bins,
                labels=dictionary.n_labels(mining.subtree_labels) if row["kind"] == "subtree" else 0,
            ),
        )
