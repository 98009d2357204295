"""A stage of other rules than today's: nobody goes on with it, builds on it or takes it for one of today."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from neuronsig.config import Config, as_plan
from neuronsig.config.compose import compose
from neuronsig.errors import InputError, PlanMismatchError
from neuronsig.run.appending import require_same, stage_growth, stale
from neuronsig.run.commands import remake
from neuronsig.run.directory import RunDirectory
from neuronsig.run.plan import fingerprint_of
from neuronsig.run.rules import earlier_rules, work_fingerprint
from neuronsig.run.stages import JOBS


@pytest.fixture(autouse=True)
def first_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no output had ever changed."""
    for job in JOBS:
        change(monkeypatch, job)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A finished run: annotate, tokenize/t, collect/m."""
    run = RunDirectory.create(tmp_path / "run")
    make(run, "annotate", {"corpus": "a"})
    make(run, "tokenize/t", {"inputs": {"annotate": run.fingerprint("annotate", "t")}})
    make(run, "collect/m", {"inputs": {"tokenize/t": run.fingerprint("tokenize/t", "t")}})
    return run


def make(run: RunDirectory, name: str, plan: dict[str, object], overwrite: bool = False) -> None:
    with run.stage(name, plan, [run.root / name], {}, overwrite) as stage:
        if not stage.done:
            (run.root / name).mkdir(parents=True, exist_ok=True)
            (run.root / name / "rows").touch()


def change(monkeypatch: pytest.MonkeyPatch, job: str, *changes: str) -> None:
    """Raise the version of a job's rules, as whoever changes its output does."""
    monkeypatch.setitem(JOBS, job, dataclasses.replace(JOBS[job], changes=changes))


def edit(run: RunDirectory, name: str, version: object) -> None:
    """Say in run.json by which version of its rules a stage was made; None: as before there were versions."""
    record = run.record()
    plan = record["stages"][name]["plan"]
    plan.pop("rules_version")
    plan |= {} if version is None else {"rules_version": version}
    run.record_file.write_text(json.dumps(record))


def test_the_plan_of_every_stage_holds_the_version_of_its_rules(run: RunDirectory, monkeypatch) -> None:
    change(monkeypatch, "mine", "one thing", "another")
    make(run, "mine/m", {"inputs": {"collect/m": run.fingerprint("collect/m", "t")}})
    found = {name: entry["plan"]["rules_version"] for name, entry in run.record()["stages"].items()}
    assert found == {"annotate": 1, "tokenize/t": 1, "collect/m": 1, "mine/m": 3}


@pytest.mark.parametrize("status", ["complete", "running", "interrupted"])
def test_a_stage_of_earlier_rules_is_refused_with_what_changed_and_the_command(
    run: RunDirectory, monkeypatch, status: str
) -> None:
    record = run.record()
    record["stages"]["annotate"]["status"] = status
    run.record_file.write_text(json.dumps(record))
    change(monkeypatch, "annotate", "accents stay with their letter", "curly quotes are quotes")
    with pytest.raises(PlanMismatchError) as caught:
        make(run, "annotate", {"corpus": "a"})
    assert str(caught.value) == (
        f"run={run.root}: annotate was made by version 1 of its rules, now 3 (accents stay with their letter; curly "
        f"quotes are quotes); make it again (neuronsig annotate run={run.root} corpus=... overwrite=true), or choose "
        "another run=..."
    )
    assert (run.root / "annotate" / "rows").exists()
    with run.stage("annotate", {"corpus": "a"}, [run.root / "annotate"], {}, overwrite=True) as stage:
        assert not stage.done
        assert not (run.root / "annotate").exists()  # no row of the earlier rules is left among the new ones


def test_a_table_made_from_one_of_earlier_rules_is_built_on_by_nobody_and_may_be_shown(
    run: RunDirectory, monkeypatch
) -> None:
    change(monkeypatch, "tokenize", "long words are cut otherwise")
    with pytest.raises(InputError, match=r"^neuronsig mine: run=.*: tokenize/t was .* 1 of its rules, now 2 \(long w"):
        run.fingerprint("collect/m", "neuronsig mine")
    shown = run.fingerprint("collect/m", "neuronsig show", earlier=True)
    assert shown == run.record()["stages"]["collect/m"]["fingerprint"]
    told = earlier_rules(run.root, run.record()["stages"], ["collect/m", "one that is not there"])
    assert list(told) == ["tokenize/t was made by version 1 of its rules, now 2 (long words are cut otherwise)"]
    assert next(iter(told.values())).startswith("neuronsig tokenize ")
    # Made again, it is of today, and what was made from it is known to be of another.
    make(run, "tokenize/t", {"inputs": {"annotate": run.fingerprint("annotate", "t")}}, overwrite=True)
    assert run.fingerprint("tokenize/t", "t")
    with pytest.raises(InputError, match=r"collect/m .* was made from another tokenize/t"):
        run.fingerprint("collect/m", "neuronsig mine")


def test_a_stage_that_is_made_again_unasked_is_made_by_todays_rules(run: RunDirectory, monkeypatch) -> None:
    make(run, "describe/m", {"inputs": {"collect/m": run.fingerprint("collect/m", "t")}})
    before = run.fingerprint("describe/m", "t")
    change(monkeypatch, "describe", "statements about length are finer")
    make(run, "describe/m", {"inputs": {"collect/m": run.fingerprint("collect/m", "t")}}, overwrite=True)
    assert run.fingerprint("describe/m", "t") != before


