"""Makes the index of a run's signatures where it is not there; here are the tables' readers, which take a while."""

from __future__ import annotations

from pathlib import Path

from neuronsig.errors import InputError, MachineError, reason
from neuronsig.find.index import build_index
from neuronsig.find.index_location import identity, index_file
from neuronsig.progress import say
from neuronsig.run.directory import RunDirectory
from neuronsig.run.exclusive import HeldError, exclusive
from neuronsig.storage.parquet import check_table
from neuronsig.storage.whole_files import written
from neuronsig.tables import SIGNATURES

WAIT = 3600.0
"""Seconds to wait for another process that makes the same index."""


def ensure_index(run: str, model: str) -> Path:
    """The index of the signatures that the run holds now; made, atomically, where there is none.

    Raises InputError for an unknown run or model and for signatures that are not there, not finished or not of the
    run's present lists; MachineError when the index cannot be written.
    """
    directory = RunDirectory.existing(run)
    directory.fingerprint(f"mine/{model}", "find")
    rows = check_table(directory.signatures(model), SIGNATURES)
    stages = directory.record()["stages"]
    name = identity(stages, model)
    if name is None:
        raise InputError(f"find: mine/{model} is being run in run={run}; wait for it")
    kept = directory.mined_with(model).patterns_kept
    file = index_file(run, model, name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(file.parent / f".{model}.lock", WAIT):
            if not file.exists():
                say(f"making the index of {rows:,} signature rows, once")
                with written(file) as temporary:
                    build_index(directory.signatures(model), temporary, kept=kept)
                _remove_others(file, model)
    except HeldError as held:
        raise MachineError(f"find: {held} has been making {file} for {WAIT:.0f} s; end that process") from None
    except OSError as error:
        raise MachineError(f"find: {file} cannot be written ({reason(error)}); free some space there") from None
    return file


def _remove_others(file: Path, model: str) -> None:
    """Delete the indices of what the run held before; this process has the lock, and open files stay readable."""
    for other in file.parent.glob(f"{model}-{'?' * 16}.sqlite"):
        if other != file:
            other.unlink(missing_ok=True)
