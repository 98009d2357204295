"""Weights that a model needs and its files lack are found by their headers, before any are loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from neuronsig.errors import InputError
from neuronsig_ray.model import loading
from neuronsig_ray.model.loading import load_trunk, require_weights
from tests.neuronsig_ray.models import KINDS, UNITS

FILE = "model.safetensors"


@pytest.fixture
def copy(tiny_model, tmp_path):
    return lambda kind="bert": Path(shutil.copytree(tiny_model(kind), tmp_path / kind))


def refused(folder: Path, said: str) -> None:
    """By the headers and by the loading alike."""
    for read in (lambda: require_weights(str(folder)), lambda: load_trunk(str(folder), "float32")):
        with pytest.raises(InputError, match=said) as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_every_kind_are_enough(tiny_model, kind):
    require_weights(str(tiny_model(kind)))


def test_nothing_is_loaded(tiny_model, monkeypatch):
    made = []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *of, **to: made.append(tensor) or tensor)
    require_weights(str(tiny_model("bert")))
    assert made
    assert all(tensor.is_meta for tensor in made)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bert", "encoder.layer.1.output.dense.weight"),
        ("gpt2", "h.0.attn.c_proj.bias"),
        ("llama", "layers.1.mlp.down_proj.weight"),
        ("t5", "shared.weight"),
        ("albert", "encoder.albert_layer_groups.0.albert_layers.0.ffn.weight"),
    ],
)
def test_a_weight_that_is_not_there_is_named(copy, kind, name):
    folder = copy(kind)
    weights = load_file(folder / FILE)
    del weights[name]
    save_file(weights, folder / FILE, metadata={"format": "pt"})
    refused(
        folder, rf"[12] weights are missing or of another shape \(.*{name}, \.\.\.\); they would be random; restore"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_hidden_layers": 3}, r"16 weights are missing or of another shape \(encoder\.layer\.2\."),
        ({"hidden_size": 2 * UNITS}, "weights are missing or of another shape"),
        ({"vocab_size": 21}, r"1 weights .* \(embeddings\.word_embeddings\.weight"),
        ({"model_type": "gpt2", "n_embd": UNITS}, "weights are missing or of another shape"),
    ],
    ids=["more layers", "wider", "more words", "another kind"],
)
def test_a_config_of_another_model_is_refused(copy, values, said):
    folder = copy()
    (folder / "config.json").write_text(json.dumps({**json.loads((folder / "config.json").read_text()), **values}))
    refused(folder, said)


def test_code_that_is_not_run_is_told_of_where_the_weights_do_not_fit(copy):
    """As a model that calls itself bert and is none: transformers' own bert lacks its weights."""
    folder = copy()
    values = json.loads((folder / "config.json").read_text())
    own = {"num_hidden_layers": 3, "auto_map": {"AutoConfig": "my.Config", "AutoModel": "my.Model"}}
    (folder / "config.json").write_text(json.dumps({**values, **own}))
    refused(folder, r"they would be random \(it has code of its own, auto_map, which is never run here\); restore")


def test_old_names_of_weights_and_those_of_a_head_are_known(copy):
    folder = copy()
    old = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): weight
        for name, weight in load_file(folder / FILE).items()
        if "pooler" not in name
    }
    save_file({**old, "cls.predictions.bias": torch.zeros(20)}, folder / FILE, metadata={"format": "pt"})
    require_weights(str(folder))
    assert load_trunk(str(folder), "float32")[0].config.model_type == "bert"


def test_an_encoder_alone_needs_no_decoder(tmp_path):
    size = {"vocab_size": 20, "d_model": UNITS, "d_kv": 8, "num_layers": 2, "num_heads": 2, "d_ff": 32}
    hf.T5EncoderModel(hf.T5Config(**size)).save_pretrained(tmp_path)
    require_weights(str(tmp_path))


def test_experts_that_are_merged_on_loading_are_counted_one_by_one(tmp_path):
    size = {"hidden_size": UNITS, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    hf.MixtralModel(
        hf.MixtralConfig(vocab_size=20, num_key_value_heads=1, num_local_experts=3, **size)
    ).save_pretrained(tmp_path)
    weights = load_file(tmp_path / FILE)
    assert any(".experts.2." in name for name in weights)
    require_weights(str(tmp_path))
    save_file({n: w for n, w in weights.items() if ".experts." not in n}, tmp_path / FILE, metadata={"format": "pt"})
    refused(tmp_path, "weights are missing or of another shape")


def test_another_transformers_leaves_it_to_the_replicas(copy, monkeypatch):
    monkeypatch.delattr("transformers.modeling_utils.LoadStateDictConfig")
    monkeypatch.setattr(loading, "_check_weights", None)
    require_weights(str(copy()))
