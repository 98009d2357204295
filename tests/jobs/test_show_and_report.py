"""The two jobs that look at a run, from the command line to what the reader gets."""

from __future__ import annotations

from pathlib import Path

import pytest

import jobs.report
import jobs.show
from jobs.launch import launch
from neuronsig.compose import compose
from neuronsig.rundir import RunDirectory
from tests.run_factory import FactoryRun, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    return make_run(tmp_path_factory.mktemp("run"))


def test_show_prints_the_neuron_asked_for(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    summary = jobs.show.run(compose([f"run={made.run.root}", "neuron=L2/U1"]))
    out = capsys.readouterr().out
    assert "L2/U1" in out
    assert "violin" in out
    assert summary == {"neurons shown": "1 of 16"}


def test_show_without_a_name_prints_the_most_striking(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs.show.run(compose([f"run={made.run.root}"])) == {"neurons shown": "3 of 16"}
    assert capsys.readouterr().out.count("Top sentences") == 3


@pytest.mark.parametrize("job", [jobs.show, jobs.report], ids=["show", "report"])
def test_a_folder_that_is_no_run_is_one_line_and_exit_code_two(
    job: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = launch(job.run, ("report",), ["--brief", f"run={tmp_path}/nowhere"])  # type: ignore[attr-defined]
    error = capsys.readouterr().err
    assert code == 2
    assert "is not a run directory" in error
    assert error.count("\n") == 1


def test_report_prints_the_path_of_the_page_to_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    summary = jobs.report.run(compose([f"run={made.run.root}"]))
    index = made.run.report / "index.html"
    assert summary["report"] == str(index.resolve())
    assert summary["neuron pages"] == 3
    assert f"report: {index.resolve()}" in capsys.readouterr().out
    assert index.is_file()


def test_report_is_built_again_only_when_something_it_shows_changed(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    words = [f"run={made.run.root}"]
    page = made.run.report / "minilm" / "neurons" / "hidden-L01-U0000p.html"
    jobs.report.run(compose(words))
    page.write_text("left alone")
    jobs.report.run(compose(words))
    assert page.read_text() == "left alone"
    jobs.report.run(compose([*words, "report.sentences=5"]))
    assert page.read_text() != "left alone"
    record = RunDirectory.existing(made.run.root).stage_record("report/minilm")
    assert record is not None
    assert record["status"] == "complete"
