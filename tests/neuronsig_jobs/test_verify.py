"""jobs.verify passes an honest table and finds every kind of damage, each with a marker that fits the damaged file."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from neuronsig.checkpoint import load_tokenizer, weights_fingerprint
from neuronsig.config import Config
from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError
from neuronsig.run.commits import file_digest
from neuronsig.run.directory import RunDirectory
from neuronsig.tables import SENTENCES, TOPK
from neuronsig_jobs import collect, verify
from neuronsig_ray.verify import checks
from tests.neuronsig_ray.here import actors_here, scored_here
from tests.neuronsig_ray.models import UNITS, WORDS, random_inputs, save_model, write_tokenized

pytestmark = pytest.mark.usefixtures("local_ray")

N, K = 90, 7


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


def settings(run: Path, model: Path, *words: str) -> Config:
    named = ("model=local", "model.name=tiny", f"model.path={model}")
    return compose([f"run={run}", *named, "ray.replica_cpus=1", *words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model) -> Path:
    """A collection over 90 sentences in three shards, both signs, with the text it was made from."""
    run = RunDirectory.create(tmp_path_factory.mktemp("runs") / "run")
    inputs = random_inputs(N)
    write_sentences(run, inputs)
    name = load_tokenizer(settings(run.root, model).model).name
    with run.stage(f"tokenize/{name}", {"hand": "made"}, [run.tokenized(name)], {}):
        write_tokenized(run.tokenized(name), inputs, 30)
    with scored_here():
        collect.run(settings(run.root, model, f"collect.k={K}", "collect.dtype=float32", "collect.signs=[1,-1]"))
    return run.root


@pytest.fixture(autouse=True)
def _here(request) -> Iterator[None]:
    """A scorer is an actor only where that is what is tested."""
    with contextlib.nullcontext() if "actors" in request.node.name else actors_here(checks):
        yield


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def write_sentences(run: RunDirectory, inputs: list[list[int]]) -> None:
    rows = []
    for i, ids in enumerate(inputs):
        words = [WORDS[token - 4] for token in ids[1:-1]]
        place = {"sentence_id": i, "domain": "d", "doc_id": "x", "position": i}
        rows.append({**place, "text": " ".join(words), "tokens": words})
    run.sentences.mkdir(parents=True)
    for part in (0, 1):
        half = rows[part * N // 2 : (part + 1) * N // 2]
        pq.write_table(pa.Table.from_pylist(half, schema=SENTENCES), run.sentences / f"part-{part}.parquet")


def rewrite(run: Path, change: Callable[[dict[str, np.ndarray]], None], group: str = "hidden-L01") -> None:
    """Change rows of a group's file and make its marker fit, as a faulty program would."""
    marker = run / "topk" / "tiny" / "_commits" / f"{group}.json"
    content = json.loads(marker.read_text())
    file = marker.parent / content["file"]
    table = pq.read_table(file)
    columns = {name: np.array(table[name].to_numpy()) for name in TOPK.names}
    change(columns)
    pq.write_table(pa.table(columns, schema=TOPK), file, row_group_size=4 * K)
    content |= {"sha256": file_digest(file), "bytes": file.stat().st_size}
    marker.write_text(json.dumps(content))


def refused(run: Path, model: Path, *words: str) -> str:
    """The one line that the job ends with; unless told otherwise it only looks at the table."""
    words = words or ("verify.sample=0",)
    with pytest.raises(InputError) as caught:
        verify.run(settings(run, model, *words))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scorers", ["here", pytest.param("actors", marks=pytest.mark.slow)])
def test_an_honest_table_passes_every_check(run, model, capsys, scorers):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    summary = verify.run(settings(run, model))
    assert summary == {"checks": 14, "wrong": 0, "neurons": 4 * UNITS, "sentences": N}
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert "scores agree bit by bit" in " ".join(capsys.readouterr().out.split())


def test_a_lost_file(run, model):
    next((run / "topk" / "tiny").glob("hidden-L02*.parquet")).unlink()
    assert "files are those the markers name: 1 of 2 are wrong, hidden-L02: no file" in refused(run, model)


