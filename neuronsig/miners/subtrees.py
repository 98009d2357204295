"""Frequent subtrees (FREQT: Asai et al. 2002, Zaki 2002; P2 step 3, Table 2).

A subtree is induced and ordered: its edges are edges of the tree and siblings keep their order, but siblings may be
left out. Its support is the number of sentences that hold it, however often.

A subtree is grown at its rightmost branch only: the new node is the last in preorder, so that each subtree comes up
once. Of an occurrence it is enough to know the node of the last one, because its ancestors give the branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from neuronsig.config.fields import require
from neuronsig.miners.brackets import nodes_of
from neuronsig.miners.growth import FAR, NO_ORDER, Edges, Places, mine
from neuronsig.miners.mined_patterns import (
    Codes,
    Limits,
    MinedPatterns,
    PrefixTree,
    frequent_items,
    numbers_of,
    one_item_less,
    select,
)
from neuronsig.miners.trees import Forest


def frequent_subtrees(forest: Forest, min_count: int, limits: Limits | None = None) -> MinedPatterns:
    """All subtrees that `min_count` sentences or more hold.

    A pattern's items are its nodes in preorder, each `depth * forest.n_labels + label`; `brackets` writes them.
    Raises ConfigError when `min_count` is below 1 or a gap or window limit is set.
    """
    limits = limits or Limits()
    require(min_count >= 1, "min_count", min_count, "1 or more sentences")
    require(limits.max_gap is None, "max_gap", limits.max_gap, "None", "a subtree has no gaps")
    require(limits.max_window is None, "max_window", limits.max_window, "None", "a subtree has no window")
    codes, _ = frequent_items(forest.labels, forest.bounds, min_count)
    # One label at least: without any a kernel would take the trees for sequences.
    labels, keys = max(len(codes), 1), (np.arange(forest.depth + 2)[:, None] * forest.n_labels + codes).reshape(-1)
    longest = int(FAR) if limits.max_length is None else limits.max_length
    bounds = len(keys), min_count, longest, limits.max_patterns or 0
    edges = Edges(forest.parent, forest.first, forest.last, labels)
    rows, applied = mine(nodes_in(forest, codes), NO_ORDER, edges, *bounds)
    tree = PrefixTree.of(rows, keys)
    return select(tree, partial(one_item_less, labels=forest.n_labels), limits, min_count, int(applied))


def subtree_items(text: str, code: Mapping[str, int], n_labels: int) -> tuple[int, ...]:
    """A bracketed subtree as items, as `frequent_subtrees` gives them, -1 for a label without a code.

    Raises InputError for malformed brackets.
    """
    nodes = [(depth, code.get(label, -1)) for depth, label in nodes_of(text)]
    return tuple(depth * n_labels + label if label >= 0 else -1 for depth, label in nodes)


def nodes_in(forest: Forest, codes: Codes) -> Places:
    """The nodes of a forest as the kernels take them, their labels numbered by `codes`."""
    number = numbers_of(codes, forest.n_labels + 1)
    sentence = np.repeat(np.arange(len(forest), dtype=np.int32), np.diff(forest.bounds))
    return Places(number[np.where(forest.labels < 0, -1, forest.labels)], sentence, forest.bounds.astype(np.int32))