def test_a_run_of_before_versions_were_recorded_is_of_version_1_and_stays_known_by_what_it_was(
    run: RunDirectory, monkeypatch
) -> None:
    plan = {"inputs": {"annotate": run.fingerprint("annotate", "t")}}
    assert run.fingerprint("tokenize/t", "t") == fingerprint_of(plan)
    for name in ("annotate", "tokenize/t"):
        edit(run, name, None)
    with run.stage("tokenize/t", plan, [run.root / "tokenize/t"], {}) as stage:
        assert stage.done
    with pytest.raises(PlanMismatchError, match=r"plan: k was absent, now 2; choose another run"):
        make(run, "annotate", {"corpus": "a", "k": 2})
    change(monkeypatch, "annotate", "x")
    with pytest.raises(InputError, match=r"annotate was made by version 1 of its rules, now 2 \(x\)"):
        run.fingerprint("tokenize/t", "t")


@pytest.mark.parametrize("version", [2, "2.1", {"of": "another kind"}])
def test_a_stage_of_later_rules_is_refused_to_readers_too(run: RunDirectory, version: object) -> None:
    edit(run, "annotate", version)
    for earlier in (False, True):
        with pytest.raises(
            InputError,
            match=r"version .* of its rules, and this neuronsig has version 1; go on with the neuronsig that",
        ) as caught:
            run.fingerprint("tokenize/t", "t", earlier)
        assert "\n" not in str(caught.value)
    (said, command), *_ = earlier_rules(run.root, run.record()["stages"], ["tokenize/t"]).items()
    assert ("and this neuronsig has version 1" in said, command) == (True, "")
    with pytest.raises(PlanMismatchError, match="and this neuronsig has version 1"):
        make(run, "annotate", {"corpus": "a"})


def test_a_stage_made_from_one_that_is_not_known_yet_is_one_line(run: RunDirectory) -> None:
    make(run, "dream/m", {})
    make(run, "mine/m", {"inputs": {"dream/m": run.fingerprint("dream/m", "t")}})
    edit(run, "dream/m", 2)
    with pytest.raises(InputError, match=r"dream/m was made by version 2 of its rules, and this"):
        run.fingerprint("mine/m", "neuronsig show", earlier=True)
    assert earlier_rules(run.root, run.record()["stages"], ["mine/m"]) == {}


def test_nothing_is_appended_to_a_stage_of_earlier_rules(run: RunDirectory, monkeypatch) -> None:
    entry = run.stage_record("tokenize/t")
    assert entry is not None
    plan = {"inputs": {"annotate": run.fingerprint("annotate", "t")}}
    require_same(run, "tokenize/t", entry, plan, ["inputs"])
    assert stage_growth(run, "tokenize/t", "annotate", plan, {"first_id": 1}) == entry["plan"]
    edit(run, "tokenize/t", None)
    assert "rules_version" not in stage_growth(run, "tokenize/t", "annotate", plan, {"first_id": 1})
    assert stale(run) == []
    change(monkeypatch, "tokenize", "x")
    with pytest.raises(PlanMismatchError, match=r"tokenize/t was made by version 1 of its rules, now 2 \(x\)"):
        stage_growth(run, "tokenize/t", "annotate", plan, {"first_id": 1})
    assert stale(run) == []  # no text was appended


def test_work_of_earlier_rules_is_not_gone_on_with(monkeypatch) -> None:
    before = work_fingerprint("mine", ["a", {"b": 1}])
    assert before == fingerprint_of(["a", {"b": 1}])
    change(monkeypatch, "mine", "x")
    assert work_fingerprint("mine", ["a", {"b": 1}]) != before == work_fingerprint("stability", ["a", {"b": 1}])


CORPORA = (
    ["corpus=documentation"],
    ["corpus=text", "corpus.path=my texts/it's one"],
    ["corpus=jsonl", "corpus.path=a.jsonl", "corpus.text_column=body", "corpus.metadata_columns=[author,year]"],
    ["corpus=six", "data=/elsewhere", "~corpus.sources.imdb", "corpus.sources.reuters.max_documents=7"],
    [
        "corpus=gutenberg",
        "corpus.sources.mine.format=text",
        "corpus.sources.mine.path=b",
        "corpus.sources.mine.domain=c",
    ],
)


@pytest.mark.parametrize("words", CORPORA)
def test_the_command_for_annotate_chooses_the_corpus_that_was_recorded(run: RunDirectory, words: list[str]) -> None:
    config = compose([*words, "annotator.min_pieces=5"])
    command = remake(run.root, {"annotate": recorded(config)}, "annotate")
    given = shlex.split(command)
    assert given[:2] == ["neuronsig", "annotate"]
    again = compose(given[2:])
    assert (again.corpus, again.annotator, again.overwrite) == (config.corpus, config.annotator, True)
    assert list(again.corpus.sources) == list(config.corpus.sources)


def test_a_corpus_that_has_grown_is_left_to_be_filled_in(run: RunDirectory) -> None:
    entry = recorded(compose(["corpus=text", "corpus.path=a"]))
    entry["plan"] = {"appended": [{"from": "f"}]}
    assert " corpus=... " in remake(run.root, {"annotate": entry}, "annotate")


def test_the_command_for_tokens_names_the_model_and_not_the_tokenizer(run: RunDirectory) -> None:
    config = compose(["model=bert_base", "tokenize.seed=3"])
    entry = {"plan": {}, "config": {"model": as_plan(config.model), "tokenize": as_plan(config.tokenize)}}
    again = compose(shlex.split(remake(run.root, {"tokenize/bert-uncased": entry}, "tokenize/bert-uncased"))[2:])
    model = dataclasses.replace(config.model, shape=[])  # which no job but estimate reads
    assert (again.model, again.tokenize) == (model, config.tokenize)


def recorded(config: Config) -> dict[str, object]:
    return {"plan": {}, "config": {"corpus": as_plan(config.corpus), "annotator": as_plan(config.annotator)}}
