"""Sentence vectors, neuron vectors and typical sentences (P1 4.1), from blocks of sentences, with no engine.

A sentence's vector is the mean of its tokens' word vectors; a neuron's is the mean over its top-K sentences; its
typical sentence is the one whose vector points most nearly in the direction of that mean (cosine).

Every result is the same to the bit for any cut of the corpus into blocks, files or tasks, in any order: tokens are
added in their order in the sentence, sentences as fixed-point integers, whose sum does not depend on the order, and
nearest sentences are compared by a cosine that each sentence alone determines, ties going to the lower sentence_id.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from neuronsig.neuron import Neuron
from neuronsig.ragged import coded, flat_words, offsets_of, rows_of
from neuronsig.readers import read_top_lists

if TYPE_CHECKING:
    from neuronsig.analysis.word_vectors import GensimVectors

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_SENTENCE = np.iinfo(np.int64).max
# float32 dot products of 300 terms err by less than this; what lies within it is compared again in float64.
_MARGIN = 1e-4


@dataclass(frozen=True)
class Membership:
    """Which sentences are in which neuron's top-K list: one pair an entry, sorted by sentence, then neuron."""

    sentence_ids: Ints  # (pairs,)
    neurons: NDArray[np.int32]  # (pairs,), rows of the neuron table
    n_neurons: int

    @classmethod
    def of(cls, sentence_ids: Ints, neurons: NDArray[np.int32], n_neurons: int) -> Membership:
        """Sort pairs given in any order."""
        order = np.lexsort((neurons, sentence_ids))
        return cls(sentence_ids[order], neurons[order], n_neurons)

    def between(self, lowest: int, highest: int) -> Membership:
        """The pairs with lowest <= sentence_id <= highest, as a view."""
        first = np.searchsorted(self.sentence_ids, lowest, "left")
        last = np.searchsorted(self.sentence_ids, highest, "right")
        return Membership(self.sentence_ids[first:last], self.neurons[first:last], self.n_neurons)

    def matrix(self, block_ids: Ints) -> csr_matrix:
        """int64 matrix (n_neurons, len(block_ids)): 1 where the sentence is in the neuron's list."""
        order = np.argsort(block_ids, kind="stable")
        place = np.searchsorted(block_ids[order], self.sentence_ids)
        inside = place < len(block_ids)
        inside[inside] = block_ids[order[place[inside]]] == self.sentence_ids[inside]
        rows, columns = self.neurons[inside], order[place[inside]]
        ones = np.ones(len(rows), dtype=np.int64)
        return csr_matrix((ones, (rows, columns)), shape=(self.n_neurons, len(block_ids)))


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


@dataclass(frozen=True)
class SentenceBlock:
    """Vectors of the sentences of a block that are in some list."""

    ids: Ints  # (n,)
    vectors: Floats  # (n, d); zero where `known` is false
    known: NDArray[np.bool_]  # (n,), whether any token has a vector


def sentence_vectors(tokens: pa.Array, words: GensimVectors) -> tuple[Floats, NDArray[np.bool_]]:
    """Mean of the word vectors of each token list: (n, d) float32, and which sentences have any (P1 4.1).

    Tokens without a vector do not count; a token that occurs twice counts twice. Added in float64, in token order.
    """
    n = len(tokens)
    flat, offsets = flat_words(tokens)
    distinct, codes = coded(flat)  # codes (all tokens,)
    table, has = words.lookup(distinct.to_pylist())  # (distinct, d), (distinct,)
    counted = has[codes]
    sentence = rows_of(offsets)[counted]
    per_sentence = np.bincount(sentence, minlength=n)
    starts = offsets_of(per_sentence)
    # Not canonical on purpose: entries stay in token order, so that a sum does not depend on the block's other words.
    counts = csr_matrix((np.ones(len(sentence)), codes[counted], starts), shape=(n, len(has)))
    sums = counts @ table.astype(np.float64)  # (n, d)
    means = sums / np.maximum(per_sentence, 1)[:, None]
    known = np.any(means != 0, axis=1)
    return means.astype(np.float32), known


def sentence_block(ids: Ints, tokens: pa.Array, membership: Membership, words: GensimVectors) -> SentenceBlock:
    """Vectors of those sentences of a block that occur in a list."""
    wanted = among(membership.sentence_ids, ids)
    vectors, known = sentence_vectors(tokens.filter(pa.array(wanted)), words)
    return SentenceBlock(ids[wanted], vectors, known)


