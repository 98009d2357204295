"""Whether a node of a tree has children for all children of a pattern's node, in their order."""

from __future__ import annotations

from neuronsig.miners.compiled import inlined


@inlined
def children_fit(fits, base, first_child, last_child, v, parent, lo, hi, q):  # type: ignore[no-untyped-def]
    """Whether the children of the tree's node `v` hold the branches below node `q` of the pattern lo .. hi - 1.

    fits[c - base] has a bit for each node of the pattern whose whole branch fits at the tree's node c; children come
    after their parents in both. Siblings of the pattern take the first of the tree's siblings that fits and comes after
    the one before: none leaves more room for those that follow.
    """
    fit = True
    c = first_child[v]
    for r in range(q + 1, hi):
        if parent[r] != q - lo:
            continue
        while c < last_child[v] and not (fits[c - base] >> (r - lo)) & 1:
            c += 1
        if c == last_child[v]:
            fit = False
            break
        c += 1
    return fit
