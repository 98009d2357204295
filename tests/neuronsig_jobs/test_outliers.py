"""jobs.outliers on a tiny model whose second layer is swamped by one token."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from transformers import AutoModel

from neuronsig.checkpoint import load_tokenizer
from neuronsig.collection.dominance import OUTLIERS, strongest_tokens
from neuronsig.errors import InputError
from neuronsig.run.directory import RunDirectory
from neuronsig_jobs import collect, outliers
from tests.neuronsig_jobs.test_verify import settings, write_sentences
from tests.neuronsig_ray.here import scored_here
from tests.neuronsig_ray.models import UNITS, random_inputs, save_model, write_tokenized

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, model) -> Path:
    run = RunDirectory.create(tmp_path_factory.mktemp("runs") / "run")
    inputs = random_inputs(90)
    with run.stage("annotate", {"hand": "made"}, [run.sentences], {}):
        write_sentences(run, inputs)
    name = load_tokenizer(settings(run.root, model).model).name
    with run.stage(f"tokenize/{name}", {"hand": "made"}, [run.tokenized(name)], {}):
        write_tokenized(run.tokenized(name), inputs, 30)
    words = ("collect.k=9", "collect.dtype=float32", "collect.signs=[1,-1]", "collect.special_tokens=false")
    with scored_here():
        collect.run(settings(run.root, model, *words))
    return run.root


def test_every_neuron_has_a_row_whose_token_is_the_strongest_by_hand(run, model):
    summary = outliers.run(settings(run, model, "outliers.sentences=9", "outliers.token_sentences=1"))
    assert summary["neurons"] == 4 * UNITS
    folder = run / "analysis" / "tiny"
    table = pq.read_table(folder / "outliers.parquet").cast(OUTLIERS)
    assert table.num_rows == pyarrow.csv.read_csv(folder / "outliers.csv").num_rows == 4 * UNITS
    assert set(table["document_share"].to_pylist()) == {1.0}
    # All sentences are of one document, so that it tells nothing of any list.
    assert summary["dominated by"]["document"] == 0
    assert set(table["document_elsewhere"].to_pylist()) == {1.0}

    row = table.slice(4 * UNITS - 1, 1).to_pylist()[0]
    topk = pq.read_table(next((run / "topk" / "tiny").glob("hidden-L02*.parquet"))).to_pylist()
    key = ("site", "layer", "unit", "sign")
    best = next(r for r in topk if [r[k] for k in key] == [row[k] for k in key] and r["rank"] == 0)
    ids = [2, *random_inputs(90)[best["sentence_id"]][1:-1], 3]
    with torch.no_grad():
        states = AutoModel.from_pretrained(model)(torch.tensor([ids]), output_hidden_states=True).hidden_states
    share, place = strongest_tokens(states[2][:, 1:-1].numpy())
    assert row["token_share"] == pytest.approx(float(share[0, row["unit"]]), rel=1e-5)
    assert row["token"] == _word(ids[int(place[0, row["unit"]]) + 1])
    assert row["token_place"] == "inside"
    assert np.isfinite(table["token_share"].to_numpy()).all()


def _word(token: int) -> str:
    from tests.neuronsig_ray.models import VOCABULARY

    return {number: word for word, number in VOCABULARY.items()}[token]


def test_other_settings_make_it_again_and_no_tokens_need_no_model(run, model, tmp_path):
    first = outliers.run(settings(run, model, "outliers.token_sentences=0", "outliers.share=1.0"))
    assert first["dominated by"]["token"] == 0
    assert set(pq.read_table(run / "analysis" / "tiny" / "outliers.parquet")["token"].to_pylist()) == {None}
    other = save_model(tmp_path / "other", seed=3)
    with pytest.raises(InputError, match=r"model and tokenizer are the plan's: .* has weights"):
        outliers.run(settings(run, other, "outliers.token_sentences=2"))
