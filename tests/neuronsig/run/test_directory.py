import errno
import json
import os
from pathlib import Path

import pytest

from neuronsig.errors import InputError, MachineError, PlanMismatchError
from neuronsig.run.directory import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


def test_a_finished_stage_is_done_the_second_time_and_keeps_its_counts(run: RunDirectory):
    for expected in (False, True):
        with run.stage("annotate", {"k": 1}, [], {}) as stage:
            assert stage.done is expected
            if not stage.done:
                stage.counts["sentences"] = 5
    assert stage.counts == {"sentences": 5}


def test_a_stage_whose_output_was_deleted_is_made_again(run: RunDirectory):
    out = run.root / "table"
    with run.stage("a", {}, [out], {}):
        out.mkdir()
    out.rmdir()
    with run.stage("a", {}, [out], {}) as stage:
        assert not stage.done


def test_an_interrupted_stage_is_not_done(run: RunDirectory):
    with pytest.raises(RuntimeError), run.stage("a", {}, [], {}):
        raise RuntimeError
    assert json.loads(run.record_file.read_text())["stages"]["a"]["status"] == "interrupted"
    with run.stage("a", {}, [], {}) as stage:
        assert not stage.done


def test_another_plan_is_refused_with_the_difference_and_nothing_is_lost(run: RunDirectory):
    out = run.root / "table"
    with run.stage("collect/m", {"collect": {"k": 500}}, [out], {}):
        out.mkdir()
    with (
        pytest.raises(PlanMismatchError, match=r"collect\.k was 500, now 1000.*overwrite=true"),
        run.stage("collect/m", {"collect": {"k": 1000}}, [out], {}),
    ):
        pass
    assert out.is_dir()


def test_overwrite_deletes_the_outputs_of_the_other_plan(run: RunDirectory):
    out = run.root / "table"
    with run.stage("a", {"k": 1}, [out], {}):
        out.mkdir()
    with run.stage("a", {"k": 2}, [out], {}, overwrite=True) as stage:
        assert not stage.done
        assert not out.exists()


def test_what_is_refused_before_a_stage_begins_leaves_the_finished_one(run: RunDirectory):
    out = run.root / "table"
    with run.stage("a", {"k": 1}, [out], {}):
        out.mkdir()
    before = run.record_file.read_bytes()
    with pytest.raises(MachineError), run.stage("a", {"k": 2}, [out], {}, overwrite=True, checks=True):
        raise MachineError
    assert out.is_dir()
    assert run.record_file.read_bytes() == before
    with pytest.raises(ZeroDivisionError), run.stage("a", {"k": 2}, [out], {}, overwrite=True, checks=True) as stage:
        stage.counts["rows"] = 1 / len([stage.begin()][1:])
    assert not out.exists()
    assert json.loads(run.record_file.read_text())["stages"]["a"]["status"] == "interrupted"


def test_what_is_refused_before_the_first_stage_begins_leaves_no_plan_that_another_would_contradict(run: RunDirectory):
    with pytest.raises(MachineError), run.stage("a", {"k": 2}, [], {}, checks=True):
        raise MachineError
    with run.stage("a", {"k": 1}, [], {}, checks=True) as stage:
        stage.begin()
    assert run.fingerprint("a", "test")


@pytest.mark.parametrize("moment", ["start", "end", "end of an interrupted one"])
def test_a_disk_that_is_full_when_the_record_is_written_is_one_clear_line(run: RunDirectory, monkeypatch, moment: str):
    with run.stage("before", {}, [], {}):
        pass
    before = run.record_file.read_bytes()
    written = []

    def replace(source, target):
        written.append(target)
        if moment == "start" or len(written) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    def work() -> None:
        with run.stage("a", {"k": 1}, [], {}):
            if moment == "end of an interrupted one":
                raise InputError("what went wrong at first")

    rename = os.replace
    monkeypatch.setattr(os, "replace", replace)
    said = (
        "went wrong at first" if "interrupted" in moment else r"run\.json cannot be written .*No space left on device"
    )
    with pytest.raises((InputError, MachineError), match=said) as caught:
        work()
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in run.root.iterdir() if not path.name.endswith(".lock")) == ["run.json"]
    assert (run.record_file.read_bytes() == before) == (moment == "start")
    work_again = [run.stage("a", {"k": 1}, [], {}), run.stage("a", {"k": 1}, [], {})]
    for attempt, done in zip(work_again, (False, True), strict=True):
        with attempt as stage:
            assert stage.done == done


