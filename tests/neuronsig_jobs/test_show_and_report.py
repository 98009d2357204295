"""The two jobs that look at a run, from the command line to what the reader gets."""

from __future__ import annotations

import dataclasses
import html
import importlib
from pathlib import Path

import pytest

import neuronsig_jobs.report
import neuronsig_jobs.show
from neuronsig.config.compose import compose
from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS
from neuronsig.signature.freshness import remake_command
from neuronsig_jobs.__main__ import main
from tests.run_factory import DOMINATED, FactoryRun, add_outliers, change_stage, make_constant, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    return make_run(tmp_path_factory.mktemp("run"))


def test_show_prints_the_neuron_asked_for(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    summary = neuronsig_jobs.show.run(compose([f"run={made.run.root}", "neuron=L2/U1"]))
    out = capsys.readouterr().out
    assert "L2/U1" in out
    assert "violin" in out
    assert summary["neurons shown"] == "1 of 16"
    assert "left out" not in out
    command = remake_command(made.run, "minilm", "triggers")
    assert f"not made yet: the words that carry the activation\n  {command}\n" in out


def test_show_prints_the_commands_for_what_is_left_out_however_long_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / ("a rather long name " * 6), layers=1, units=1, k=10)
    change_stage(made.run, "mine/minilm", fingerprint="f" * 16)
    neuronsig_jobs.show.run(compose([f"run={made.run.root}"]))
    said = f"changed since: clusters, typical sentences and facets\n  {remake_command(made.run, 'minilm', 'cluster')}\n"
    assert said in capsys.readouterr().out


