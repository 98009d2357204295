"""Rankings of neurons by how selectively they respond (P1 4.3, Figures 3 to 5), from the neurons table."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

POLARITIES = ("positive", "negative")


def rank_from_most(values: Doubles) -> Doubles:
    """Rank 1 for the greatest value; equal values share the mean of their ranks; NaN stays NaN."""
    known = ~np.isnan(values)
    _, group, sizes = np.unique(-values[known], return_inverse=True, return_counts=True)
    ranks = np.full(len(values), np.nan)
    ranks[known] = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return ranks


def field_counts(profiles: pa.ChunkedArray, field: str) -> list[dict[str, int]]:
    """Value -> sentences of one metadata field, for each neuron (`metadata_profile` of the table)."""
    rows = profiles.to_pylist()
    return [{value: n for name, counts in row or () if name == field for value, n in counts} for row in rows]


def field_names(profiles: pa.ChunkedArray) -> list[str]:
    """The metadata fields that any neuron's sentences have, domain first."""
    names = {name for row in profiles.to_pylist() for name, _ in row or ()}
    return sorted(names, key=lambda name: (name != "domain", name))


def sentiment_sd(counts: list[dict[str, int]], at_least: int = 10) -> Doubles:
    """Standard deviation of the binary polarity distribution of each neuron's sentences (P1 4.3).

    It is the deviation of the two shares (p, 1 - p), that is |p - 1/2|: 0 when both polarities are equally frequent,
    0.5 when only one occurs. NaN for a neuron with fewer than `at_least` sentences that have a polarity.
    """
    found = np.full(len(counts), np.nan)
    for row, values in enumerate(counts):
        pair = np.array([values.get(name, 0) for name in POLARITIES], dtype=np.float64)
        if pair.sum() >= at_least:
            found[row] = (pair / pair.sum()).std()
    return found
