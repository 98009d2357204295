"""The whole of mining one model: encode, profile all neurons, choose, mine, count in the corpus, write the tables."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.constant_units import left_out
from neuronsig.encoding.sentences import ENCODED, ENCODED_NODES
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.mining.chosen import choose, require_neurons, require_trees
from neuronsig.mining.pattern_rows import EVERY, GATHERED
from neuronsig.mining.profiling import WORDS_KEPT, ProfileRules
from neuronsig.neuron import NEURON_COLUMNS
from neuronsig.progress import task
from neuronsig.run.plan import fingerprint_of
from neuronsig.storage.files import remove
from neuronsig.storage.parquet import check_table, read_parquet
from neuronsig.tables import NEURON_KEY, PROFILES, SIGNATURES
from spark_jobs.mining.batches import (
    BROADCAST_SENTENCES,
    CODES,
    count_neurons,
    lists_of,
    mine_batches,
    mine_grouped,
    neuron_column,
    only_of,
    read_patterns,
    read_topk,
    require_sentences,
)
from spark_jobs.mining.encode import encode_sentences, parse_trees
from spark_jobs.mining.judged import count_reference, gather, judge_patterns, may_make_rows
from spark_jobs.mining.mllib import mine_mllib
from spark_jobs.mining.profiles import (
    FINISHED,
    count_corpus,
    places_of,
    profile_neurons,
    profile_signatures,
    read_places,
)
from spark_jobs.shared import Shared, share
from spark_jobs.tables import read_files, spark_schema, uri, write_once

FILE_NEURONS = 1000
"""Neurons in one file of the output tables, about."""

BATCH_NEURONS = 256
"""Neurons mined and committed together, at most: what a killed job mines again."""

BATCH_ROWS = 4_000_000
"""Rows of the lists of a batch of neurons, at most: some 50 bytes each in the driver and in every executor."""


@dataclass(frozen=True)
class MiningPaths:
    """Input tables, intermediate folders (named for the plan of what they hold) and output tables."""

    sentences: Path
    topk: Path
    encoded: Path
    work: Path
    signatures: Path
    profiles: Path
    trees: Path | None = None  # intermediate: where a user's trees are parsed

    @property
    def shared(self) -> Path:
        """Where tasks find the objects that they need whole."""
        return self.work / "shared"


def mine_model(session: SparkSession, paths: MiningPaths, mining: MiningConfig) -> dict[str, Any]:
    """Make signatures/ and profiles/ of one model; returns counts by reason, and the seconds of each part.

    Intermediate results that are there already are used, so an interrupted run goes on where it stopped. Raises
    InputError for an empty top-K, for sentences that are missing, and for subtrees without trees or with wrong ones;
    ConfigError for neurons not in the run.
    """
    clock = Stopwatch()
    topk = read_topk(session, paths.topk)
    neurons = count_neurons(topk, paths.topk)
    require_neurons(mining, list(neurons), paths.topk)
    dictionary = _encoded(session, topk, mining, paths)
    shared = share(dictionary, paths.shared)
    columns = ENCODED if dictionary.labels is None else ENCODED_NODES
    encoded = read_files(session, uri(paths.encoded / "sentences"), schema=spark_schema(columns))
    clock.lap("encoding")
    profiles = _profiles(topk, encoded, shared, neurons, mining, paths)
    clock.lap("profiles")
    leading = [*NEURON_COLUMNS, "lead_bits", "lead_item"]
    chosen = choose(read_parquet(paths.work / "profiles", leading).to_pylist(), mining) if mining.kinds else []
    mined = {neuron.code: neurons[neuron.code] for neuron in chosen}
    counts = {
        "neurons profiled": len(neurons),
        **left_out(paths.topk),
        "neurons mined": len(mined),
        "sentences mined": dictionary.n_sentences,
        "words in the dictionary": len(dictionary.words),
        "metadata values": len(dictionary.metadata),
        **({"too rare for the dictionary": ", ".join(dictionary.left_out)} if dictionary.left_out else {}),
    }
    if mining.with_subtrees:
        counts["sentences without a tree"] = dictionary.n_sentences - dictionary.n_trees
    patterns, pattern_counts = _patterns(encoded, shared, mined, mining, paths, clock)
    counts |= pattern_counts
    with task("writing signatures", len(neurons), "neurons") as progress:
        rows = profile_signatures(profiles, dictionary, _rules(mining, neurons))
        rows = rows if patterns is None else rows.unionByName(patterns)
        _write_tables(rows, with_mined(profiles, list(mined)), len(neurons), paths, clock)
        progress.update(len(neurons))
    counts["signature rows"] = check_table(paths.signatures, SIGNATURES)
    check_table(paths.profiles, PROFILES)
    remove(paths.shared)
    clock.lap("writing")
    return {**counts, "seconds": clock.laps}


class Stopwatch:
    """Wall seconds of consecutive parts."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        """End a part, and begin the next."""
        now = time.monotonic()
        self.laps[name] = round(now - self._since, 1)
        self._since = now


def _encoded(session: SparkSession, topk: DataFrame, mining: MiningConfig, paths: MiningPaths) -> Dictionary:
    trees = None
    if mining.trees and paths.trees is not None:
        trees = parse_trees(session, mining.trees, paths.sentences, paths.trees, mining.subtree_labels == "words")
    elif mining.with_subtrees:
        require_trees(paths.sentences)
    if not (paths.work / "profiles" / "_SUCCESS").exists():
        require_sentences(topk, paths.sentences, paths.topk)
    with task("encoding sentences", unit="sentences") as progress:
        dictionary = encode_sentences(session, paths.sentences, paths.encoded, mining, trees)
        progress.update(dictionary.n_sentences)
    return dictionary


def _profiles(
    topk: DataFrame,
    encoded: DataFrame,
    dictionary: Shared[Dictionary],
    neurons: dict[int, int],
    mining: MiningConfig,
    paths: MiningPaths,
) -> DataFrame:
    folder = paths.work / "profiles"
    if not (folder / "_SUCCESS").exists():
        with task("counting words in the corpus", unit="sentences") as progress:
            places = read_places(topk.sparkSession, paths.sentences, mining.held_out)
            corpus = count_corpus(encoded, places, dictionary, paths.encoded / "strata")
            progress.update(dictionary.value.n_sentences)
        with task("profiling", len(neurons), "neurons") as progress:
            stand = places_of(topk, places, dictionary.value.n_sentences)
            compared = share((corpus, stand), paths.shared)
            found = profile_neurons(topk, encoded, compared, neurons, _rules(mining, neurons))
            found.write.mode("overwrite").parquet(uri(folder))
            progress.update(len(neurons))
    return read_files(topk.sparkSession, uri(folder), schema=spark_schema(FINISHED))


def _rules(mining: MiningConfig, neurons: Mapping[int, int]) -> ProfileRules:
    return ProfileRules(WORDS_KEPT, mining.min_count, mining.alpha, len(neurons))


def _patterns(
    encoded: DataFrame,
    dictionary: Shared[Dictionary],
    mined: Mapping[int, int],
    mining: MiningConfig,
    paths: MiningPaths,
    clock: Stopwatch,
) -> tuple[DataFrame | None, dict[str, Any]]:
    if not mined:
        return None, {}
    session = encoded.sparkSession
    batches = paths.work / "patterns"

    size = max(min(BATCH_NEURONS, BATCH_ROWS // max(mined.values())), 1)

    @functools.cache
    def corpus() -> DataFrame:
        return encoded if len(mined) <= size else _listed(encoded, dictionary.value, list(mined), paths)

    def mine(codes: list[int], folder: Path) -> None:
        lists = lists_of(session, paths.topk, codes)
        if mining.engine == "mllib":
            mine_mllib(lists, corpus(), dictionary, mining, codes, folder)
        else:
            rows = sum(mined[code] for code in codes)
            found = mine_grouped(lists, corpus(), dictionary, mining, rows)
            found.write.mode("overwrite").parquet(uri(folder))

    mine_batches(batches, list(mined), size, mine)
    clock.lap("mining")
    raw = read_patterns(session, batches, list(mined))
    folder = paths.work / "judged" / fingerprint_of(sorted(mined))
    counted, distinct = count_reference(raw, encoded, dictionary, mining, folder)
    clock.lap("counting in the corpus")
    if counted is None:
        return None, {"patterns mined": {}}
    with task("gathering counts", len(mined), "neurons") as progress:
        made = write_once(folder / "gathered", lambda: gather(raw, counted, len(mined)))
        gathered = read_files(session, made, schema=spark_schema(GATHERED))
        progress.update(len(mined))
    counts = _pattern_counts(raw, distinct, dictionary.value, mining)
    clock.lap("gathering counts")
    tests = {kind: len(mined) * distinct.get(kind, 0) for kind in mining.kinds}
    return judge_patterns(gathered, dictionary, mining, tests), counts


def _listed(encoded: DataFrame, dictionary: Dictionary, codes: Sequence[int], paths: MiningPaths) -> DataFrame:
    """The encoded sentences that one of these neurons lists: what all batches read, found in one pass of the corpus."""
    session = encoded.sparkSession

    def make() -> DataFrame:
        ids = only_of(read_topk(session, paths.topk), codes).select("sentence_id").distinct()
        ids = F.broadcast(ids) if dictionary.n_sentences <= BROADCAST_SENTENCES else ids
        return encoded.join(ids, "sentence_id", how="left_semi")

    with task("reading listed sentences", unit="sentences") as progress:
        made = write_once(paths.work / "listed" / fingerprint_of(sorted(codes)), make)
        listed = read_files(session, made, schema=encoded.schema)
        progress.update(listed.count())
    return listed


def _pattern_counts(
    patterns: DataFrame, distinct: dict[str, int], dictionary: Dictionary, mining: MiningConfig
) -> dict[str, dict[str, int]]:
    """By kind: patterns that may make rows, `distinct` ones, and neurons with so many that the support was raised."""
    told = patterns.where((F.col("kind") != EVERY) & may_make_rows(dictionary))
    by_kind = told.groupBy("kind").agg(
        F.count("*").alias("patterns"),
        F.countDistinct(F.when(F.col("raised"), F.col("neuron"))).alias("raised"),
    )
    found = {row["kind"]: row for row in by_kind.collect()}
    kinds = [kind for kind in mining.kinds if kind in found]
    return {
        "patterns mined": {kind: found[kind]["patterns"] for kind in kinds},
        "distinct patterns counted in the corpus": distinct,
        "neurons with support raised, too many patterns": {
            kind: found[kind]["raised"] for kind in kinds if found[kind]["raised"]
        },
    }


def with_mined(profiles: DataFrame, codes: Sequence[int]) -> DataFrame:
    """The rows of PROFILES; `mined` says whether the neuron is one of these."""
    mined = profiles.sparkSession.createDataFrame([(code,) for code in codes], spark_schema(CODES))
    numbered = profiles.withColumn("neuron", neuron_column())
    marked = numbered.join(F.broadcast(mined.withColumn("found", F.lit(True))), "neuron", how="left")
    return marked.withColumn("mined", F.coalesce("found", F.lit(False))).select(*PROFILES.names)


def _write_tables(
    signatures: DataFrame, profiles: DataFrame, neurons: int, paths: MiningPaths, clock: Stopwatch
) -> None:
    files, key = max(-(-neurons // FILE_NEURONS), 1), [name for name, _ in NEURON_KEY]
    # Spark looks at its input twice to divide it by range: what is judged is written down first.
    made = paths.work / "rows"
    signatures.select(*SIGNATURES.names).write.mode("overwrite").parquet(uri(made))
    clock.lap("judging")
    rows = read_files(signatures.sparkSession, uri(made), schema=spark_schema(SIGNATURES))
    _write(rows, files, [*key, "kind", "rank"], paths.signatures)
    remove(made)
    _write(profiles, files, key, paths.profiles)


def _write(rows: DataFrame, files: int, order: Sequence[str], folder: Path) -> None:
    remove(folder)
    key = [name for name, _ in NEURON_KEY]
    ordered = rows.repartitionByRange(files, *key).sortWithinPartitions(*order)
    ordered.write.mode("overwrite").option("compression", "zstd").parquet(uri(folder))
