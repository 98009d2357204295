"""Progress of a Spark action, read off its finished tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from neuronsig.progress import Task, polled

_SECONDS = 0.5


@contextmanager
def watched(spark: SparkSession, task: Task, partitions: int, amount: float) -> Iterator[None]:
    """Advance `task` by `amount` while the action in the block runs, in step with its stage of `partitions` tasks.

    Other stages of the action (samplings, shuffles of another width) do not move the bar.
    """
    context = spark.sparkContext
    group = f"neuronsig-{uuid.uuid4().hex[:8]}"
    context.setJobGroup(group, task.what)
    tracker, base = context.statusTracker(), task.completed

    def finished_share() -> float:
        best = (-1, 0.0)
        for job in tracker.getJobIdsForGroup(group):
            found = tracker.getJobInfo(job)
            for stage_id in found.stageIds if found else ():
                stage = tracker.getStageInfo(stage_id)
                if stage is not None and stage.numTasks == partitions:
                    best = max(best, (stage_id, stage.numCompletedTasks / partitions))
        return best[1]

    try:
        with polled(lambda: task.update(base + amount * finished_share()), _SECONDS):
            yield
    finally:
        # Jobs started later in this thread do not belong to this group.
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    task.update(base + amount)
