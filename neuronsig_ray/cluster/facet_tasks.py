"""Carries facets over Ray: vectors and words of the sentences looked at, a task a file; then a task a block of neurons.

Between the two stands a folder of one Arrow file a sentence file, which the tasks of the second step map into memory:
a block reads the rows of its own sentences, so memory grows with neither the corpus nor the number of neurons.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import ray

from neuronsig.analysis.facets import CorpusWords, Facets, find_facets, key_words
from neuronsig.analysis.vectors import Doubles, Ints, Membership, NeuronLists, among, sentence_vectors
from neuronsig.analysis.word_vectors import GensimVectors, WordSource, opened_words
from neuronsig.neuron import SITES, Neuron
from neuronsig.progress import Done, uncounted
from neuronsig.ragged import coded, fixed_binary_column, flat_words, lowered_lists, rows_of
from neuronsig.readers import token_batches
from neuronsig.splitmix import uniform
from neuronsig.statements.groups import OfGroup, told_of_groups
from neuronsig.statements.tokens import read_text
from neuronsig.storage.files import local_copy
from neuronsig.storage.location import absolute, location
from neuronsig_ray.tasks import ended_tasks, map_tasks

SENTENCES = 2000
"""Sentences of each neuron that facets are looked for in, at most: time and disk do not grow with K."""
MARGIN = 0.02
"""Sentences are facets where their mean silhouette is this much above that of random ones."""
CORPUS_SENTENCES = 200_000
"""Sentences of the corpus whose words and mean vector the facets are compared with."""
BLOCK_NEURONS = 24
RANDOM_SETS = 16
"""Sets of random sentences, each as many as a neuron's, whose silhouettes are what chance gives."""
_SEED, _CHANCE = 0x666163657473, 0x6368616E6365

# The facets of a neuron as the table has them, and the silhouette of its best split; None: there is none.
FacetsOfNeuron = tuple[list[dict[str, Any]], float | None]


@dataclass(frozen=True)
class FacetColumns:
    """The columns `facets` and `silhouette` of NEURONS, in the order of the lists' neurons."""

    facets: list[list[dict[str, Any]]]
    silhouette: list[float | None]
    by_chance: float  # highest of a set of random sentences; NaN where the corpus is too small for one


class _Draw(NamedTuple):
    """Which sentences of the corpus are drawn, by a hash of the id."""

    share: float  # of them for the words and the mean
    sets: int  # random sets,
    each: float  # each of this share


class _Shared(NamedTuple):
    """What all blocks of neurons need: the corpus's words and mean vector, facets at most, seed, the silhouette that
    facets must reach, the sentences' files, and how many facets there may be of all neurons."""

    corpus: CorpusWords
    mean: Doubles
    most: int
    seed: int
    floor: float
    files: list[str]
    lists: int


def sampled(lists: NeuronLists, most: int) -> Membership:
    """The lists cut to `most` sentences a neuron: those first by a hash of the id, in all lists the same order.

    So the sample is spread over the whole list, whatever its ranks, and neurons share sentences.
    """
    pairs = lists.membership
    order = np.lexsort((uniform(pairs.sentence_ids, _SEED), pairs.neurons))
    sizes = np.bincount(pairs.neurons, minlength=pairs.n_neurons)
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = np.sort(order[place < most])
    return Membership(pairs.sentence_ids[kept], pairs.neurons[kept], pairs.n_neurons)