class NeuronSums:
    """Sums and counts of sentence vectors for each neuron, as mergeable state: zero, add, merge, means.

    Sums are int64 of components times a power of two chosen so that `k` components of size `largest` cannot
    overflow; at K = 10,000 a component's rounding error is below 1e-12.
    """

    def __init__(self, n_neurons: int, dimension: int, k: int, largest: float) -> None:
        self.scale = 2.0 ** np.floor(np.log2(2.0**62 / (max(k, 1) * max(largest, 1e-6))))
        self.sums: Ints = np.zeros((n_neurons, dimension), dtype=np.int64)
        self.counts: Ints = np.zeros(n_neurons, dtype=np.int64)  # sentences with a vector
        self.seen: Ints = np.zeros(n_neurons, dtype=np.int64)  # sentences found in the table
        self.sentences = 0
        self.without_vector = 0

    def add(self, block: SentenceBlock, membership: Membership) -> None:
        """Add a block's sentences to the neurons whose lists they are in."""
        member = membership.matrix(block.ids)  # (neurons, n)
        fixed = np.rint(block.vectors.astype(np.float64) * self.scale).astype(np.int64)  # (n, d)
        self.sums += member @ fixed
        self.counts += member @ block.known.astype(np.int64)
        self.seen += np.diff(member.indptr)
        self.sentences += len(block.ids)
        self.without_vector += int((~block.known).sum())

    def merge(self, other: NeuronSums) -> None:
        """Add the sums of other sentences."""
        self.sums += other.sums
        self.counts += other.counts
        self.seen += other.seen
        self.sentences += other.sentences
        self.without_vector += other.without_vector

    def means(self) -> Doubles:
        """Neuron vectors (n_neurons, d) float64; zero for a neuron none of whose sentences has a vector."""
        return self.sums / self.scale / np.maximum(self.counts, 1)[:, None]


class TypicalSentences:
    """The sentence nearest to each neuron's mean vector: highest cosine, then lowest sentence_id."""

    def __init__(self, n_neurons: int) -> None:
        self.cosine: Doubles = np.full(n_neurons, -np.inf)
        self.ids: Ints = np.full(n_neurons, NO_SENTENCE, dtype=np.int64)

    def add(self, block: SentenceBlock, membership: Membership, directions: Doubles) -> None:
        """Compare a block's sentences with `directions`, the neurons' means as unit vectors (n_neurons, d)."""
        norms = np.linalg.norm(block.vectors, axis=1)
        unit = block.vectors / np.where(block.known, norms, 1)[:, None]  # (n, d) float32
        member = membership.matrix(block.ids)
        rough_directions = directions.astype(np.float32)
        for row in np.flatnonzero(np.diff(member.indptr)):
            inside = member.indices[member.indptr[row] : member.indptr[row + 1]]
            inside = inside[block.known[inside]]
            if not len(inside) or not directions[row].any():
                continue
            rough = unit[inside] @ rough_directions[row]
            near = inside[rough >= max(rough.max(), self.cosine[row]) - _MARGIN]
            exact = cosines(block.vectors[near], directions[row])
            for cosine, sentence in zip(exact, block.ids[near], strict=True):
                if cosine > self.cosine[row] or (cosine == self.cosine[row] and sentence < self.ids[row]):
                    self.cosine[row], self.ids[row] = cosine, sentence

    def merge(self, other: TypicalSentences) -> None:
        """Keep the nearer sentence of both."""
        better = (other.cosine > self.cosine) | ((other.cosine == self.cosine) & (other.ids < self.ids))
        self.cosine = np.where(better, other.cosine, self.cosine)
        self.ids = np.where(better, other.ids, self.ids)

    def sentence_ids(self) -> list[int | None]:
        """The typical sentence of each neuron; None where no sentence has a vector."""
        return [None if found == NO_SENTENCE else int(found) for found in self.ids]


def among(wanted: Ints, ids: Ints) -> NDArray[np.bool_]:
    """Which of the ids (n,) are in `wanted`, which ascends: (n,)."""
    place = np.searchsorted(wanted, ids)
    found = place < len(wanted)
    found[found] = wanted[place[found]] == ids[found]
    return found


def cosines(vectors: NDArray[Any], direction: Doubles) -> Doubles:
    """Cosine of each row with a unit vector, in float64; a row's result depends on that row alone."""
    rows = np.ascontiguousarray(vectors, dtype=np.float64)
    return (rows * direction).sum(axis=1) / np.sqrt((rows * rows).sum(axis=1))


def unit_vectors(vectors: Doubles) -> Doubles:
    """Rows divided by their length; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
