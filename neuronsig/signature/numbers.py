"""Shares and ratios as a reader wants them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share as a reader wants it: 82%, 3.1%, 0.04%."""
    value = 100 * share
    if value >= 10 or value == 0:
        return f"{value:.0f}%"
    if value >= 1:
        return f"{value:.1f}%"
    return f"{value:.2f}%" if value >= 0.01 else "<0.01%"


def times(ratio: float | None, reference: float | None = None) -> str:
    """`×2.3`; `only` for what the reference has not at all, nothing where there is no reference."""
    if ratio is None:
        return "only" if reference == 0 else ""
    return f"×{ratio:,.0f}" if ratio >= 10 else f"×{ratio:.1f}"
