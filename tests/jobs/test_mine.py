"""jobs.mine from the command line: one clear line for bad input, nothing done twice."""

import json
import random

import pytest

from jobs.launch import launch
from jobs.mine import SECTIONS, run
from neuronsig.rundir import RunDirectory
from neuronsig.tables import SIGNATURES, read_table
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, write_run

QUICK = [
    "mining.selective=1",
    "mining.min_count=3",
    "mining.pattern_min_count=3",
    "mining.word_min_support=0.2",
    "mining.pos_max_length=1",
    "mining.itemset_max_size=1",
    "--brief",
]


@pytest.fixture
def made(tmp_path):
    rng = random.Random(3)
    return write_run(tmp_path, random_sentences(60), {(1, unit): rng.sample(range(60), 20) for unit in range(3)})


def mine(made, *words):
    return launch(run, SECTIONS, [f"run={made.root}", *QUICK, *words])


def test_a_finished_run_is_left_alone_and_other_settings_need_overwrite(spark, made, capsys):
    assert mine(made) == 0
    record = made.stage_record(f"mine/{MODEL}")
    assert record["status"] == "complete"
    assert record["counts"]["neurons profiled"] == 3
    assert record["counts"]["signature rows"] == read_table(made.signatures(MODEL), SIGNATURES).num_rows
    capsys.readouterr()
    assert mine(made) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert made.stage_record(f"mine/{MODEL}") == record
    (before,) = made.work("mine", MODEL).glob("*/patterns/*/_SUCCESS")
    stamp = before.stat().st_mtime_ns
    assert mine(made, "mining.selective=2") == 2
    assert "mining.selective was 1, now 2" in capsys.readouterr().err
    assert mine(made, "mining.selective=2", "overwrite=true") == 0
    assert len(list(made.work("mine", MODEL).glob("*/patterns/*/_SUCCESS"))) == 2
    assert before.stat().st_mtime_ns == stamp


def test_a_model_that_was_not_collected_is_refused_with_those_that_were(made, capsys):
    assert mine(made, "model.name=bert") == 2
    error = capsys.readouterr().err
    assert "stage collect/bert has not been run" in error
    assert "it has collect/minilm" in error
    assert len(error.splitlines()) == 1


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert mine(RunDirectory(tmp_path / "nothing")) == 2
    assert "is not a run directory" in capsys.readouterr().err


def test_a_corrupt_table_is_named_before_spark_starts(made, capsys):
    file = made.topk(MODEL) / "part-0.parquet"
    file.write_bytes(file.read_bytes()[:100])
    assert mine(made) == 2
    assert f"{file} cannot be read as Parquet" in capsys.readouterr().err
    assert not made.work("encoded").exists()
    assert json.loads(made.record_file.read_text())["stages"][f"mine/{MODEL}"]["status"] == "interrupted"
