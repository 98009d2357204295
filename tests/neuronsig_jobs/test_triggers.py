"""jobs.triggers on a tiny model with a planted unit: its triggers are the planted word, and a pattern holds them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

import torch
from transformers import AutoModel

from neuronsig.errors import InputError, MachineError
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import read_table
from neuronsig.tables import DETECTORS, SENTENCES, TOPK, TRIGGERS
from neuronsig_jobs import outliers, triggers
from neuronsig_ray import triggers as token_pass
from tests.neuronsig_jobs.judged_run import UNIT, N, make_run, settings
from tests.neuronsig_ray.here import actors_here
from tests.neuronsig_ray.models import UNITS, random_inputs
from tests.run_factory import make_constant

pytestmark = pytest.mark.usefixtures("local_ray")

TOP = 6


@pytest.fixture(autouse=True)
def _here(request) -> Iterator[None]:
    """A replica is an actor only where that is what is tested; the pipeline's test has one too."""
    with contextlib.nullcontext() if "actors" in request.node.name else actors_here(token_pass):
        yield


KEY = ("site", "layer", "unit", "sign")


def of(row) -> Neuron:
    return Neuron(*(row[name] for name in KEY))


def test_the_planted_unit_is_a_detector_of_its_word_that_its_signature_holds(run, model, capsys):
    summary = triggers.run(settings(run, model, f"triggers.sentences={TOP}"))
    assert summary["neurons"] == 4 * UNITS
    assert summary["sentences of all neurons"] == 4 * UNITS * TOP
    assert summary["sentences forwarded"] <= N
    assert summary["kinds that hold no word"] == "metadata"
    detectors = {of(row): row for row in read_table(run / "detectors" / "tiny", DETECTORS).to_pylist()}
    cat = detectors[Neuron("hidden", 2, UNIT)]
    assert (cat["detector"], cat["word"], cat["word_share"], cat["tag"]) == ("token", "cat", 1.0, "NN")
    assert cat["covered_share"] == 1.0
    assert cat["concentration"] > 0.5
    rows = [r for r in read_table(run / "triggers" / "tiny", TRIGGERS).to_pylist() if of(r) == of(cat)]
    assert [row["rank"] for row in rows] == list(range(TOP))
    assert {(row["kind"], *row["pattern"], row["offset"]) for row in rows} == {("words", "cat", 0)}
    assert detectors[Neuron("hidden", 2, UNIT, -1)]["word"] != "cat"
    assert "hidden L1" in capsys.readouterr().out
    # Other triggers that are refused leave these.
    with pytest.raises(MachineError, match=r"ray\.gpus=1"):
        triggers.run(settings(run, model, "ray.gpus='1'"))
    assert triggers.run(settings(run, model, f"triggers.sentences={TOP}")) == summary


def test_constant_units_are_neither_located_nor_looked_at_and_are_counted(run, model):
    make_constant(RunDirectory(run), {Neuron("hidden", 1, unit): 0.5 for unit in range(UNITS)}, "tiny")
    config = settings(run, model, f"triggers.sentences={TOP}")
    for job, file in (
        (triggers, run / "detectors" / "tiny"),
        (outliers, run / "analysis" / "tiny" / "outliers.parquet"),
    ):
        summary = job.run(config)
        assert (summary["neurons"], summary["constant units left out"]) == (3 * UNITS, UNITS)
        rows = [of(row) for row in pq.read_table(file).to_pylist()]
        assert len(rows) == 3 * UNITS
        assert {neuron.sign for neuron in rows if neuron.layer == 1} == {-1}


@pytest.mark.slow
def test_replicas_that_are_actors_write_the_same_tables(run, model, tmp_path):
    config = settings(run, model, f"triggers.sentences={TOP}")
    shutil.copytree(run, tmp_path / "here")
    triggers.run(config)
    with actors_here(token_pass):
        triggers.run(settings(tmp_path / "here", model, f"triggers.sentences={TOP}"))
    for name, schema in (("triggers", TRIGGERS), ("detectors", DETECTORS)):
        assert read_table(run / name / "tiny", schema) == read_table(tmp_path / "here" / name / "tiny", schema)


