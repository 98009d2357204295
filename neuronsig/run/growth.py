"""A stage's plan after text was appended to a finished run (design section 4.4): it grows, nothing of it is replaced.

`plan["appended"]` lists what came later, oldest first; each entry's `from` is the fingerprint the stage had before.
`plan["inputs"]`, where there are any, are those the stage's output stands for now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

APPENDED = "appended"


def grown(
    entry: Mapping[str, Any], addition: Mapping[str, Any], inputs: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The plan of a finished stage (its record in run.json) with one addition, made from other `inputs` than before."""
    plan = dict(entry["plan"])
    if inputs is not None:
        plan["inputs"] = dict(inputs)
    return {**plan, APPENDED: [*plan.get(APPENDED, ()), {"from": entry["fingerprint"], **addition}]}


def additions(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was appended, oldest first."""
    return list(plan.get(APPENDED, ()))


def times(plan: Mapping[str, Any]) -> str:
    """How often text was appended, in words."""
    number = len(additions(plan))
    return "once" if number == 1 else f"{number} times"


def note(plan: Mapping[str, Any]) -> dict[str, str]:
    """What the summary of a job says of a stage that has grown."""
    return {"text was appended by neuronsig append": times(plan)} if additions(plan) else {}


def earlier(plan: Mapping[str, Any]) -> list[str]:
    """The fingerprints that the stage had before each addition, oldest first."""
    return [addition["from"] for addition in additions(plan)]


def without_additions(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plan.items() if key != APPENDED}


def follows(plan: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether `plan` is that of a finished stage with one more addition."""
    return entry["status"] == "complete" and earlier(plan)[-1:] == [entry["fingerprint"]]


def same_output(plan: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether the stage holds what `plan` asks for, be it in several additions.

    That is so when it was made from the same inputs: what was appended is in their fingerprints.
    """
    return bool(plan.get("inputs")) and without_additions(entry["plan"]) == plan


def refusal(name: str, entry: Mapping[str, Any]) -> str:
    """Why the stage's own job does not make it again without what was appended to it, and what may be run."""
    appended = f"text was appended to {name} {times(entry['plan'])}"
    complete = entry["status"] == "complete"
    whole = f"neuronsig {name.split('/')[0]} with overwrite=true to make it in one piece"
    if complete and name.startswith("collect/"):
        # A list that is lost is lost with the earlier one, which it was made from.
        return f"{appended}, and it is not whole; run {whole}"
    if not complete or entry["plan"].get("inputs"):
        state = "is not whole" if complete else "is not finished"
        return f"{appended}, and it {state}; run the same neuronsig append again, or {whole}"
    return (
        f"{appended} since it was made from this corpus; go on with the jobs that read it, choose another run=..., or "
        "overwrite=true to make it again without that text"
    )
