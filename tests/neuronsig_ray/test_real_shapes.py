"""Architectures in their published sizes, with random weights: what is collected equals brute force, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as hf

from neuronsig.neuron import SITES
from neuronsig_ray.model.sites import groups_in, skeleton
from tests.neuronsig_ray.collect.test_collection import run_here
from tests.neuronsig_ray.models import make_job, random_inputs
from tests.neuronsig_ray.oracle import assert_same_table, brute_force

pytestmark = pytest.mark.slow

# The configs' own defaults are the published sizes.
SHAPES = {
    "gpt2": (hf.GPT2Config, hf.GPT2Model, (12, 768, 3072)),
    "distilbert-base-uncased": (hf.DistilBertConfig, hf.DistilBertModel, (6, 768, 3072)),
    "roberta-base": (
        lambda: hf.RobertaConfig(vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1),
        hf.RobertaModel,
        (12, 768, 3072),
    ),
    "bert-base-uncased": (hf.BertConfig, hf.BertModel, (12, 768, 3072)),
}


@pytest.mark.parametrize("sites", [["hidden"], ["mlp", "attention"]], ids="+".join)
@pytest.mark.parametrize("name", SHAPES)
def test_it_equals_brute_force(tmp_path, name, sites):
    config, model, (blocks, width, inner) = SHAPES[name]
    torch.manual_seed(0)
    model(config()).save_pretrained(tmp_path / "model")
    inputs = random_inputs(36, kinds=24)
    groups = groups_in(skeleton(str(tmp_path / "model")), sites, [], {})
    units = {"hidden": width, "mlp": inner, "attention": width}
    assert [(g.site, g.layer, g.units) for g in groups] == [
        (site, layer, units[site]) for site in SITES if site in sites for layer in range(1, blocks + 1)
    ]
    job = make_job(tmp_path, tmp_path / "model", inputs, 12, 3, groups=groups, signs=(1, -1))
    run_here(job, tmp_path / "topk", order=np.random.default_rng(0).permutation(len(job.shards)).tolist())
    assert_same_table(tmp_path / "topk", brute_force(job))
