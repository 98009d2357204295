"""What `neuronsig append` may do to the stages of a run: grow, go on after a kill, nothing, or refuse in one line."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from neuronsig.errors import InputError, PlanMismatchError
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import APPENDED, additions, comparable, earlier, grown, plan_difference, without_additions
from neuronsig.run.rules import recorded
from neuronsig.run.stages import in_order

JOB = "neuronsig append"

# What identifies a corpus in the plan of `annotate` and in each addition to it.
_CORPUS = ("corpus", "corpus_files")


def corpus_growth(run: RunDirectory, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The plan of `annotate` with one corpus more, or as an append of it that was killed left it; None: it is there.

    `wanted` is the plan of annotating that corpus alone. The addition names the sources as `free_names` has it. Raises
    InputError when the run or an append of other text is not finished, PlanMismatchError when it was annotated
    otherwise.
    """
    wanted = recorded("annotate", wanted)
    entry = run.stage_record("annotate")
    if entry is None or (entry["status"] != "complete" and not additions(entry["plan"])):
        run.fingerprint("annotate", JOB)
    assert entry is not None
    require_same(run, "annotate", entry, wanted, _CORPUS)
    parts = [entry["plan"], *additions(entry["plan"])]
    same = [all(part[key] == wanted[key] for key in _CORPUS) for part in parts]
    if entry["status"] == "complete" and any(same):
        return None
    if entry["status"] != "complete" and same[-1]:
        return dict(entry["plan"])
    _require_no_other_append(run)
    taken = [*entry["plan"]["corpus"]["sources"], *(name for part in parts[1:] for name in part["sources"].values())]
    addition = {key: wanted[key] for key in _CORPUS}
    return grown(entry, {**addition, "sources": free_names(wanted["corpus"]["sources"], taken)})


def free_names(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """A name for each source that the run has not: its own, else with the first free number behind it.

    Documents are known by their source's name (`text/a.txt`), so two corpora cannot share one.

    >>> free_names(["text", "imdb"], ["text"])
    {'text': 'text_2', 'imdb': 'imdb'}
    """
    found: dict[str, str] = {}
    for name in names:
        number, free = 1, name
        while free in taken or free in found.values():
            number += 1
            free = f"{name}_{number}"
        found[name] = free
    return found


def stage_growth(
    run: RunDirectory, name: str, source: str, wanted: Mapping[str, Any], addition: Mapping[str, Any]
) -> dict[str, Any]:
    """The plan of a stage made from `source`, which has grown, with that growth; as it is when it has it already.

    `wanted` is the plan that its own job makes now. Raises PlanMismatchError when the stage was made otherwise,
    InputError when it is not finished or was made from something else than an earlier state of `source`.
    """
    wanted = recorded(name, wanted)
    entry = run.stage_record(name)
    assert entry is not None
    require_same(run, name, entry, wanted, ["inputs"])
    same = without_additions(entry["plan"]) == comparable(wanted)
    if same and (additions(entry["plan"]) or entry["status"] == "complete"):
        return dict(entry["plan"])
    if entry["status"] != "complete" or place_of(run, name, source) is None:
        run.fingerprint(name, JOB)
    return grown(entry, addition, wanted["inputs"])


def place_of(run: RunDirectory, name: str, source: str) -> int | None:
    """How many additions to `source` the stage `name` has seen; None when it was made from another `source`."""
    stages = run.record()["stages"]
    states = [*earlier(stages[source]["plan"]), stages[source]["fingerprint"]]
    made_from = stages[name]["plan"]["inputs"][source]
    return states.index(made_from) if made_from in states else None


def require_same(
    run: RunDirectory, name: str, entry: Mapping[str, Any], wanted: Mapping[str, Any], free: Sequence[str]
) -> None:
    """Raise PlanMismatchError unless an addition would be made as the stage was, but for the keys in `free`.

    What other rules made does not grow by today's.
    """
    run.require_rules(name)
    plans = (comparable(plan) for plan in (entry["plan"], recorded(name, wanted)))
    there, asked = ({k: v for k, v in plan.items() if k not in (*free, APPENDED)} for plan in plans)
    if there != asked:
        raise PlanMismatchError(
            f"run={run.root}: what is appended must be made as {name} was: {plan_difference(there, asked)}; "
            f"give {JOB} the values of the run, or make another run=... of all the text"
        )


def added(before: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of both together; a count that only one of them has stays as it is.

    >>> added({"documents": 2, "dropped": {"empty": 1}}, {"documents": 3, "dropped": {"too_long": 4}})
    {'documents': 5, 'dropped': {'empty': 1, 'too_long': 4}}
    """
    found = dict(before)
    for key, value in new.items():
        if isinstance(value, Mapping):
            found[key] = added(found.get(key, {}), value)
        else:
            found[key] = found.get(key, 0) + value
    return found


def stale(run: RunDirectory) -> list[str]:
    """Finished stages of whatever job whose input has changed since, in the order in which to run the jobs again."""
    found = []
    for name, entry in run.record()["stages"].items():
        if entry["status"] == "complete":
            try:
                run.fingerprint(name, JOB, earlier=True)
            except InputError:
                found.append(name)
    return in_order(found)


def _require_no_other_append(run: RunDirectory) -> None:
    for name, entry in run.record()["stages"].items():
        if additions(entry["plan"]) and entry["status"] != "complete":
            raise InputError(
                f"run={run.root}: an append to {name} is not finished; run the same {JOB} again to its end before "
                "other text is appended"
            )
