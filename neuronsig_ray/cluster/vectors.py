"""Carries neuron vectors and typical sentences over the sentence files with Ray: a task a file, merged as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray

from neuronsig.analysis.vectors import (
    Doubles,
    Membership,
    NeuronSums,
    SentenceBlock,
    TypicalSentences,
    sentence_block,
    unit_vectors,
)
from neuronsig.analysis.word_vectors import GensimVectors, WordSource, opened_words
from neuronsig.neuron import Neuron
from neuronsig.readers.sentences import token_batches
from neuronsig.readers.top_lists import read_top_lists
from neuronsig.storage.location import absolute
from neuronsig.storage.parquet import read_parquet
from neuronsig_ray.tasks import ended_tasks


@dataclass(frozen=True)
class NeuronLists:
    """All neurons of a model and their top-K lists, as (sentence, neuron) pairs: 12 bytes a pair."""

    neurons: list[Neuron]  # sorted
    membership: Membership
    k: int  # length of the longest list


def neuron_lists(topk: Path) -> NeuronLists:
    """The lists of a topk/ table. Their size is neurons x K, whatever the corpus."""
    lists = read_top_lists(topk)
    sizes = np.diff(lists.offsets)
    rows = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return NeuronLists(lists.neurons, Membership.of(lists.sentence_ids, rows, len(sizes)), int(sizes.max(initial=0)))


def neuron_vectors(
    files: Sequence[Path], lists: NeuronLists, words: WordSource, done: Callable[[int], None] | None = None
) -> NeuronSums:
    """First pass: the sums whose `means()` are the neuron vectors. `done` counts files."""
    vectors = opened_words(words)
    total = NeuronSums(len(lists.neurons), vectors.dimension, lists.k, vectors.largest)
    for part in _over_files(_sum_file, files, lists, (words, lists.k), done):
        total.merge(part)
    return total


def typical_sentences(
    files: Sequence[Path],
    lists: NeuronLists,
    means: Doubles,
    words: WordSource,
    done: Callable[[int], None] | None = None,
) -> TypicalSentences:
    """Second pass: for each neuron the sentence of its list that is nearest to its mean. `done` counts files."""
    total = TypicalSentences(len(lists.neurons))
    directions = ray.put(unit_vectors(means))
    for part in _over_files(_nearest_in_file, files, lists, (words, directions), done):
        total.merge(part)
    return total


def _over_files(
    work: Callable[..., Any],
    files: Sequence[Path],
    lists: NeuronLists,
    fixed: tuple[Any, ...],
    done: Callable[[int], None] | None,
) -> Iterator[Any]:
    """Results of one task for each file with listed sentences, as they end; `done` counts all files."""

    def calls() -> Iterator[tuple[Any, ...]]:
        for file in files:
            piece = lists.membership.between(*_id_range(file))
            if len(piece.neurons):
                yield (absolute(file), piece, *fixed)
            elif done:
                done(1)

    for _, result in ended_tasks(work, calls()):
        if done:
            done(1)
        yield result


def _sum_file(file: str, membership: Membership, words: WordSource, k: int) -> NeuronSums:
    vectors = opened_words(words)
    sums = NeuronSums(membership.n_neurons, vectors.dimension, k, vectors.largest)
    for block in _blocks(file, membership, vectors):
        sums.add(block, membership)
    return sums


def _nearest_in_file(file: str, membership: Membership, words: WordSource, directions: Doubles) -> TypicalSentences:
    nearest = TypicalSentences(membership.n_neurons)
    for block in _blocks(file, membership, opened_words(words)):
        nearest.add(block, membership, directions)
    return nearest


def _blocks(file: str, membership: Membership, vectors: GensimVectors) -> Iterator[SentenceBlock]:
    for batch in token_batches(file):
        yield sentence_block(batch["sentence_id"].to_numpy(), batch["tokens"], membership, vectors)


def _id_range(file: Path) -> tuple[int, int]:
    ids = read_parquet(file, ["sentence_id"])["sentence_id"].to_numpy()
    return (int(ids.min()), int(ids.max())) if len(ids) else (0, -1)
