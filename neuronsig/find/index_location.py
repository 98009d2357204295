"""Where the index of a run and model is: beside the run's tables, or in the user's cache for a run elsewhere.

The name of an index tells what it was made of, so that an index is never stale: another mining has another name.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuronsig.run.record import stages_in
from neuronsig.storage.address import local_path

FORMAT = 2
"""Raise it when the index's schema changes."""


def identity(stages: Mapping[str, Any], model: str) -> str | None:
    """16 hex digits that name the signatures a run holds now; None when they are not finished.

    They cover when mining ended, because mining further neurons and back again ends in the same plan, and what the
    stages that mining read are now, so that signatures of other inputs are looked at anew.
    """
    entry = stages.get(f"mine/{model}")
    if not entry or entry.get("status") != "complete":
        return None
    inputs = {name: stages.get(name, {}).get("fingerprint") for name in entry["plan"].get("inputs", {})}
    text = json.dumps([FORMAT, entry["fingerprint"], entry.get("ended"), inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def index_file(run: str, model: str, name: str) -> Path:
    """The index's place: below a local run's work/, or in the user's cache where that is a URI or cannot be written."""
    if (root := local_path(run)) is not None:
        folder = root / "work" / "find"
        file = folder / f"{model}-{name}.sqlite"
        if file.exists() or os.access(next(p for p in (folder, *folder.parents) if p.exists()), os.W_OK):
            return file
    where = hashlib.sha256(run.encode()).hexdigest()[:16]
    return _cache() / "find" / where / f"{model}-{name}.sqlite"


def _cache() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neuronsig"
    except RuntimeError:  # no home
        return Path(tempfile.gettempdir()) / f"neuronsig-{os.getuid()}"


def local_record(run: str) -> dict[str, Any]:
    """The stages in run.json of a local run; none where it cannot be read, which the caller's slower way explains."""
    if (root := local_path(run)) is None:
        return {}
    try:
        return dict(stages_in(json.loads((root / "run.json").read_bytes())))
    except (OSError, ValueError, RecursionError):
        return {}
