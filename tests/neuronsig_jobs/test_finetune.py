"""neuronsig finetune on a tiny model and documents of which a run leaves a half out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("pyspark", reason="pyspark is not installed")

import torch

from neuronsig.config import as_plan
from neuronsig.config.compose import compose
from neuronsig.corpora.plan import documents_of, read_units, source_units
from neuronsig.corpora.reserve import RESERVED
from neuronsig.errors import ConfigError, InputError
from neuronsig.run.directory import RunDirectory
from neuronsig.tables import SENTENCES
from neuronsig_jobs import annotate, finetune
from neuronsig_jobs.finetune import RECORD
from neuronsig_ray.finetune import trainer
from tests.neuronsig_ray.here import train_here
from tests.neuronsig_ray.models import WORDS, save_model

OTHER = [word for word in WORDS if word.isalpha() and word not in ("cat", "dog")]
SHARED = "the mat and the rug ran quickly ."


def corpus(file: Path) -> Path:
    """Documents about a cat or a dog and labelled so, some of no label or of two, and some with one sentence of all."""
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(400):
        animal = ("cat", "dog")[number % 2]
        words = random.choice(OTHER, int(random.integers(4, 9))).tolist()
        words.insert(int(random.integers(0, len(words))), animal)
        label: Any = animal
        if number % 20 == 7:
            label = None
        elif number % 20 == 13:
            label = ["cat", "dog"]
        elif number % 100 == 9:
            label = "rug"
        shared = f" {SHARED}" if number % 40 == 2 else ""
        rows.append({"id": str(number), "text": f"{' '.join(words)} {number} .{shared}", "animal": label})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def words_of(folder: Path, *more: str) -> list[str]:
    return [
        f"run={folder / 'run'}", "corpus=jsonl", f"corpus.path={folder / 'corpus.jsonl'}",
        "corpus.sources.jsonl.id_column=id", "corpus.sources.jsonl.metadata_columns=[animal]",
        "corpus.sources.jsonl.reserve=0.5", "model=local", "model.name=tiny", f"model.path={folder / 'tiny'}",
        "ray.replica_cpus=1", "ray.replicas=1", "finetune.field=animal", "finetune.epochs=6",
        "finetune.learning_rate=1e-2", "finetune.batch=16", *more,
    ]  # fmt: skip


def accuracy(said: Mapping[str, Any]) -> list[float]:
    """The accuracy that a job tells, and its limits."""
    return [float(number) for number in re.findall(r"[\d.]+", said["test accuracy"])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, a model, and a run of the documents that are not reserved, a sentence each."""
    folder = tmp_path_factory.mktemp("finetune")
    corpus(folder / "corpus.jsonl")
    save_model(folder / "tiny")
    config = compose(words_of(folder))
    (source,) = config.corpus.sources.values()
    kept = [one for one in read_units(*source_units(source, "corpus"), source) if not one.skipped]
    rows = [
        {"sentence_id": i, "domain": "text", "doc_id": one.doc_id, "position": 0, "text": text, "tokens": text.split()}
        for i, (one, text) in enumerate((one, text) for one in kept for text in [one.text.split(" . ")[0], SHARED])
    ]
    run = RunDirectory.create(folder / "run")
    with run.stage("annotate", annotate.make_plan(config), [run.sentences], {"corpus": as_plan(config.corpus)}):
        run.sentences.mkdir()
        pq.write_table(pa.Table.from_pylist(rows, SENTENCES), run.sentences / "part-0.parquet")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, local_ray: None) -> None:
    """The job trains in this process; Ray Train does in the slow tests."""
    monkeypatch.setattr(trainer, "fine_tuned", train_here)


def test_a_run_leaves_the_same_documents_out_each_time_and_counts_them(folder: Path) -> None:
    (source,) = compose(words_of(folder)).corpus.sources.values()
    units = source_units(source, "corpus")
    found = [(one.doc_id, one.skipped) for one in read_units(*units, source)]
    assert found == [(one.doc_id, one.skipped) for one in read_units(*units, source)]
    left_out = {name for name, skipped in found if skipped == RESERVED}
    assert 160 < len(left_out) < 240
    every = [one.doc_id for one in documents_of(units.units, units.side, source)]
    assert [name for name, _ in found] == every == [str(number) for number in range(400)]
    more = compose(words_of(folder, "corpus.sources.jsonl.reserve=0.7"))
    (wider,) = more.corpus.sources.values()
    assert left_out < {one.doc_id for one in read_units(*units, wider) if one.skipped == RESERVED}


def test_the_model_learns_from_what_the_run_leaves_out_alone(folder: Path, here: None) -> None:
    config = compose(words_of(folder))
    said = finetune.run(config)
    (source,) = config.corpus.sources.values()
    units = source_units(source, "corpus")
    reserved = {one.doc_id for one in read_units(*units, source) if one.skipped == RESERVED}
    number = {int(name) for name in reserved}
    with_shared = {n for n in number if n % 40 == 2}
    rare = {n for n in number if n % 100 == 9} - with_shared
    assert said["documents left out: a sentence of the run is in them"] == len(with_shared)
    assert said["documents left out: no label"] == len({n for n in number if n % 20 == 7})
    assert said["documents left out: several labels"] == len({n for n in number if n % 20 == 13})
    assert said["documents of rare labels"] == len(rare)
    examples = said["documents that train"] + said["documents that test"]
    assert examples == len(number - with_shared - rare) - sum(n % 20 in (7, 13) for n in number)
    assert set(said["documents that train, by label"]) == {"cat", "dog"}
    assert said["loss of epoch 1"] > 0.5 > 0.2 > said["loss of epoch 6"]
    right, low, high = (
        float(one) for one in said["test accuracy"].replace("(", "").replace(")", "").replace("to ", "").split()
    )
    assert low < right <= high <= 1
    assert right > 0.9 > float(next(value for key, value in said.items() if key.startswith("test accuracy of always")))

    from neuronsig_ray.model.loading import load_trunk

    target = Path(said["model.path"])
    assert target == folder / "run" / "models" / "tiny-finetuned-animal"
    before, after = (load_trunk(str(one), "float32")[0].state_dict() for one in (folder / "tiny", target))
    assert before.keys() == after.keys()
    assert not np.array_equal(*(one["embeddings.word_embeddings.weight"].numpy() for one in (before, after)))
    with np.load(target / "classifier.npz") as head:
        assert head["weight"].shape == (2, 16)


