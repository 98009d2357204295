"""Random encoded sentences and their dictionary, for tests of kinds and engines."""

import numpy as np

from neuronsig.encoding.sentences import Sentences
from neuronsig.encoding.vocabulary import Dictionary, Strata

WORDS, VALUES, TAGS, STRATA = 6, 2, 3, 4


def dictionary_of(n=1000, common=()):
    """A corpus that holds every item in a hundredth of its sentences, so that all are over-represented."""
    few = lambda size: np.full(size, n // 100, np.int64)  # noqa: E731
    words = few(WORDS)
    words[list(common)] = n
    return Dictionary(
        words=[f"w{i}" for i in range(WORDS)],
        word_sentences=words,
        metadata=[("m", str(i)) for i in range(VALUES)],
        metadata_sentences=few(VALUES),
        tags=[f"T{i}" for i in range(TAGS)],
        tag_tokens=few(TAGS),
        tag_sentences=few(TAGS),
        n_sentences=n,
        n_tokens=10 * n,
        strata=Strata(np.arange(2, STRATA + 1)),
        stratum_sentences=np.full(STRATA, n // STRATA),
        stratum_trees=np.full(STRATA, n // STRATA),
        n_trees=n,
    )


def random_rows(seed, n=60, most=7):
    """Words, tags, heads, values and strata of random sentences; every tenth has no tree."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        size = int(rng.integers(1, most))
        heads = [0] + [int(rng.integers(1, place + 1)) for place in range(1, size)]
        rows.append(
            {
                "words": rng.integers(-1, WORDS, size).tolist(),
                "tags": rng.integers(0, TAGS, size).tolist(),
                "heads": [] if i % 10 == 9 else heads,
                "values": [WORDS + int(rng.integers(0, VALUES))],
                "stratum": int(rng.integers(0, STRATA)),
            }
        )
    return rows


def items_of(row):
    """A sentence's distinct words and metadata values."""
    return sorted({word for word in row["words"] if word >= 0} | set(row["values"]))


def sentences_of(rows):
    """The rows as arrays."""

    def flat(lists):
        offsets = np.cumsum([0] + [len(part) for part in lists])
        return np.array([value for part in lists for value in part], np.int64), offsets

    words, offsets = flat([row["words"] for row in rows])
    items = flat([items_of(row) for row in rows])
    heads = flat([row["heads"] for row in rows])
    strata = np.array([row["stratum"] for row in rows], np.int16)
    return Sentences(offsets, words, flat([row["tags"] for row in rows])[0], *items, *heads, strata)


def held_by(kind, row, limits, n_items=WORDS + VALUES):
    """All patterns of a kind, as items, that one sentence holds within the limits."""
    from tests.neuronsig.miners.reference import sequences_of, subtrees_of

    if kind == "itemset":
        import itertools

        items = sorted({*items_of(row), *(n_items + tag for tag in row["tags"])})
        return {p for size in range(1, limits.max_length + 1) for p in itertools.combinations(items, size)}
    if kind == "subtree":
        trees = [(head - 1, tag) for head, tag in zip(row["heads"], row["tags"], strict=False)]
        return {tuple(depth * TAGS + label for depth, label in tree) for tree in subtrees_of(trees, limits.max_length)}
    words = [(word,) for word in row["words"]]
    tags = [(tag,) for tag in row["tags"]]
    if kind == "word_sequence":
        return sequences_of(words, limits)
    if kind == "pos_sequence":
        return sequences_of(tags, limits)
    both = sequences_of([(*w, t + n_items) for w, (t,) in zip(words, tags, strict=True)], limits)
    return {p for p in both if len(p) == 1 or min(p) < n_items <= max(p)}
