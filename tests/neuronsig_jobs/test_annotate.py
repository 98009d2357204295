"""jobs.annotate, jobs.corpus_table and jobs.train_annotators from the command line's words, on two tiny files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from neuronsig.config.compose import compose
from neuronsig.errors import ConfigError, InputError, MachineError, PlanMismatchError
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.manifests import Batch
from neuronsig.storage.parquet import check_table, read_table, table_files, table_parts
from neuronsig.tables import SENTENCES
from neuronsig_jobs import annotate, corpus_table, train_annotators
from spark_jobs import annotation_steps
from spark_jobs.sentence_table import claim


def make_words(folder: Path) -> list[str]:
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text("The cat sat on the mat. It doesn't sleep. Why not?\n\nIt rains in Spain today.\n")
    (corpus / "b.txt").write_text("It doesn't sleep. No!\n\nBirds sing in tall green trees.\n")
    (corpus / "c.txt").write_text("")
    return [f"run={folder / 'run'}", "corpus=text", f"corpus.path={corpus}", "annotator.batch_sentences=2"]


@pytest.fixture
def words(tmp_path, spark):
    return make_words(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, spark):
    """(folder, words, summary) of a run that is done, in a folder that looks like a pattern; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "a b[1]{x}*"
    folder.mkdir()
    words = make_words(folder)
    return folder, words, annotate.run(compose(words))