def test_an_input_that_was_never_made_names_the_job_to_run(run: RunDirectory):
    with run.stage("collect/minilm", {}, [], {}):
        pass
    assert run.fingerprint("collect/minilm", "jobs.mine")
    with pytest.raises(InputError, match=r"collect/bert has not been run.*it has collect/minilm.*neuronsig collect"):
        run.fingerprint("collect/bert", "jobs.mine")


def test_a_folder_that_cannot_be_made_is_an_error_before_work(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"cannot be written.*choose another run"):
        RunDirectory.create(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_an_error_before_work(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="cannot be written"):
        RunDirectory.create(tmp_path / "run")


def test_a_full_disk_is_said_before_work(run: RunDirectory):
    with pytest.raises(MachineError, match=r"MiB free on its disk.*MiB needed"):
        run.require_space(1 << 60)


def test_a_missing_run_directory_names_the_pipeline(tmp_path: Path):
    with pytest.raises(InputError, match=r"is not a run directory.*neuronsig pipeline"):
        RunDirectory.existing(tmp_path)


def test_a_broken_record_is_named(run: RunDirectory):
    run.record_file.write_text("{")
    with pytest.raises(InputError, match=r"run\.json is not JSON"):
        run.record()


def make(run: RunDirectory, name: str, plan: dict[str, object], overwrite: bool = False) -> None:
    with run.stage(name, plan, [], {}, overwrite):
        pass


def test_what_was_made_from_other_inputs_than_are_there_now_is_refused(run: RunDirectory):
    make(run, "annotate", {"text": 1})
    make(run, "collect/m", {"inputs": {"annotate": run.fingerprint("annotate", "t")}, "k": 5})
    make(run, "mine/m", {"inputs": {"collect/m": run.fingerprint("collect/m", "t")}})
    assert run.fingerprint("mine/m", "jobs.show")
    make(run, "annotate", {"text": 2}, overwrite=True)
    with pytest.raises(
        InputError,
        match=r"collect/m .* was made from another annotate .* run neuronsig collect with overwrite=true",
    ):
        run.fingerprint("mine/m", "jobs.show")


def test_a_stage_that_another_process_is_making_is_refused(run: RunDirectory):
    with (
        run.stage("collect/m", {}, [], {}),
        pytest.raises(MachineError, match=r"another process is making collect/m now"),
        run.stage("collect/m", {}, [], {}),
    ):
        pass
    make(run, "mine/m", {})
    with run.stage("collect/m", {}, [], {}) as stage:
        assert stage.done


def test_a_run_directory_that_cannot_be_written_is_said_before_the_stage_starts(tmp_path: Path):
    with pytest.raises(MachineError, match="cannot be written"):
        make(RunDirectory(tmp_path / "gone"), "annotate", {})


def test_the_seconds_of_an_interrupted_stage_count_and_those_of_a_deleted_table_do_not(run: RunDirectory):
    out = run.root / "table"
    record = {"plan": {}, "fingerprint": "x", "status": "interrupted", "seconds": 100.0, "counts": {}}
    with run.stage("a", {}, [out], {}) as stage:
        record["fingerprint"] = stage.fingerprint
    for status, most in (("interrupted", 200), ("complete", 50)):
        run._write("a", {**record, "status": status})
        with run.stage("a", {}, [out], {}) as stage:
            assert not stage.done
        assert stage.seconds < most
        assert (stage.seconds >= 100) == (status == "interrupted")