def neuron_facets(
    files: Sequence[Path],
    total: int,
    lists: NeuronLists,
    words: WordSource,
    folder: Path,
    most: int,
    seed: int,
    read: Done = uncounted,
    done: Done = uncounted,
) -> FacetColumns:
    """`most` facets of all neurons; `read` counts sentence files, `done` neurons. `folder` is filled; delete it after.

    The same to the bit on the same machine for any cut into tasks.
    """
    sample, each = sampled(lists, SENTENCES), min(1.0, SENTENCES / max(total, 1))
    draw = _Draw(min(1.0, CORPUS_SENTENCES / max(total, 1)), max(1, min(RANDOM_SETS, int(1 / each))), each)
    corpus, mean, drawn = _prepare(files, sample, draw, words, folder, read)
    order = np.argsort(sample.neurons, kind="stable")
    bounds = np.searchsorted(sample.neurons[order], np.arange(sample.n_neurons + 1))
    own = [sample.sentence_ids[order[start:stop]] for start, stop in pairwise(bounds)]
    (by_chance,) = map_tasks(_chance, [(absolute(folder), drawn, mean, most, seed)])
    floor = MARGIN + (0.0 if np.isnan(by_chance) else by_chance)
    every = [absolute(file) for file in files]
    shared = ray.put(_Shared(corpus, mean, most, seed, floor, every, most * len(own)))
    blocks = [slice(first, first + BLOCK_NEURONS) for first in range(0, len(own), BLOCK_NEURONS)]
    calls = ((absolute(folder), lists.neurons[block], own[block], shared) for block in blocks)
    found: dict[int, list[FacetsOfNeuron]] = {}
    for place, rows in ended_tasks(_block, calls):
        found[place] = rows
        done(len(rows))
    facets, silhouettes = zip(*(row for _, rows in sorted(found.items()) for row in rows), strict=True)
    return FacetColumns(list(facets), list(silhouettes), by_chance)


