"""By which rules a stage was made: the version in its plan beside that of the registry (neuronsig.run.stages).

With the same settings and inputs, a stage of other rules holds another output. So it is not taken for a stage of today:
no job goes on with it or builds on it, and what is shown of it is shown with what has changed. A plan without a
version is of version 1: it was made before versions were recorded.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from neuronsig.run.commands import remake
from neuronsig.run.plan import RULES_VERSION, fingerprint_of
from neuronsig.run.stages import JOBS, in_order


def recorded(stage: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """A job's plan as run.json has it: plain data, with the version of the rules that the stage is made by now."""
    return {**json.loads(json.dumps(plan, default=str)), RULES_VERSION: _current(stage)}


def work_fingerprint(job: str, made_of: Any) -> str:
    """What unfinished or shared work of a job is known by, such as the folder it lies in.

    Work of other rules is another's, as that of other inputs is.
    """
    version = JOBS[job].rules
    return fingerprint_of(made_of if version == 1 else {"made of": made_of, RULES_VERSION: version})


def is_later(stage: str, plan: Mapping[str, Any]) -> bool:
    """Whether a stage was made by rules that this neuronsig does not know yet."""
    version = plan.get(RULES_VERSION, 1)
    return not isinstance(version, int) or version > _current(stage)


def difference(stage: str, plan: Mapping[str, Any]) -> str:
    """What is said of a stage that was made by other rules than today's, what has changed; empty of all others."""
    version, now = plan.get(RULES_VERSION, 1), _current(stage)
    if version == now:
        return ""
    if is_later(stage, plan):
        return f"{stage} was made by version {version} of its rules, and this neuronsig has version {now}"
    changes = "; ".join(JOBS[_job(stage)].changes[max(version, 1) - 1 :])
    return f"{stage} was made by version {version} of its rules, now {now} ({changes})"


def refusal(root: object, stages: Mapping[str, Any], stage: str, earlier: bool = False) -> str:
    """What is wrong with a stage that was made by other rules, and the command that makes it again.

    Empty where there is no such stage, or, with `earlier`, where earlier rules made it.
    """
    if stage not in stages or not (said := difference(stage, stages[stage]["plan"])):
        return ""
    if is_later(stage, stages[stage]["plan"]):
        return f"run={root}: {said}; go on with the neuronsig that made it, or choose another run=..."
    if earlier:
        return ""
    return f"run={root}: {said}; make it again ({remake(root, stages, stage)}), or choose another run=..."


def earlier_rules(root: object, stages: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The commands that make again those of the stages, and of what they were made from, that other rules made.

    By what is said of each, in the order in which to run them; none (empty) where later rules made it.
    """
    found, todo = set[str](), list(names)
    while todo:
        if (name := todo.pop()) in stages and name not in found:
            found.add(name)
            todo += stages[name]["plan"].get("inputs", {})
    plans = {name: stages[name]["plan"] for name in in_order(found) if _job(name) in JOBS}
    return {
        said: "" if is_later(name, plan) else remake(root, stages, name)
        for name, plan in plans.items()
        if (said := difference(name, plan))
    }


def _current(stage: str) -> int:
    job = JOBS.get(_job(stage))
    return job.rules if job else 1


def _job(stage: str) -> str:
    return stage.partition("/")[0]