def test_a_corpus_becomes_a_table_with_everything_counted(finished):
    folder, _, summary = finished
    assert summary["documents"] == 2
    assert summary["sentences kept"] == 5
    assert summary["sentences dropped"] == {"empty": 0, "too_long": 0, "too_short": 1, "duplicate": 1}
    assert sum(summary["records skipped"].values()) == 1
    rows = read_table(folder / "run" / "sentences", SENTENCES).to_pylist()
    assert [row["sentence_id"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[1]["tokens"] == ["It", "does", "n't", "sleep", "."]
    record = json.loads((folder / "run" / "run.json").read_text())["stages"]["annotate"]
    assert record["status"] == "complete"
    assert record["counts"]["sentences kept"] == 5


def test_the_same_command_again_does_nothing_and_another_plan_is_refused(finished, monkeypatch):
    _, words, _ = finished
    monkeypatch.setattr(annotate, "make", lambda *_: pytest.fail("the work was done again"))
    assert annotate.run(compose(words))["sentences kept"] == 5
    with pytest.raises(PlanMismatchError, match=r"annotator.min_pieces was 3, now 4"):
        annotate.run(compose([*words, "annotator.min_pieces=4"]))


def test_a_table_that_is_to_be_overwritten_stays_where_a_worker_cannot_annotate(finished, monkeypatch):
    folder, words, _ = finished
    run = RunDirectory.existing(folder / "run")
    before, record = read_table(run.sentences, SENTENCES), run.record()

    def refuse(*_):
        raise MachineError("worker node7: tokenizers cannot be imported")

    monkeypatch.setattr("spark_jobs.preflight.check_workers", refuse)
    with pytest.raises(MachineError, match="node7"):
        annotate.run(compose([*words, "annotator.min_pieces=4", "overwrite=true"]))
    assert run.record() == record
    assert read_table(run.sentences, SENTENCES).equals(before)
    assert annotate.run(compose(words))["sentences kept"] == 5


def test_an_interrupted_run_goes_on_with_the_batches_that_are_missing(words, monkeypatch, tmp_path):
    from spark_jobs import annotate as engine

    publish, done = Batch.publish, []

    def interrupted(batch, table):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append((batch.start, batch.stop))
        publish(batch, table)

    monkeypatch.setattr(Batch, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        annotate.run(compose(words))
    table = tmp_path / "run" / "sentences"
    files, others = table_parts(table)
    assert (len(files), len(others)) == (1, 1)
    assert check_table(table, SENTENCES) == 2
    (table / ".part-000000000002-abc.parquet-def.tmp").write_text("half")
    again = made_ranges(monkeypatch, publish)
    monkeypatch.setattr(engine, "clean", lambda *_: pytest.fail("sentences were split again"))
    # Another size of batches is no other table.
    summary = annotate.run(compose([*words, "annotator.batch_sentences=3"]))
    assert (done, again) == ([(0, 2)], [(2, 5)])
    assert summary[annotation_steps.LEAVINGS] == 2
    assert read_table(table, SENTENCES)["sentence_id"].to_pylist() == [0, 1, 2, 3, 4]
    assert {path.name for path in table.glob("*.parquet")} == {path.name for path in table_files(table)}


def made_ranges(monkeypatch, publish=Batch.publish) -> list[tuple[int, int]]:
    """Filled with the ranges of ids that are published from now on."""
    made = []
    monkeypatch.setattr(
        Batch, "publish", lambda batch, table: (made.append((batch.start, batch.stop)), publish(batch, table))
    )
    return made


@pytest.fixture
def copy(finished, tmp_path):
    """(words, table) of a copy of the finished run."""
    folder, words, _ = finished
    shutil.copytree(folder / "run", tmp_path / "run")
    return [f"run={tmp_path / 'run'}", *words[1:]], tmp_path / "run" / "sentences"


@pytest.mark.slow
def test_a_table_that_lost_a_part_or_all_is_made_again_the_same(finished, copy, monkeypatch):
    folder, _, summary = finished
    words, table = copy
    wanted = read_table(folder / "run" / "sentences", SENTENCES).sort_by("sentence_id").to_pylist()
    made = made_ranges(monkeypatch)
    for lose, again in (
        (lambda: next(table.glob("part-000000000002-*.parquet")).unlink(), [(2, 4)]),
        (lambda: shutil.rmtree(table), [(0, 2), (2, 4), (4, 5)]),
    ):
        made.clear()
        lose()
        found = annotate.run(compose(words))
        assert made == again
        assert read_table(table, SENTENCES).sort_by("sentence_id").to_pylist() == wanted
        assert found["sentences dropped"] == summary["sentences dropped"]


def test_a_kill_before_the_end_was_recorded_costs_nothing(copy, monkeypatch):
    words, table = copy
    file = table.parent / "run.json"
    record = json.loads(file.read_text())
    record["stages"]["annotate"] |= {"status": "running", "counts": {}}
    file.write_text(json.dumps(record))
    monkeypatch.setattr("spark_jobs.session.spark_session", lambda *_, **__: pytest.fail("Spark was started"))
    assert annotate.run(compose(words))["sentences kept"] == 5
    assert json.loads(file.read_text())["stages"]["annotate"]["status"] == "complete"


def test_a_finished_run_needs_its_work_folder_no_more(copy, monkeypatch):
    words, table = copy
    shutil.rmtree(table.parent / "work", ignore_errors=True)
    monkeypatch.setattr(annotate, "make", lambda *_: pytest.fail("the work was done again"))
    assert annotate.run(compose(words))["sentences kept"] == 5


def test_what_another_plan_left_is_not_gone_on_with(tmp_path):
    claim(tmp_path / "work", "one")
    (tmp_path / "work" / "cleaned.json").write_text("{}")
    claim(tmp_path / "work", "one")
    assert (tmp_path / "work" / "cleaned.json").is_file()
    claim(tmp_path / "work", "two")
    assert not (tmp_path / "work" / "cleaned.json").exists()


def test_the_plan_knows_text_and_models_by_content_wherever_they_lie(tmp_path):
    words = make_words(tmp_path)
    model = tmp_path / "model"
    (model / "metadata").mkdir(parents=True)
    (model / "metadata" / "part-00000").write_text("one")
    words.append(f"annotator.pos_model={model}")
    plan = annotate.make_plan(compose(words))
    (tmp_path / "corpus").rename(tmp_path / "moved")
    model.rename(tmp_path / "model2")
    words += [f"corpus.path={tmp_path / 'moved'}", f"annotator.pos_model={tmp_path / 'model2'}"]
    assert annotate.make_plan(compose(words)) == plan
    (tmp_path / "model2" / "metadata" / "part-00000").write_text("two")
    changed = annotate.make_plan(compose(words))
    assert changed["annotator"]["pos_model"] != plan["annotator"]["pos_model"]
    (tmp_path / "moved" / "a.txt").write_text("Another text altogether.")
    assert annotate.make_plan(compose(words))["corpus_files"] != plan["corpus_files"]


def test_a_corpus_of_which_nothing_is_left_says_why(words, tmp_path):
    (tmp_path / "corpus" / ".notes").write_text("?")
    skipped = r"records skipped: 1 text: empty \(c\.txt\), 1 text: hidden_file \(\.notes\); check"
    with pytest.raises(InputError, match=rf"no sentence is left of 2 documents.*too_short.*{skipped}"):
        annotate.run(compose([*words, "annotator.min_pieces=50"]))


def test_a_missing_corpus_is_named_before_spark_starts(words, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        annotate.run(compose([*words, f"corpus.path={tmp_path / 'nowhere'}"]))


def test_the_corpus_table_is_printed_and_written_in_three_forms(finished, capsys):
    folder, words, _ = finished
    summary = corpus_table.run(compose(words))
    assert summary["sentences"] == 5
    analysis = folder / "run" / "analysis"
    total = pq.read_table(analysis / "corpora.parquet").to_pylist()[-1]
    tokens = read_table(folder / "run" / "sentences", SENTENCES)["tokens"].to_pylist()
    assert (total["domain"], total["words"]) == ("total", sum(map(len, tokens)))
    assert (analysis / "corpora.csv").read_text().startswith("domain,sentences,words,")
    assert (analysis / "corpora.md").read_text().startswith("| domain | sentences |")
    assert "P1 Table 1" in capsys.readouterr().out


def test_the_corpus_table_of_a_run_without_sentences_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="not a run directory"):
        corpus_table.run(compose([f"run={tmp_path}"]))


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["train.treebank=/nowhere"], InputError, r"train.treebank=/nowhere: 0 files"),
        (["train.pos_iterations=0"], ConfigError, r"train.pos_iterations=0"),
    ],
    ids=["no treebank", "no iteration"],
)
def test_training_names_what_is_wrong_before_it_starts(words, error, said):
    with pytest.raises(error, match=said):
        train_annotators.run(compose(words))


