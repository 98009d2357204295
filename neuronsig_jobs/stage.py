"""How a job enters its stage of the run directory: as the registry (neuronsig.run.stages) says it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from neuronsig.config import Config, as_plan
from neuronsig.run.directory import RunDirectory, Stage
from neuronsig.run.stages import JOBS, input_stages


def inputs_of(config: Config, job: str, earlier: bool = False) -> dict[str, str]:
    """Stages that the job's stage is made from, and their fingerprints.

    Raises InputError when there is no run, and as `RunDirectory.fingerprint` does.
    """
    run, stages = RunDirectory.existing(config.run), input_stages(job, config.model.name)
    return {stage: run.fingerprint(stage, f"neuronsig {job}", earlier) for stage in stages}


def enter(
    config: Config,
    job: str,
    plan: Mapping[str, Any],
    outputs: Sequence[Path] | None = None,
    model: str = "",
    checks: bool = False,
) -> AbstractContextManager[Stage]:
    """Enter the job's stage as `RunDirectory.stage` does, with the config sections that it reads on record.

    `outputs` are the job's tables unless others are given; `model` is the config's, or the tokenizer's name.
    """
    known, run, model = JOBS[job], RunDirectory(config.run), model or config.model.name
    if outputs is None:
        outputs = [run.root / table.format(model) for table in known.tables]
    recorded = {section: as_plan(getattr(config, section)) for section in known.sections}
    overwrite = config.overwrite or not known.refuses
    return run.stage(known.stage(model), plan, outputs, recorded, overwrite, checks)


@contextmanager
def enter_on_ray(config: Config, job: str, plan: Mapping[str, Any]) -> Iterator[tuple[Stage, Callable[[], None]]]:
    """Enter a stage that is made on Ray; gives it, and what starts Ray until the stage ends.

    The block calls `stage.begin()`: what is refused until then leaves the results of another plan where they are.
    """
    from neuronsig_ray.preflight import ready_session

    with ExitStack() as session, enter(config, job, plan, checks=True) as stage:
        yield stage, lambda: session.enter_context(ready_session(config))
