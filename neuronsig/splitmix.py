"""Hashes that look like draws and are the same everywhere: SplitMix64 (Steele, Lea and Flood 2014)."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

STEP = np.uint64(0x9E3779B97F4A7C15)
"""What a generator's state grows by from one number to the next."""


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser: a bijection of the 64-bit numbers, every bit of which depends on every bit of x (n,)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(ids: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """A number from 0 to below 1 for each id (n,), as if drawn; with another seed they are others, as if drawn anew."""
    x = np.asarray(ids, np.int64).astype(np.uint64) * STEP + np.uint64(seed)
    return (mixed(x) >> np.uint64(11)).astype(np.float64) / 2.0**53


def stream(key: int, n: int, seed: int) -> NDArray[np.float64]:
    """Numbers (n,) from 0 to below 1, as if drawn for `key` alone: of each key and seed there is another stream."""
    state = mixed(np.array([key], np.int64).astype(np.uint64) * STEP + np.uint64(seed))
    return uniform(np.arange(n), int(state[0]))


def text_hashes(texts: Iterable[str]) -> NDArray[np.int64]:
    """(texts,) a number for each text, the same everywhere: eight bytes of BLAKE2b."""
    return np.frombuffer(b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts), "<i8")
