"""jobs.mine from the command line: one clear line for bad input, nothing done twice."""

import json
import random
import shutil
from pathlib import Path

import pytest

from neuronsig.errors import InputError
from neuronsig.neuron import Neuron
from neuronsig.run.directory import RunDirectory
from neuronsig.storage.parquet import read_table
from neuronsig.tables import PROFILES, SIGNATURES
from neuronsig_jobs.__main__ import main
from tests.run_factory import make_constant
from tests.spark_jobs.mining.small_run import MODEL, random_sentences, write_run

QUICK = [
    "mining.min_count=3",
    "mining.pattern_min_count=3",
    "mining.word_min_support=0.2",
    "mining.kinds=[word_sequence]",
    "--brief",
]


MLLIB = ["mining.kinds=[word_sequence]", "mining.pos_max_gap=-1"]


@pytest.fixture
def made(tmp_path):
    rng = random.Random(3)
    return write_run(tmp_path, random_sentences(60), {(1, unit): rng.sample(range(60), 20) for unit in range(3)})


@pytest.fixture(scope="module")
def mined(spark, tmp_path_factory):
    """A run of sentences without trees and with one constant unit, one of whose neurons is mined; not to be changed."""
    rows = [row | {"heads": None} for row in random_sentences(60)]
    run = write_run(tmp_path_factory.mktemp("mined"), rows, {(1, unit): list(range(unit, 60, 3)) for unit in range(4)})
    make_constant(run, {Neuron("hidden", 1, 3): 0.25})
    assert mine(run, "mining.neurons=[L1/U0]") == 0
    return run


def write_trees(path, tree):
    """JSON Lines with the tree of one sentence, and the words that mine its subtrees."""
    path = path.with_suffix(".jsonl")
    path.write_text(json.dumps({"sentence_id": 3, "tree": tree}))
    return f"mining.trees={path}", "mining.kinds=[subtree]"


def mine(made, *words):
    return main(["mine", f"run={made.root}", *QUICK, *words])


def test_a_finished_run_is_left_alone_and_other_settings_need_overwrite(mined, tmp_path, capsys):
    made = RunDirectory.existing(Path(shutil.copytree(mined.root, tmp_path / "run")))
    record = made.stage_record(f"mine/{MODEL}")
    assert record["status"] == "complete"
    assert record["counts"]["neurons profiled"] == 3
    assert record["counts"]["signature rows"] == read_table(made.signatures(MODEL), SIGNATURES).num_rows
    capsys.readouterr()
    assert mine(made, "mining.neurons=[L1/U0]") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert made.stage_record(f"mine/{MODEL}") == record
    (before,) = made.work("mine", MODEL).glob("*/patterns/*/_SUCCESS")
    stamp = before.stat().st_mtime_ns
    assert mine(made) == 2
    assert 'mining.neurons was ["L1/U0"], now []' in capsys.readouterr().err
    trees = write_trees(made.root.parent / "trees.jsonl", "(S")
    assert mine(made, *trees) == 2
    assert "mining.trees was absent, now " in capsys.readouterr().err
    assert not made.work("trees").exists()
    assert mine(made, *trees, "overwrite=true") == 2
    assert "1 rows are wrong, the first: sentence_id 3: bracketed tree, character 3" in capsys.readouterr().err
    assert made.stage_record(f"mine/{MODEL}") == record
    assert mine(made, "overwrite=true") == 0
    assert len(list(made.work("mine", MODEL).glob("*/patterns/*/_SUCCESS"))) == 2
    assert before.stat().st_mtime_ns == stamp


def test_constant_units_are_neither_profiled_nor_mined_and_are_counted(mined):
    assert set(read_table(mined.profiles(MODEL), PROFILES)["unit"].to_pylist()) == {0, 1, 2}
    assert set(read_table(mined.signatures(MODEL), SIGNATURES)["unit"].to_pylist()) == {0, 1, 2}
    counts = mined.stage_record(f"mine/{MODEL}")["counts"]
    assert (counts["neurons profiled"], counts["neurons mined"], counts["constant units left out"]) == (3, 1, 1)


