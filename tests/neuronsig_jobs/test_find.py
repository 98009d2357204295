"""`jobs.find` from its command line: the index made once, renewed with the signatures, and errors of one line."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronsig.find import index
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import JOBS
from neuronsig_jobs.find import main
from tests.fuzzing import ANY, fuzzed, like
from tests.neuronsig.find.tables import write_signatures
from tests.run_factory import FactoryRun, change_stage, make_run


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> FactoryRun:
    return make_run(tmp_path_factory.mktemp("find") / "run", sentences=200, k=40)


@pytest.fixture
def made(original: FactoryRun, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original.run.root, tmp_path / "run"))


def indices(run: Path) -> list[str]:
    return sorted(file.name for file in (run / "work" / "find").glob("*.sqlite"))


def answer(run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict:  # type: ignore[type-arg]
    capsys.readouterr()
    assert main(["--json", f"run={run}", *words]) == 0
    out = capsys.readouterr().out
    return dict(json.loads(out[out.index("{") :]))


def test_the_planted_unit_is_first_and_its_layers_are_counted(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(made, capsys, "violin")
    assert found["hits"][0]["unit"] == 1
    assert found["hits"][0]["exact"]
    assert sum(layer["responding"] for layer in found["layers"]) == found["neurons"] == len(found["hits"])


def test_words_without_a_key_are_the_pattern_quoted_or_not(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(made, capsys, "DT NN") == answer(made, capsys, "DT", "NN")
    assert answer(made, capsys, "find.pattern=DT NN") == answer(made, capsys, "DT NN")


def test_how_many_patterns_a_signature_keeps_is_what_mining_recorded(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = RunDirectory(made).record()["stages"]["mine/minilm"]["plan"]
    change_stage(RunDirectory(made), "mine/minilm", plan={**plan, "mining": {**plan["mining"], "patterns_kept": 7}})
    assert main(["--brief", f"run={made}", "xylophones"]) == 2
    assert "each neuron's strongest 7 patterns" in capsys.readouterr().err


def test_signatures_of_earlier_rules_are_searched_and_told(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = answer(made, capsys, "violin")["notes"]
    job = JOBS["tokenize"]
    monkeypatch.setitem(JOBS, job.name, dataclasses.replace(job, changes=(*job.changes, "long words are cut")))
    (note,) = set(answer(made, capsys, "violin")["notes"]) - set(notes)
    said = f"tokenize/bert was made by version {job.rules} of its rules, now {job.rules + 1} (long words are cut)"
    assert said in note
    assert "neuronsig tokenize run=" in note


def test_the_table_shows_neurons_and_layers(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"run={made}", "--brief", "find.show=1", "violin"]) == 0
    out = capsys.readouterr().out
    assert "/U1" in out
    assert "By layer" in out


def test_what_shares_of_a_tag_are_of_is_said(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pattern, said in (("RB", True), ("violin", False)):
        assert main([f"run={made}", "--brief", "pos: RB" if said else pattern]) == 0
        assert ("are of words, not of sentences" in capsys.readouterr().out) == said


def test_the_index_is_made_once_and_anew_when_signatures_change(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = index.build_index
    monkeypatch.setattr(index, "build_index", lambda *given, **more: (built.append(given), build(*given, **more))[1])
    answer(made, capsys, "violin")
    answer(made, capsys, "violin")
    assert len(built) == 1
    before = indices(made)
    shutil.rmtree(made / "signatures" / "minilm")
    write_signatures(made / "signatures" / "minilm", [("L1/U3", "words", ["trombone"], 1.0)])
    change_stage(RunDirectory(made), "mine/minilm", ended="later")
    assert answer(made, capsys, "trombone")["hits"][0]["neuron"] == "L1/U3"
    assert len(built) == 2
    assert len(indices(made)) == 1
    assert indices(made) != before


def test_an_interrupted_index_is_not_believed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(signatures: Path, file: Path, **_: object) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(index, "build_index", half)
    assert main(["--brief", f"run={made}", "violin"]) == 130
    assert indices(made) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["not (VB"], "'not (VB'"),
        (["(VB (RB)"], "')' missing"),
        (["xylophones"], "'xylophones'"),
        ([], "no pattern is given"),
        (["model.name=other", "violin"], "mine/other has not been run"),
        (["find.show=-1", "violin"], "find.show=-1"),
        (["runn=runs/mine", "violin"], "runn=runs/mine is no key of the job"),
        (["mdel=bert_base", "violin"], "did you mean model=bert_base?"),
        (["--josn", "violin"], "--josn is no option of the job; did you mean --json?"),
        (["-LRB-"], "the word '-lrb-' is in no signature"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    made: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--brief", f"run={made}", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_mistyped_run_is_named_where_there_is_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--brief", "runn=runs/mine", "violin"]) == 2
    assert "did you mean run=runs/mine?" in capsys.readouterr().err


def test_a_metadata_field_may_be_spelled_like_a_key(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(made / "signatures" / "minilm")
    write_signatures(made / "signatures" / "minilm", [("L1/U3", "metadata", ["runs", "2"], 1.0)])
    change_stage(RunDirectory(made), "mine/minilm", ended="later")
    assert answer(made, capsys, "runs=2")["hits"][0]["neuron"] == "L1/U3"
    assert answer(made, capsys, "Runs=2")["neurons"] == 1


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--brief", f"run={tmp_path}/nowhere", "violin"]) == 2
    assert "is not a run directory" in capsys.readouterr().err


def test_signatures_of_other_lists_are_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(made, capsys, "violin")
    change_stage(RunDirectory(made), "collect/minilm", fingerprint="f" * 16)
    assert main(["--brief", f"run={made}", "violin"]) == 2
    assert "neuronsig mine" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_has_its_index_in_the_cache(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuronsig.find import index_location as home

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(home.os, "access", lambda path, mode: False)  # root may write everywhere
    assert answer(made, capsys, "violin")["hits"]
    assert not (made / "work" / "find").exists()
    assert list((tmp_path / "cache").rglob("*.sqlite"))


def test_a_search_imports_no_reader_of_tables(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes it fast: measured 0.5 s from the shell, of which pyarrow and pandas would be as much again."""
    answer(made, capsys, "violin")
    code = (
        "import sys; from neuronsig_jobs.find import main; "
        f"assert main(['--json', 'run={made}', 'violin']) == 0; "
        "print(sorted({'pyarrow', 'pandas', 'numba', 'numpy.linalg', 'fsspec'} & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


@fuzzed
@given(
    words=st.lists(st.one_of(like(("violin", "DT", " ", "set:", "(DT)", "domain=", "book", "find.show=", "[/]")), ANY))
)
def test_any_words_are_answered_or_refused_in_one_line(
    original: FactoryRun, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code = main([f"run={original.run.root}", "--brief", *words])
    said = capsys.readouterr()
    if not {"--help", "-h", "--show"} & set(words):
        assert (code, said.err.count("\n")) in ((0, 0), (2, 1)), said.err
