"""What is mined of neurons as rows of bytes: patterns with their counts among a neuron's sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.config import MiningConfig
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.kinds import Kind
from neuronsig.miners.mined_patterns import MinedPatterns
from neuronsig.mining.kinds import KindCounter, mine_kind
from neuronsig.ragged import binary_column

PATTERNS = pa.schema(
    [
        ("neuron", pa.int64()),
        ("kind", pa.string()),
        ("items", pa.binary()),
        ("f1", pa.int64()),
        ("strata", pa.binary()),
        ("raised", pa.bool_()),
    ]
)
"""One row a pattern of a neuron: `items` int32 codes, `strata` int32 sentences with it in each stratum, of sum f1;
`raised`: the support of the kind was raised to keep within the bound of patterns. Of kind EVERY the pattern without
items is in all sentences of the neuron, and that of one item in all that have a tree."""

EVERY = ""


def by_neuron(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """The rows of every neuron (column `neuron`), which may be in any batches; neurons in ascending order."""
    found = [batch for batch in batches if batch.num_rows]
    if not found:
        return
    table = pa.Table.from_batches(found).combine_chunks()
    codes = table["neuron"].to_numpy()
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    bounds = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1, append=codes[-1] + 1))
    for start, stop in itertools.pairwise(bounds):
        yield int(codes[start]), table.take(pa.array(order[start:stop])).combine_chunks()


def mined_rows(
    code: int, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig
) -> Iterator[pa.RecordBatch]:
    """The rows of PATTERNS of one neuron, one batch for each kind."""
    n_strata = dictionary.strata.size
    every = [sentences.by_stratum(n_strata)]
    if mining.with_subtrees:
        every.append(sentences.trees_by_stratum(n_strata))
    yield pattern_rows(code, EVERY, np.zeros(len(every) - 1), [0, *range(len(every))], np.stack(every), raised=False)
    for kind in mining.patterns:
        found = mine_kind(kind, sentences, dictionary, mining)
        yield counted_rows(code, kind, found, sentences, dictionary, mining)


def counted_rows(
    code: int, kind: Kind, found: MinedPatterns, sentences: Sentences, dictionary: Dictionary, mining: MiningConfig
) -> pa.RecordBatch:
    """The rows of one neuron and kind, with the sentences of each stratum."""
    counter = KindCounter(kind, found.items, found.offsets, dictionary, mining, dictionary.strata.size)
    counts = counter.count(sentences)
    if not np.array_equal(counts.sum(axis=1), found.supports):
        raise AssertionError(f"neuron {code}, {kind.name}: patterns mined and counted in the same sentences differ")
    return pattern_rows(code, kind.name, found.items, found.offsets, counts, found.raised)


def pattern_rows(code: int, kind: str, items: Any, offsets: Any, counts: Any, raised: bool) -> pa.RecordBatch:
    """Rows of PATTERNS from flat patterns and their counts (patterns, strata)."""
    n = len(counts)
    arrays = [
        pa.array(np.full(n, code, np.int64)),
        pa.array([kind] * n, pa.string()),
        binary_column(np.asarray(items, np.int32), np.diff(offsets)),
        pa.array(counts.sum(axis=1), pa.int64()),
        binary_column(counts.astype(np.int32).reshape(-1), np.full(n, counts.shape[1])),
        pa.array(np.full(n, raised)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=PATTERNS)
