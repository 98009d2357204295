"""Trees as text, for tests."""

from collections.abc import Iterable, Sequence

import numpy as np

from neuronsig.errors import InputError
from neuronsig.miners.brackets import brackets, parse_tree
from neuronsig.miners.mined_patterns import MinedPatterns
from neuronsig.miners.trees import Forest, forest


def subtree_strings(patterns: MinedPatterns, names: Sequence[str]) -> list[str]:
    """The patterns as bracketed strings; `names` are the labels' names, all `n_labels` of them."""
    return [brackets((node // len(names), names[node % len(names)]) for node in pattern) for pattern in patterns]


def forest_of_brackets(
    trees: Iterable[str], names: Sequence[str] | None = None, words: bool = False
) -> tuple[Forest, list[str]]:
    """The forest of bracketed trees, one a sentence, and the name of every label code.

    `names` gives the codes; a label that is not among them matches nothing. Without it every label gets a code, in
    alphabetic order. An empty line is a sentence without a tree. Raises InputError that names the tree, from 0.
    """
    parsed = []
    for number, text in enumerate(trees):
        try:
            parsed.append(parse_tree(text, words) if text.strip() else ([], []))
        except InputError as error:
            raise InputError(f"tree {number}: {error}") from None
    every = [label for labels, _ in parsed for label in labels]
    names = sorted(set(every)) if names is None else list(names)
    code = {name: i for i, name in enumerate(names)}
    offsets = np.cumsum([0] + [len(labels) for labels, _ in parsed])
    heads = np.array([head for _, heads in parsed for head in heads], np.int64)
    return forest(np.array([code.get(label, -1) for label in every], np.int64), heads, offsets, len(names)), names
