"""Whether a pattern, a sentence or a tree holds another pattern, and where, in plain Python.

Finding and highlighting hold one pattern against another or against one sentence: they must start in milliseconds, and
numba alone takes longer to import.
"""

from collections.abc import Hashable, Iterable, Sequence


def in_order(large: Iterable[Hashable], small: Iterable[Hashable]) -> bool:
    """Whether all items of `small` stand in `large` in this order, with others between them or not."""
    rest = iter(large)
    return all(item in rest for item in small)


def closest_occurrence(sentence: Sequence[str], pattern: Sequence[str]) -> list[int]:
    """The places of a pattern in a sentence with the fewest words in between, of several the first; else none."""
    best: list[int] = []
    for start, word in enumerate(sentence):
        if word != pattern[0]:
            continue
        found = [start]
        for item in pattern[1:]:
            if item not in sentence[found[-1] + 1 :]:
                return best
            found.append(sentence.index(item, found[-1] + 1))
        if not best or found[-1] - found[0] < best[-1] - best[0]:
            best = found
    return best


def has_subtree(large: Sequence[tuple[int, Hashable]], small: Sequence[tuple[int, Hashable]]) -> bool:
    """Whether a tree holds another as an induced ordered subtree; nodes are (depth, label) in preorder."""
    below, inside = _children(large), _children(small)

    def at(node: int, wanted: int) -> bool:
        if large[node][1] != small[wanted][1]:
            return False
        # The first sibling that will do is the best: whether two branches match does not depend on others.
        rest = iter(below[node])
        return all(any(at(child, needed) for child in rest) for needed in inside[wanted])

    return any(at(node, 0) for node in range(len(large)))


def _children(nodes: Sequence[tuple[int, Hashable]]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in nodes]
    last: dict[int, int] = {}
    for number, (depth, _) in enumerate(nodes):
        if depth:
            children[last[depth - 1]].append(number)
        last[depth] = number
    return children