@pytest.mark.slow
@pytest.mark.realdata
def test_annotators_can_be_remade_from_a_treebank(spark, data_folder, tmp_path):
    treebank = tmp_path / "treebank"
    treebank.mkdir()
    for part, size in (("train", 60_000), ("test", 20_000)):
        (source,) = (data_folder / "ud_english_ewt").glob(f"*-{part}.conllu")
        whole = source.read_text(encoding="utf-8")
        (treebank / f"x-ud-{part}.conllu").write_text(whole[: whole.index("\n\n", size) + 2], encoding="utf-8")
    # The tests' Spark compiles no queries, and then it cannot decode the tagged sentences of Spark NLP's trainer.
    compiling = "spark.sql.codegen.factoryMode"
    before = spark.conf.get(compiling)
    spark.conf.set(compiling, "FALLBACK")
    try:
        words = [f"train.treebank={treebank}", f"train.output={tmp_path / 'out'}", "train.parser_iterations=2"]
        summary = train_annotators.run(compose(words))
    finally:
        spark.conf.set(compiling, before)
    assert (tmp_path / "out" / "dependency_ewt.zip").is_file()
    assert float(summary["POS accuracy"].rstrip("%")) > 50


def test_near_duplicates_are_dropped_and_counted_where_asked_for(words, tmp_path):
    (tmp_path / "corpus" / "d.txt").write_text("Birds sing in tall green bushes.\n\nBirds sing in tall green trees.\n")
    plain = annotate.make_plan(compose(words))
    assert "near_duplicates" not in plain["annotator"]
    thinned = compose([*words, "annotator.near_duplicates=0.6", "annotator.batch_sentences=0"])
    assert annotate.make_plan(thinned)["annotator"]["near_duplicates"] == 0.6
    summary = annotate.run(thinned)
    assert summary["sentences dropped"] == {
        "empty": 0,
        "too_long": 0,
        "too_short": 1,
        "duplicate": 2,
        "near_duplicate": 1,
    }
    assert summary["sentences found"] == summary["sentences kept"] + 4
    texts = read_table(tmp_path / "run" / "sentences", SENTENCES)["text"].to_pylist()
    assert "Birds sing in tall green trees." in texts
    assert "Birds sing in tall green bushes." not in texts
    with pytest.raises(ConfigError, match=r"near_duplicates=0\.6: text cannot be appended"):
        annotate.append(thinned, RunDirectory(tmp_path / "run"))
