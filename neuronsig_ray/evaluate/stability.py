"""Carries stability over Ray: batches of neurons, each committed as a file, so that an interrupted run goes on.

For a batch, one task a sentence file gathers the words of its lists, one task a neuron mines them, one a sentence file
counts all patterns found in both halves of the corpus, and one a neuron compares. Memory grows with a batch's lists and
patterns, not with the corpus nor with the number of neurons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray

from neuronsig.config import MiningConfig, StabilityConfig
from neuronsig.encoding.strata import Strata
from neuronsig.errors import InputError
from neuronsig.miners.counting import CountingTrie, count_sequences
from neuronsig.miners.mined_patterns import Limits
from neuronsig.mining.holdout import is_held_out
from neuronsig.mining.kinds import least_support, limits_of
from neuronsig.mining.stability import (
    HALVES,
    KINDS,
    Codes,
    Corpus,
    Mined,
    Sample,
    half_of,
    jaccard,
    mine_sample,
    rank_biased_overlap,
    signature,
)
from neuronsig.neuron import Neuron
from neuronsig.storage.location import absolute, location
from neuronsig.storage.parquet import parquet_file
from neuronsig.storage.whole_files import written
from neuronsig_ray.cluster.facet_tasks import lowered
from neuronsig_ray.cluster.vectors import BLOCK_SENTENCES, first_of

BATCH_NEURONS = 50
LENGTHS = 4096
"""Words of a sentence that are told apart; longer ones count as this long."""

ROWS = pa.schema(
    [
        ("site", pa.string()),
        ("layer", pa.int16()),
        ("unit", pa.int32()),
        ("sign", pa.int8()),
        ("k", pa.int32()),  # sentences of each half
        ("kind", pa.string()),
        ("overlap", pa.float64()),  # null: no pattern is beyond chance in either half
        ("jaccard", pa.float64()),
        ("first", pa.int32()),  # patterns compared, of each half
        ("second", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Lists:
    """Both halves' top lists of the neurons looked at, best sentence first."""

    neurons: list[Neuron]
    halves: list[tuple[Codes, Codes]]

    @property
    def shortest(self) -> int:
        """Sentences of the shortest half."""
        return min(len(half) for pair in self.halves for half in pair)


@dataclass(frozen=True)
class Settings:
    """What determines the agreement beside lists and sentences."""

    sizes: tuple[int, ...]
    stability: StabilityConfig
    mining: MiningConfig
    neurons: int  # of the run: LRC is corrected for all of them

    @property
    def limits(self) -> Limits:
        return limits_of("word_sequence", self.mining)

    def least(self, k: int) -> int:
        return least_support("word_sequence", k, self.mining)


def measure(
    files: Sequence[Path], lists: Lists, settings: Settings, folder: Path, done: Callable[[int], None] | None = None
) -> list[Path]:
    """Files of ROWS, one a batch, in `folder`; those that are there are not made again. `done` counts neurons."""
    found: list[Path] = []
    strata: tuple[Strata, list[Corpus]] | None = None
    for number, first in enumerate(range(0, len(lists.neurons), BATCH_NEURONS)):
        own = slice(first, first + BATCH_NEURONS)
        batch = Lists(lists.neurons[own], lists.halves[own])
        file = folder / f"batch-{number:05d}.parquet"
        if not file.is_file():
            strata = strata or _strata(files, settings)
            rows = _batch(files, batch, settings, *strata)
            with written(file) as temporary:
                pq.write_table(pa.Table.from_pylist(rows, schema=ROWS), temporary, compression="zstd")
        found.append(file)
        if done:
            done(len(batch.neurons))
    return found


def _strata(files: Sequence[Path], settings: Settings) -> tuple[Strata, list[Corpus]]:
    """The bins of lengths, and the sentences of both halves in each."""
    tasks = [_count_lengths.remote(absolute(file), settings.mining.holdout) for file in files]
    counts = np.sum(_all(tasks), axis=0)  # (halves, lengths)
    strata = Strata.build("none" if settings.mining.match == "none" else "length", counts.sum(axis=0))
    code = strata.codes(np.arange(LENGTHS))
    totals = [np.bincount(code, weights=half, minlength=strata.size).astype(np.int64) for half in counts]
    return strata, [Corpus(total, strata.bins) for total in totals]


