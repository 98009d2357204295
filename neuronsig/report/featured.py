"""Which neurons the front page shows: the most striking of every kind, and honestly some that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from neuronsig.report.site_data import Line

SECTIONS = (
    ("words", "Words and topics", "A few words make up much of their sentences and little of the corpus."),
    ("metadata", "Domains and sources", "Their sentences come from one kind of text."),
    ("tags", "Parts of speech", "A part of speech is far more, or less, frequent than in the corpus."),
    ("length", "Length", "Their sentences are far shorter, or longer, than the corpus's."),
)


def choose_featured(lines: Sequence[Line], n: int) -> list[tuple[tuple[str, str, str], list[Line]]]:
    """(section, its neurons), at most `n` neurons, the strongest of each kind in turn.

    A neuron whose leading word or value is already shown counts half, then a third, so that sections show
    different findings; layers break ties from the last to the first.
    """
    chosen: dict[str, list[Line]] = {kind: [] for kind, _, _ in SECTIONS}
    left = {kind: [line for line in lines if line.description.kind == kind] for kind in chosen}
    shown: Counter[str] = Counter()
    while sum(map(len, chosen.values())) < n and any(left.values()):
        for kind, candidates in left.items():
            if candidates and sum(map(len, chosen.values())) < n:
                best = max(candidates, key=lambda line: (_worth(line, shown), line.neuron))
                candidates.remove(best)
                chosen[kind].append(best)
                shown.update(best.leads)
    return [(section, chosen[section[0]]) for section in SECTIONS if chosen[section[0]]]


def _worth(line: Line, shown: Counter[str]) -> float:
    return line.description.strength / (1 + max(shown[lead] for lead in line.leads))


def choose_silent(lines: Sequence[Line], n: int) -> list[Line]:
    """Neurons in which little or nothing stands out, spread evenly over the layers."""
    silent = [line for line in lines if line.description.kind == "none"]
    if len(silent) <= n:
        return silent
    return [silent[(2 * i + 1) * len(silent) // (2 * n)] for i in range(n)]
