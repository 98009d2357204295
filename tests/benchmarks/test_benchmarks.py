"""Every benchmark explains itself, and runs at a tiny size; nothing is said of speed."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuronsig.tables import SENTENCES
from tests.spark_jobs.mining.small_run import random_sentences, write_run

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("ray", reason="ray is not installed")

HOME = Path(__file__).parents[2]
TINY = {
    "batch_tokens": "--budgets 128 256 --bins 2 --repeats 1 --dtypes float32",
    "collect_cpu": "--sentences 60 --k 10 --dtypes float32",
    "collect_gpu": "--cpu",
    "peers": "--rows 4 --sentences 500 --block 50 --real 40 --end-to-end 20 --k 20 --peers faiss baukit heapq",
    "scaling": "--corpora 200 400 --sentences 400 --shards 4 --shard-sentences 100 --replicas 1 --width 8 --k 20 "
    "--units 8 --full-k 50",
}
NEEDS_TEXT = ("collect_cpu", "peers")
MINING = "--neurons 2 --mllib-neurons 1 --min-count 2 --threads 2 --driver-memory 1g --workers 1"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """A run directory whose sentences table holds invented sentences, some of them twice."""
    words = ["the", "cat", "sat", "on", "a", "mat", "while", "dogs", "ran", "home", "."]
    rows = [{"sentence_id": i, "text": f"{' '.join(words[i % 5 : 4 + i % 8])} {i % 40}"} for i in range(80)]
    folder = tmp_path_factory.mktemp("run") / "sentences"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=SENTENCES), folder / "part-0.parquet")
    return folder.parent


@pytest.mark.parametrize("name", [*TINY, "against", "lengths", "miners", "mining"])
def test_help_names_the_command_and_every_option(name, monkeypatch, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"python -m benchmarks.{name}" in said
    assert "-h, --help" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_tiny_sizes_run_to_a_table_under_the_machine(name, tiny_run):
    text = ["--run", str(tiny_run)] if name in NEEDS_TEXT else []
    said = run(name, "--threads", "1", *TINY[name].split(), *text)
    assert re.match(r".+ cores, .+ GiB; Python .+ torch .+ UTC, load ", said)
    tables = [line for line in said.splitlines() if line.startswith("|")]
    assert any(line.startswith("| ---") for line in tables)
    assert "nan" not in said.lower()


@pytest.mark.slow
def test_lists_of_exact_peers_are_those_of_a_full_sort(tiny_run):
    said = run("peers", "--threads", "1", *TINY["peers"].split(), "--run", str(tiny_run))
    random = said.split("real sentences")[0]
    for name in ("neuronsig", "faiss", "baukit", "heapq"):
        (row,) = [line for line in random.splitlines() if line.startswith(f"| {name} |")]
        assert row.count("100.0%") == 2, row


@pytest.mark.slow
def test_mining_compares_the_engines_and_says_what_each_part_costs(tmp_path):
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    made = write_run(tmp_path, random_sentences(300), {(1, unit): range(unit, 300, 3) for unit in range(2)})
    said = run("mining", "--run", str(made.root), *MINING.split())
    for name in ("itemsets, 10 %, size 3", "together", "subtree", "1 workers"):
        (row,) = [line for line in said.splitlines() if line.startswith(f"| {name} |")]
        assert not re.search(r"nan|\| 0 \|", row), row
    assert "no time on a cluster follows" in said  # one number of workers shows no gain


def test_minutes_of_more_neurons_have_the_counting_once_or_for_each():
    from benchmarks.mining import Cost

    assert Cost(each=1.5, counting=60.0, neurons=40).minutes(2400, 2) == "30.5 to 60.0 minutes"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ({1: 15.0, 2: 16.0, 4: 15.5}, "no time on a cluster follows"),
        ({1: 15.0, 2: 14.0}, "no time on a cluster follows"),
        ({2: 15.0}, "no time on a cluster follows"),
        ({4: 15.0, 8: 5.0}, "no time on a cluster follows"),
        ({1: 15.0, 2: 10.0, 4: 2.0}, "9,216 neurons on 64 cores, at 75% of linear scaling: 4.8 to 9.6 minutes"),
    ],
    ids=["no gain", "little gain", "one number of workers", "more workers than cores", "gain"],
)
def test_a_time_on_a_cluster_is_told_only_where_workers_gained(seconds, said):
    from benchmarks.mining import Cost, on_cluster

    assert said in on_cluster(Cost(each=1.5, counting=60.0, neurons=40), seconds, machine_cores=2)


def test_lengths_are_drawn_as_they_were_counted():
    from benchmarks.lengths import draw_inputs, draw_lengths, histogram

    lengths, shares = histogram()
    drawn = draw_lengths(200_000)
    assert abs(shares.sum() - 1) < 1e-12
    assert abs(drawn.mean() - lengths @ shares) < 0.2
    assert np.diff(draw_inputs(50).offsets.to_numpy()).tolist() == draw_lengths(50).tolist()


def test_the_work_of_a_forward_pass_is_that_of_the_model_s_shape(tmp_path):
    from transformers import BertConfig, BertModel

    from benchmarks.collection import forward_flops

    config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(tmp_path / "model")
    weights = 3 * (4 * 8 * 8 + 2 * 8 * 32)
    attention = 3 * 4 * 8 * (5**2 + 7**2)
    assert forward_flops(str(tmp_path / "model"), np.array([5, 7])) == 2 * weights * 12 + attention


def test_rectangles_of_a_budget_never_pass_it_and_never_exceed_the_shard():
    from benchmarks.batch_tokens import SHARD, rectangle_shapes
    from benchmarks.lengths import histogram

    lengths, shares = histogram()
    for budget in (256, 4096, 65_536):
        for sentences, length in rectangle_shapes(budget, 8):
            assert sentences * length <= max(budget, length)
            assert sentences <= max(1, round(shares[lengths == length][0] * SHARD))


def test_the_same_benchmark_in_two_checkouts_is_compared_cell_by_cell(tmp_path):
    from benchmarks.against import compared, seconds

    printed = (
        "print('told\\n\\n| | patterns | CPU |\\n| --- | ---: | ---: |\\n| words | 1,200 | {} |\\n| {} | 9 | 2 |')"
    )
    for checkout, cpu, row in (("before", "1,000", "itemsets"), ("now", "900", "sets")):
        (tmp_path / checkout / "benchmarks").mkdir(parents=True)
        (tmp_path / checkout / "benchmarks" / "__init__.py").touch()
        (tmp_path / checkout / "benchmarks" / "tiny.py").write_text(printed.format(cpu, row))
    one, two = (seconds("tiny", [], tmp_path / checkout, "CPU") for checkout in ("before", "now"))
    assert one == {("words", "CPU"): 1000.0, ("itemsets", "CPU"): 2.0}
    assert compared([(one, two), (one, one), (one, two)]) == [("words", "CPU", 1000.0, 900.0, 0.9)]
    with pytest.raises(SystemExit, match=r"benchmarks\.none in .* ended with 1"):
        seconds("none", [], tmp_path / "now", "CPU")