def test_a_file_that_is_not_the_marker_s(run, model):
    file = next((run / "topk" / "tiny").glob("hidden-L01*.parquet"))
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    assert "hidden-L01: no file" in refused(run, model)


def test_a_file_that_no_marker_names(run, model):
    file = next((run / "topk" / "tiny").glob("hidden-L01*.parquet"))
    shutil.copyfile(file, file.with_name("more.parquet"))
    assert "more.parquet is of no group that the plan names" in refused(run, model)


def test_swapped_ranks(run, model):
    def swap(rows):
        rows["rank"][[1, 2]] = rows["rank"][[2, 1]]

    rewrite(run, swap)
    assert "ranks run from 0 without a gap: 2 of 448 are wrong, L1/U0- has rank 2 at place 1" in refused(run, model)


def test_swapped_rows(run, model):
    def swap(rows):
        for name in ("score", "sentence_id"):
            rows[name][[1, 2]] = rows[name][[2, 1]]

    rewrite(run, swap)
    assert "score descending, then sentence_id ascending: 1 of 448 are wrong, L1/U0- has" in refused(run, model)


def test_a_tie_in_the_wrong_order(run, model):
    def tie(rows):
        rows["score"][2] = rows["score"][1]
        rows["sentence_id"][[1, 2]] = sorted(rows["sentence_id"][[1, 2]], reverse=True)

    rewrite(run, tie)
    assert "score descending, then sentence_id ascending: 1 of" in refused(run, model)


def test_a_missing_row_and_a_missing_neuron(run, model):
    def cut(rows):
        keep = np.ones(len(rows["rank"]), bool)
        keep[[K - 1, *range(3 * K, 4 * K)]] = False
        rows |= {name: values[keep] for name, values in rows.items()}

    rewrite(run, cut)
    assert "every neuron has its list, in order: 2 of 64 are wrong, L1/U0- has 6 rows of 7" in refused(run, model)


def test_neurons_in_another_order(run, model):
    def turn(rows):
        rows |= {name: np.concatenate([v[2 * K : 4 * K], v[: 2 * K], v[4 * K :]]) for name, v in rows.items()}

    rewrite(run, turn)
    assert "neurons are not in order of unit and sign" in refused(run, model)


def test_a_row_of_another_layer(run, model):
    def move(rows):
        rows["layer"][K:] = 2

    rewrite(run, move)
    assert "holds a row of hidden layer 2 unit 0 sign 1" in refused(run, model)


def test_a_sentence_twice_in_a_list(run, model):
    def repeat(rows):
        rows["sentence_id"][4] = rows["sentence_id"][1]

    rewrite(run, repeat)
    assert "no sentence twice in a list: 1 of 448 are wrong, L1/U0- lists sentence" in refused(run, model)


def test_a_nan(run, model):
    def spoil(rows):
        rows["score"][K - 1] = np.nan

    rewrite(run, spoil)
    assert "no score is NaN: 1 of 448 are wrong, L1/U0- has a NaN at rank 6" in refused(run, model)


def test_a_sentence_that_does_not_exist(run, model):
    def invent(rows):
        rows["sentence_id"][3] = N

    rewrite(run, invent)
    said = refused(run, model)
    assert "listed sentences are in sentences/: 1 of 448 are wrong, L1/U0- lists sentence 90, which is none" in said


def test_a_changed_score_bit_is_seen_by_its_batch(run, model):
    def change(rows):
        rows["score"].view(np.uint32)[2] ^= 1

    rewrite(run, change)
    assert "scores agree bit by bit with the same batch's: 1 of" in refused(run, model, "verify.sample=5000")


def test_a_score_that_is_far_off(run, model):
    def change(rows):
        rows["score"][0] += 1

    rewrite(run, change)
    assert "scores agree with plain float32 ones: 1 of" in refused(run, model, "verify.sample=5000")


