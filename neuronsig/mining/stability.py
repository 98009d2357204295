"""How far the signatures of both halves of a corpus agree (neuronsig.mining.halves), and how many sentences that takes.

overlap   rank-biased overlap (Webber, Moffat and Zobel 2010), extrapolated: the first ranks weigh most
jaccard   patterns in both, of those in either
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from neuronsig.mining.halves import HALVES, KINDS, Mined, Settings, signature
from neuronsig.neuron import Neuron
from neuronsig.ragged import Codes
from neuronsig.tables import NEURON_KEY

AGREEMENT = pa.schema(
    [
        *NEURON_KEY,
        ("k", pa.int32()),  # sentences of each half
        ("kind", pa.string()),
        ("overlap", pa.float64()),  # null: no pattern is beyond chance in either half
        ("jaccard", pa.float64()),
        ("first", pa.int32()),  # patterns compared, of each half
        ("second", pa.int32()),
    ]
)


def compare(
    neuron: Neuron,
    mined: Sequence[Sequence[Mined]],
    counts: Sequence[Sequence[Codes]],
    halves: Sequence[Codes],
    bins: int,
    settings: Settings,
) -> list[dict[str, Any]]:
    """A neuron's rows of AGREEMENT.

    `mined` and `counts` are by half and size: what was mined of the first sentences, and the half's sentences by
    stratum that have each of its patterns, (patterns, strata); `halves` all of it, (strata,), of so many length bins.
    """
    rows: list[dict[str, Any]] = []
    for size, k in enumerate(settings.sizes):
        pair = [
            signature(mined[half][size], counts[half][size], halves[half], bins, settings) for half in range(HALVES)
        ]
        for kind in KINDS:
            one, other = (found[kind] for found in pair)
            measures = {
                "overlap": rank_biased_overlap(one, other, settings.stability.persistence),
                "jaccard": jaccard(one, other),
            }
            known = {name: None if math.isnan(value) else value for name, value in measures.items()}
            rows.append({**neuron.as_row(), "k": k, "kind": kind, **known, "first": len(one), "second": len(other)})
    return rows


def usable_sizes(asked: Sequence[int], shortest: int) -> list[int]:
    """The sizes asked for that all lists have; where they end below the largest, what all have is the last."""
    sizes = [k for k in asked if k <= shortest]
    return sizes if len(sizes) == len(asked) else [*sizes, *([shortest] if shortest not in sizes else [])]


def rank_biased_overlap(one: Sequence[Hashable], other: Sequence[Hashable], p: float) -> float:
    """Extrapolated rank-biased overlap of two rankings without ties, of any lengths: 0 to 1; NaN when both are empty.

    Webber et al.'s equation 32: agreement beyond what is seen is taken to go on as at the end.
    """
    short, long = sorted((list(one), list(other)), key=len)
    s, n = len(short), len(long)
    if n == 0:
        return float("nan")
    if s == 0:
        return 0.0
    overlap = np.array([len(set(short[:d]) & set(long[:d])) for d in range(1, n + 1)], np.float64)  # (n,)
    depth = np.arange(1, n + 1)
    total = float((overlap / depth * p**depth).sum())
    beyond = depth[s:]
    total += float((overlap[s - 1] * (beyond - s) / (s * beyond) * p**beyond).sum())
    end = (overlap[-1] - overlap[s - 1]) / n + overlap[s - 1] / s
    return (1 - p) / p * total + float(end) * p**n


def jaccard(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Share of what is in either that is in both; NaN when both are empty."""
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else float("nan")


def enough(sizes: Sequence[int], agreement: Mapping[int, float], share: float) -> int | None:
    """The fewest sentences whose agreement is at least `share` of that of the most; None where that is not known."""
    last = agreement.get(max(sizes, default=0), float("nan"))
    if not last > 0:
        return None
    return next(k for k in sorted(sizes) if agreement.get(k, float("nan")) >= share * last)


def enough_text(fewest: int | None, sizes: Sequence[int]) -> str:
    """What `enough` found, in words."""
    if fewest is None:
        return "not known: no pattern is beyond chance"
    if fewest == sizes[-1] and len(sizes) > 1:
        return f"more than {sizes[-2]:,}: agreement still rises at {fewest:,}"
    return f"{fewest:,}"
