"""The pipeline that gives its jobs to clusters; tests/clusters has it on real ones."""

import contextlib
import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from neuronsig.config import Config, ModelConfig
from neuronsig.config.compose import compose
from neuronsig.errors import NeuronsigError, PlanMismatchError, TooLittleTextError
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS
from neuronsig_jobs import pipeline
from neuronsig_jobs.endings import ending
from neuronsig_jobs.launch import ERROR_FILE, launch


def test_jobs_are_given_to_the_cluster_of_their_engine_and_leave_their_stage_where_this_machine_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = RunDirectory.create(tmp_path / "run")
    words = [f"run={run.root}", "spark.submit=env FOR='one cluster' submit.py", "ray.submit=env -- neuronsig"]
    started: dict[str, list[str]] = {}

    def ended(command: Sequence[str], lost: str = "", failing: str = "evaluate") -> int:
        job = next(word for word in command if word in JOBS)
        started[job] = command[: command.index(job)]
        assert job == "show" or "spark=submitted" in command
        assert [word for word in command if word in words] == words
        if job == failing:
            (told,) = (word.removeprefix(ERROR_FILE) for word in command if word.startswith(ERROR_FILE))
            Path(told).write_text('{"exit_code": 3, "error": "there is too little text"}')
            return 1  # what spark-submit and ray job submit make of any code
        if job not in (lost, "show"):
            with run.stage(f"{job}/a model", {}, [], {}):
                pass
        return 0

    monkeypatch.setattr(pipeline, "check", lambda config: None)
    monkeypatch.setattr(pipeline, "ended", ended)
    summary = pipeline.run_stages(compose(words), words)
    assert summary["left out"].keys() == {"evaluate"}
    assert "there is too little text" in capsys.readouterr().out
    assert not list(run.root.glob(".evaluate*"))
    places = {job: "spark" if "submit.py" in to else "ray" if "--" in to else "here" for job, to in started.items()}
    assert started["mine"] == ["env", "FOR=one cluster", "submit.py"]
    assert places == {
        **dict.fromkeys(["annotate", "corpus_table", "tokenize", "mine"], "spark"),
        **dict.fromkeys(["collect", "describe", "cluster", "triggers", "evaluate"], "ray"),
        **dict.fromkeys(["report", "show"], "here"),
    }
    run.record_file.unlink()
    monkeypatch.setattr(pipeline, "ended", lambda command: ended(command, "tokenize"))
    with pytest.raises(pipeline.StageError, match=r"neuronsig tokenize was submitted.* holds no finished stage"):
        pipeline.run_stages(compose(words), words)


@pytest.mark.parametrize(("refused", "tries", "code"), [(1, 2, 0), (5, 3, 1)], ids=["once", "always"])
def test_a_job_that_the_cluster_did_not_begin_is_submitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int, tries: int, code: int
):
    run, submitted = RunDirectory.create(tmp_path / "run"), []

    def ended(command: Sequence[str]) -> int:
        submitted.append(command)
        if len(submitted) <= refused:
            return 1
        with run.stage("collect/a model", {}, [], {}):
            return 0

    monkeypatch.setattr(pipeline, "ended", ended)
    monkeypatch.setattr(pipeline, "AGAIN_AFTER", (0.01, 0.01))
    config = compose([f"run={run.root}", "ray.submit=env -- neuronsig"])
    assert pipeline.submit(config, ["env"], ["collect"]) == code
    assert len(submitted) == tries


def test_a_job_that_failed_after_it_had_begun_is_not_submitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunDirectory.create(tmp_path / "run")

    def ended(command: Sequence[str]) -> int:
        with contextlib.suppress(ZeroDivisionError), run.stage("collect/a model", {}, [], {}):
            raise ZeroDivisionError
        return 9

    monkeypatch.setattr(pipeline, "ended", ended)
    assert pipeline.submit(compose([f"run={run.root}"]), ["env"], ["collect"]) == 9


def test_an_interrupted_submitter_which_is_silent_is_told_of(tmp_path: Path):
    config = compose([f"run={RunDirectory.create(tmp_path / 'run').root}"])
    with pytest.raises(KeyboardInterrupt) as raised:
        pipeline.submit(config, [sys.executable, "-c", "raise SystemExit(130)"], ["collect"])
    assert ending(raised.value) == ("interrupted; run the same command again to go on from here", 130)


def test_a_job_s_error_is_left_where_the_pipeline_looks_for_it(tmp_path: Path):
    def job(config: object) -> dict[str, str]:
        raise TooLittleTextError("too little")

    assert launch("evaluate", job, ["--brief", f"{ERROR_FILE}{tmp_path / 'told.json'}"]) == 3
    assert json.loads((tmp_path / "told.json").read_text()) == {"exit_code": 3, "error": "too little"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run=/tmp/run", "spark.submit=no-such-program x"], "no program no-such-program on this machine"),
        (["run=/tmp/run", "ray.submit=env 'x"], "is no command line"),
        (["run=runs/x", "ray.submit=env x"], "run=runs/x: must be a URI or an absolute path"),
    ],
)
def test_a_submission_that_cannot_work_is_one_line(words: list[str], said: str):
    with pytest.raises(NeuronsigError, match=re.escape(said)):
        pipeline.check_submission(compose(words))


def test_a_stage_of_earlier_rules_is_refused_before_the_first_job_unless_it_shall_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = RunDirectory.create(tmp_path / "run")
    for name in ("describe/m", "tokenize/t", "cluster/m"):
        with run.stage(name, {}, [], {}):
            pass
    config = Config(run=str(run.root), model=ModelConfig(name="m"))
    for name, said in (("describe", ""), ("cluster", "cluster/m"), ("tokenize", "tokenize/t")):
        monkeypatch.setitem(JOBS, name, dataclasses.replace(JOBS[name], changes=(*JOBS[name].changes, "finer")))
        if not said:  # it is made again unasked
            pipeline.check_rules(config, "t")
            continue
        with pytest.raises(PlanMismatchError, match=rf"{said} was made by version .* of its rules, .* \(finer\)"):
            pipeline.check_rules(config, "t")
    pipeline.check_rules(dataclasses.replace(config, overwrite=True), "t")
