"""jobs.evaluate on a tiny model with a planted unit: its signature finds unseen sentences, another one does not."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

from neuronsig.collection.job import Group
from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError, MachineError, TooLittleTextError
from neuronsig.evaluation.held_out import HeldOutJob, blocks_of, positive_fraction, read_block
from neuronsig.evaluation.word_order import WORD_ORDERS
from neuronsig.holdout import is_held_out
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.signature.freshness import remake_command
from neuronsig.signature.results import StageResults
from neuronsig.storage.parquet import read_table
from neuronsig.tables import EVALUATION, PROFILES, SENTENCES, STATEMENTS, TOPK
from neuronsig_jobs import describe, evaluate
from neuronsig_ray.blocks import BlockTables
from neuronsig_ray.evaluate import scoring
from neuronsig_ray.evaluate.scoring import HeldOutReplica
from neuronsig_ray.finished_run import same_model_run
from neuronsig_ray.pool import Pool
from neuronsig_ray.verify.rescore import PlainScorer
from tests.neuronsig_jobs.judged_run import HOLDOUT, UNIT, K, N, plant, settings, write_signatures
from tests.neuronsig_ray.here import score_here
from tests.neuronsig_ray.models import UNITS, make_job, random_inputs

pytestmark = pytest.mark.usefixtures("local_ray")


def table_of(run: Path) -> dict[Neuron, dict]:
    rows = read_table(run / "evaluation" / "tiny", EVALUATION).to_pylist()
    return {Neuron(r["site"], r["layer"], r["unit"], r["sign"]): r for r in rows}


@pytest.fixture(scope="module")
def described(mined, model, tmp_path_factory) -> Path:
    """The run with the statements of its neurons; not to be changed."""
    run = Path(shutil.copytree(mined, tmp_path_factory.mktemp("described") / "run"))
    describe.run(settings(run, model))
    return run


@pytest.fixture
def run(described, tmp_path) -> Path:
    return Path(shutil.copytree(described, tmp_path / "run"))


def test_the_planted_unit_is_told_by_its_word_and_the_same_command_again_changes_nothing(described, model, tmp_path):
    rows = read_table(described / "statements" / "tiny", STATEMENTS).to_pylist()
    of = [row for row in rows if (row["layer"], row["unit"], row["sign"]) == (2, UNIT, 1)]
    told = [row for row in of if row["told"] is not None]
    assert (told[0]["kinds"], told[0]["patterns"]) == (["word"], [["cat"]])
    assert [row["rank"] for row in of] == list(range(len(of)))
    held = is_held_out(np.arange(N), HOLDOUT)
    topk = read_table(described / "topk" / "tiny", TOPK).to_pylist()
    listed = [r["sentence_id"] for r in topk if (r["layer"], r["unit"], r["sign"]) == (2, UNIT, 1)]
    assert told[0]["n1"] == np.count_nonzero(~held[listed])
    assert told[0]["n1"] + told[0]["n2"] == np.count_nonzero(~held)  # of so small a text all is the reference
    before = {path: path.stat().st_mtime_ns for path in described.rglob("*.parquet")}
    assert describe.run(settings(described, model))["statements"] == len(rows)
    assert {path: path.stat().st_mtime_ns for path in described.rglob("*.parquet")} == before
    said = StageResults(RunDirectory(described), "tiny", {"describe"}).told[Neuron("hidden", 2, UNIT)]
    assert said[0].text == "with “cat”"


def test_the_planted_unit_s_signature_finds_its_sentences_and_the_result_stays(run, model, capsys, monkeypatch):
    # On Ray's actors it is scored where a kill is tested.
    monkeypatch.setattr(scoring, "score_shards", score_here)
    summary = evaluate.run(settings(run, model))
    rows = table_of(run)
    held = is_held_out(np.arange(N), HOLDOUT).sum()
    copies = summary["held-out copies of mined sentences, left out"]
    assert summary["neurons"] == len(rows) == 4 * UNITS
    assert summary["held-out sentences"] == held - copies
    assert summary["positives of a neuron"] == round((held - copies) * K / N)
    cat = rows[Neuron("hidden", 2, UNIT)]
    assert cat["ap"] > 0.5  # of the sentences with a cat, the short ones: a mean is collected
    assert cat["told_beats_chance"]
    assert cat["beats_random"]
    assert cat["random_ap"] < cat["ap"] / 2
    assert cat["random_unit"] != UNIT
    assert cat["contextuality"] < 0.05  # a bag of words, but for what positions add before they are normalised
    assert cat["kept_shuffled"] > 0.8
    analysis = run / "analysis" / "tiny"
    assert {path.name for path in analysis.glob("evaluation.*")} == {f"evaluation.{s}" for s in ("csv", "png", "svg")}
    assert not (run / "work" / "evaluate" / "tiny").exists()
    assert "L2" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    assert evaluate.run(settings(run, model)) == summary
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == before
    # Another evaluation that is refused leaves this one.
    with pytest.raises(MachineError, match=r"ray\.gpus=1"):
        evaluate.run(settings(run, model, "evaluation.seed=3", "ray.gpus='1'"))
    assert evaluate.run(settings(run, model)) == summary


def test_neurons_that_were_not_mined_are_neither_described_nor_judged(mined, tmp_path, model, monkeypatch):
    run = RunDirectory(Path(shutil.copytree(mined, tmp_path / "run")))
    chosen = {Neuron("hidden", 2, UNIT), Neuron("hidden", 1, 0, -1)}
    (file,) = run.profiles("tiny").glob("*.parquet")
    rows = pq.read_table(file, schema=PROFILES).to_pylist()
    rows = [row | {"mined": Neuron.of_row(row) in chosen} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows, schema=PROFILES), file)
    assert describe.run(settings(run.root, model))["neurons"] == 2
    monkeypatch.setattr(scoring, "score_shards", score_here)
    assert evaluate.run(settings(run.root, model))["neurons"] == 2
    found = table_of(run.root)
    assert found.keys() == chosen
    assert found[Neuron("hidden", 2, UNIT)]["ap"] > 0.5
    assert found[Neuron("hidden", 2, UNIT)]["random_unit"] is None


@pytest.mark.slow
def test_after_a_kill_only_what_is_missing_is_done_and_the_rows_are_the_same(run, model, monkeypatch):
    whole = run.parent / "whole"
    shutil.copytree(run, whole)
    evaluate.run(settings(whole, model))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(BlockTables, "make", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate.run(settings(run, model))
    monkeypatch.undo()
    scores = run / "work" / "evaluate" / "tiny" / "scores"
    before = {path: path.stat().st_mtime_ns for path in scores.glob("*.parquet")}
    assert len(before) == 3

    def check(*arguments):
        assert {path: path.stat().st_mtime_ns for path in scores.glob("*.parquet")} == before
        judged(*arguments)

    judged = BlockTables.make
    monkeypatch.setattr(BlockTables, "make", check)
    evaluate.run(settings(run, model))
    assert table_of(run) == table_of(whole)


def test_scores_are_those_of_one_sentence_at_a_time_held_out_ones_alone(tmp_path, model):
    inputs = random_inputs(70)
    groups = tuple(Group("hidden", layer, UNITS) for layer in (0, 1, 2))
    job = make_job(tmp_path, model, inputs, 30, 5, groups=groups, signs=(1, -1))
    expected = np.flatnonzero(is_held_out(np.arange(70), 0.5))
    as_they_are = [list(range(len(inputs[i]))) for i in expected]
    pq.write_table(pa.table([pa.array(expected), pa.array(as_they_are)], schema=WORD_ORDERS), tmp_path / "orders")
    held = HeldOutJob.of(job, str(tmp_path / "orders"), str(tmp_path / "scores"), "p")
    rows = []
    score_here(held, [0, 1, 2], Pool(1, 1, 0), rows.append, HeldOutReplica)
    assert sum(row["sentences"] for row in rows) == len(expected)
    plain = PlainScorer(job)
    by_hand = np.stack([plain.scores(inputs[i], 0, len(inputs[i])) for i in expected])  # (sentences, rows)
    files = sorted((tmp_path / "scores").glob("*.parquet"))
    blocks = blocks_of(job)
    assert [neuron for block in blocks for neuron in block.neurons] == [job.neuron(row) for row in range(job.rows)]
    for block in blocks:
        ids, scores = read_block(files, block.name, len(block.neurons))
        assert ids.tolist() == expected.tolist()
        np.testing.assert_allclose(scores, by_hand[:, block.start : block.stop], atol=1e-5)


@pytest.mark.slow
def test_fewer_sentences_and_another_fraction_may_be_asked_for(run, model):
    words = ("evaluation.max_sentences=120", "evaluation.fraction=0.3", "evaluation.least_positives=2")
    summary = evaluate.run(settings(run, model, *words))
    held = is_held_out(np.arange(N), 120 / N).sum()
    judged = held - summary["held-out copies of mined sentences, left out"]
    assert summary["held-out sentences"] == judged < 160
    assert summary["positives of a neuron"] == round(0.3 * judged)


def refused(run, model, *words, too_little=False) -> str:
    with pytest.raises((InputError, ConfigError)) as caught:
        evaluate.run(settings(run, model, *words))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TooLittleTextError) == too_little
    return str(caught.value)


def signatures_of(run: RunDirectory, **mining: float) -> None:
    """Other signatures, and the statements as if they were made from them."""
    write_signatures(run, **mining)
    record = run.record()
    record["stages"]["describe/tiny"]["plan"]["inputs"]["mine/tiny"] = run.fingerprint("mine/tiny", "test")
    run.record_file.write_text(json.dumps(record))


def test_what_cannot_be_judged_is_refused_in_one_line(run, model, tmp_path):
    directory = RunDirectory(run)
    signatures_of(directory, holdout=0.0)
    assert "was made from all sentences, and none is left" in refused(run, model, too_little=True)
    signatures_of(directory, holdout=0.01)
    said = "mining.holdout=0.01 of 600 sentences leaves 6 to judge signatures on, 100 are needed"
    assert said in refused(run, model, too_little=True)
    for share, said in (("0.4", "none"), ("0.99", "all")):
        signatures_of(directory, holdout=float(share), holdout_by="document")
        one = refused(run, model, too_little=True)
        assert one.startswith(f"mining.holdout={share} by document holds out {said} of the text in {run}/sentences: it")
        assert one.endswith("has too few documents; mine with mining.holdout_by=sentence")
    signatures_of(directory)
    assert "has weights" in refused(run, plant(tmp_path / "other", seed=5))
    assert "evaluation.fraction=0.7: must be above 0, at most 0.5, or 0" in refused(
        run, model, "evaluation.fraction=0.7"
    )
    many = refused(run, model, "evaluation.least_positives=121")
    assert "evaluation.least_positives=121: must be at most 50% of the held-out sentences, which are about 240" in many
    assert "model=unknown" not in refused(run, model, "model.name=unknown")


def test_lists_of_most_of_the_text_are_too_little_text_unless_a_fraction_is_given(tmp_path, model):
    with pytest.raises(TooLittleTextError, match=r"collect\.k=400 keeps 67% of 600 sentences in every list"):
        positive_fraction(settings(tmp_path, model), k=400, kept=400, sentences=600)
    asked = settings(tmp_path, model, "evaluation.fraction=0.1")
    assert positive_fraction(asked, k=400, kept=400, sentences=600) == 0.1


def test_the_command_that_is_shown_passes_for_the_model_that_was_collected_with(run, model):
    words = shlex.split(remake_command(RunDirectory(run), "tiny", "evaluate"))
    found = same_model_run(compose(words[2:]), "neuronsig evaluate")
    assert str(found.weights) == str(model)


def test_a_listed_sentence_that_is_lost_is_named(run, model, monkeypatch):
    monkeypatch.setattr(scoring, "score_shards", score_here)
    listed = np.unique(read_table(run / "topk" / "tiny", TOPK)["sentence_id"].to_numpy())
    lost = int(listed[~is_held_out(listed, HOLDOUT)][0])
    for file in (run / "sentences").glob("*.parquet"):
        table = pq.read_table(file)
        pq.write_table(table.filter(pa.array(table["sentence_id"].to_numpy() != lost)).cast(SENTENCES), file)
    assert f"sentences/ has no sentence_id {lost}, which topk/ names" in refused(run, model)
