"""Held-out sentences with their words shuffled, by the replica and by transformers alone; units that know no order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import spearmanr
from transformers import AutoModel

from neuronsig.collection.job import Job
from neuronsig.evaluation.held_out import HeldOutJob, blocks_of, read_block, shuffled
from neuronsig.evaluation.word_order import WORD_ORDERS, contextuality, shuffled_places
from neuronsig_ray.evaluate.scoring import HeldOutReplica
from neuronsig_ray.pool import Pool
from tests.neuronsig_ray.here import score_here
from tests.neuronsig_ray.models import UNITS, hidden, make_job, random_inputs, save_model

N, POSITIVES = 80, 10
INPUTS = random_inputs(N)
HELD_OUT = list(range(0, N, 2))


def order_of(i: int) -> list[int]:
    """Of a sentence whose words are of two tokens each, but for the special ones at both ends."""
    inside = len(INPUTS[i]) - 2
    word = np.array([-1, *(np.arange(inside) // 2), -1])
    return shuffled_places(word, word < 0, i, 0).tolist()


def scored(tmp_path: Path, model: Path, **changes) -> tuple[Job, list[Path]]:
    job = make_job(tmp_path, model, INPUTS, 30, 5, groups=hidden(0, 1, 2), **changes)
    orders = pa.table([pa.array(HELD_OUT), pa.array([order_of(i) for i in HELD_OUT])], schema=WORD_ORDERS)
    pq.write_table(orders, tmp_path / "orders.parquet")
    held = HeldOutJob.of(job, str(tmp_path / "orders.parquet"), str(tmp_path / "scores"), "p")
    rows: list[dict] = []
    score_here(held, [0, 1, 2], Pool(1, 1, 0), rows.append, HeldOutReplica)
    assert sum(row["sentences"] for row in rows) == len(HELD_OUT)
    return job, sorted((tmp_path / "scores").glob("*.parquet"))


def by_transformers(model: Path, inputs: list[list[int]]) -> np.ndarray:
    """(sentences, layers, units) mean over the tokens of each sentence alone."""
    trunk = AutoModel.from_pretrained(model).eval()
    with torch.inference_mode():
        states = [trunk(torch.tensor([ids]), output_hidden_states=True).hidden_states for ids in inputs]
    return np.stack([np.stack([state[0].mean(0).numpy() for state in of]) for of in states])


def attentive(model: Path, positions: bool) -> Path:
    """The model with blocks that do more than random ones, with or without its embeddings of positions."""
    trunk = AutoModel.from_pretrained(model)
    with torch.no_grad():
        trunk.embeddings.position_embeddings.weight.mul_(positions)
        for weight in trunk.encoder.parameters():
            if weight.dim() == 2:
                weight.mul_(20)
    trunk.save_pretrained(model)
    return model


def test_shuffled_sentences_are_scored_as_transformers_does_and_so_is_contextuality(tmp_path):
    model = attentive(save_model(tmp_path / "model"), True)
    job, files = scored(tmp_path, model)
    plain = by_transformers(model, [INPUTS[i] for i in HELD_OUT])
    moved = [[INPUTS[i][place] for place in order_of(i)] for i in HELD_OUT]
    assert moved != [INPUTS[i] for i in HELD_OUT]
    mixed = by_transformers(model, moved)
    for block in blocks_of(job):
        layer, width = block.neurons[0].layer, len(block.neurons)
        (ids, scores), (also, others) = (read_block(files, name, width) for name in (block.name, shuffled(block.name)))
        assert ids.tolist() == also.tolist() == HELD_OUT
        np.testing.assert_allclose(scores, plain[:, layer], atol=1e-5)
        np.testing.assert_allclose(others, mixed[:, layer], atol=1e-5)
        for unit, found in enumerate(contextuality(scores, others, POSITIVES)):
            expected = 1 - spearmanr(plain[:, layer, unit], mixed[:, layer, unit]).statistic
            assert found["contextuality"] == pytest.approx(expected, abs=2e-3)


def test_what_knows_no_positions_has_no_contextuality_and_what_is_of_positions_has(tmp_path):
    found = {}
    for name, positions in (("bag", False), ("order", True)):
        (tmp_path / name).mkdir()
        job, files = scored(tmp_path / name, attentive(save_model(tmp_path / name / "model"), positions))
        found[name] = [
            list(
                contextuality(
                    read_block(files, b.name, UNITS)[1], read_block(files, shuffled(b.name), UNITS)[1], POSITIVES
                )
            )
            for b in blocks_of(job)
        ]
    # Attention without positions gives shuffled tokens what it gave them before, in every layer.
    for layer in found["bag"]:
        assert max(one["contextuality"] for one in layer) < 1e-3
        assert min(one["kept_shuffled"] for one in layer) >= 0.9
    names = ("contextuality", "kept_shuffled")
    medians = [[np.median([one[name] for one in layer]) for name in names] for layer in found["order"]]
    assert medians[0][0] < 0.05 < 0.15 < medians[1][0] < medians[2][0]
    assert max(medians[1][1], medians[2][1]) < 0.85
