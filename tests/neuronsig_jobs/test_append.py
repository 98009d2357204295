"""neuronsig append on a few sentences: what comes out is what a run of all the text makes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("ray", reason="ray is not installed")

from neuronsig.collection.shards import ShardPlan, shard_of
from neuronsig.config.compose import compose
from neuronsig.errors import InputError, NeuronsigError, PlanMismatchError
from neuronsig.estimate import estimate
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.manifests import Batch
from neuronsig.storage.parquet import read_table
from neuronsig.tables import SENTENCES, TOKENIZED, TOPK
from neuronsig_jobs import annotate, append, collect, tokenize
from neuronsig_jobs import estimate as estimate_job
from neuronsig_ray.collect import make
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import save_model
from tests.neuronsig_ray.oracle import assert_same_table

pytestmark = pytest.mark.usefixtures("local_ray")

FIRST = {
    "a.txt": "The cat sat on the mat. It doesn't sleep. Why is a dog under the rug?\n\nIt rains in Spain today.\n",
    "b.txt": "It doesn't sleep. No!\n\nBirds sing in tall green trees.\n",
}
MORE = {
    # The last two are there already, one in the first corpus and one in this.
    "a.txt": "A dog ran quickly. The dog sat. Nobody knows why. It rains in Spain today. A dog ran quickly.\n",
    "z.txt": "The cat sat on the mat.\n\nThe rug and the mat are not the same! Hm.\n",
}
THIRD = {"a.txt": "Nothing new is under the sun. Nobody knows why.\n"}
SETTINGS = [
    "annotator.batch_sentences=3",
    "tokenize.shard_sentences=3",
    "collect.k=4",
    "collect.dtype=float32",
    "ray.replica_cpus=1",
]


@pytest.fixture(autouse=True, scope="module")
def _here() -> Iterator[None]:
    with scored_here():
        yield


def write(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    write(home / "first", FIRST)
    write(home / "more", MORE)
    write(home / "third", THIRD)
    save_model(home / "tiny")
    save_model(home / "other", seed=1)
    return home


def words(home: Path, run: Path, corpus: str, *more: str) -> list[str]:
    model = ["model=local", "model.name=tiny", f"model.path={home / 'tiny'}"]
    return [f"run={run}", "corpus=text", f"corpus.path={home / corpus}", *model, *SETTINGS, *more]


def finish(command: list[str]) -> None:
    for job in (annotate, tokenize, collect):
        job.run(compose(command))


@pytest.fixture(scope="module")
def first(home, spark, local_ray) -> Path:
    """A finished run of the first corpus; not to be changed."""
    finish(words(home, home / "run", "first"))
    return home / "run"


@pytest.fixture
def run(first, tmp_path) -> Path:
    shutil.copytree(first, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def scratch(home, spark, local_ray) -> Path:
    """A run of both corpora together; not to be changed."""
    second = [f"corpus.sources.text_2.{key}" for key in ("format=text", f"path={home / 'more'}", "domain=text")]
    # One batch: how many there are is no part of what comes out.
    finish(words(home, home / "scratch", "first", *second, "annotator.batch_sentences=0"))
    return home / "scratch"


@pytest.fixture(scope="module")
def appended(first, home) -> tuple[Path, dict]:
    """The first run with the second corpus appended, and what the job said; not to be changed."""
    shutil.copytree(first, home / "appended")
    return home / "appended", dict(append.run(compose(words(home, home / "appended", "more"))))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def data(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name.endswith(".parquet")}


def assert_same_data(run: Path, other: Path) -> None:
    """Of sentences the rows: their files are named after the attempt, and a JVM orders a Parquet footer as it likes."""
    assert sentences(run) == sentences(other)
    for table in ("tokenized", "topk"):
        assert data(run / table) == data(other / table)


def sentences(run: Path) -> list[dict]:
    return read_table(run / "sentences", SENTENCES).sort_by("sentence_id").to_pylist()


def inputs(run: Path) -> dict[int, list[int]]:
    (folder,) = (run / "tokenized").iterdir()
    rows = read_table(folder, TOKENIZED).to_pylist()
    assert len({row["sentence_id"] for row in rows}) == len(rows)
    return {row["sentence_id"]: row["input_ids"] for row in rows}


def test_a_run_has_the_files_that_its_estimate_tells(first, home):
    config = compose(words(home, first, "first"))
    told = estimate(config, estimate_job.model_shape(config), 5, 25.0).scale
    assert told.files == {name: len(contents(first / name)) for name in ("sentences", "tokenized", "topk")}
    assert told.ids == "5 of 4,294,967,296"


def test_the_sentences_are_those_of_a_run_of_all_the_text(appended, scratch):
    run, summary = appended
    assert sentences(run) == sentences(scratch)
    assert summary["sentences new"] == 4
    assert summary["sentences dropped"] == {
        "empty": 0,
        "too_long": 0,
        "too_short": 1,
        "duplicate": 1,
        "already in the run": 2,
    }
    one, two = (RunDirectory(path).stage_record("annotate") for path in (run, scratch))
    rate = "sentences annotated a second"
    assert one is not None
    assert two is not None
    assert {**one["counts"], rate: 0} == {**two["counts"], rate: 0}


def test_the_lists_are_those_of_a_run_of_all_the_text_and_only_new_text_was_scored(appended, scratch):
    run, summary = appended
    assert summary["sentences scored"] == 4
    assert_same_table(run / "topk" / "tiny", read_table(scratch / "topk" / "tiny", TOPK))
    one, two = (RunDirectory(path).stage_record("collect/tiny") for path in (run, scratch))
    assert one is not None
    assert two is not None
    assert [one["counts"][key] for key in ("sentences", "tokens", "rows")] == [
        two["counts"][key] for key in ("sentences", "tokens", "rows")
    ]


def test_no_file_of_the_earlier_text_is_touched(appended, first):
    run, _ = appended
    for table in ("sentences", "tokenized"):
        before, after = data(first / table), data(run / table)
        assert before.items() <= after.items()
        assert len(after) > len(before)


def test_the_new_sentences_have_shards_and_a_permutation_of_their_own(appended, scratch):
    run, summary = appended
    assert inputs(run) == inputs(scratch)
    (folder,) = (run / "tokenized").iterdir()
    plan = ShardPlan.read(folder)
    old, new = plan.parts
    assert (old.first_id, old.sentences, new.first_id, new.sentences) == (0, 5, 5, 4)
    assert (old.shards, new.first_shard, new.shards) == (2, 2, 2)
    assert summary["shards new"] == 2
    assert plan.sentences == 9
    for shard in plan.shards[2:]:
        ids = pq.read_table(folder / shard.file)["sentence_id"].to_pylist()
        assert sorted(ids) == [
            5 + i for i, owner in enumerate(shard_of(np.arange(4), 4, 3, 0)) if owner == shard.index - 2
        ]


def test_the_same_corpus_again_does_nothing_and_says_so(appended, home, monkeypatch):
    run, _ = appended
    before = contents(run)
    monkeypatch.setattr("spark_jobs.session.spark_session", lambda *_, **__: pytest.fail("Spark was started"))
    for corpus in ("more", "first"):
        summary = append.run(compose(words(home, run, corpus)))
        assert "nothing to do, the run holds this corpus already" in summary.values()
        assert (summary["sentences new"], summary["shards new"]) == (0, 0)
    assert contents(run) == before


def test_a_corpus_of_known_text_leaves_the_run_as_it_was(appended, home, tmp_path):
    run, _ = appended
    before = contents(run)
    write(tmp_path / "known", {"k.txt": "The cat sat on the mat. Nobody knows why."})
    summary = append.run(compose(words(home, run, "more", f"corpus.path={tmp_path / 'known'}")))
    assert "nothing is new: the run is as it was" in summary.values()
    assert summary["sentences dropped"]["already in the run"] == 2
    assert contents(run) == before
    assert RunDirectory(run).fingerprint("annotate", "test")


@pytest.mark.slow
def test_text_can_be_appended_again(appended, home, tmp_path):
    shutil.copytree(appended[0], tmp_path / "run")
    summary = append.run(compose(words(home, tmp_path / "run", "third")))
    assert (summary["sentences new"], summary["sentences in the run"]) == (1, 10)
    rows = sentences(tmp_path / "run")
    assert [row["sentence_id"] for row in rows] == list(range(10))
    assert (rows[9]["doc_id"], rows[9]["text"]) == ("text_3/a.txt", "Nothing new is under the sun.")
    assert sorted(inputs(tmp_path / "run")) == list(range(10))
    again = append.run(compose(words(home, tmp_path / "run", "more")))
    assert again["sentences new"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("at", ["annotate", "tokenize", "collect"])
def test_a_killed_append_goes_on_and_ends_in_the_same_tables(run, home, appended, monkeypatch, at):
    from spark_jobs import tokenize as engine

    steps = {"annotate": (Batch, "publish"), "tokenize": (engine, "finish"), "collect": (make, "reduce_shards")}
    owner, name = steps[at]
    whole, calls = getattr(owner, name), list[object]()

    def killed(*given, **named):
        if len(calls) == (1 if at == "annotate" else 0):
            raise KeyboardInterrupt
        calls.append(given)
        return whole(*given, **named)

    command = compose(words(home, run, "more"))
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            append.run(command)
    stage = at if at == "annotate" else next(n for n in RunDirectory(run).record()["stages"] if at in n)
    with pytest.raises(InputError, match=r"is not finished .*run neuronsig append first"):
        RunDirectory(run).fingerprint(stage, "jobs.mine")
    with pytest.raises(InputError, match=r"an append to .* is not finished; run the same neuronsig append again"):
        append.run(compose(words(home, run, "third")))
    append.run(command)
    assert_same_data(run, appended[0])
    assert RunDirectory(run).fingerprint(stage, "neuronsig mine") == RunDirectory(appended[0]).fingerprint(
        stage, "neuronsig mine"
    )


def test_the_jobs_run_again_say_that_the_run_was_appended_to(appended, home):
    run, _ = appended
    with pytest.raises(
        PlanMismatchError, match="text was appended to annotate once since it was made from this corpus"
    ):
        annotate.run(compose(words(home, run, "first")))
    for job, count, number in ((tokenize, "shards", 4), (collect, "sentences", 9)):
        summary = job.run(compose(words(home, run, "first")))
        assert summary[count] == number
        assert summary["text was appended by neuronsig append"] == "once"


def test_lists_that_are_lost_after_text_was_appended_are_made_in_one_piece(appended, home, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(appended[0], run)
    next((run / "topk" / "tiny").glob("hidden-L01-*.parquet")).unlink()
    before = contents(run)
    monkeypatch.setattr(collect, "make_table", lambda *_: pytest.fail("something was scored"))
    with pytest.raises(PlanMismatchError, match=r"is not whole; run neuronsig collect with overwrite=true"):
        collect.run(compose(words(home, run, "first")))
    with pytest.raises(InputError, match=r"lists of hidden-L01 are not .*run neuronsig collect with overwrite=true"):
        append.run(compose(words(home, run, "more")))
    assert contents(run) == before


@pytest.mark.slow
def test_another_model_of_the_run_is_named_until_it_is_extended_too(first, home, run, scratch, tmp_path):
    other = ["model.name=other", f"model.path={home / 'other'}"]
    collect.run(compose(words(home, run, "first", *other)))
    said = append.run(compose(words(home, run, "more")))
    assert said["made before the text was appended"] == "collect/other"
    with pytest.raises(InputError, match=r"collect/other .*run neuronsig append of that text for this model first"):
        RunDirectory(run).fingerprint("collect/other", "jobs.mine")
    said = append.run(compose(words(home, run, "more", *other)))
    assert (said["sentences new"], said["shards new"], said["sentences scored"]) == (0, 0, 4)
    assert "made before the text was appended" not in said
    shutil.copytree(scratch, tmp_path / "scratch")
    collect.run(compose(words(home, tmp_path / "scratch", "first", *other)))
    assert_same_table(run / "topk" / "other", read_table(tmp_path / "scratch" / "topk" / "other", TOPK))


@pytest.mark.slow
def test_a_run_that_is_only_annotated_gets_the_text_annotated(home, run):
    shutil.rmtree(run / "tokenized")
    record = json.loads((run / "run.json").read_text())
    record["stages"] = {"annotate": record["stages"]["annotate"]}
    (run / "run.json").write_text(json.dumps(record))
    summary = append.run(compose(words(home, run, "more")))
    assert summary["sentences new"] == 4
    assert "shards new" not in summary


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["annotator.min_pieces=4"], r"must be made as annotate was: annotator.min_pieces was 3, now 4"),
        (["tokenize.shard_sentences=5"], r"made as tokenize/.* was: shard_sentences was 3, now 5"),
        (["model.max_tokens=7"], r"model=tiny: .* has collected tiny; give neuronsig append the model"),
        (["model.name=other"], r"model=other: .* has collected tiny; give .*or first run neuronsig collect for"),
        (["model.path={home}/other"], r"made as collect/tiny was: weights was"),
        (["collect.k=5"], r"made as collect/tiny was: k was 4, now 5"),
        (["collect.dtype=bfloat16"], r"made as collect/tiny was: .*device.dtype was float32, now bfloat16"),
    ],
    ids=["annotator", "shards", "tokenizer", "model", "weights", "k", "dtype"],
)
def test_other_settings_than_the_runs_are_refused_by_name(first, home, given, said):
    before = contents(first)
    with pytest.raises(PlanMismatchError, match=said):
        append.run(compose(words(home, first, "more", *[word.format(home=home) for word in given])))
    assert {name: content for name, content in contents(first).items() if not name.endswith(".lock")} == {
        name: content for name, content in before.items() if not name.endswith(".lock")
    }


def test_bad_input_is_one_clear_error(home, run, tmp_path):
    def said(*more: str) -> str:
        with pytest.raises(NeuronsigError) as error:
            append.run(compose(words(home, run, "more", *more)))
        return str(error.value)

    assert "is not a run directory" in said(f"run={tmp_path / 'nowhere'}")
    assert "nowhere" in said(f"corpus.path={tmp_path / 'nowhere'}")
    assert "is empty" in said(f"corpus.path={write(tmp_path / 'empty', {'a.txt': ''})}")
    assert "no sentence is left" in said(f"corpus.path={write(tmp_path / 'short', {'a.txt': 'Hm.'})}")
    assert RunDirectory(run).fingerprint("annotate", "test")
    next((run / "sentences").glob("part-000000000003-*.parquet")).unlink()
    assert "has lost files of sentences 3 to 4" in said()
    record = json.loads((run / "run.json").read_text())
    record["stages"]["annotate"]["status"] = "running"
    record["stages"]["annotate"]["plan"].pop("appended", None)
    (run / "run.json").write_text(json.dumps(record))
    assert "annotate is not finished" in said()


@pytest.mark.slow
@pytest.mark.parametrize("after", ["sentences/_batches/000000000005.json", "work/shards/tiny/shard-00000.json"])
def test_a_process_that_is_killed_goes_on_with_the_same_command(run, home, appended, after):
    """SIGKILL once the first new batch, or the first new shard, is committed."""
    command = [sys.executable, "-m", "jobs.append", "--brief", *words(home, run, "more")]
    command += ["spark.master=local[2]", "spark.driver_memory=2g"]
    # What a Ray in this process left in the environment is none of a user's.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        until = time.monotonic() + 400
        while not (run / after).exists():
            assert process.poll() is None, "the job ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="is not finished"):
        RunDirectory(run).fingerprint("annotate" if "sentences" in after else "collect/tiny", "neuronsig mine")
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert_same_data(run, appended[0])
