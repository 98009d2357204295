"""What a stage's plan is made of and known by: fingerprints, versions, the difference of two plans, and growth.

A plan grows when text is appended to a finished run (design section 4.4): nothing of it is replaced. `plan["appended"]`
lists what came later, oldest first; each entry's `from` is the fingerprint the stage had before. `plan["inputs"]`,
where there are any, are those the stage's output stands for now; `plan["rules_version"]` is that of the rules that made
it (neuronsig.run.rules).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from neuronsig import __version__

APPENDED = "appended"
RULES_VERSION = "rules_version"
LIBRARIES = (
    "numpy",
    "pyarrow",
    "pyspark",
    "spark-nlp",
    "ray",
    "torch",
    "transformers",
    "tokenizers",
    "faiss-cpu",
    "gensim",
)


def fingerprint_of(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def comparable(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as it is compared and known by: version 1 is not said, as in plans of before versions were recorded."""
    return {key: value for key, value in plan.items() if (key, value) != (RULES_VERSION, 1)}


def plan_fingerprint(plan: Mapping[str, Any]) -> str:
    """What a stage of this plan is known by."""
    return fingerprint_of(comparable(plan))


def fingerprint_files(paths: Sequence[Path] | Sequence[Traversable]) -> str:
    """The first 16 hex digits of the SHA-256 over names and contents, for files of moderate size."""
    digest = hashlib.sha256()
    for path in sorted(paths):  # type: ignore[type-var]
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:16]


def plan_difference(old: Mapping[str, Any], new: Mapping[str, Any], shown: int = 3) -> str:
    """`collect.k was 500, now 1000; ...` for the first differing leaves of two plans."""
    before, after = _written_leaves(comparable(old)), _written_leaves(comparable(new))
    keys = [k for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)]
    said = [f"{k} was {before.get(k, 'absent')}, now {after.get(k, 'absent')}" for k in keys[:shown]]
    more = f" and {len(keys) - shown} more" if len(keys) > shown else ""
    return "; ".join(said) + more


def library_versions() -> dict[str, str]:
    """Versions of the libraries that results depend on, those installed here."""
    versions = {"neuronsig": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _written_leaves(plan: Mapping[str, Any]) -> dict[str, Any]:
    lists = {key: json.dumps(value, default=str) for key, value in leaves(plan) if isinstance(value, (list, tuple))}
    return {**dict(leaves(plan)), **lists}


def leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with the keys to it joined by dots."""
    for key, item in value.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(item, Mapping):
            yield from leaves(item, name)
        else:
            yield name, item


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
    return {key: value for key, value in comparable(plan).items() if key != APPENDED}


def follows(plan: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether `plan` is that of a finished stage with one more addition."""
    return entry["status"] == "complete" and earlier(plan)[-1:] == [entry["fingerprint"]]


def same_output(plan: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether the stage holds what `plan` asks for, be it in several additions.

    That is so when it was made from the same inputs: what was appended is in their fingerprints.
    """
    return bool(plan.get("inputs")) and without_additions(entry["plan"]) == comparable(plan)


def stale(stage: str, root: object, source: str, made_from: str, now: Mapping[str, Any]) -> str:
    """What is wrong with a stage made from another `source` than there is, whose plan is `now`, and the remedy."""
    job = stage.split("/")[0]
    again = f"run neuronsig {job} with overwrite=true first"
    if made_from not in earlier(now):
        return f"{stage} in run={root} was made from another {source} than is there now; {again}"
    if job in ("tokenize", "collect"):
        again = "run neuronsig append of that text for this model first, or that job with overwrite=true"
    return f"{stage} in run={root} was made before text was appended to {source}; {again}"


def refusal(name: str, root: object, entry: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """Why the stage's own job does not make it by another plan, or without what was appended, and what may be run."""
    if without_additions(entry["plan"]) != comparable(plan):
        return (
            f"run={root} already holds {name} made with another plan: {plan_difference(entry['plan'], plan)}; "
            "choose another run=..., or overwrite=true to make it again"
        )
    appended = f"run={root}: text was appended to {name} {times(entry['plan'])}"
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
