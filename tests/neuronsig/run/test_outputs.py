"""Whoever changes the output of a stage raises the version of its rules: tables of two rules are never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronsig.run.plan import fingerprint_of
from neuronsig.run.stages import JOBS
from tests.neuronsig.run.outputs import OUTPUTS, plain

MADE: dict[str, tuple[int, dict[str, str]]] = {
    "annotate": (2, {"documents": "f0ce0eb9b339b45e", "cleaned": "26cc502b02ed0fe5", "alike": "d24d0078a30e2272"}),
    "corpus_table": (1, {"columns": "51952ea8a44325ee"}),
    "tokenize": (1, {"shards": "5424912f2b5b51d2"}),
    "collect": (2, {"lists": "730bdae4eaee8624", "pooled": "834c2a1d5c1b4110"}),
    "mine": (2, {"patterns": "61f186dc034fce6d", "judged": "240d68d47baed399", "profiled": "9d0be5706b6008fc"}),
    "describe": (3, {"told": "69aebbf21f8f8988"}),
    "cluster": (1, {"compared": "c76b61c83b18ffb5"}),
    "triggers": (1, {"strongest": "12e46989bcc7944d"}),
    "evaluate": (1, {"scored": "31ef747859d549e1"}),
    "stability": (1, {"agreement": "00fefcb0697327fd"}),
    "outliers": (1, {"dominated": "20373bb61ff655c3"}),
}
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
