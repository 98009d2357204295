"""Relative frequencies of a pattern, with a neuron and in the reference, from mining's counts."""

from __future__ import annotations


def share(f1: int, n1: int) -> float:
    """Relative frequency with the neuron, 0 to 1."""
    return f1 / n1 if n1 else 0.0


def reference(f2: int, n2: int, matched: float | None) -> float | None:
    """Relative frequency in the reference, matched where that is known, 0 to 1; None without a reference."""
    if matched is not None:
        return matched
    return f2 / n2 if n2 > 0 else None