def test_a_sentence_that_should_have_been_kept(run, model):
    """The best sentence goes, the others move up and the last one is repeated by a worse one."""

    def drop(rows):
        for name in ("score", "sentence_id"):
            rows[name][: K - 1] = rows[name][1:K]
        rows["score"][K - 1] -= 0.01
        rows["sentence_id"][K - 1] = next(i for i in range(N) if i not in rows["sentence_id"][:K])

    rewrite(run, drop)
    said = refused(run, model, "verify.sample=20", "verify.others=400")
    assert "sentences are in every list they belong in" in said
    assert "L1/U0- lacks sentence" in said


def test_other_weights_than_the_plan_s(run, tmp_path):
    other = save_model(tmp_path / "other", seed=5)
    said = refused(run, other)
    assert "model and tokenizer are the plan's: 1 of 3 are wrong" in said
    assert said.endswith("give the model=... that was collected with")


def test_scores_of_other_weights_than_the_plan_names(run, tmp_path):
    other = save_model(tmp_path / "other", seed=5)
    record = json.loads((run / "run.json").read_text())
    plan = record["stages"]["collect/tiny"]["plan"]
    plan["weights"] = weights_fingerprint(other)
    (run / "run.json").write_text(json.dumps(record))
    assert re.search(
        r"scores agree with plain float32 ones: [34]\d of [45]\d are wrong", refused(run, other, "verify.sample=50")
    )


def test_another_text(run, model):
    file = run / "sentences" / "part-1.parquet"
    table = pq.read_table(file).to_pylist()
    for row in table:
        row["text"] = "the cat ran"
    pq.write_table(pa.Table.from_pylist(table, schema=SENTENCES), file)
    assert "tokens of the text are the shard's" in refused(run, model, "verify.sample=50")


def test_a_gap_in_the_sentences(run, model):
    file = run / "sentences" / "part-0.parquet"
    table = pq.read_table(file)
    pq.write_table(pa.concat_tables([table.slice(0, 20), table.slice(21)]), file)
    assert "part-0.parquet: 21 stands where 20 was due" in refused(run, model)


def test_elsewhere_only_the_tolerance_counts(run, model, capsys):
    record = json.loads((run / "run.json").read_text())
    record["stages"]["collect/tiny"]["plan"]["versions"]["torch"] = "0.1"
    (run / "run.json").write_text(json.dumps(record))
    assert verify.run(settings(run, model))["checks"] == 12
    assert "bits are not compared: library versions are" in capsys.readouterr().out


def test_a_collection_that_stopped_early_says_so_and_is_verified_as_one_of_its_first_shards(run, model):
    stop = ("collect.stop_fraction=0.2", "collect.stop_sentences=30")
    words = ("collect.k=1", "collect.dtype=float32", "collect.signs=[1,-1]", *stop, "overwrite=true")
    with scored_here():
        made = collect.run(settings(run, model, *words))
    left = {"sentences left out": 30, "shards left out": 1}
    assert (made["sentences"], made["shards"], made["inexact, stopped early"]) == (60, 2, left)
    record = json.loads((run / "run.json").read_text())["stages"]["collect/tiny"]
    assert record["plan"]["stop"] == {"fraction": 0.2, "sentences": 30, "top": 1}
    assert record["counts"]["inexact, stopped early"] == left
    summary = verify.run(settings(run, model))
    assert (summary["wrong"], summary["sentences"], summary["inexact, stopped early"]) == (0, 60, left)
    with pytest.raises(InputError, match=r"made with collect\.stop_fraction=0\.2, and text cannot be appended"):
        collect.require_same_settings(settings(run, model, "collect.k=1", *stop), RunDirectory(run))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["collect.stop_fraction=0.9"], "stop_sentences=0: must be above 0 where collect.stop_fraction is"),
        (["collect.stop_sentences=10"], "stop_sentences=10: must be above 0 where"),
        (["collect.stop_fraction=1.5", "collect.stop_sentences=10"], "stop_fraction=1.5: must be from 0"),
    ],
)
def test_a_stop_that_means_nothing_is_refused(words, said, run, model):
    with pytest.raises(ConfigError) as caught:
        settings(run, model, *words)
    assert said in str(caught.value)