def test_the_same_command_again_does_nothing_and_another_is_refused(
    folder: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = finetune.run(compose(words_of(folder)))
    monkeypatch.setattr(finetune, "_make", lambda *_: pytest.fail("it was trained again"))
    assert finetune.run(compose(words_of(folder))) == once
    with pytest.raises(ConfigError, match=r"finetune\.output=.* the folder is there and not empty; .*overwrite=true"):
        finetune.run(compose(words_of(folder, "finetune.seed=1")))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("finetune.field=", r"finetune\.field='': must be a metadata field"),
        (
            "finetune.field=colour",
            r"field=colour: no reserved document has one value of it \(they have animal",
        ),
        ("finetune.least=500", r"finetune\.field=animal: needs two labels with 500 documents .* cat \d+, dog \d+"),
        ("finetune.test=0.0001", r"finetune\.field=animal: no document is left to test on"),
    ],
)
def test_bad_input_is_one_clear_error(folder: Path, local_ray: None, tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises((ConfigError, InputError), match=said):
        finetune.run(compose(words_of(folder, more, f"finetune.output={tmp_path / 'model'}")))
    assert not (tmp_path / "model").exists()


def test_a_run_that_leaves_nothing_out_is_refused(folder: Path, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    words = words_of(folder, "corpus.sources.jsonl.reserve=0", f"run={run.root}")
    config = compose(words)
    with run.stage("annotate", annotate.make_plan(config), [run.sentences], {"corpus": as_plan(config.corpus)}):
        run.sentences.mkdir()
        pq.write_table(SENTENCES.empty_table(), run.sentences / "part-0.parquet")
    with pytest.raises(InputError, match=r"leaves no document out, .*\.reserve=0\.5, NAME one of"):
        finetune.run(config)


LOOP = """
import sys
from neuronsig_ray.finetune import training
from neuronsig_jobs.__main__ import main
from dataclasses import replace
whole = training.Task.__init__
def often(self, *given, **named):
    whole(self, *given, **named)
    object.__setattr__(self, "checkpoint_seconds", 0.2)
training.Task.__init__ = often
sys.exit(main(["finetune", "--brief", *sys.argv[1:]]))
"""


def ended(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def seen(process: subprocess.Popen[bytes], look: Callable[[], Any]) -> Any:
    """What `look` finds while a process works, once it finds something."""
    until = time.monotonic() + 300
    while not (found := look()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


@pytest.mark.slow
def test_a_killed_fine_tuning_goes_on_from_its_checkpoint_to_the_same_loss_curve(folder: Path, tmp_path: Path) -> None:
    words = [*words_of(folder, "finetune.epochs=12", "finetune.learning_rate=1e-3"), "ray.address=local"]
    command = [sys.executable, "-c", LOOP, *words]
    ended(*command, f"finetune.output={tmp_path / 'whole'}")
    again = [*command, f"finetune.output={tmp_path / 'killed'}"]
    work = folder / "run" / "work" / "finetune"

    def steps() -> list[int]:
        return [int(file.read_text()) for file in work.glob("*/*/steps")]

    killed = subprocess.Popen(again, start_new_session=True)
    seen(killed, lambda: steps() and steps()[0] > 4 and list(work.glob("*/*/checkpoint_*/checkpoint.pt")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    time.sleep(5)  # its workers end when they miss it
    # The last one may have been written and not yet noted as whole.
    kept = min(work.glob("*/*/checkpoint_*/checkpoint.pt"), key=lambda file: file.stat().st_mtime)
    state = torch.load(kept, weights_only=True)["state"]
    for file in work.glob("*/*/steps"):
        file.unlink()
    other = subprocess.Popen(again)
    (first,) = seen(other, steps)
    assert other.wait() == 0
    batches = -(-json.loads((tmp_path / "whole" / RECORD).read_text())["counts"]["documents that train"] // 16)
    assert first > state["epoch"] * batches + state["step"] >= 1
    one, two = (json.loads((tmp_path / name / RECORD).read_text()) for name in ("whole", "killed"))
    assert one["epochs"] == two["epochs"]
    assert len(one["epochs"]) == 12
    assert not list(work.iterdir())


@pytest.mark.slow
def test_two_workers_learn_what_one_does(folder: Path, local_ray: None, tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        said = finetune.run(
            compose(words_of(folder, f"ray.replicas={number}", f"finetune.output={tmp_path / str(number)}"))
        )
        found.append(accuracy(said))
    (one, low, high), (other, least, most) = found
    assert low <= other <= high
    assert least <= one <= most
