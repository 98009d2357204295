"""The jobs that leave a stage in a run directory, in the order in which each finds what it reads."""

from __future__ import annotations

from collections.abc import Iterable

JOBS = (
    "annotate",
    "corpus_table",
    "tokenize",
    "collect",
    "mine",
    "cluster",
    "triggers",
    "evaluate",
    "stability",
    "outliers",
    "report",
)


def in_order(stages: Iterable[str]) -> list[str]:
    """Names of stages in the order of their jobs, those of one job by name; of a job that is not known, at the end.

    >>> in_order(["mine/b", "report/a", "mine/a", "annotate"])
    ['annotate', 'mine/a', 'mine/b', 'report/a']
    """
    place = {job: number for number, job in enumerate(JOBS)}
    return sorted(stages, key=lambda name: (place.get(name.split("/")[0], len(JOBS)), name))
