"""A run directory: its tables, and `run.json`, which says how each was made.

A *stage* is one job's output. Its *plan* is all that determines the output: the config values it reads, the
fingerprints of the tables and weights it reads, the versions that matter. The same command again finds the
same plan and does only what is missing; another plan is refused with the difference (design section 4.3, 4.4).

The folder is a local path or a URI (neuronsig.storage.location); the paths that a RunDirectory gives have pathlib's
interface.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuronsig import __version__
from neuronsig.config import MiningConfig, SourceConfig, from_plan
from neuronsig.errors import InputError, MachineError, PlanMismatchError, reason
from neuronsig.progress import say
from neuronsig.run import plan as plans
from neuronsig.run import rules
from neuronsig.run.exclusive import HeldError, exclusive
from neuronsig.run.layout import Layout
from neuronsig.run.plan import library_versions
from neuronsig.run.record import checked
from neuronsig.storage.files import free_space, read_bytes, remove, size_below
from neuronsig.storage.location import is_local
from neuronsig.storage.reach import opened, what_to_check
from neuronsig.storage.whole_files import atomic_write, read_json

MINIMUM_SPACE = 64 * 2**20
"""Bytes that must be free before any stage starts; stages that can tell how much they write ask for that."""

RECORD_WAIT = 180.0
"""Seconds to wait for the lock of run.json, which others hold for milliseconds, or until their lease is stale."""


@dataclass
class Stage:
    """One job's output in a run directory; `done` says that an earlier run finished it under the same plan.

    `overwrites` says that the results of another plan are deleted once it begins; `begin` ends the checks of a stage
    that was entered with `checks=True`.
    """

    name: str
    plan: dict[str, Any]
    fingerprint: str
    done: bool
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    overwrites: bool = False
    begin: Callable[[], None] = lambda: None


class RunDirectory(Layout):
    """The folder of one run: where its tables are, and what run.json says of the stages that made them."""

    @classmethod
    def create(cls, root: Path | str) -> RunDirectory:
        """Make the folder and prove that it can be written; raises MachineError (permission, space, a store's no)."""
        run = cls(root)
        try:
            if is_local(run.root):
                run.root.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile(dir=run.root, prefix=".probe-") as stream:
                    stream.write(b"x")
                    stream.flush()
            else:
                probe = run.root / f".probe-{uuid.uuid4().hex[:12]}"
                opened(probe, lambda: atomic_write(probe, b"x"))
                remove(probe)
        except Exception as error:  # a store's package raises errors of its own
            mend = "choose another run=..." if is_local(run.root) else what_to_check(str(run.root))
            raise MachineError(f"run={root} cannot be written ({reason(error)}); {mend}") from None
        run.require_space(MINIMUM_SPACE)
        return run

    @classmethod
    def existing(cls, root: Path | str) -> RunDirectory:
        """Open a run directory that an earlier job made; raises InputError when there is none."""
        run = cls(root)
        try:
            # Asked whether there is such a file, stores tell who may not know that there is none: it is read.
            opened(run.root, lambda: read_bytes(run.record_file))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"run={root} is not a run directory (no run.json); run neuronsig pipeline run={root} first"
            ) from None
        except Exception as error:  # a store's package raises errors of its own
            mend = "check its permissions" if is_local(run.root) else what_to_check(str(run.root))
            raise InputError(f"run={root} cannot be read ({reason(error)}); {mend}") from None
        return run

    def require_space(self, needed: int, in_place_of: Sequence[Path] = ()) -> None:
        """Raise MachineError when the disk has fewer than `needed` bytes free; a store has no such bound.

        What is there `in_place_of` the needed bytes counts as free: it is deleted before they are written, or used.
        """
        free = free_space(self.root)
        if free is not None:
            free += sum(map(size_below, in_place_of))
        if free is not None and free < needed:
            raise MachineError(
                f"run={self.root}: {free / 2**20:,.0f} MiB free on its disk, {needed / 2**20:,.0f} MiB needed; "
                "free some space or choose another run=..."
            )

    def record(self) -> dict[str, Any]:
        """The content of run.json; an empty record when there is none. Raises InputError when it is broken."""
        try:
            return checked(read_json(self.record_file), self.record_file)
        except FileNotFoundError:
            return {"neuronsig": __version__, "stages": {}}
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.record_file} is not JSON ({error}); restore it or use another run=...") from None

    def stage_record(self, name: str) -> dict[str, Any] | None:
        return self.record()["stages"].get(name)

    def mined_with(self, model: str) -> MiningConfig:
        """What a model's signatures were mined with: keys that are gone since are dropped, keys that there were not
        yet have their defaults."""
        recorded = (self.stage_record(f"mine/{model}") or {})["plan"]["mining"]
        # Runs of before that key held out sentences.
        return from_plan(MiningConfig, {"holdout_by": "sentence"} | recorded)

    def annotated_sources(self) -> dict[str, SourceConfig]:
        """The sources that the sentences were made of, those that were appended too; empty where there are none."""
        recorded = (self.stage_record("annotate") or {}).get("config", {}).get("corpus", {}).get("sources", {})
        return {name: from_plan(SourceConfig, values) for name, values in recorded.items()}

    def fingerprint(self, stage: str, needed_by: str, earlier: bool = False) -> str:
        """Fingerprint of a finished stage that another job reads.

        Raises InputError when the stage is not there or not finished, was made from other inputs than the run
        directory holds now, or by other rules than today's; by `earlier` ones it may be for who only shows it.
        """
        stages = self.record()["stages"]
        entry = stages.get(stage)
        job = stage.split("/")[0]
        if entry is None or entry["status"] != "complete":
            have = sorted(n for n, e in stages.items() if n.split("/")[0] == job and e["status"] == "complete")
            found = f" (it has {', '.join(have)})" if have else ""
            state = "is not finished" if entry else "has not been run"
            maker = "append" if entry and plans.additions(entry["plan"]) else job
            raise InputError(
                f"{needed_by}: stage {stage} {state} in run={self.root}{found}; run neuronsig {maker} first"
            )
        for source, made_from in entry["plan"].get("inputs", {}).items():
            if self.fingerprint(source, needed_by, earlier) != made_from:
                stale = plans.stale(stage, self.root, source, made_from, stages[source]["plan"])
                raise InputError(f"{needed_by}: {stale}")
        if said := rules.refusal(self.root, stages, stage, earlier):
            raise InputError(f"{needed_by}: {said}")
        return str(entry["fingerprint"])

    def require_rules(self, *names: str) -> None:
        """Raise PlanMismatchError where other rules than today's made, or began, one of these stages (run.rules)."""
        stages = self.record()["stages"]
        if said := next(filter(None, (rules.refusal(self.root, stages, name) for name in names)), ""):
            raise PlanMismatchError(said)

    @contextmanager
    def stage(
        self,
        name: str,
        plan: Mapping[str, Any],
        outputs: Sequence[Path],
        config: Mapping[str, Any],
        overwrite: bool = False,
        checks: bool = False,
    ) -> Iterator[Stage]:
        """Enter one job's stage: compare plans, record the start, and record the end when the block succeeds.

        `outputs` are the paths that hold the stage's results; `plan["inputs"]` names the stages it reads and their
        fingerprints. The block must return at once when `stage.done`. Raises PlanMismatchError, naming the first
        differences, when the directory holds another plan and `overwrite` is false; with `overwrite` the outputs
        are deleted first, unless the plan has grown out of the finished one (neuronsig.run.plan). With `checks` nothing
        is deleted or recorded before the block calls `stage.begin()`: what it refuses until then leaves the directory
        as it was. Raises MachineError when it cannot be written, or another process makes the same stage.
        """
        plan = rules.recorded(name, plan)
        fingerprint = plans.plan_fingerprint(plan)
        if done := self._done(name, plan, fingerprint, outputs):
            yield done
            return
        self._same_plan(name, plan, fingerprint, overwrite)
        with self.alone(name):
            if done := self._done(name, plan, fingerprint, outputs):  # by the process that held the lock before
                yield done
                return
            entry = self._same_plan(name, plan, fingerprint, overwrite)
            stage = Stage(name, dict(plan), fingerprint, False)
            stage.overwrites = entry is None and self.stage_record(name) is not None
            if entry is not None and plans.additions(plan):
                stage.counts = dict(entry.get("counts", {}))
            before = 0.0
            # The seconds of a run that was interrupted count; those of a table that was deleted since do not.
            if entry is not None and (plans.follows(plan, entry) or entry["status"] != "complete"):
                before = float(entry.get("seconds", 0.0))
            common = {"plan": plan, "fingerprint": fingerprint, "config": dict(config), "versions": library_versions()}
            begun: list[float] = []

            def begin() -> None:
                for path in outputs if stage.overwrites else ():
                    remove(path)
                start = {"status": "running", "started": _now(), "seconds": before, "counts": stage.counts}
                self._write(name, {**common, **start})
                begun.append(time.monotonic())

            if checks:
                stage.begin = begin
            else:
                begin()
            try:
                yield stage
            except BaseException:
                # What ended the block is what the user must know of, a full disk perhaps, which takes no record either.
                with suppress(MachineError):
                    if begun:
                        self._end(stage, common, "interrupted", before + time.monotonic() - begun[0])
                raise
            self._end(stage, common, "complete", before + time.monotonic() - begun[0])

    def _done(self, name: str, plan: Mapping[str, Any], fingerprint: str, outputs: Sequence[Path]) -> Stage | None:
        """The stage as it was finished under this plan, its outputs all there; None when it was not."""
        entry = self.stage_record(name)
        if entry is None or entry["status"] != "complete" or not all(path.exists() for path in outputs):
            return None
        if entry["fingerprint"] != fingerprint and not plans.same_output(plan, entry):
            return None
        if rules.difference(name, entry["plan"]):
            return None
        counts, seconds = dict(entry.get("counts", {})), float(entry.get("seconds", 0.0))
        return Stage(name, dict(entry["plan"]), entry["fingerprint"], True, counts, seconds)

    def _same_plan(
        self, name: str, plan: Mapping[str, Any], fingerprint: str, overwrite: bool
    ) -> dict[str, Any] | None:
        """The stage's record when it has this plan; None when there is none, or another that may be overwritten."""
        if not overwrite:
            self.require_rules(name)
        entry = self.stage_record(name)
        if entry is not None and rules.difference(name, entry["plan"]):
            return None
        if entry is None or entry["fingerprint"] == fingerprint or plans.follows(plan, entry):
            return entry
        if not overwrite:
            raise PlanMismatchError(plans.refusal(name, self.root, entry, plan))
        return None

    def _end(self, stage: Stage, common: Mapping[str, Any], status: str, seconds: float) -> None:
        stage.seconds = round(seconds, 2)
        self._write(
            stage.name,
            {**common, "status": status, "ended": _now(), "seconds": stage.seconds, "counts": stage.counts},
        )

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the stage's lock (neuronsig.run.exclusive), once a process that holds it and may be dead is given up."""

        def told(holder: str) -> None:
            say(f"  run={self.root}: {holder} was making {name}; waiting until it is heard of again or given up")

        try:
            with exclusive(self.root / f".{name.replace('/', '-')}.lock", told=told):
                self.require_space(MINIMUM_SPACE)
                yield
        except HeldError as held:
            raise MachineError(
                f"run={self.root}: {held} is making {name} now; wait for it, or choose another run=..."
            ) from None

    def _write(self, name: str, entry: dict[str, Any]) -> None:
        try:
            with exclusive(self.root / ".run.lock", RECORD_WAIT):
                record = self.record()
                record["stages"][name] = entry
                atomic_write(self.record_file, json.dumps(record, indent=1, sort_keys=True, default=str).encode())
        except HeldError as held:
            raise MachineError(
                f"{self.record_file}: {held} has been writing it for {RECORD_WAIT:.0f} s; end that process"
            ) from None
        except OSError as error:
            raise MachineError(
                f"{self.record_file} cannot be written ({reason(error)}); mend that and run the same command again: "
                "what is committed stays"
            ) from None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
