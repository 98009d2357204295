"""Syntax trees as arrays, from dependency heads or from brackets.

A tree's nodes are labelled, and a node's children have an order: by position in the sentence. Dependency trees have
words as nodes (labels: words or tags); constituency trees come as brackets, for users who bring a parser (P2 did).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronsig.errors import InputError
from neuronsig.miners.compiled import compiled


@dataclass(frozen=True)
class Forest:
    """The trees of many sentences, each sentence's nodes breadth first, so that a node's children stand together.

    Of sentence i the nodes are [bounds[i], bounds[i + 1]); the children of node v are [first[v], last[v]).
    """

    labels: NDArray[np.int64]  # (nodes,) code of 0 or more; a negative one matches nothing
    parent: NDArray[np.int64]  # (nodes,) -1: a root
    first: NDArray[np.int64]  # (nodes,)
    last: NDArray[np.int64]  # (nodes,)
    bounds: NDArray[np.int64]  # (sentences + 1,)
    depth: int  # of the deepest node; a root has 0
    n_labels: int
    lost: int  # nodes left out because their heads go round in a circle

    def __len__(self) -> int:
        return len(self.bounds) - 1


def forest(
    labels: NDArray[np.integer], heads: NDArray[np.integer], offsets: NDArray[np.integer], n_labels: int
) -> Forest:
    """The trees of sentences given as label codes and heads, flat; sentence i is [offsets[i], offsets[i + 1]).

    A head is the 1-based position in its sentence, 0 for a root; a sentence may have several roots. Nodes that no
    root reaches are left out and counted. Raises InputError when a head is outside its sentence or a label is
    `n_labels` or more.
    """
    labels, heads = np.array(labels, np.int64), np.array(heads, np.int64)
    offsets = np.array(offsets if len(offsets) else [0], np.int64)
    if len(labels) != len(heads):
        raise InputError(f"{len(labels)} labels, {len(heads)} heads: every node needs one of each")
    length = np.repeat(np.diff(offsets), np.diff(offsets))
    bad = np.flatnonzero((heads < 0) | (heads > length))
    if bad.size:
        sentence = int(np.searchsorted(offsets, bad[0], side="right")) - 1
        raise InputError(f"sentence {sentence}: head {heads[bad[0]]} is outside its {length[bad[0]]} words")
    if labels.size and labels.max() >= n_labels:
        raise InputError(f"label {labels.max()} is not below the number of labels, {n_labels}")
    label, parent, first, last, bounds, depth = breadth_first(labels, heads, offsets)
    return Forest(label, parent, first, last, bounds, int(depth), n_labels, len(labels) - len(label))


@compiled
def breadth_first(labels, heads, offsets):  # type: ignore[no-untyped-def]
    """The arrays of `Forest`, up to `depth`, of sentences with 1-based heads."""
    n_nodes = len(labels)
    old = np.empty(n_nodes, np.int64)  # node -> its place in the text
    parent, first, last = np.empty(n_nodes, np.int64), np.empty(n_nodes, np.int64), np.empty(n_nodes, np.int64)
    depth = np.zeros(n_nodes, np.int64)
    bounds = np.zeros(len(offsets), np.int64)
    begin, child = np.zeros(n_nodes + 2, np.int64), np.empty(n_nodes, np.int64)
    n, deepest = 0, 0
    for s in range(len(offsets) - 1):
        start, length = offsets[s], offsets[s + 1] - offsets[s]
        for h in range(length + 2):
            begin[h] = 0
        for i in range(length):
            begin[heads[start + i] + 1] += 1
        for h in range(length + 1):
            begin[h + 1] += begin[h]
        # begin[h + 1] is now the end of head h's children; filling them from the last on makes it their start.
        for i in range(length - 1, -1, -1):
            begin[heads[start + i] + 1] -= 1
            child[begin[heads[start + i] + 1]] = i
        for c in range(begin[1], begin[2] if length else begin[1]):
            old[n], parent[n] = start + child[c], -1
            n += 1
        v = bounds[s]
        while v < n:
            h = old[v] - start + 1
            first[v] = n
            stop = begin[h + 2] if h < length else length
            for c in range(begin[h + 1], stop):
                old[n], parent[n], depth[n] = start + child[c], v, depth[v] + 1
                deepest = max(deepest, depth[n])
                n += 1
            last[v] = n
            v += 1
        bounds[s + 1] = n
    label = np.empty(n, np.int64)
    for v in range(n):
        label[v] = labels[old[v]]
    return label, parent[:n].copy(), first[:n].copy(), last[:n].copy(), bounds, deepest
