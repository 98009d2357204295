"""Compile the inner loops of all miners now, so that no job has to wait for it: `python -m neuronsig.miners`.

It takes half a minute where they are not kept from before (neuronsig.miners.compiled), else a second.
"""

import sys

import numpy as np

from neuronsig.miners.counting import count_sequences, count_subtrees
from neuronsig.miners.frequent import frequent_itemsets, frequent_sequences, frequent_subtrees
from neuronsig.miners.trees import forest
from neuronsig.miners.trie import CountingTrie


def main() -> int:
    """Mine and count one sentence of two words, every way there is."""
    items, offsets = np.array([1, 2]), np.array([0, 2])
    tree = forest(items, np.array([0, 1]), offsets, 3)
    frequent_sequences(items, offsets, 1)
    frequent_itemsets(items, offsets, 1)
    frequent_subtrees(tree, 1)
    trie = CountingTrie([(1,)])
    count_sequences(trie, items, offsets)
    count_subtrees(trie, tree)
    return 0


if __name__ == "__main__":
    sys.exit(main())