@pytest.mark.parametrize(
    ("special", "pooling"),
    [
        (True, "max"),
        (False, "mean"),
        pytest.param(True, "mean", marks=pytest.mark.slow),
        pytest.param(False, "max", marks=pytest.mark.slow),
    ],
)
def test_activations_are_those_of_one_sentence_at_a_time(tmp_path, model, pooling, special):
    words = (f"collect.pooling={pooling}", f"collect.special_tokens={special}")
    run = make_run(tmp_path / "run", model, *words).root
    triggers.run(settings(run, model, f"triggers.sentences={TOP}", *words))
    table = read_table(run / "triggers" / "tiny", TRIGGERS)
    inputs, trunk = random_inputs(N), AutoModel.from_pretrained(model).eval()
    topk = {
        (of(r), r["rank"]): r
        for path in (run / "topk" / "tiny").glob("*.parquet")
        for r in pq.read_table(path, columns=TOPK.names).to_pylist()
    }
    with torch.no_grad():
        states = {
            i: trunk(torch.tensor([inputs[i]]), output_hidden_states=True).hidden_states
            for i in set(table["sentence_id"].to_pylist())
        }
    every = np.concatenate([torch.stack(states[i]).numpy()[:, 0] for i in sorted(states)], axis=1)
    baselines = every.mean(axis=1)  # (layers, units), special tokens included
    for row in table.to_pylist():
        listed = topk[of(row), row["rank"]]
        assert row["sentence_id"] == listed["sentence_id"]
        tokens = row["sign"] * states[row["sentence_id"]][row["layer"]][0, :, row["unit"]].numpy()
        inner = tokens[1:-1]
        np.testing.assert_allclose(row["activations"], inner, atol=2e-5)
        pooled = tokens if special else inner
        score = pooled.mean() if pooling == "mean" else pooled.max()
        assert listed["score"] == pytest.approx(score, abs=2e-5)
        assert inner[row["trigger"]] == pytest.approx(inner.max(), abs=2e-5)
        if not special:
            assert row["special"] is None
            assert not row["on_special"]
            continue
        ends = max(tokens[0], tokens[-1])
        assert row["special"] == pytest.approx(ends, abs=2e-5)
        if abs(ends - inner.max()) > 1e-4:
            assert row["on_special"] == (ends > inner.max())
        above = np.maximum(tokens - row["sign"] * baselines[row["layer"], row["unit"]], 0)
        assert row["concentration"] == pytest.approx(above.max() / above.sum(), rel=1e-3)


def test_the_same_command_again_changes_nothing_and_a_kill_loses_only_what_was_not_done(run, model, monkeypatch):
    config = settings(run, model, f"triggers.sentences={TOP}")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(triggers, "locate_blocks", killed)
    with pytest.raises(KeyboardInterrupt):
        triggers.run(config)
    monkeypatch.undo()
    chunks = list((run / "work" / "tokens" / "tiny").glob("*.parquet"))
    assert chunks
    before = {path: path.stat().st_mtime_ns for path in chunks}
    locate = triggers.locate_blocks

    def check(*arguments):
        assert {path: path.stat().st_mtime_ns for path in chunks} == before
        locate(*arguments)

    monkeypatch.setattr(triggers, "locate_blocks", check)
    summary = triggers.run(config)
    assert not (run / "work" / "triggers" / "tiny").exists()
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    assert triggers.run(config) == summary
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == files


def test_outliers_read_what_triggers_saw_and_tell_the_same_number(run, model):
    triggers.run(settings(run, model, f"triggers.sentences={TOP}"))
    folder = run / "work" / "tokens" / "tiny"
    seen = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    outliers.run(settings(run, model, f"triggers.sentences={TOP}"))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == seen
    detectors = read_table(run / "detectors" / "tiny", DETECTORS).to_pylist()
    found = {of(row): row for row in pq.read_table(run / "analysis" / "tiny" / "outliers.parquet").to_pylist()}
    assert {of(row): row["concentration"] for row in detectors} == {of_: r["concentration"] for of_, r in found.items()}
    cat = found[Neuron("hidden", 2, UNIT)]
    assert (cat["token"], cat["token_place"], cat["token_sentences"]) == ("cat", "inside", TOP)
    # What was seen of other sentences is not kept beside it.
    outliers.run(settings(run, model, "triggers.sentences=2"))
    assert len(list(folder.iterdir())) == len(seen)
    assert not seen.keys() & set(folder.glob("*.parquet"))


def test_a_listed_sentence_that_is_lost_is_named(run, model):
    table = read_table(run / "topk" / "tiny", TOPK)
    lost = min(
        i for i, rank in zip(table["sentence_id"].to_pylist(), table["rank"].to_pylist(), strict=True) if rank < 2
    )
    for file in (run / "sentences").glob("*.parquet"):
        rows = pq.read_table(file)
        pq.write_table(rows.filter(pa.array(rows["sentence_id"].to_numpy() != lost)).cast(SENTENCES), file)
    with pytest.raises(InputError, match=f"has no sentence_id {lost}, which topk/ names"):
        triggers.run(settings(run, model, "triggers.sentences=2"))


def test_signatures_must_be_there(run, model):
    record = (run / "run.json").read_text().replace('"mine/tiny"', '"mine/other"')
    (run / "run.json").write_text(record)
    with pytest.raises(InputError, match="stage mine/tiny has not been run"):
        triggers.run(settings(run, model))
