"""Carries stability over Ray: batches of neurons, each committed as a file, so that an interrupted run goes on.

For a batch, one task a sentence file gathers the words of its lists, one task a neuron mines them, tasks over the
sentence files count all patterns found in both halves of the corpus, and one a neuron compares. Memory grows with a
batch's lists and patterns, not with the corpus nor with the number of neurons.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from neuronsig.encoding.text import WordText
from neuronsig.encoding.vocabulary import Strata
from neuronsig.holdout import Holdout
from neuronsig.miners.trie import CountingTrie
from neuronsig.mining import halves
from neuronsig.mining.stability import AGREEMENT, compare
from neuronsig.progress import Done, uncounted
from neuronsig.ragged import Codes
from neuronsig.readers import token_batches
from neuronsig.storage.location import absolute
from neuronsig.storage.whole_files import written
from neuronsig_ray.tasks import ended_tasks, listed_sentences, map_tasks

BATCH_NEURONS = 50


def measure(
    files: Sequence[Path], lists: halves.Lists, settings: halves.Settings, folder: Path, done: Done = uncounted
) -> list[Path]:
    """Files of AGREEMENT, one a batch, in `folder`; those that are there are not made again. `done` counts neurons."""
    found: list[Path] = []
    corpus: tuple[Strata, list[Codes]] | None = None
    for number, first in enumerate(range(0, len(lists.neurons), BATCH_NEURONS)):
        batch = lists[first : first + BATCH_NEURONS]
        file = folder / f"batch-{number:05d}.parquet"
        if not file.is_file():
            if corpus is None:
                lengths = map_tasks(_count_lengths, [(absolute(file), settings.mining.held_out) for file in files])
                corpus = halves.halves_of(np.sum(lengths, axis=0), settings.mining.match)
            rows = _batch(files, batch, settings, *corpus)
            with written(file) as temporary:
                pq.write_table(pa.Table.from_pylist(rows, schema=AGREEMENT), temporary, compression="zstd")
        found.append(file)
        done(len(batch.neurons))
    return found


def _batch(
    files: Sequence[Path], batch: halves.Lists, settings: halves.Settings, strata: Strata, corpus: Sequence[Codes]
) -> list[dict[str, Any]]:
    wanted = np.unique(np.concatenate([half for pair in batch.halves for half in pair]))
    gathered = WordText.of(listed_sentences(files, wanted, ["sentence_id", "tokens"]))
    text = ray.put(gathered)
    mined: list[list[list[halves.Mined]]] = map_tasks(_mine, [(text, pair, strata, settings) for pair in batch.halves])
    every = sorted({p for neuron in mined for half in neuron for sample in half for p in sample.patterns})
    number = {pattern: place for place, pattern in enumerate(every)}
    counts = np.zeros((len(every), halves.HALVES * strata.size), np.int64)
    if every:
        used = np.unique(np.array([item for pattern in every for item in pattern], np.int64))
        trie = CountingTrie([tuple(np.searchsorted(used, pattern).tolist()) for pattern in every])
        shared = ray.put((trie, gathered.names.take(pa.array(used)), strata, settings))
        # Counts are as large as the patterns are many: no more of them at once than there are cores.
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        for _, part in ended_tasks(
            _count_files, [(list(map(absolute, files[i::cores])), shared) for i in range(cores)]
        ):
            counts += part
    by_half = counts.reshape(len(every), halves.HALVES, strata.size)

    def calls() -> Iterator[tuple[Any, ...]]:
        for neuron, pair in zip(batch.neurons, mined, strict=True):
            places = [[np.array([number[p] for p in sample.patterns], np.int64) for sample in half] for half in pair]
            of_size = [[by_half[place, half] for place in sizes] for half, sizes in enumerate(places)]
            yield neuron, pair, of_size, corpus, strata.bins, settings

    return [row for rows in map_tasks(compare, calls()) for row in rows]


def _count_lengths(file: str, holdout: Holdout) -> Codes:
    parts = (halves.count_lengths(batch, holdout) for batch in token_batches(file, holdout.columns))
    return sum(parts, np.zeros((halves.HALVES, halves.LENGTHS), np.int64))


def _mine(text: WordText, pair: Sequence[Codes], strata: Strata, settings: halves.Settings) -> list[list[halves.Mined]]:
    samples = [halves.Sample.of(text, ids[: settings.sizes[-1]], strata) for ids in pair]
    return [halves.mine_sizes(sample, strata, settings) for sample in samples]


def _count_files(files: Sequence[str], shared: tuple[CountingTrie, pa.Array, Strata, halves.Settings]) -> Codes:
    trie, names, strata, settings = shared
    found = np.zeros((trie.size, halves.HALVES * strata.size), np.int64)
    for file in files:
        for batch in token_batches(file, settings.mining.held_out.columns):
            found += halves.count_patterns(batch, trie, names, strata, settings)
    return found
