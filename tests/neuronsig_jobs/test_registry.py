"""A job is one entry of the registry and one module: everything else that names jobs knows it then."""

from __future__ import annotations

from pathlib import Path

import pytest

import neuronsig_jobs
from neuronsig.config import Config
from neuronsig.run.appending import stale
from neuronsig.run.stages import JOBS, JobSpec, in_order, pipeline_jobs, sections_of
from neuronsig.signature.freshness import freshness
from neuronsig_jobs.__main__ import main
from tests.run_factory import MODEL, change_stage, make_run

ENTRY = JobSpec(
    "rotate",
    sections=("model", "verify", "ray"),
    inputs=("annotate", "mine"),
    tables=("rotated/{}",),
    results="the signatures of a rotated basis",
    in_pipeline=True,
)
MODULE = '''"""Signatures of a rotated basis.

Example:  neuronsig rotate run=runs/demo
"""
from neuronsig_jobs.stage import enter, inputs_of


def run(config):
    with enter(config, "rotate", {"inputs": inputs_of(config, "rotate")}) as stage:
        return {"done before": str(stage.done)}
'''


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobSpec:
    (tmp_path / "rotate.py").write_text(MODULE)
    monkeypatch.setitem(JOBS, ENTRY.name, ENTRY)
    monkeypatch.setattr(neuronsig_jobs, "__path__", [*neuronsig_jobs.__path__, str(tmp_path)])
    return ENTRY


def test_one_entry_makes_a_stage_known_everywhere(
    entry: JobSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_order([f"rotate/{MODEL}", f"report/{MODEL}", "annotate"])[-1] == f"rotate/{MODEL}"
    assert pipeline_jobs()[-1] is entry
    assert "verify" in sections_of("pipeline")
    assert main(["--help"]) == 0
    assert "  rotate            Signatures of a rotated basis.\n" in capsys.readouterr().out
    assert main(["rotate", "--help"]) == 0
    assert "verify.sample=" in capsys.readouterr().out

    run = make_run(tmp_path / "run", layers=1, units=1, sentences=60, k=10, clustered=False).run
    words = [f"run={run.root}", f"model.name={MODEL}", "verify.sample=7", "--brief"]
    assert freshness(run, MODEL, "test").missing[f"rotate/{MODEL}"].startswith("neuronsig rotate ")
    assert main(["rotate", *words]) == 0
    record = run.stage_record(f"rotate/{MODEL}")
    assert record is not None
    assert record["config"].keys() == {"model", "verify", "ray"}
    assert record["plan"]["inputs"].keys() == {"annotate", f"mine/{MODEL}"}
    (run.root / "rotated" / MODEL).mkdir(parents=True)
    assert main(["rotate", *words]) == 0
    assert "True" in capsys.readouterr().out
    assert f"rotate/{MODEL}" in freshness(run, MODEL, "test").current

    change_stage(run, f"mine/{MODEL}", fingerprint="f" * 16)
    command = freshness(run, MODEL, "test").left_out[f"rotate/{MODEL}"]
    assert command == f"neuronsig rotate run={run.root} model.name={MODEL} verify.sample=7 overwrite=true"
    assert f"rotate/{MODEL}" in stale(run)


def test_every_job_has_a_module_and_every_section_is_of_the_config() -> None:
    modules = {path.stem for folder in neuronsig_jobs.__path__ for path in Path(folder).glob("*.py")}
    assert JOBS.keys() <= modules
    known = vars(Config())
    for job in JOBS.values():
        assert set(job.sections) <= known.keys()
        assert set(job.inputs) <= JOBS.keys()
        assert in_order([job.name, *job.inputs])[-1] == job.name
