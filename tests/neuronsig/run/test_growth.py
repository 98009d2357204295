"""A stage whose plan grows: text is appended to a finished run."""

import json
from pathlib import Path

import pytest

from neuronsig.errors import InputError, PlanMismatchError
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import additions, earlier, grown, without_additions


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A finished run: annotate, tokenize/t, collect/m, mine/m, one made from the other."""
    run = RunDirectory.create(tmp_path / "run")
    make(run, "annotate", {"corpus": "a"}, sentences=5)
    for name, source in (("tokenize/t", "annotate"), ("collect/m", "tokenize/t"), ("mine/m", "collect/m")):
        make(run, name, {"k": 1, "inputs": {source: run.fingerprint(source, "t")}})
    return run


def make(run: RunDirectory, name: str, plan: dict[str, object], **counts: int) -> None:
    with run.stage(name, plan, [table(run, name)], {}) as stage:
        assert not stage.done
        table(run, name).mkdir(parents=True, exist_ok=True)
        stage.counts |= counts


def table(run: RunDirectory, name: str) -> Path:
    return run.root / name / "table"


def append(run: RunDirectory, name: str, addition: dict[str, object], *sources: str) -> dict[str, object]:
    entry = run.stage_record(name)
    assert entry is not None
    plan = grown(entry, addition, {source: run.fingerprint(source, "t") for source in sources} or None)
    make(run, name, plan)
    return plan


def test_an_addition_follows_a_finished_plan_without_overwrite_and_nothing_is_deleted(run: RunDirectory):
    before = run.fingerprint("annotate", "t")
    plan = append(run, "annotate", {"corpus": "b"})
    assert table(run, "annotate").is_dir()
    assert run.fingerprint("annotate", "t") != before
    assert earlier(plan) == [before]
    assert additions(plan) == [{"from": before, "corpus": "b"}]
    with run.stage("annotate", plan, [table(run, "annotate")], {}) as stage:
        assert stage.done
    assert stage.counts == {"sentences": 5}
    append(run, "annotate", {"corpus": "c"})
    with (
        pytest.raises(PlanMismatchError, match="another plan"),
        run.stage("annotate", grown({"plan": plan, "fingerprint": "of another run"}, {"corpus": "d"}), [], {}),
    ):
        pass


def test_readers_refuse_a_stage_while_text_is_appended_and_the_same_plan_goes_on(run: RunDirectory):
    entry = run.stage_record("annotate")
    assert entry is not None
    plan = grown(entry, {"corpus": "b"})
    with (
        pytest.raises(InputError, match=r"annotate is not finished .*run neuronsig append first"),
        run.stage("annotate", plan, [], {}),
    ):
        run.fingerprint("annotate", "neuronsig mine")
    assert json.loads(run.record_file.read_text())["stages"]["annotate"]["counts"] == {"sentences": 5}
    with (
        pytest.raises(PlanMismatchError, match=r"annotate once, and it is not finished; run the same neuronsig append"),
        run.stage("annotate", {"corpus": "a"}, [], {}),
    ):
        pass
    make(run, "annotate", plan)
    assert run.fingerprint("annotate", "t")


def test_an_addition_to_an_unfinished_stage_is_refused(run: RunDirectory):
    with pytest.raises(KeyboardInterrupt), run.stage("x", {"corpus": "a"}, [], {}):
        raise KeyboardInterrupt
    entry = run.stage_record("x")
    assert entry is not None
    with pytest.raises(PlanMismatchError), run.stage("x", grown(entry, {"corpus": "b"}), [], {}):
        pass


def test_the_first_corpus_alone_is_refused_after_more_text_was_appended(run: RunDirectory):
    append(run, "annotate", {"corpus": "b"})
    with (
        pytest.raises(
            PlanMismatchError, match=r"text was appended to annotate once since it was made from this corpus"
        ),
        run.stage("annotate", {"corpus": "a"}, [], {}),
    ):
        pass
    append(run, "annotate", {"corpus": "c"})
    with pytest.raises(PlanMismatchError, match=r"2 times"), run.stage("annotate", {"corpus": "a"}, [], {}):
        pass


def test_later_stages_say_that_text_was_appended_to_their_input(run: RunDirectory):
    append(run, "annotate", {"corpus": "b"})
    with pytest.raises(
        InputError,
        match=r"tokenize/t .*was made before text was appended to annotate; run neuronsig append of that text for this",
    ):
        run.fingerprint("tokenize/t", "neuronsig collect")
    append(run, "tokenize/t", {}, "annotate")
    append(run, "collect/m", {}, "tokenize/t")
    with pytest.raises(
        InputError,
        match=r"mine/m .*before text was appended to collect/m; run neuronsig mine with overwrite=true first",
    ):
        run.fingerprint("mine/m", "neuronsig report")


def test_a_job_run_again_after_the_addition_finds_its_output_made_from_its_inputs(run: RunDirectory):
    append(run, "annotate", {"corpus": "b"})
    append(run, "tokenize/t", {}, "annotate")
    plan = {"k": 1, "inputs": {"annotate": run.fingerprint("annotate", "t")}}
    with run.stage("tokenize/t", plan, [table(run, "tokenize/t")], {}) as stage:
        assert stage.done
    assert stage.fingerprint == run.fingerprint("tokenize/t", "t")
    with (
        pytest.raises(PlanMismatchError, match="k was 1, now 2"),
        run.stage("tokenize/t", {**plan, "k": 2}, [table(run, "tokenize/t")], {}),
    ):
        pass
    table(run, "tokenize/t").rmdir()
    with (
        pytest.raises(PlanMismatchError, match=r"tokenize/t once, and it is not whole; .*overwrite=true to make it in"),
        run.stage("tokenize/t", plan, [table(run, "tokenize/t")], {}),
    ):
        pass
    with run.stage("tokenize/t", plan, [table(run, "tokenize/t")], {}, overwrite=True) as stage:
        assert not stage.done


def test_a_table_that_lost_lists_after_an_append_is_only_made_in_one_piece(run: RunDirectory):
    append(run, "annotate", {"corpus": "b"})
    append(run, "tokenize/t", {}, "annotate")
    append(run, "collect/m", {}, "tokenize/t")
    table(run, "collect/m").rmdir()
    entry = run.stage_record("collect/m")
    assert entry is not None
    with (
        pytest.raises(PlanMismatchError, match=r"and it is not whole; run neuronsig collect with overwrite=true"),
        run.stage("collect/m", without_additions(entry["plan"]), [table(run, "collect/m")], {}),
    ):
        pass
