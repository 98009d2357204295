"""The whole of mining one model: encode, profile all neurons, choose, mine, count in the corpus, write the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from neuronsig.config import MiningConfig
from neuronsig.errors import ConfigError
from neuronsig.neuron import Neuron
from neuronsig.profiles import Dictionary, ProfileRules, most_selective, neuron_code, neuron_of
from neuronsig.progress import task
from neuronsig.rundir import fingerprint_of
from neuronsig.storage import read_parquet, remove
from neuronsig.tables import NEURON_KEY, PROFILES, SIGNATURES, check_table
from spark_jobs.mining.encode import encode_sentences
from spark_jobs.mining.mllib import KINDS, mine_neurons, pattern_folder
from spark_jobs.mining.profiles import count_neurons, neuron_column, profile_neurons, read_topk, require_sentences
from spark_jobs.mining.reference import closed_patterns, count_reference, judge_patterns
from spark_jobs.paths import uri

FILE_NEURONS = 1000
"""Neurons in one file of the output tables, about."""


@dataclass(frozen=True)
class MiningPaths:
    """Input tables, intermediate folders (named for the plan of what they hold) and output tables."""

    sentences: Path
    topk: Path
    encoded: Path
    work: Path
    signatures: Path
    profiles: Path


def mine_model(session: SparkSession, paths: MiningPaths, mining: MiningConfig) -> dict[str, Any]:
    """Make signatures/ and profiles/ of one model; returns counts by reason.

    Intermediate results that are there already are used, so an interrupted run goes on where it stopped. Raises
    InputError for an empty top-K, and for sentences that are missing; ConfigError for neurons not in the run.
    """
    topk = read_topk(session, paths.topk)
    neurons = count_neurons(topk, paths.topk)
    require_neurons(mining, list(neurons), paths.topk)
    with task("encoding sentences", unit="sentences") as progress:
        dictionary = encode_sentences(
            session,
            paths.sentences,
            paths.encoded,
            mining.min_count,
            mining.metadata_skip,
            mining.metadata_max_values,
        )
        progress.update(dictionary.n_sentences)
    encoded = session.read.parquet(uri(paths.encoded / "sentences"))
    profiles = _profiles(topk, encoded, dictionary, neurons, mining, paths)
    chosen = choose_neurons(paths.work / "profiles", list(neurons), mining)
    mined = {neuron_code(neuron): neurons[neuron_code(neuron)] for neuron in chosen}
    counts = {
        "neurons profiled": len(neurons),
        "neurons mined": len(mined),
        "words in the dictionary": len(dictionary.words),
        "metadata values": len(dictionary.metadata),
    }
    patterns, pattern_counts = _patterns(topk, encoded, dictionary, mined, mining, paths)
    counts |= pattern_counts
    with task("writing signatures", len(neurons), "neurons") as progress:
        rows = profiles.select("site", "layer", "unit", "sign", F.explode("signatures").alias("row"))
        rows = rows.select("site", "layer", "unit", "sign", "row.*")
        if patterns is not None:
            rows = rows.unionByName(patterns)
        key = [name for name, _ in NEURON_KEY]
        files = -(-len(neurons) // FILE_NEURONS)
        _write(rows.select(*SIGNATURES.names), files, [*key, "kind", "rank"], paths.signatures)
        codes = session.createDataFrame([(code,) for code in mined], "neuron bigint")
        marked = profiles.withColumn("neuron", neuron_column()).join(
            F.broadcast(codes.withColumn("found", F.lit(True))), "neuron", "left"
        )
        marked = marked.withColumn("mined", F.coalesce("found", F.lit(False)))
        _write(marked.select(*PROFILES.names), files, key, paths.profiles)
        progress.update(len(neurons))
    counts["signature rows"] = check_table(paths.signatures, SIGNATURES)
    check_table(paths.profiles, PROFILES)
    return counts


def require_neurons(mining: MiningConfig, codes: Sequence[int], topk: Path) -> None:
    """Raise ConfigError when a neuron or layer to mine is not among those collected, saying which are."""
    known = set(codes)
    neurons = [neuron_of(code) for code in codes]
    layers = sorted({neuron.layer for neuron in neurons})
    for layer in mining.layers:
        if layer not in layers:
            raise ConfigError(
                f"mining.layers={layer}: not collected; {topk} holds layers {', '.join(map(str, layers))}; "
                "choose one of them, or collect it"
            )
    for name in mining.neurons:
        neuron = Neuron.parse(name)
        if neuron_code(neuron) in known:
            continue
        same_site = [n for n in neurons if n.site == neuron.site]
        if not same_site:
            bound = f"sites {', '.join(sorted({n.site for n in neurons}))}"
        elif neuron.layer not in {n.layer for n in same_site}:
            bound = f"layers {', '.join(map(str, sorted({n.layer for n in same_site})))}"
        else:
            here = [n for n in same_site if n.layer == neuron.layer]
            signs = sorted({n.sign for n in here}, reverse=True)
            bound = f"units 0 to {max(n.unit for n in here)} of layer {neuron.layer}, signs {signs}"
        raise ConfigError(f"mining.neurons={name}: not in {topk}, which holds {bound}; choose one of those")


def choose_neurons(profiles: Path, codes: Sequence[int], mining: MiningConfig) -> list[Neuron]:
    """The neurons to mine: those named, those of the layers named, and the most selective ones; sorted."""
    neurons = [neuron_of(code) for code in codes]
    chosen = {Neuron.parse(name) for name in mining.neurons}
    chosen |= {neuron for neuron in neurons if neuron.layer in mining.layers}
    rows = read_parquet(profiles, ["site", "layer", "unit", "sign", "lead_bits", "lead_item"]).to_pylist()
    found = [Neuron(r["site"], r["layer"], r["unit"], r["sign"]) for r in rows]
    bits, leads = [r["lead_bits"] for r in rows], [r["lead_item"] for r in rows]
    chosen |= set(most_selective(found, bits, leads, mining.selective))
    return sorted(chosen, key=neuron_code)


def _profiles(
    topk: DataFrame,
    encoded: DataFrame,
    dictionary: Dictionary,
    neurons: dict[int, int],
    mining: MiningConfig,
    paths: MiningPaths,
) -> DataFrame:
    folder = paths.work / "profiles"
    if not (folder / "_SUCCESS").exists():
        require_sentences(topk, encoded, dictionary.n_sentences, paths.topk, paths.sentences)
        rules = ProfileRules(mining.words_kept, mining.min_count, mining.alpha, len(neurons))
        with task("profiling", len(neurons), "neurons") as progress:
            found = profile_neurons(topk, encoded, dictionary, neurons, rules)
            found.write.mode("overwrite").parquet(uri(folder))
            progress.update(len(neurons))
    return topk.sparkSession.read.parquet(uri(folder))


def _patterns(
    topk: DataFrame,
    encoded: DataFrame,
    dictionary: Dictionary,
    mined: Mapping[int, int],
    mining: MiningConfig,
    paths: MiningPaths,
) -> tuple[DataFrame | None, dict[str, Any]]:
    if not mined:
        return None, {}
    session = topk.sparkSession
    mine_neurons(topk, encoded, dictionary, mined, mining, paths.work)
    folder = paths.work / "judged" / fingerprint_of(sorted(mined))
    raw = session.read.parquet(*[uri(pattern_folder(paths.work, code)) for code in mined])
    with task("counting patterns in the corpus", unit="patterns") as progress:
        closed_folder = folder / "closed"
        if not (closed_folder / "_SUCCESS").exists():
            closed_patterns(raw.drop("raised")).write.mode("overwrite").parquet(uri(closed_folder))
        kept = session.read.parquet(uri(closed_folder))
        tests = _by_kind(kept)
        counted = count_reference(kept, encoded, dictionary, folder)
        progress.update(sum(tests.values()))
    found = _by_kind(raw)
    raised = raw.select("neuron", F.explode("raised").alias("kind")).distinct()
    counts = {
        "patterns mined": found,
        "patterns dropped, a longer one has the same sentences": {k: found[k] - tests.get(k, 0) for k in found},
        "supports raised, too many patterns possible": _by_kind(raised),
    }
    return judge_patterns(kept, counted, dictionary, mined, tests, mining), counts


def _by_kind(rows: DataFrame) -> dict[str, int]:
    found = {row["kind"]: row["count"] for row in rows.groupBy("kind").count().collect()}
    return {kind: found[kind] for kind in KINDS if kind in found}


def _write(rows: DataFrame, files: int, order: Sequence[str], folder: Path) -> None:
    remove(folder)
    key = [name for name, _ in NEURON_KEY]
    ordered = rows.repartitionByRange(max(files, 1), *key).sortWithinPartitions(*order)
    ordered.write.mode("overwrite").option("compression", "zstd").parquet(uri(folder))