def _batch(
    files: Sequence[Path], batch: Lists, settings: Settings, strata: Strata, corpora: Sequence[Corpus]
) -> list[dict[str, Any]]:
    text = ray.put(_gather(files, batch))
    mined: list[list[list[Mined]]] = _all([_mine.remote(text, pair, strata, settings) for pair in batch.halves])
    names: pa.Array = ray.get(text).names
    every = sorted({p for neuron in mined for half in neuron for sample in half for p in sample.patterns()})
    number = {pattern: place for place, pattern in enumerate(every)}
    used = np.unique(np.array([item for pattern in every for item in pattern], np.int64))
    trie = CountingTrie([tuple(np.searchsorted(used, pattern).tolist()) for pattern in every]) if every else None
    if trie is None:
        counts = np.zeros((0, HALVES * strata.size), np.int64)
    else:
        shared = ray.put((trie, names.take(pa.array(used)), strata, settings))
        # Counts are as large as the patterns are many: no more of them at once than there are cores.
        parts = max(1, int(ray.cluster_resources().get("CPU", 1)))
        counts = _summed(
            [_count_files.remote([absolute(file) for file in files[i::parts]], shared) for i in range(parts)]
        )
    by_half = ray.put(counts.reshape(len(every), HALVES, strata.size))
    tasks = []
    for neuron, halves in zip(batch.neurons, mined, strict=True):
        places = [
            [np.array([number[pattern] for pattern in sample.patterns()], np.int64) for sample in half]
            for half in halves
        ]
        tasks.append(_compare.remote(neuron, halves, places, by_half, corpora, settings))
    return [row for rows in _all(tasks) for row in rows]


@dataclass(frozen=True)
class _Text:
    """Words of some sentences as codes of `names`."""

    ids: Codes  # ascending
    words: Codes
    offsets: Codes
    names: pa.Array

    def sample(self, ids: Codes, strata: Strata) -> Sample:
        """These sentences, in the order given."""
        rows = np.searchsorted(self.ids, ids)
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[rows], lengths)
        return Sample(self.words[place], offsets, strata.codes(np.minimum(lengths, LENGTHS - 1)))


