"""What run.json holds: the stages of a run, and of each its plan, fingerprint, status, config, counts and seconds."""

from collections.abc import Mapping
from typing import Any

from neuronsig import __version__
from neuronsig.errors import InputError

ENTRY = {"plan": dict, "fingerprint": str, "status": str}
"""What the record of a stage has, whatever neuronsig wrote it; all else may be lacking."""


def checked(record: Any, file: object) -> dict[str, Any]:
    """The content of run.json; raises InputError where a neuronsig that writes it otherwise has written it."""
    if not (wrong := unknown(record)):
        return dict(record)
    writer = record.get("neuronsig") if isinstance(record, dict) else None
    by = f"neuronsig {writer} wrote it, this is {__version__}; use that one" if writer else "restore it"
    raise InputError(f"{file} is no record of a run as it is known here: {wrong}; {by} or another run=...")


def stages_in(record: Any) -> Mapping[str, Any]:
    """The stages of a record; none where it is not as it is written here."""
    return {} if unknown(record) else record["stages"]


def unknown(record: Any) -> str:
    """What of a record is not as it is written here, however much more it holds; empty where all is."""
    if not isinstance(record, dict) or not isinstance(record.get("stages"), dict):
        return "'stages' is no object"
    for name, entry in record["stages"].items():
        for key, kind in ENTRY.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
                return f"stage {name} has no {key!r}"
        if not isinstance(entry["plan"].get("inputs", {}), dict):
            return f"the inputs of stage {name} are no object"
    return ""
