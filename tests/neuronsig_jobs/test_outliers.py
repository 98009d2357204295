"""jobs.outliers on a tiny model: what dominates a list, and the strongest tokens by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("torch", reason="torch is not installed")

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from transformers import AutoModel

from neuronsig.collection.dominance import OUTLIERS
from neuronsig.errors import InputError
from neuronsig_jobs import outliers
from neuronsig_ray import triggers as token_pass
from tests.neuronsig_jobs.judged_run import N, settings
from tests.neuronsig_ray.here import actors_here
from tests.neuronsig_ray.models import UNITS, VOCABULARY, random_inputs, save_model

pytestmark = pytest.mark.usefixtures("local_ray")

KEY = ("site", "layer", "unit", "sign")


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    """The pipeline's test has a replica that is an actor (jobs.triggers makes the same pass)."""
    with actors_here(token_pass):
        yield


def test_every_neuron_has_a_row_whose_token_is_the_strongest_by_hand(run, model):
    summary = outliers.run(settings(run, model, "outliers.sentences=9", "triggers.sentences=1"))
    assert summary["neurons"] == 4 * UNITS
    folder = run / "analysis" / "tiny"
    table = pq.read_table(folder / "outliers.parquet").cast(OUTLIERS)
    assert table.num_rows == pyarrow.csv.read_csv(folder / "outliers.csv").num_rows == 4 * UNITS
    assert set(table["document_share"].to_pylist()) == {1.0}
    # All sentences are of one document, so that it tells nothing of any list.
    assert summary["dominated by"]["document"] == 0
    assert set(table["document_elsewhere"].to_pylist()) == {1.0}
    assert set(table["token_sentences"].to_pylist()) == {1}

    topk = pq.read_table(run / "topk" / "tiny", partitioning=None).to_pylist()
    best = {tuple(row[k] for k in KEY): row["sentence_id"] for row in topk if row["rank"] == 0}
    inputs, trunk = random_inputs(N), AutoModel.from_pretrained(model).eval()
    with torch.no_grad():
        states = {
            i: torch.stack(trunk(torch.tensor([inputs[i]]), output_hidden_states=True).hidden_states)[:, 0]
            for i in sorted(set(best.values()))
        }
    means = torch.cat(list(states.values()), dim=1).mean(dim=1)  # (layers, units)
    told = 0
    for row in table.to_pylist():
        sentence = best[tuple(row[k] for k in KEY)]
        layer, unit, sign = row["layer"], row["unit"], row["sign"]
        tokens = (sign * states[sentence][layer, :, unit]).numpy()
        above = np.maximum(tokens - sign * float(means[layer, unit]), 0)
        assert row["concentration"] == pytest.approx(above.max() / above.sum(), rel=1e-3)
        *_, second, highest = np.sort(tokens)
        if highest - second > 1e-4:
            at = int(tokens.argmax())
            assert row["token"] == WORD[inputs[sentence][at]]
            assert row["token_place"] == {0: "first", len(tokens) - 1: "last"}.get(at, "inside")
            told += 1
    assert told > UNITS


WORD = {number: word for word, number in VOCABULARY.items()}


def test_other_settings_make_it_again_and_no_tokens_need_no_model(run, model, tmp_path):
    first = outliers.run(settings(run, model, "outliers.tokens=false", "outliers.share=1.0"))
    assert first["dominated by"]["token"] == 0
    assert set(pq.read_table(run / "analysis" / "tiny" / "outliers.parquet")["token"].to_pylist()) == {None}
    other = save_model(tmp_path / "other", seed=3)
    with pytest.raises(InputError, match=r"model and tokenizer are the plan's: .* has weights"):
        outliers.run(settings(run, other, "triggers.sentences=2"))
