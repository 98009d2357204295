"""Sentences, limits and trees for hypothesis, small enough for the references."""

from hypothesis import strategies as st

from neuronsig.miners.mined_patterns import Limits


def few(*values):
    return st.sampled_from([None, *values])


def limits(gaps=False):
    near = {"max_gap": few(0, 1, 2), "max_window": few(1, 2, 3, 5)} if gaps else {}
    return st.builds(
        Limits,
        min_length=st.integers(1, 2),
        max_length=few(2, 3, 4),
        target=st.sampled_from(["all", "closed", "maximal"]),
        max_patterns=few(5, 10, 30, 1000),
        **near,
    )


WORDS = st.integers(-1, 4)
TAGS = st.integers(10, 12)

plain_sentences = st.lists(st.lists(st.tuples(WORDS), max_size=7), max_size=12)
mixed_sentences = st.lists(st.lists(st.tuples(WORDS, TAGS), max_size=6), max_size=10)
transactions = st.lists(st.lists(st.integers(-1, 6), max_size=8), max_size=12).map(lambda rows: rows * 7)


@st.composite
def forests(draw, most=7):
    """Lists of (parent, label): parents of nodes in any order, so that a node may stand before its parent."""
    trees = []
    for size in draw(st.lists(st.integers(0, most), max_size=8)):
        order = draw(st.permutations(range(size)))
        nodes = [(-1, 0)] * size
        for place, node in enumerate(order):
            above = draw(st.integers(-1 if draw(st.integers(0, 9)) == 0 else 0, place - 1)) if place else -1
            nodes[node] = (order[above] if above >= 0 else -1, draw(st.integers(0, 2)))
        trees.append(nodes)
    return trees
