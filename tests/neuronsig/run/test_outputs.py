"""Whoever changes the output of a stage raises the version of its rules: tables of two rules are never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronsig.run.plan import fingerprint_of
from neuronsig.run.stages import JOBS
from tests.neuronsig.run.outputs import OUTPUTS, plain

MADE: dict[str, tuple[int, dict[str, str]]] = {}
"""Stage -> the version of its rules, and the fingerprint of each part of what they make of the tiny inputs."""

OF_ITS_OWN = {"report"}
"""Stages whose plan holds a fingerprint of the code that makes them."""


@pytest.mark.parametrize("stage", list(OUTPUTS))
def test_a_stage_whose_output_changed_has_another_version(stage: str, tmp_path: Path) -> None:
    found = {make.__name__: fingerprint_of(plain(make(tmp_path))) for make in OUTPUTS[stage]}
    version, known = MADE.get(stage, (0, {}))
    changed = [name for name in found if found[name] != known.get(name)]
    entry = f'"{stage}": ({JOBS[stage].rules}, {found}),'.replace("'", '"')
    assert not (changed and JOBS[stage].rules == version), (
        f"the output of stage {stage} changed ({', '.join(changed)}): raise its version and say what changed, a line "
        "in `changes` of its entry in neuronsig/run/stages.py; then write here in MADE, with the version raised, "
        f"{entry} "
        "(where only the tiny inputs of tests/neuronsig/run/outputs.py are others, the version stays)"
    )
    assert (version, known) == (JOBS[stage].rules, found), f"write here in MADE: {entry}"


def test_every_stage_has_an_output_that_its_version_stands_for() -> None:
    assert {name for name, job in JOBS.items() if job.tables} - OF_ITS_OWN == OUTPUTS.keys() == MADE.keys()
