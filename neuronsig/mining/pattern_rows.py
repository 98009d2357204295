"""Patterns as rows of bytes: mined and counted among a neuron's sentences; and with the corpus's counts, judged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.config import MiningConfig
from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import Dictionary
from neuronsig.kinds import SUBTREE, Kind, kind_of, pattern_kinds
from neuronsig.miners.mined_patterns import MinedPatterns
from neuronsig.mining.keyness import PValueCounts
from neuronsig.mining.kinds import KindCounter, mine_kind, pattern_names, shortest
from neuronsig.mining.pattern_keyness import JudgeRules, NeuronPatterns, judge, p_values
from neuronsig.neuron import Neuron
from neuronsig.ragged import binary_column, offsets_of, read_binary, rows_of
from neuronsig.tables import SIGNATURES

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
    counter = KindCounter(kind, found.items, found.offsets, dictionary, mining)
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


_CELLS = ("items", "lengths", "f1", "corpus", "n1")
GATHERED = pa.schema([("neuron", pa.int64()), ("kind", pa.string()), *((name, pa.binary()) for name in _CELLS)])
"""All patterns of a neuron and kind in lexicographic order: int32 items and lengths, int32 (patterns, strata) counts
among the neuron's sentences and in the corpus, int32 (strata,) sentences of the neuron (of subtrees: with a tree)."""


def gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of GATHERED, from those of whole neurons: neuron, kind, items, strata as in PATTERNS, and `corpus`."""
    for code, rows in by_neuron(batches):
        kinds = rows["kind"].to_numpy(zero_copy_only=False)
        every = rows.filter(pa.array(kinds == EVERY)).to_pylist()
        n1 = {bool(row["items"]): row["strata"] for row in every}  # True: of those with a tree
        for kind in pattern_kinds():
            part = rows.filter(pa.array(kinds == kind.name)).combine_chunks()
            if part.num_rows:
                cells = {"neuron": code, "kind": kind.name, **_in_order(part), "n1": n1[kind.shape == SUBTREE]}
                yield pa.RecordBatch.from_pylist([cells], schema=GATHERED)


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


def count_p_values(
    batches: Iterable[pa.RecordBatch], dictionary: Dictionary, mining: MiningConfig
) -> dict[str, PValueCounts]:
    """The p-values of all patterns that may make rows, of some rows of GATHERED, by kind."""
    found: dict[str, PValueCounts] = {}
    for batch in batches:
        for _, kind, patterns in unpack(batch, dictionary, mining):
            found.setdefault(kind.name, PValueCounts()).add(p_values(patterns, shortest(kind, dictionary)))
    return found


def judged(
    batch: pa.RecordBatch,
    tests: Mapping[str, int],
    seen: Mapping[str, PValueCounts],
    dictionary: Dictionary,
    mining: MiningConfig,
) -> Iterator[pa.RecordBatch]:
    """Rows of SIGNATURES of some rows of GATHERED.

    `tests` has the number of hypotheses of each kind, neurons x distinct patterns; `seen` the p-values of all neurons.
    """
    kept = mining.patterns_kept, mining.frequent_kept
    for neuron, kind, patterns in unpack(batch, dictionary, mining):
        rules = JudgeRules(tests[kind.name], mining.alpha, *kept, shortest(kind, dictionary), frequent_shortest=2)
        rows = judge(patterns, rules, seen[kind.name])
        names = partial(pattern_names, kind, dictionary=dictionary, labels=mining.subtree_labels)
        n = len(rows["pattern"])
        columns: dict[str, Any] = {
            **{name: [value] * n for name, value in neuron.as_row().items()},
            "kind": [kind.name] * n,
            **rows,
            "pattern": [names(patterns.of(number)) for number in rows["pattern"]],
            "explained_by": [names(patterns.of(number)) if number >= 0 else None for number in rows["explained_by"]],
        }
        yield pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in SIGNATURES], SIGNATURES.names)


def unpack(
    batch: pa.RecordBatch, dictionary: Dictionary, mining: MiningConfig
) -> Iterator[tuple[Neuron, Kind, NeuronPatterns]]:
    """Neuron, kind and patterns of each row of GATHERED."""
    strata = dictionary.strata.size
    for row in batch.to_pylist():
        kind = kind_of(row["kind"])
        of_trees = kind.shape == SUBTREE
        cells = {name: np.frombuffer(row[name], np.int32) for name in _CELLS}
        yield (
            Neuron.of_code(row["neuron"]),
            kind,
            NeuronPatterns(
                items=cells["items"],
                offsets=offsets_of(cells["lengths"]),
                f1=cells["f1"].reshape(-1, strata),
                corpus=cells["corpus"].reshape(-1, strata),
                n1=cells["n1"],
                total=dictionary.stratum_trees if of_trees else dictionary.stratum_sentences,
                bins=dictionary.strata.bins,
                labels=dictionary.n_labels(mining.subtree_labels) if of_trees else 0,
            ),
        )