def _prepare(
    files: Sequence[Path], sample: Membership, draw: _Draw, words: WordSource, folder: Path, read: Done
) -> tuple[CorpusWords, Doubles, list[Ints]]:
    """Write the folder; returns the words and the mean vector of the corpus's sample, and the random sets."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ray.put(np.unique(sample.sentence_ids))
    targets = [absolute(folder / f"part-{number:05d}.arrow") for number in range(len(files))]
    calls = [(absolute(file), target, wanted, draw, words) for file, target in zip(files, targets, strict=True)]
    counted, sizes, sums, known, random = zip(*map_tasks(_read_file, calls, read), strict=True)
    counts = _added(counted).sort_by("word")
    ids = np.concatenate(random)
    place = (uniform(ids, _CHANCE) // draw.each).astype(np.int64)
    drawn = [np.sort(ids[place == number]) for number in range(draw.sets)]
    corpus = CorpusWords(counts["word"].combine_chunks(), counts["n"].to_numpy().astype(np.int64), sum(sizes))
    return corpus, np.sum(sums, axis=0) / max(sum(known), 1), drawn


def _read_file(
    file: str, target: str, wanted: Ints, draw: _Draw, words: WordSource
) -> tuple[pa.Table, int, Doubles, int, Ints]:
    """Write vectors and words of the sentences wanted and of the random sets.

    Returns the words, size, summed vectors and sentences with a vector of the corpus's sample, and the sets' ids.
    """
    vectors = opened_words(words)
    schema = pa.schema(
        [("sentence_id", pa.int64()), ("vector", pa.binary(2 * vectors.dimension)), ("words", pa.list_(pa.string()))]
    )
    counts = [pa.table({"word": pa.array([], pa.string()), "n": pa.array([], pa.int64())})]
    random = [np.zeros(0, np.int64)]
    sums, known, n = np.zeros(vectors.dimension), 0, 0
    with location(target).open("wb") as stream, pa.ipc.new_file(stream, schema) as writer:
        for batch in token_batches(file):
            ids, tokens = batch["sentence_id"].to_numpy(), batch["tokens"]
            by_chance = uniform(ids, _CHANCE) < draw.sets * draw.each
            random.append(ids[by_chance])
            own = by_chance | among(wanted, ids)
            drawn = uniform(ids, _SEED) < draw.share
            if drawn.any():
                counted, added, with_vector = _corpus_part(tokens.filter(pa.array(drawn)), vectors)
                counts.append(counted)
                sums, known, n = sums + added, known + with_vector, n + int(drawn.sum())
            if own.any():
                kept = tokens.filter(pa.array(own))
                means, _ = sentence_vectors(kept, vectors)
                column = fixed_binary_column(means.astype(np.float16))
                writer.write_batch(pa.record_batch([pa.array(ids[own]), column, lowered_lists(kept)], schema=schema))
    return _added(counts), n, sums, known, np.concatenate(random)


def _added(counts: Sequence[pa.Table]) -> pa.Table:
    """Counts `n` of each `word` of several tables."""
    return pa.concat_tables(counts).group_by("word").aggregate([("n", "sum")]).rename_columns(["word", "n"])


def _corpus_part(tokens: pa.Array, vectors: GensimVectors) -> tuple[pa.Table, Doubles, int]:
    means, known = sentence_vectors(tokens, vectors)
    words, offsets = flat_words(tokens, lower=True)
    names, codes = coded(words)
    width = max(len(names), 1)
    sentences = np.bincount(np.unique(rows_of(offsets) * width + codes) % width, minlength=len(names))
    counted = pa.table({"word": names, "n": pa.array(sentences, pa.int64())})
    return counted, means.astype(np.float64).sum(axis=0), int(known.sum())


@lru_cache(maxsize=1)
def _opened(folder: str) -> tuple[pa.Table, Ints, Ints]:
    """The folder's sentences, their rows by id, and the ids ascending."""
    files = sorted(local_copy(location(folder)).glob("*.arrow"))
    table = pa.concat_tables([pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files])
    ids = table["sentence_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    return table, order, ids[order]


def _sentences(folder: str, ids: Ints) -> tuple[np.ndarray, pa.Array]:
    """Vectors (n, d) float32 and lower-cased words of sentences of the folder."""
    table, order, known = _opened(folder)
    rows = table.take(order[np.searchsorted(known, ids)]).combine_chunks()
    vectors = np.frombuffer(b"".join(rows["vector"].to_pylist()), np.float16)
    return vectors.reshape(len(ids), -1).astype(np.float32), rows["words"].chunk(0)


def _chance(folder: str, drawn: Sequence[Ints], mean: Doubles, most: int, seed: int) -> float:
    """The highest silhouette of a split of random sentences."""
    found = []
    for number, ids in enumerate(drawn):
        if len(ids):
            vectors, _ = _sentences(folder, ids)
            found.append(find_facets(vectors, mean, most, 2.0, (seed, number)).silhouette)
    return max((value for value in found if not np.isnan(value)), default=float("nan"))


def _block(folder: str, neurons: Sequence[Neuron], ids: Sequence[Ints], shared: _Shared) -> list[FacetsOfNeuron]:
    every, of_words = [], []
    for neuron, own in zip(neurons, ids, strict=True):
        hashed = own[np.argsort(uniform(own, _SEED), kind="stable")]
        vectors, words = _sentences(folder, hashed)
        own_seed = (shared.seed, SITES.index(neuron.site), neuron.layer, neuron.unit, int(neuron.sign > 0))
        facets = find_facets(vectors, shared.mean, shared.most, shared.floor, own_seed)
        every.append((hashed, facets))
        of_words.append(key_words(words, facets, shared.corpus))
    told = _told(every, shared)
    return [
        (_rows(hashed, facets, words, statements), None if np.isnan(facets.silhouette) else facets.silhouette)
        for (hashed, facets), words, statements in zip(every, of_words, told, strict=True)
    ]


def _told(every: Sequence[tuple[Ints, Facets]], shared: _Shared) -> list[list[list[OfGroup]]]:
    """For each neuron, of its sentences and their facets, what is told of each facet: nothing of an only one."""
    apart = [hashed for hashed, facets in every if len(facets.facets) > 1]
    table = read_text(shared.files, np.unique(np.concatenate(apart))) if apart else None
    found: list[list[list[OfGroup]]] = []
    for hashed, facets in every:
        if table is None or len(facets.facets) < 2:
            found.append([[] for _ in facets.facets])
            continue
        places = np.searchsorted(table["sentence_id"].to_numpy(), hashed)
        found.append(told_of_groups(table, [places[facet.rows] for facet in facets.facets], shared.lists))
    return found


def _rows(
    hashed: Ints, facets: Facets, words: Sequence[list[dict[str, object]]], told: Sequence[list[OfGroup]]
) -> list[dict[str, Any]]:
    """FACETS of one neuron."""
    n = sum(len(facet.rows) for facet in facets.facets)
    return [
        {
            "sentences": len(facet.rows),
            "share": len(facet.rows) / n,
            "typical_sentence_id": int(hashed[facet.typical]),
            "words": of_words,
            "told": [asdict(one) for one in statements],
        }
        for facet, of_words, statements in zip(facets.facets, words, told, strict=True)
    ]