def test_show_without_a_name_prints_the_most_striking(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert neuronsig_jobs.show.run(compose([f"run={made.run.root}"]))["neurons shown"] == "3 of 16"
    assert capsys.readouterr().out.count("Top sentences") == 3


def test_show_prints_as_many_sentences_as_asked_for(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    neuronsig_jobs.show.run(compose([f"run={made.run.root}", "neuron=L1/U1", "report.show_sentences=23"]))
    ranks = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [rank for rank in ranks if rank.isdigit()][1:] == [str(rank) for rank in range(1, 24)]


def test_of_a_constant_unit_one_line_says_that_it_has_no_signature(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    make_constant(made.run, {Neuron("hidden", 1, 3): -8.6e-33})
    assert main(["show", "--brief", "L1/U3", f"run={made.run.root}"]) == 0
    said = "Constant: its activation is the same for every sentence (-8.6e-33), so that its list ranks nothing"
    assert f"\nL1/U3  {said} and it has no signature.\n" in capsys.readouterr().out
    assert main(["show", "--brief", "L1/U4", f"run={made.run.root}"]) == 2
    assert "units 0 to 3" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["show", "report"])
def test_results_of_another_collection_are_refused_with_the_job_to_run(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=1, sentences=50, k=10)
    change_stage(made.run, "collect/minilm", fingerprint="f" * 16)
    code = main([job, "--brief", f"run={made.run.root}"])
    error = capsys.readouterr().err
    assert code == 2
    assert "mine/minilm" in error
    assert "neuronsig mine" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("job", ["show", "report"])
def test_a_folder_that_is_no_run_is_one_line_and_exit_code_two(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([job, "--brief", f"run={tmp_path}/nowhere"])
    error = capsys.readouterr().err
    assert code == 2
    assert "is not a run directory" in error
    assert error.count("\n") == 1


def test_report_prints_the_path_of_the_page_to_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    summary = neuronsig_jobs.report.run(compose([f"run={made.run.root}"]))
    index = made.run.report / "index.html"
    assert summary["report"] == str(index.resolve())
    assert summary["neuron pages"] == 3
    assert f"report: {index.resolve()}" in capsys.readouterr().out
    assert index.is_file()


def test_report_is_built_again_only_when_something_it_shows_changed(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    words = [f"run={made.run.root}"]
    page = made.run.report / "minilm" / "neurons" / "hidden-L01-U0000p.html"
    neuronsig_jobs.report.run(compose(words))
    page.write_text("left alone")
    neuronsig_jobs.report.run(compose(words))
    assert page.read_text() == "left alone"
    neuronsig_jobs.report.run(compose([*words, "report.sentences=5"]))
    assert page.read_text() != "left alone"
    record = RunDirectory.existing(made.run.root).stage_record("report/minilm")
    assert record is not None
    assert record["status"] == "complete"


def test_the_old_site_is_whole_while_and_after_a_new_one_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    words = [f"run={made.run.root}"]
    neuronsig_jobs.report.run(compose(words))
    site = made.run.report / "minilm"
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}

    def fail(*args: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("neuronsig.report.build")._Builder, "front_page", fail)
        with pytest.raises(OSError, match="disk full"):
            neuronsig_jobs.report.run(compose([*words, "report.sentences=5"]))
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    neuronsig_jobs.report.run(compose([*words, "report.sentences=5"]))
    assert [path.name for path in made.run.report.glob(".*")] == []


def test_a_report_leaves_out_clusters_of_other_signatures_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    change_stage(made.run, "mine/minilm", fingerprint="f" * 16)
    summary = neuronsig_jobs.report.run(compose([f"run={made.run.root}"]))
    assert summary["left out"] == "cluster/minilm"
    assert f"\n  {remake_command(made.run, 'minilm', 'cluster')}\n" in capsys.readouterr().out
    assert not list((made.run.report / "minilm" / "groups").glob("cluster-*"))


def test_what_earlier_rules_made_is_shown_with_what_changed_and_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    words = [f"run={made.run.root}"]
    before = neuronsig_jobs.report.run(compose(words))
    changes = {"annotate": "accents stay with their letter", "cluster": "k-means++"}
    jobs = {name: JOBS[name] for name in changes}
    for name, job in jobs.items():
        monkeypatch.setitem(JOBS, name, dataclasses.replace(job, changes=(*job.changes, changes[name])))
    capsys.readouterr()
    neuronsig_jobs.show.run(compose(words))
    shown = capsys.readouterr().out
    assert neuronsig_jobs.report.run(compose(words)) | before == before | {"site, bytes": before["site, bytes"]}
    reported = capsys.readouterr().out
    front = html.unescape((made.run.report / "minilm" / "index.html").read_text())
    page = html.unescape(next((made.run.report / "minilm" / "neurons").iterdir()).read_text())
    for name, job in jobs.items():
        version = f"version {job.rules} of its rules, now {job.rules + 1} ({changes[name]})"
        said, command = f"{job.stage('minilm')} was made by {version}", remake_command(made.run, "minilm", name)
        assert f"shown as it was made by earlier rules: {said}\n  {command}\n" in shown
        assert f"shown as it was made by earlier rules: {said}\n  {command}\n" in reported
        assert f"{said} (<code>{command}</code>)" in front
        assert f"{said} (<code>{command}</code>)" in page


@pytest.mark.parametrize("stage", ["mine/minilm", "cluster/minilm"])
def test_what_later_rules_made_is_not_shown(tmp_path: Path, stage: str) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    entry = made.run.stage_record(stage)
    assert entry is not None
    change_stage(made.run, stage, plan={**entry["plan"], "rules_version": 99})
    for job in (neuronsig_jobs.show, neuronsig_jobs.report):
        with pytest.raises(InputError, match=f"{stage} was made by version 99 of its rules, and this"):
            job.run(compose([f"run={made.run.root}"]))


def test_a_report_shows_outliers_once_they_are_there_and_leaves_out_those_of_another_collection(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", layers=1, units=3, k=20)
    words, front = [f"run={made.run.root}"], made.run.report / "minilm" / "index.html"
    neuronsig_jobs.report.run(compose(words))
    assert "h-dominated" not in front.read_text()
    add_outliers(made.run, [DOMINATED])
    assert "left out" not in neuronsig_jobs.report.run(compose(words))
    assert "h-dominated" in front.read_text()
    change_stage(made.run, "outliers/minilm", plan={"inputs": {"collect/minilm": "another"}})
    assert neuronsig_jobs.report.run(compose(words))["left out"] == "outliers/minilm"
    assert "h-dominated" not in front.read_text()


def test_show_takes_a_bare_word_as_the_neuron(made: FactoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for word in ("L1/U1", "neuron=L1/U1"):
        assert main(["show", "--brief", f"run={made.run.root}", word]) == 0
        said.append(capsys.readouterr().out.partition("done in")[0])
    assert said[0] == said[1]
    assert "L1/U1" in said[0]
    assert main(["show", "--brief", f"run={made.run.root}", "L1/U1", "L1/U2"]) == 2
    assert "L1/U1 L1/U2" in capsys.readouterr().err
    assert main(["show", "--brief", f"rnu={made.run.root}", "L1/U1"]) == 2
    assert "unknown key 'rnu'" in capsys.readouterr().err
