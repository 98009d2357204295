"""Near-duplicates: texts whose sets of word pairs are alike (Broder, "On the resemblance and containment of documents",
1997), found by MinHash signatures in bands, so that no text is compared with all others.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from datasketch import MinHash

from neuronsig.letters import composed, is_mark

Signatures = npt.NDArray[np.uint32]

PERMUTATIONS = 128
SEED = 1
# Sentences are short: of triples too few would stay equal when one word differs.
_WORDS_TOGETHER = 2
# A pair that is not found stays in the corpus; one that is found for nothing is only compared.
FOUND = 0.998
_WORD = re.compile(r"\w+")


def shingles(text: str) -> set[str]:
    """Pairs of neighbouring words in lower case; of a text with fewer words the text itself.

    >>> sorted(shingles("The cat, the cat sat."))
    ['cat sat', 'cat the', 'the cat']
    """
    words = _WORD.findall(text.lower()) if text.isascii() else _words(composed(text.lower()))
    found = {" ".join(words[i : i + _WORDS_TOGETHER]) for i in range(len(words) - _WORDS_TOGETHER + 1)}
    return found or {text.lower()}


def _words(text: str) -> list[str]:
    """What `_WORD` finds, marks being parts of words."""
    return "".join(one if one.isalnum() or one == "_" or is_mark(one) else " " for one in text).split()


def jaccard(a: str, b: str) -> float:
    """Share of the shingles of both texts that both have: 1 for equal ones."""
    left, right = shingles(a), shingles(b)
    return len(left & right) / len(left | right)


def signatures(texts: Sequence[str]) -> Signatures:
    """MinHash signatures (n, PERMUTATIONS); the share of equal places estimates `jaccard`."""
    sets = [[shingle.encode() for shingle in sorted(shingles(text))] for text in texts]
    made = MinHash.bulk(sets, num_perm=PERMUTATIONS, seed=SEED)
    return np.array([one.hashvalues for one in made], np.uint32).reshape(-1, PERMUTATIONS)


def buckets(found: Signatures, threshold: float) -> npt.NDArray[np.int64]:
    """Bucket numbers (n, bands): texts alike by `threshold` or more share one, nearly always."""
    bands, rows = banding(threshold)
    result = np.empty((len(found), bands), np.int64)
    for band in range(bands):
        places = np.ascontiguousarray(found[:, band * rows : (band + 1) * rows])
        for index, row in enumerate(places):
            digest = hashlib.blake2b(row.tobytes(), digest_size=8, salt=band.to_bytes(2, "little"))
            result[index, band] = np.frombuffer(digest.digest(), np.int64)[0]
    return result


def banding(threshold: float) -> tuple[int, int]:
    """Bands and rows of a band: the longest bands in which FOUND of the pairs just at the threshold share one."""
    for rows in range(PERMUTATIONS, 1, -1):
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= FOUND:
            return bands, rows
    return PERMUTATIONS, 1


def reference(texts: Sequence[str], threshold: float) -> list[int]:
    """Slow and plain: places of the texts to drop, those alike to an earlier one, kept or not."""
    return [i for i, text in enumerate(texts) if any(jaccard(text, other) >= threshold for other in texts[:i])]
