"""What a profile says beside the reference: distributions of metadata, and effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neuronsig.encoding.vocabulary import OTHER
from neuronsig.signature.view import Effect, Evidence

TOTAL = "total"


def metadata_distribution(
    profile: Sequence[tuple[str, Sequence[tuple[str, int]]]],
    n: int,
    evidence: Sequence[Evidence],
    domains: Mapping[str, int],
) -> dict[str, tuple[Evidence, ...]]:
    """Field -> its values, most frequent first: the whole profile, with the reference where mining counted one.

    `evidence` patterns are (field, value). Values without a row there have n2 = 0: no reference is known; but for
    domains, whose sentences in the whole corpus `domains` tells, with their `total`.
    """
    known = {row.pattern: row for row in evidence}
    found: dict[str, tuple[Evidence, ...]] = {}
    for name, counts in sorted(profile, key=lambda entry: (entry[0] != "domain", entry[0])):
        rows = []
        for value, count in counts:
            f2, n2 = (domains[value] - count, domains[TOTAL] - n) if name == "domain" and value in domains else (0, 0)
            bare = Evidence("metadata", (name, value), count, n, f2, n2, 0.0, 0.0)
            rows.append(known.get((name, value), bare))
        # What is left of the values says little, however many they are.
        found[name] = tuple(sorted(rows, key=lambda row: (row.pattern[-1] == OTHER, -row.f1, row.pattern)))
    return found


def effects_of(row: Mapping[str, Any]) -> dict[str, Effect]:
    """The effects of a row of PROFILES, by what was measured."""
    means = dict.fromkeys(("length", "position", "relative_position"), ("mean", "reference", "effect", "low", "high"))
    shares = dict.fromkeys(("noun", "verb", "adj"), ("share", "reference", "log_ratio", "low", "high"))
    return {name: Effect(*(row[f"{name}_{part}"] for part in parts)) for name, parts in (means | shares).items()}