def test_a_run_in_which_all_units_are_constant_is_refused(spark, made):
    from spark_jobs.mining.batches import count_neurons, read_topk

    make_constant(made, {Neuron("hidden", 1, unit): 0.25 for unit in range(3)})
    topk = made.topk(MODEL)
    with pytest.raises(InputError, match="each of its 3 units has the same activation for every sentence"):
        count_neurons(read_topk(spark, topk), topk)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mining.engine=hadoop"], "mining.engine=hadoop: must be one of grouped, mllib"),
        (["mining.kinds=[trees]"], "mining.kinds=['trees']: must be some of word_sequence"),
        (["mining.engine=mllib", "mining.kinds=[subtree]"], "MLlib has no subtree; use mining.engine=grouped"),
        (["mining=mllib", "mining.kinds=[pos_sequence]", "mining.pos_max_gap=2"], "PrefixSpan has no such limit"),
        (["mining.subtree_min_support=0"], "mining.subtree_min_support=0.0: must be above 0 and at most 1"),
        (["mining.mixed_min_support=2"], "mining.mixed_min_support=2.0: must be above 0 and at most 1"),
        (["mining.mixed_max_length=0"], "mining.mixed_max_length=0: must be 1 or more"),
        (["mining.holdout=1"], "mining.holdout=1.0: must be 0 or more, below 1"),
        (["mining.word_max_gap=-2"], "mining.word_max_gap=-2: must be 0 or more words, or -1 for no limit"),
        (["mining.match=topic"], "mining.match=topic: must be one of length, length_domain, none"),
        (["mining.trees=t.parquet"], "mining.trees=t.parquet: must be empty where subtrees are not mined"),
        (
            ["mining=mllib", "mining.trees=t.parquet", *MLLIB],
            "have subtree in mining.kinds, with mining.engine=grouped",
        ),
        (["mining.kinds=[subtree]", "mining.trees=nothing.parquet"], "mining.trees=nothing.parquet does not exist"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line_before_the_run_is_touched(made, capsys, words, said):
    assert mine(made, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert made.stage_record(f"mine/{MODEL}") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mining.neurons=[L9/U0]"], "mining.neurons=L9/U0: not in "),
        (["mining.neurons=[L1/U3]"], "mining.neurons=L1/U3: its activation is the same for every sentence (0.25)"),
        (["mining.layers=[2]"], "mining.layers=2: not collected"),
        (["mining.signs=[-1]"], "mining.signs=[-1]: "),
        (["mining.kinds=[subtree]"], "column 'heads' is empty, and mining.kinds asks for subtrees"),
    ],
)
def test_a_command_that_cannot_be_followed_deletes_no_earlier_result(mined, capsys, words, said):
    record, files = mined.stage_record(f"mine/{MODEL}"), sorted(mined.signatures(MODEL).iterdir())
    assert mine(mined, *words, "overwrite=true") == 2
    assert said in capsys.readouterr().err
    assert mined.stage_record(f"mine/{MODEL}") == record
    assert sorted(mined.signatures(MODEL).iterdir()) == files


def test_other_trees_are_another_plan_and_other_intermediate_results(made, monkeypatch, capsys):
    paths = []

    def mine_model(session, of, mining):
        paths.append(of)
        for folder in (of.signatures, of.profiles):
            folder.mkdir(parents=True)
        return {}

    monkeypatch.setattr("spark_jobs.mining.signatures.mine_model", mine_model)
    monkeypatch.setattr("spark_jobs.mining.encode.parse_trees", lambda *arguments: None)
    monkeypatch.setattr("neuronsig_jobs.mine._session", lambda config: None)
    trees, moved = write_trees(made.root.parent / "a", "(S)"), write_trees(made.root.parent / "b", "(S)")
    assert mine(made, *trees) == 0
    assert mine(made, *trees) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(paths) == 1
    assert mine(made, *moved) == 2
    assert "mining.trees was " in capsys.readouterr().err
    assert mine(made, *moved, "overwrite=true") == 0
    assert paths[1] == paths[0]
    write_trees(made.root.parent / "b", "(S (NP))")
    assert mine(made, *moved) == 2
    assert "mining.trees_fingerprint was " in capsys.readouterr().err
    assert mine(made, *moved, "overwrite=true") == 0
    assert mine(made, *moved, "mining.subtree_labels=words", "overwrite=true") == 0
    assert mine(made, "mining.kinds=[subtree]", "overwrite=true") == 0
    for part in ("trees", "encoded", "work"):
        assert len({getattr(of, part) for of in paths}) == 4
    assert paths[-1].trees is None


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