def _gather(files: Sequence[Path], batch: Lists) -> _Text:
    wanted = np.unique(np.concatenate([half for pair in batch.halves for half in pair]))
    shared = ray.put(wanted)
    tables = _all([_read_file.remote(absolute(file), shared) for file in files])
    table = pa.concat_tables(tables).sort_by("sentence_id").combine_chunks()
    ids = table["sentence_id"].to_numpy()
    if len(ids) < len(wanted):
        absent = int(np.setdiff1d(wanted, ids)[0])
        raise InputError(
            f"{files[0].parent} has no sentence_id {absent}, which a top list names: one of the tables lost files; "
            "delete both and run neuronsig annotate and jobs.collect again"
        )
    words = pa.chunked_array(table["words"].chunks, pa.list_(pa.string())).combine_chunks()
    lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    encoded = words.flatten().dictionary_encode()
    # Codes in the order of the words: ties of patterns go to the first in the alphabet, whatever the files.
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    code = np.empty(len(order), np.int64)
    code[order] = np.arange(len(order))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    codes = code[encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
    return _Text(ids, codes, offsets, encoded.dictionary.take(pa.array(order)))


@ray.remote(num_cpus=1)
def _count_lengths(file: str, holdout: float) -> Codes:
    found = np.zeros((HALVES, LENGTHS), np.int64)
    for batch in parquet_file(location(file)).iter_batches(BLOCK_SENTENCES, columns=["sentence_id", "tokens"]):
        ids = batch.column("sentence_id").to_numpy()
        kept = ~is_held_out(ids, holdout)
        lengths = pc.fill_null(pc.list_value_length(batch.column("tokens")), 0).to_numpy(zero_copy_only=False)
        key = half_of(ids) * LENGTHS + np.minimum(lengths, LENGTHS - 1)
        found += np.bincount(key[kept], minlength=HALVES * LENGTHS).reshape(HALVES, LENGTHS)
    return found


@ray.remote(num_cpus=1)
def _read_file(file: str, wanted: Codes) -> pa.Table:
    tables = [pa.table({"sentence_id": pa.array([], pa.int64()), "words": pa.array([], pa.list_(pa.string()))})]
    for batch in parquet_file(location(file)).iter_batches(BLOCK_SENTENCES, columns=["sentence_id", "tokens"]):
        ids = batch.column("sentence_id").to_numpy()
        own = np.isin(ids, wanted)
        if own.any():
            words = lowered(batch.column("tokens").filter(pa.array(own)))
            tables.append(pa.table({"sentence_id": pa.array(ids[own]), "words": words}))
    return pa.concat_tables(tables)


@ray.remote(num_cpus=1)
def _mine(text: _Text, halves: tuple[Codes, Codes], strata: Strata, settings: Settings) -> list[list[Mined]]:
    found = []
    for ids in halves:
        sample = text.sample(ids[: settings.sizes[-1]], strata)
        few, limits = settings.mining.min_count, settings.limits
        found.append(
            [mine_sample(sample.first(k), strata.size, few, settings.least(k), limits) for k in settings.sizes]
        )
    return found


@ray.remote(num_cpus=1)
def _count_files(files: Sequence[str], shared: tuple[CountingTrie, pa.Array, Strata, Settings]) -> Codes:
    """(patterns, halves x strata) sentences of some files."""
    trie, names, strata, settings = shared
    found = np.zeros((trie.size, HALVES * strata.size), np.int64)
    columns = ["sentence_id", "tokens"]
    batches = (b for file in files for b in parquet_file(location(file)).iter_batches(BLOCK_SENTENCES, columns=columns))
    for batch in batches:
        ids = batch.column("sentence_id").to_numpy()
        kept = ~is_held_out(ids, settings.mining.holdout)
        words = lowered(batch.column("tokens").filter(pa.array(kept)))
        lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
        codes = pc.fill_null(pc.index_in(words.flatten(), names), -1).to_numpy(zero_copy_only=False)
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        of = half_of(ids[kept]) * strata.size + strata.codes(np.minimum(lengths, LENGTHS - 1))
        found += count_sequences(
            trie, codes, offsets, settings.limits, strata=of.astype(np.int16), n_strata=HALVES * strata.size
        )
    return found


@ray.remote(num_cpus=1)
def _compare(
    neuron: Neuron,
    halves: Sequence[Sequence[Mined]],
    places: Sequence[Sequence[Codes]],
    counts: Codes,
    corpora: Sequence[Corpus],
    settings: Settings,
) -> list[dict[str, Any]]:
    rules = settings.stability
    rows = []
    for size, k in enumerate(settings.sizes):
        pair = [
            signature(
                halves[half][size],
                counts[places[half][size], half],
                corpora[half],
                rules.top,
                settings.neurons,
                settings.mining.alpha,
            )
            for half in range(HALVES)
        ]
        for kind in KINDS:
            one, other = (found[kind] for found in pair)
            overlap = rank_biased_overlap(one, other, rules.persistence)
            row = {"site": neuron.site, "layer": neuron.layer, "unit": neuron.unit, "sign": neuron.sign, "k": k}
            row |= {"kind": kind, "overlap": None if math.isnan(overlap) else overlap}
            row |= {"jaccard": None if math.isnan(overlap) else jaccard(one, other)}
            rows.append({**row, "first": len(one), "second": len(other)})
    return rows


def _all(tasks: Sequence[Any]) -> list[Any]:
    return list(ray.get(list(tasks)))


def _summed(tasks: Sequence[Any]) -> Codes:
    """The sum of the tasks' results, which are taken as they end."""
    pending, total = list(tasks), None
    while pending:
        part = first_of(pending)
        total = part if total is None else total + part
    assert total is not None
    return total
